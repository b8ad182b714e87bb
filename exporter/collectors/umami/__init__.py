"""Umami: visitors of a website, now and over windows, by page, source, place and device, events and web vitals.

Versions 2 and 3 are told apart by how they answer. Source: https://umami.is/docs/api/website-stats
and, of web vitals, https://github.com/umami-software/umami/blob/master/src/app/api/reports/performance/route.ts
"""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA
from exporter.clients.cadence import Cadence
from exporter.collector import Collector, Duration, Every, Sample, Samples, Secret
from exporter.collectors.umami.session import Session
from exporter.errors import Malformed
from exporter.roles import vitals, web

_DECLARED = (
    web.VISITS, web.PAGE_VIEWS, web.VISITORS, web.BOUNCES, web.DURATION, web.CURRENT,
    web.PAGES, web.REFERRERS, web.COUNTRIES, web.BROWSERS, web.SYSTEMS, web.DEVICES, web.CHANNELS, web.EVENTS,
    vitals.SECONDS, vitals.SCORE, CALLS, DURATION, QUOTA,
)  # fmt: skip

_TYPES = {
    "path": (web.PAGES, web.page),
    "referrer": (web.REFERRERS, web.referrer),
    "country": (web.COUNTRIES, web.known),
    "browser": (web.BROWSERS, web.known),
    "os": (web.SYSTEMS, web.known),
    "device": (web.DEVICES, web.device),
    "channel": (web.CHANNELS, web.known),
}
_OF_VERSION_2 = {"path": "url", "channel": None}  # what is called otherwise there, or is not there
_ROWS = 100  # asked for at once: more than are shown, since addresses that differ in identifiers become one
_MOST_PAGES = 10  # of events
_VITALS = ("lcp", "inp", "cls", "fcp", "ttfb")
_NOT_THERE = frozenset({404, 405})  # before version 3.1


class Umami(Addressed, Collector, kind="umami"):
    """One website in Umami, in the cloud or self-hosted, of version 2 or 3."""

    website: str = Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
    """The website's ID, as its settings in Umami show it."""
    url: str = "https://api.umami.is/v1"
    """Where the API is: of one's own server its address and `/api`, such as `https://umami.example.com/api`."""
    api_key: Secret | None = None
    """A key of Umami Cloud: settings, API keys, Create key. Of one's own server give `username` and `password` instead."""
    username: str = ""
    """Of one's own server: a user that may only view the website."""
    password: Secret | None = None
    """The password of `username`."""
    windows: web.Windows = ("1d", "7d", "30d")
    """Over which windows up to now there are totals."""
    breakdown_windows: web.Windows = ("1d",)
    """Over which windows visitors are told by page, source and so on, and events are counted. Each costs eight requests."""
    most: int = Field(default=20, ge=1, le=_ROWS)
    """How many values of each breakdown, and how many events, are shown."""
    web_vitals: bool = True
    """Whether to ask for web vitals, which Umami measures from version 3.1 on. Before, there is no value."""
    totals_every: Duration = 300.0
    """How often totals are asked for."""
    breakdowns_every: Duration = 900.0
    """How often breakdowns, events and web vitals are asked for."""
    every: Every = 60.0
    """How often it is asked who is there now: one request."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _session: Session = PrivateAttr()
    _totals: Cadence = PrivateAttr()
    _breakdowns: Cadence = PrivateAttr()
    _version_2: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        if self.bearer_token or "authorization" in map(str.lower, self.headers):
            raise ValueError("expected api_key, or username and password, and no other credentials")
        if (self.api_key is None) == (self.password is None):
            raise ValueError("expected api_key of Umami Cloud, or username and password of a user of one's own server")
        self._session = Session(self.url, self, self.timeout, self.username, self.password)
        self._totals, self._breakdowns = Cadence(self.totals_every), Cadence(self.breakdowns_every)
        return self

    def credentials(self) -> dict[str, str]:
        """The key's header, or that of the token given at the login. Raises `OSError` when a file cannot be read."""
        headers = {name: secret.read() for name, secret in self.headers.items()}
        if self.api_key is not None:
            return headers | {"x-umami-api-key": self.api_key.read()}
        return headers | ({"Authorization": f"Bearer {self._session.token}"} if self._session.token else {})

    async def collect(self) -> Samples:
        current = await self._current()
        for sample in (
            web.CURRENT(current, source=self.name),
            *await self._totals.samples(self._ask_totals),
            *await self._breakdowns.samples(self._ask_breakdowns),
            *self._session.api.samples(self.name),
        ):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._session.api.close()

    async def _current(self) -> float:
        answer = await self._session.ask("GET", f"/websites/{self.website}/active")
        try:
            found = answer.data()
            return float(found["visitors"] if "visitors" in found else found["x"])  # x: up to version 2.12
        except (LookupError, TypeError, ValueError):
            raise Malformed(f"{answer.place}: expected a number of visitors, got something else; is it Umami?") from None

    async def _ask_totals(self) -> AsyncIterator[Sample]:
        for window in self.windows:
            answer = await self._session.ask("GET", f"/websites/{self.website}/stats", _within(window))
            try:
                found = answer.data()
                # Version 2 has an object with the value and that of the time before where version 3 has the number.
                self._version_2 = isinstance(found["pageviews"], dict)
                views, visitors, visits, bounces, seconds = (
                    float(found[name]["value"] if self._version_2 else found[name])
                    for name in ("pageviews", "visitors", "visits", "bounces", "totaltime")
                )
            except (LookupError, TypeError, ValueError):
                raise Malformed(f"{answer.place}: expected page views, visitors and visits, got something else") from None
            yield web.PAGE_VIEWS(views, source=self.name, window=window)
            yield web.VISITORS(visitors, source=self.name, window=window)
            yield web.VISITS(visits, source=self.name, window=window)
            if visits > 0:
                yield web.BOUNCES(bounces / visits, source=self.name, window=window)
                yield web.DURATION(seconds / visits, source=self.name, window=window)

    async def _ask_breakdowns(self) -> AsyncIterator[Sample]:
        for window in self.breakdown_windows:
            for type_, (metric, label) in _TYPES.items():
                asked = _OF_VERSION_2.get(type_, type_) if self._version_2 else type_
                if asked is not None:
                    rows = [(label(value), count) for value, count in await self._rows(asked, window)]
                    for sample in web.ranked(metric, rows, self.most, source=self.name, window=window):
                        yield sample
            for sample in web.counted(web.EVENTS, await self._events(window), self.most, source=self.name, window=window):
                yield sample
        if self.web_vitals and not self._version_2:
            async for sample in self._ask_vitals():
                yield sample

    async def _events(self, window: web.Window) -> list[tuple[str, float]]:
        """Events by name, of all pages."""
        rows: list[tuple[str, float]] = []
        for page in range(_MOST_PAGES):
            found = await self._rows("event", window, offset=page * _ROWS)
            rows += ((web.known(name), count) for name, count in found)
            if len(found) < _ROWS:
                break
        return rows

    async def _rows(self, type_: str, window: web.Window, offset: int = 0) -> list[tuple[str, float]]:
        """Values and numbers; of events how often they came, of all else visitors."""
        params = {**_within(window), "type": type_, "limit": _ROWS, "offset": offset}
        answer = await self._session.ask("GET", f"/websites/{self.website}/metrics", params)
        try:
            rows = [(row["x"] or "", float(row["y"])) for row in answer.data()]
        except (LookupError, TypeError, ValueError):
            rows = [(None, 0.0)]
        if not all(isinstance(value, str) for value, _ in rows):
            raise Malformed(f"{answer.place}: expected values of the type {type_} with numbers, got something else")
        return rows

    async def _ask_vitals(self) -> AsyncIterator[Sample]:
        """The site's web vitals of a day. A vital that nobody measured is 0 there; only of a layout shift that is a value."""
        now = datetime.fromtimestamp(int(time.time()), UTC)
        instants = {"startDate": _instant(now - timedelta(days=1)), "endDate": _instant(now)}
        body = {
            "websiteId": self.website,
            "type": "performance",
            "filters": {},
            "parameters": {**instants, "unit": "hour", "timezone": "utc", "metric": "lcp"},
        }
        answer = await self._session.ask("POST", "/reports/performance", body=body, expected=_NOT_THERE)
        if answer.status in _NOT_THERE:
            return
        try:
            summary = answer.data()["summary"]
            measured = float(summary["count"])
            values = {vital: float(summary[vital]["p75"]) for vital in _VITALS}
        except (LookupError, TypeError, ValueError):
            raise Malformed(f"{answer.place}: expected a summary of web vitals, got something else") from None
        for vital, value in values.items() if measured > 0 else ():
            if vital == "cls" or value > 0:
                yield vitals.three_of_four(
                    value if vital == "cls" else value / 1000,
                    source=self.name,
                    page="*",
                    device="all",
                    vital=vital,
                    window="1d",
                )


def _within(window: web.Window) -> dict[str, str | int]:
    """The window in milliseconds of Unix time, which all versions go by."""
    now = int(time.time())
    return {"startAt": (now - int(web.LENGTHS[window].total_seconds())) * 1000, "endAt": now * 1000}


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
