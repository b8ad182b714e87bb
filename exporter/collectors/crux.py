"""CrUX, the Chrome UX Report: how fast a site's pages are for the people who use Chrome, over 28 days.

Source: https://developer.chrome.com/docs/crux/api
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api
from exporter.clients.google_key import error_name, error_of, is_not_found
from exporter.collector import Collector, Duration, Every, Samples, Secret
from exporter.errors import Malformed
from exporter.metric import Metric, Sample
from exporter.roles.vitals import RATING, RATINGS, SCORE, SECONDS, rated, three_of_four

AVAILABLE = Metric(
    "web_vital_data_available",
    "Whether there were enough visits for figures to be published: 1 or 0.",
    labels=("source", "page", "device"),
)
NEWEST = Metric(
    "web_vital_data_end_timestamp_seconds",
    "The end of the last day that the figures cover, in Unix time.",
    labels=("source", "page", "device"),
)
_DECLARED = (SECONDS, SCORE, RATING, CALLS, DURATION, QUOTA)

_PATH = "/v1/records:queryRecord"
_DAY = 86400
_WINDOW = "28d"
_WHOLE_SITE = "*"
_FORM_FACTORS = {"mobile": "PHONE", "desktop": "DESKTOP", "tablet": "TABLET"}
_VITALS = {
    "largest_contentful_paint": "lcp",
    "interaction_to_next_paint": "inp",
    "cumulative_layout_shift": "cls",
    "first_contentful_paint": "fcp",
    "experimental_time_to_first_byte": "ttfb",
}


class Crux(Addressed, Collector, kind="crux"):
    """Web vitals of one site from the Chrome UX Report, by page and device; `page` is `*` for all pages of the site."""

    url: str = "https://chromeuxreport.googleapis.com"
    """Where the API is."""
    api_key: Secret
    """A key of Google Cloud that may call the Chrome UX Report API."""
    site: str = Field(pattern=r"^https?://[^/?#@\s]+$")
    """The site, as scheme and host, such as `https://shop.example`."""
    pages: Annotated[tuple[Annotated[str, Field(pattern=r"^/[^?#\s]*$")], ...], Field(max_length=15)] = ()
    """Paths of pages to ask for besides the site as a whole, such as `/pricing`."""
    devices: Annotated[tuple[Literal["mobile", "desktop", "tablet", "all"], ...], Field(min_length=1)] = ("mobile", "desktop")
    """The devices to tell apart; `all` is all of them together, for which there are figures sooner."""
    every: Every = 43_200.0
    """How often it is asked: once for each page and device. The figures change once a day."""
    timeout: Duration = 60.0
    """How long one run may take."""

    _api: Api = PrivateAttr()

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        for name, values in (("pages", self.pages), ("devices", self.devices)):
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: expected each once")
        self._api = Api(self.url, self, timeout=min(self.timeout, 20.0), query={"key": self.api_key}, error_name=error_name)
        return self

    async def collect(self) -> Samples:
        samples: list[Sample] = []
        for page in (_WHOLE_SITE, *self.pages):
            for device in self.devices:
                samples += await self._asked(page, device)
        for sample in samples:
            yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _asked(self, page: str, device: str) -> list[Sample]:
        """The figures of a page on a device; only that there are none, where too few people were there."""
        body: dict[str, object] = {"origin": self.site} if page == _WHOLE_SITE else {"url": self.site + page}
        if device in _FORM_FACTORS:
            body["formFactor"] = _FORM_FACTORS[device]
        answer = await self._api.answer("POST", _PATH, body={**body, "metrics": list(_VITALS)}, expected=frozenset({400, 404}))
        labels = {"source": self.name, "page": page, "device": device}
        if is_not_found(answer):
            return [AVAILABLE(0, **labels)]
        if answer.status != 200:
            raise error_of(answer)
        return [AVAILABLE(1, **labels), *_read(answer, labels)]


def _read(answer: Answer, labels: dict[str, str]) -> list[Sample]:
    data = answer.data()
    try:
        record = data["record"]
        last = record["collectionPeriod"]["lastDate"]
        end = datetime(last["year"], last["month"], last["day"], tzinfo=UTC)
        samples = [NEWEST(end.timestamp() + _DAY, **labels)]
        for name, metric in record["metrics"].items():
            if name in _VITALS:
                samples += _vital(_VITALS[name], metric, labels)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise Malformed(f"{answer.place}: expected a record with percentiles and histograms, got something else") from None
    return samples


def _vital(vital: str, metric: Any, labels: dict[str, str]) -> Iterator[Sample]:
    """Times come as whole milliseconds, cls as a number in a text."""
    value = _number(metric["percentiles"]["p75"]) / (1 if vital == "cls" else 1000)
    yield three_of_four(value, **labels, vital=vital, window=_WINDOW)
    densities = [_number(bin_.get("density", 0)) for bin_ in metric["histogram"]]  # a bin without visits may lack it
    yield from rated(dict(zip(RATINGS, densities, strict=True)), **labels, vital=vital, window=_WINDOW)


def _number(value: Any) -> float:
    """A figure of the report, which is never negative."""
    number = float(value)
    if isinstance(value, bool) or not 0 <= number < math.inf:
        raise ValueError
    return number
