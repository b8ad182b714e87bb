"""PageSpeed Insights: Google's Lighthouse loads a site's pages in a laboratory, and says how fast and how well made they are.

Source: https://developers.google.com/speed/docs/insights/v5/reference/pagespeedapi/runpagespeed
"""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api
from exporter.clients.google_key import error_name, error_of, is_of_lighthouse
from exporter.collector import Collector, Duration, Every, Samples, Secret
from exporter.errors import Malformed
from exporter.metric import Metric, Sample

_RUN = ("source", "page", "device")
SCORE = Metric(
    "web_lighthouse_score_ratio",
    "Lighthouse's score of the page by category, 0 to 1. No value where Lighthouse could not tell.",
    labels=(*_RUN, "category"),
)
SECONDS = Metric(
    "web_lighthouse_seconds",
    "How long the page took in the laboratory, by audit of Lighthouse, such as largest_contentful_paint.",
    labels=(*_RUN, "audit"),
)
LAYOUT_SHIFT = Metric(
    "web_lighthouse_layout_shift", "How far the page's layout shifted in the laboratory (cumulative layout shift).", labels=_RUN
)
SUCCESS = Metric(
    "web_lighthouse_run_success",
    "Whether Lighthouse could load the page at its last run: 1 or 0. At 0 the page has no other figure.",
    labels=_RUN,
)
LAST_RUN = Metric(
    "web_lighthouse_last_run_timestamp_seconds", "When Lighthouse last loaded the page, in Unix time.", labels=_RUN
)
_DECLARED = (CALLS, DURATION, QUOTA)

_PATH = "/pagespeedonline/v5/runPagespeed"
_LONGEST_RUN = 120.0  # seconds; a run takes 10 to 60
_MOST_BYTES = 30_000_000  # an answer holds screenshots
_SHIFT = "cumulative-layout-shift"
_AUDITS = (
    "first-contentful-paint",
    "largest-contentful-paint",
    "speed-index",
    "total-blocking-time",
    "interactive",
    "server-response-time",
)


class Pagespeed(Addressed, Collector, kind="pagespeed"):
    """Scores and timings of pages of one site, measured by Lighthouse in Google's laboratory, one page after the other."""

    url: str = "https://pagespeedonline.googleapis.com"
    """Where the API is."""
    api_key: Secret
    """A key of Google Cloud that may call the PageSpeed Insights API. Without one the API refuses."""
    site: str = Field(pattern=r"^https?://[^/?#@\s]+$")
    """The site, as scheme and host, such as `https://shop.example`."""
    pages: Annotated[tuple[Annotated[str, Field(pattern=r"^/[^?#\s]*$")], ...], Field(min_length=1, max_length=20)] = ("/",)
    """Paths of the pages to load, such as `/pricing`."""
    devices: Annotated[tuple[Literal["mobile", "desktop"], ...], Field(min_length=1)] = ("mobile", "desktop")
    """What to load them as."""
    categories: Annotated[tuple[Literal["performance", "accessibility", "best-practices", "seo"], ...], Field(min_length=1)] = (
        "performance",
        "accessibility",
        "best-practices",
        "seo",
    )
    """What to judge. The timings are part of `performance`."""
    every: Every = 21_600.0
    """How often it is asked: once for each page and device."""
    timeout: Duration = 1800.0
    """How long one run over all pages may take. Lighthouse takes up to a minute for each page and device."""

    _api: Api = PrivateAttr()

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        for name, values in (("pages", self.pages), ("devices", self.devices), ("categories", self.categories)):
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: expected each once")
        self._api = Api(
            self.url,
            self,
            timeout=min(self.timeout, _LONGEST_RUN),
            most_bytes=_MOST_BYTES,
            query={"key": self.api_key},
            error_name=error_name,
        )
        return self

    async def collect(self) -> Samples:
        samples: list[Sample] = []
        for page in self.pages:
            for device in self.devices:
                samples += await self._run(page, device)
        for sample in samples:
            yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _run(self, page: str, device: str) -> list[Sample]:
        """The figures of one run; only that it failed, where Lighthouse could not load the page."""
        # `category` comes several times, which a mapping of parameters cannot hold.
        asked = "".join(f"&category={category.replace('-', '_').upper()}" for category in self.categories)
        path = f"{_PATH}?strategy={device.upper()}{asked}"
        params = {"url": self.site + page, "locale": "en"}
        answer = await self._api.answer("GET", path, params, expected=frozenset({400, 500}))
        labels = {"source": self.name, "page": page, "device": device}
        if answer.status == 200:
            return self._read(answer, labels)
        if is_of_lighthouse(answer):
            return [SUCCESS(0, **labels)]
        raise error_of(answer)

    def _read(self, answer: Answer, labels: dict[str, str]) -> list[Sample]:
        data = answer.data()
        try:
            result = data["lighthouseResult"]
            if (result.get("runtimeError") or {}).get("code", "NO_ERROR") != "NO_ERROR":
                return [SUCCESS(0, **labels)]
            at = datetime.fromisoformat(result["fetchTime"]).timestamp()
            return [
                SUCCESS(1, **labels),
                LAST_RUN(at, **labels),
                *self._scores(result["categories"], labels),
                *_timings(result["audits"], labels),
            ]
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            raise Malformed(f"{answer.place}: expected a result of Lighthouse, got something else; check url") from None

    def _scores(self, found: Any, labels: dict[str, str]) -> Iterator[Sample]:
        for category in self.categories:
            score = found[category]["score"]
            if score is not None:
                yield SCORE(_number(score), **labels, category=category.replace("-", "_"))


def _timings(audits: Any, labels: dict[str, str]) -> Iterator[Sample]:
    """Which audits there are depends on Lighthouse's version and the categories; one that failed has no value."""
    for name in _AUDITS:
        value = audits.get(name, {}).get("numericValue")
        if value is not None:
            yield SECONDS(_number(value) / 1000, **labels, audit=name.replace("-", "_"))
    shift = audits.get(_SHIFT, {}).get("numericValue")
    if shift is not None:
        yield LAYOUT_SHIFT(_number(shift), **labels)


def _number(value: Any) -> float:
    """A figure of Lighthouse, which is never negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError
    return float(value)
