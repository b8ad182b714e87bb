"""Plausible: visitors of a website, now and over windows, by page, source, place and device, and goals.

Source: https://plausible.io/docs/stats-api and, of who is there now, https://plausible.io/docs/stats-api-v1
"""

import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Keyed
from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api
from exporter.clients.cadence import Cadence
from exporter.collector import Collector, Duration, Every, Sample, Samples, Secret
from exporter.errors import Denied, Malformed
from exporter.roles import web

_DECLARED = (
    web.VISITS, web.PAGE_VIEWS, web.VISITORS, web.BOUNCES, web.DURATION, web.CURRENT,
    web.PAGES, web.REFERRERS, web.COUNTRIES, web.BROWSERS, web.SYSTEMS, web.DEVICES, web.CHANNELS,
    web.CONVERSIONS, web.CONVERSION_RATIO, CALLS, DURATION, QUOTA,
)  # fmt: skip

_DIMENSIONS = {
    "event:page": (web.PAGES, web.page),
    "visit:source": (web.REFERRERS, web.referrer),
    "visit:country": (web.COUNTRIES, web.known),
    "visit:browser": (web.BROWSERS, web.known),
    "visit:os": (web.SYSTEMS, web.known),
    "visit:device": (web.DEVICES, web.device),
    "visit:channel": (web.CHANNELS, web.known),
}
_TOTALS = ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"]
_ROWS = 100  # asked for at once: more than are shown, since addresses that differ in identifiers become one
_MOST_PAGES = 10  # of goals

_Row = tuple[str, list[float | None]]


class Plausible(Keyed, Collector, kind="plausible"):
    """One website in Plausible Analytics, in the cloud or self-hosted (Community Edition 3 or newer)."""

    key_setting: ClassVar[str] = "api_key"
    key_is_made: ClassVar[str] = "a key of type Stats API: make one in Plausible's account settings, API keys"

    api_key: Secret
    """A key of type Stats API: account settings, API keys, New API key. In the cloud this takes the plan Business."""
    site: str
    """The website's domain as it is called in Plausible, such as `example.com`."""
    url: str = "https://plausible.io"
    """Plausible's address; of one's own server, where it is self-hosted."""
    windows: web.Windows = ("1d", "7d", "30d")
    """Over which windows up to now there are totals and goals."""
    breakdown_windows: web.Windows = ("1d",)
    """Over which windows visitors are told by page, source and so on. Each costs seven requests."""
    most: int = Field(default=20, ge=1, le=_ROWS)
    """How many values of each breakdown, and how many goals, are shown: those with most visitors or conversions."""
    goals: bool = True
    """Whether to ask for goals."""
    totals_every: Duration = 300.0
    """How often totals are asked for."""
    breakdowns_every: Duration = 900.0
    """How often breakdowns and goals are asked for."""
    every: Every = 60.0
    """How often it is asked who is there now: one request."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _totals: Cadence = PrivateAttr()
    _breakdowns: Cadence = PrivateAttr()

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._api = Api(self.url, self, timeout=self.timeout)
        self._totals, self._breakdowns = Cadence(self.totals_every), Cadence(self.breakdowns_every)
        return self

    async def collect(self) -> Samples:
        current = await self._current()
        for sample in (
            web.CURRENT(current, source=self.name),
            *await self._totals.samples(self._ask_totals),
            *await self._breakdowns.samples(self._ask_breakdowns),
            *self._api.samples(self.name),
        ):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _current(self) -> float:
        answer = self._accepted(
            await self._api.answer(
                "GET", "/api/v1/stats/realtime/visitors", {"site_id": self.site}, expected=frozenset({401, 402})
            )
        )
        number = answer.data()
        if not isinstance(number, int):
            raise Malformed(f"{answer.place}: expected a number of visitors, got something else; is it Plausible?")
        return number

    async def _ask_totals(self) -> AsyncIterator[Sample]:
        for window in self.windows:
            ((_, (visitors, visits, views, bounces, seconds)),) = await self._query(window, _TOTALS, most=1)
            for metric, value in ((web.VISITORS, visitors), (web.VISITS, visits), (web.PAGE_VIEWS, views)):
                if value is not None:
                    yield metric(value, source=self.name, window=window)
            if visits:  # else Plausible gives 0 for both, as if somebody had been there
                if bounces is not None:
                    yield web.BOUNCES(bounces / 100, source=self.name, window=window)
                if seconds is not None:
                    yield web.DURATION(seconds, source=self.name, window=window)

    async def _ask_breakdowns(self) -> AsyncIterator[Sample]:
        for window in self.breakdown_windows:
            for dimension, (metric, label) in _DIMENSIONS.items():
                found = await self._query(window, ["visitors"], dimension, label)
                rows = [(value, visitors) for value, (visitors,) in found if visitors is not None]
                for sample in web.ranked(metric, rows, self.most, source=self.name, window=window):
                    yield sample
        for window in self.windows if self.goals else ():
            async for sample in self._ask_goals(window):
                yield sample

    async def _ask_goals(self, window: web.Window) -> AsyncIterator[Sample]:
        rows: list[_Row] = []
        for page in range(_MOST_PAGES):
            found = await self._query(window, ["events", "conversion_rate"], "event:goal", web.known, offset=page * _ROWS)
            rows += found
            if len(found) < _ROWS:
                break
        conversions = [(goal, events) for goal, (events, _) in rows if events is not None]
        ratios = {goal: percent for goal, (_, percent) in rows}
        for sample in web.ranked(web.CONVERSIONS, conversions, self.most, source=self.name, window=window):
            yield sample
            goal = sample.labels[1]
            if (percent := ratios[goal]) is not None:
                yield web.CONVERSION_RATIO(percent / 100, source=self.name, goal=goal, window=window)

    async def _query(
        self,
        window: web.Window,
        metrics: list[str],
        dimension: str = "",
        label: Callable[[str], str] = str,
        *,
        most: int = _ROWS,
        offset: int = 0,
    ) -> list[_Row]:
        """The rows of a query: the dimension's value as it is to be shown, and the metrics' values; None where it has none.

        The window is given by two instants, which every version understands; some of its names are new.
        """
        now = datetime.fromtimestamp(int(time.time()), UTC)
        body = {
            "site_id": self.site,
            "metrics": metrics,
            "date_range": [(now - web.LENGTHS[window]).isoformat(), now.isoformat()],
            "dimensions": [dimension] if dimension else [],
            "pagination": {"limit": most, "offset": offset},
        }
        answer = self._accepted(await self._api.answer("POST", "/api/v2/query", body=body, expected=frozenset({401, 402})))
        try:
            rows = [
                (label(row["dimensions"][0] or "") if dimension else "", [_number(value) for value in row["metrics"]])
                for row in answer.data()["results"]
            ]
        except (LookupError, TypeError, ValueError, AttributeError):
            rows = None
        if rows is None or any(len(values) != len(metrics) for _, values in rows) or (not dimension and len(rows) != 1):
            raise Malformed(f"{answer.place}: expected rows of numbers for {', '.join(metrics)}, got something else")
        return rows

    def _accepted(self, answer: Answer) -> Answer:
        """The answer, where it is one. Plausible has one status for a wrong key and for a site that is not there."""
        if answer.status == 401:
            raise Denied(
                f"{answer.place}: got status 401 Unauthorized; check api_key, and that its account may see the site {self.site}"
            )
        if answer.status == 402:
            raise Denied(f"{answer.place}: got status 402 Payment Required; the API takes the plan Business, and an open site")
        return answer


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]  # what is no number raises, as it should
