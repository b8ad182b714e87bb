"""Report: a table of Google Analytics as it is asked for and as it comes. All values come as text, no rows as no key at all.

Source: https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/runReport
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.errors import Malformed

ROWS = 100  # of a page
_AUTOMATIC = ("page_view", "session_start", "first_visit", "user_engagement")  # sent by every website, so no events of its own
_QUOTAS = ("tokensPerDay", "tokensPerHour", "tokensPerProjectPerHour")

Days = Mapping[str, str]
"""A stretch of whole days of the property's time zone, and what it is called in the answer."""


@dataclass(frozen=True, slots=True)
class Report:
    """A table, and what is to be known of it."""

    rows: list[tuple[dict[str, str], list[float]]]
    """The dimensions by name, and the metrics in the order in which they were asked for."""
    whole: int
    """How many rows there are, on all pages."""
    sampled: float
    """The share of the data that it rests on."""
    withheld: bool
    """Whether rows of few people may lack."""
    lost: bool
    """Whether there were too many rows to keep them apart."""
    tokens_left: float | None
    """How much may still be asked, by the tightest of the limits; None where the answer does not say."""


def request(
    days: Iterable[Days], metrics: Sequence[str], dimensions: Sequence[str] = (), *, order: str = "", offset: int = 0
) -> dict[str, Any]:
    """What to post for a table, its rows with the largest figures first."""
    body: dict[str, Any] = {
        "dateRanges": list(days),
        "metrics": [{"name": name} for name in metrics],
        "dimensions": [{"name": name} for name in dimensions],
        "limit": str(ROWS),
        "offset": str(offset),
        "returnPropertyQuota": True,
    }
    if order:
        body["orderBys"] = [{"metric": {"metricName": order}, "desc": True}]
    if "eventName" in dimensions:
        automatic = {"fieldName": "eventName", "inListFilter": {"values": list(_AUTOMATIC)}}
        body["dimensionFilter"] = {"notExpression": {"filter": automatic}}
    return body


def read(data: Any, place: str, metrics: Sequence[str]) -> Report:
    """The table that came. Raises `Malformed`."""
    try:
        return _read(data, metrics)
    except (LookupError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        raise Malformed(f"{place}: expected a table with {', '.join(metrics)}, got something else") from None


def _read(data: Any, metrics: Sequence[str]) -> Report:
    if [header["name"] for header in data["metricHeaders"]] != list(metrics):
        raise ValueError
    names = [header["name"] for header in data.get("dimensionHeaders", ())]
    rows = []
    for row in data.get("rows", ()):
        values = [value["value"] for value in row.get("dimensionValues", ())]
        figures = [float(value["value"]) for value in row["metricValues"]]
        if not all(isinstance(value, str) for value in values) or len(figures) != len(metrics):
            raise ValueError
        rows.append((dict(zip(names, values, strict=True)), figures))
    metadata = data.get("metadata", {})
    return Report(
        rows,
        int(data.get("rowCount", 0)),
        min(_shares(metadata.get("samplingMetadatas", ())), default=1.0),
        bool(metadata.get("subjectToThresholding", False)),
        bool(metadata.get("dataLossFromOtherRow", False)),
        _tokens_left(data.get("propertyQuota", {})),
    )


def _shares(samplings: Iterable[Mapping[str, str]]) -> Iterator[float]:
    for sampling in samplings:
        yield int(sampling["samplesReadCount"]) / int(sampling["samplingSpaceSize"])


def _tokens_left(quota: Mapping[str, Any]) -> float | None:
    return min((float(quota[name].get("remaining", 0)) for name in _QUOTAS if name in quota), default=None)
