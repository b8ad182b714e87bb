"""Web vitals: how fast pages feel to visitors, as measured in their browsers.

Names, labels and bounds are those of the pack `experience`. Source: https://web.dev/articles/vitals
"""

from collections.abc import Iterator, Mapping

from exporter.metric import Metric, Sample

_LABELS = ("source", "page", "device", "vital", "percentile", "window")
SECONDS = Metric(
    "web_vital_seconds",
    "What three of four measurements of a timing within the window were at most, by page and device. No value without a "
    "measurement.",
    labels=_LABELS,
)
SCORE = Metric(
    "web_vital_score",
    "What three of four measurements of cls (cumulative layout shift), which has no unit, were at most, by page and device."
    " No value without a measurement.",
    labels=_LABELS,
)
RATING = Metric(
    "web_vital_rating_ratio",
    "Share of the measurements within the window that are rated good, needs_improvement or poor. No value without a "
    "measurement.",
    labels=("source", "page", "device", "vital", "rating", "window"),
)

RATINGS = ("good", "needs_improvement", "poor")
BOUNDS: Mapping[str, tuple[float, float]] = {
    "lcp": (2.5, 4.0),
    "inp": (0.2, 0.5),
    "fid": (0.1, 0.3),
    "cls": (0.1, 0.25),
    "ttfb": (0.8, 1.8),
    "fcp": (1.8, 3.0),
    "tti": (3.8, 7.3),
}
"""By vital: up to where it is good, and up to where it needs improvement, in seconds or, of cls, without a unit."""
LONGEST = 3600.0
"""Seconds; browsers are known to send nonsense: what is above this or below 0 is no measurement."""


def three_of_four(value: float, *, source: str, page: str, device: str, vital: str, window: str) -> Sample:
    """The value that three of four measurements did not exceed, under the name that the vital has."""
    metric = SCORE if vital == "cls" else SECONDS
    return metric(value, source=source, page=page, device=device, vital=vital, percentile="75", window=window)


def rated(shares: Mapping[str, float], *, source: str, page: str, device: str, vital: str, window: str) -> Iterator[Sample]:
    """The share of each rating; `shares` need not add up to 1, since vendors round: they are made to."""
    whole = sum(shares.get(rating, 0.0) for rating in RATINGS)
    for rating in RATINGS if whole > 0 else ():
        share = shares.get(rating, 0.0) / whole
        yield RATING(share, source=source, page=page, device=device, vital=vital, rating=rating, window=window)
