"""Vercel Web Analytics: visitors and page views of a project over windows, by page, referrer, place and device, and events.

Source: https://vercel.com/docs/analytics/web-analytics-api, https://vercel.com/docs/rest-api/web-analytics
"""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Keyed
from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api
from exporter.clients.cadence import Cadence
from exporter.collector import Collector, Duration, Every, Sample, Samples, Secret
from exporter.errors import Denied, Malformed
from exporter.roles import web

_DECLARED = (
    web.PAGE_VIEWS, web.VISITORS, web.PAGES, web.REFERRERS, web.COUNTRIES, web.BROWSERS, web.SYSTEMS, web.DEVICES,
    web.EVENTS, CALLS, DURATION, QUOTA,
)  # fmt: skip

_PATH = "/v1/query/web-analytics"
_DIMENSIONS = {
    "requestPath": (web.PAGES, web.page),
    "referrerHostname": (web.REFERRERS, web.referrer),
    "country": (web.COUNTRIES, web.known),
    "browserName": (web.BROWSERS, web.known),
    "osName": (web.SYSTEMS, web.known),
    "deviceType": (web.DEVICES, web.device),
}
_ROWS = 100  # the most that Vercel tells apart; what is beyond, it adds up
_REST = "Others"  # under this name


class Vercel(Keyed, Collector, kind="vercel"):
    """Web Analytics of one project on Vercel, of its production deployments."""

    key_setting: ClassVar[str] = "token"
    key_is_made: ClassVar[str] = "an access token: make one in Vercel's account settings, Tokens"

    token: Secret
    """An access token: account settings, Tokens; its scope the team that has the project."""
    project: str
    """The project's ID, such as `prj_…`, or its name."""
    team: str = ""
    """The ID or the slug of the team that has the project; empty for a personal account."""
    url: str = "https://api.vercel.com"
    """Vercel's API."""
    windows: web.Windows = ("1d", "7d", "30d")
    """Over which windows up to now there are totals."""
    breakdown_windows: web.Windows = ("1d",)
    """Over which windows visitors are told by page, referrer and so on, and events are counted. Each costs seven requests."""
    most: int = Field(default=20, ge=1, le=_ROWS)
    """How many values of each breakdown, and how many events, are shown."""
    events: bool = True
    """Whether to ask for events of the site's own, which not every plan has."""
    breakdowns_every: Duration = 900.0
    """How often breakdowns and events are asked for."""
    every: Every = 300.0
    """How often totals are asked for: a request for each window."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _breakdowns: Cadence = PrivateAttr()

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._api = Api(self.url, self, timeout=self.timeout, error_name=_error_name)
        self._breakdowns = Cadence(self.breakdowns_every)
        return self

    async def collect(self) -> Samples:
        totals = [sample async for sample in self._ask_totals()]
        for sample in (
            *totals,
            *await self._breakdowns.samples(self._ask_breakdowns),
            *self._api.samples(self.name),
        ):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _ask_totals(self) -> AsyncIterator[Sample]:
        for window in self.windows:
            answer = await self._ask("/visits/count", window)
            try:
                found = answer.data()["data"]
                views, visitors = float(found["pageviews"]), float(found["visitors"])
            except (LookupError, TypeError, ValueError):
                raise Malformed(f"{answer.place}: expected numbers of page views and visitors, got something else") from None
            yield web.PAGE_VIEWS(views, source=self.name, window=window)
            yield web.VISITORS(visitors, source=self.name, window=window)

    async def _ask_breakdowns(self) -> AsyncIterator[Sample]:
        for window in self.breakdown_windows:
            for dimension, (metric, label) in _DIMENSIONS.items():
                found = await self._rows("/visits/aggregate", window, dimension, "visitors")
                rows = [(label(value), count) for value, count in found if value != _REST]
                for sample in web.ranked(metric, rows, self.most, source=self.name, window=window):
                    yield sample
            if self.events:
                found = await self._rows("/events/aggregate", window, "eventName", "count")
                rows = [("other" if name == _REST else web.known(name), count) for name, count in found]
                for sample in web.counted(web.EVENTS, rows, self.most, source=self.name, window=window):
                    yield sample

    async def _rows(self, path: str, window: web.Window, dimension: str, figure: str) -> list[tuple[str, float]]:
        """Values of a dimension, and a figure of each."""
        answer = await self._ask(path, window, by=dimension, limit=_ROWS)
        try:
            rows = [(row[dimension] or "", float(row[figure])) for row in answer.data()["data"]]
        except (LookupError, TypeError, ValueError):
            rows = [(None, 0.0)]
        if not all(isinstance(value, str) for value, _ in rows):
            raise Malformed(f"{answer.place}: expected rows with {dimension} and {figure}, got something else")
        return rows

    async def _ask(self, path: str, window: web.Window, **params: str | int) -> Answer:
        until = datetime.fromtimestamp(int(time.time()), UTC)
        asked: dict[str, str | int] = {
            "projectId": self.project,
            "since": _instant(until - web.LENGTHS[window]),
            "until": _instant(until),
            **params,
        }
        if self.team:
            asked["teamId" if self.team.startswith("team_") else "slug"] = self.team
        answer = await self._api.answer("GET", f"{_PATH}{path}", asked, expected=frozenset({402}))
        if answer.status == 402:
            raise Denied(f"{answer.place}: got status 402 Payment Required; the plan does not have this, or not this long")
        return answer


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def _error_name(body: Any) -> object:
    return body["error"]["code"]
