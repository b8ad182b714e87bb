"""Google Analytics 4: visitors of a website, now and over past days, by page, source, place and device, events, key events.

Source: https://developers.google.com/analytics/devguides/reporting/data/v1/rest, of names
https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema and of limits
https://developers.google.com/analytics/devguides/reporting/data/v1/quotas
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api
from exporter.clients.cadence import Cadence
from exporter.clients.google import ServiceAccount
from exporter.collector import Collector, Duration, Every, Sample, Samples
from exporter.collectors.ga4 import report
from exporter.collectors.ga4.report import ROWS, Report
from exporter.errors import Malformed
from exporter.roles import web

_DECLARED = (
    web.VISITS, web.PAGE_VIEWS, web.VISITORS, web.BOUNCES, web.DURATION, web.CURRENT,
    web.PAGES, web.REFERRERS, web.COUNTRIES, web.BROWSERS, web.SYSTEMS, web.DEVICES, web.CHANNELS, web.EVENTS,
    web.CONVERSIONS, web.CONVERSION_RATIO, web.SAMPLED, web.WITHHELD, web.LOST, CALLS, DURATION, QUOTA,
)  # fmt: skip

_SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
_TOTALS = ("sessions", "screenPageViews", "totalUsers", "bounceRate", "averageSessionDuration")
_EVENTS = ("eventCount", "keyEvents", "totalUsers")
_DIMENSIONS = {
    "pagePath": (web.PAGES, web.page),
    "sessionSource": (web.REFERRERS, web.referrer),
    "countryId": (web.COUNTRIES, web.known),
    "browser": (web.BROWSERS, web.known),
    "operatingSystem": (web.SYSTEMS, web.known),
    "deviceCategory": (web.DEVICES, web.device),
    "sessionDefaultChannelGroup": (web.CHANNELS, web.known),
}
_REST = "(other)"  # what Google calls the rows that it does not keep apart
_MOST_PAGES = 10  # of events
_AT_ONCE = 5  # reports in one request

Window = Literal["1d", "7d", "30d"]
Windows = Annotated[tuple[Window, ...], AfterValidator(lambda windows: tuple(dict.fromkeys(windows)))]


class Ga4(Addressed, Collector, kind="ga4"):
    """One property of Google Analytics 4. Windows are whole days of the property's time zone, the last of them yesterday."""

    property_id: int = Field(gt=0)
    """The property's number, as its settings in Google Analytics show it. Not the ID that begins with `G-`."""
    service_account_file: Path
    """The JSON key of a service account that is a viewer of the property."""
    url: str = "https://analyticsdata.googleapis.com"
    """The Google Analytics Data API."""
    windows: Windows = Field(default=("1d", "7d", "30d"), min_length=1)
    """Over which windows there are totals, events and key events. Each costs a report for the events."""
    breakdown_windows: Windows = ("1d",)
    """Over which windows visitors are told by page, source and so on. Each costs seven reports."""
    most: int = Field(default=20, ge=1, le=ROWS)
    """How many values of each breakdown, and how many events, are shown."""
    reports_every: Duration = 3600.0
    """How often all but who is there now is asked for. Google takes hours to work out a day."""
    every: Every = 120.0
    """How often it is asked who is there now: one request."""
    timeout: Duration = 60.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _reports: Cadence = PrivateAttr()
    _tokens_left: dict[str, float] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        if self.bearer_token or self.username or "authorization" in map(str.lower, self.headers):
            raise ValueError("expected service_account_file and no other credentials")
        signer = ServiceAccount(self.service_account_file, _SCOPE)
        self._api = Api(self.url, self, timeout=self.timeout, error_name=_error_name, signer=signer)
        self._reports = Cadence(self.reports_every)
        return self

    async def collect(self) -> Samples:
        current = await self._current()
        for sample in (
            web.CURRENT(current, source=self.name),
            *await self._reports.samples(self._ask_reports),
            *self._api.samples(self.name),
        ):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _current(self) -> float:
        """Users of the last five minutes. Where there is nobody, there is no row."""
        body = {
            "metrics": [{"name": "activeUsers"}],
            "minuteRanges": [{"startMinutesAgo": 4, "endMinutesAgo": 0}],
            "returnPropertyQuota": True,
        }
        found, place = await self._post("runRealtimeReport", body)
        table = report.read(found, place, ["activeUsers"])
        self._note_quota("realtime", [table])
        return table.rows[0][1][0] if table.rows else 0

    async def _ask_reports(self) -> AsyncIterator[Sample]:
        breakdowns = [(window, dimension) for window in self.breakdown_windows for dimension in _DIMENSIONS]
        requests = [(report.request(map(_days, self.windows), _TOTALS), _TOTALS)] + [
            (report.request([_days(window)], ["totalUsers"], [dimension], order="totalUsers"), ("totalUsers",))
            for window, dimension in breakdowns
        ]
        totals, *tables = await self._batches(requests)
        by_window = dict(self._by_window(totals))
        for window, (sessions, views, users, bounces, seconds) in by_window.items():
            yield web.VISITS(sessions, source=self.name, window=window)
            yield web.PAGE_VIEWS(views, source=self.name, window=window)
            yield web.VISITORS(users, source=self.name, window=window)
            if sessions > 0:
                yield web.BOUNCES(bounces, source=self.name, window=window)
                yield web.DURATION(seconds, source=self.name, window=window)
        for (window, dimension), table in zip(breakdowns, tables, strict=True):
            metric, label = _DIMENSIONS[dimension]
            rows = [(label(at.get(dimension, "")), users) for at, (users,) in table.rows if at.get(dimension) != _REST]
            for sample in web.ranked(metric, rows, self.most, source=self.name, window=window):
                yield sample
        for window in self.windows:
            everybody = by_window[window][2] if window in by_window else 0
            pages = await self._events(window)
            tables += pages
            for sample in self._of_events(window, [row for page in pages for row in page.rows], everybody):
                yield sample
        every = [totals, *tables]
        self._note_quota("reports", every)
        yield web.SAMPLED(min(table.sampled for table in every), source=self.name)
        yield web.WITHHELD(any(table.withheld for table in every), source=self.name)
        yield web.LOST(any(table.lost for table in every), source=self.name)

    def _by_window(self, table: Report) -> list[tuple[Window, list[float]]]:
        """The rows by window. Of one window alone there is no name in the answer."""
        named = ((at.get("dateRange", self.windows[0]), figures) for at, figures in table.rows)
        return [(window, figures) for name, figures in named for window in self.windows if window == name]

    def _of_events(self, window: Window, rows: Sequence[tuple[dict[str, str], list[float]]], everybody: float) -> list[Sample]:
        """Events, and of key events who reached them."""
        found = [("other" if at.get("eventName") == _REST else web.known(at.get("eventName", "")), each) for at, each in rows]
        samples = list(
            web.counted(web.EVENTS, [(name, each[0]) for name, each in found], self.most, source=self.name, window=window)
        )
        goals = [(name, each) for name, each in found if each[1] > 0 and name != "other"]
        people = {name: each[2] for name, each in goals}
        reached = [(name, each[1]) for name, each in goals]
        for sample in web.ranked(web.CONVERSIONS, reached, self.most, source=self.name, window=window):
            goal = sample.labels[1]
            samples.append(sample)
            if everybody > 0:
                ratio = min(1.0, people[goal] / everybody)
                samples.append(web.CONVERSION_RATIO(ratio, source=self.name, goal=goal, window=window))
        return samples

    async def _events(self, window: Window) -> list[Report]:
        """Events by name, on all pages."""
        pages: list[Report] = []
        for number in range(_MOST_PAGES):
            body = report.request([_days(window)], _EVENTS, ["eventName"], order="eventCount", offset=number * ROWS)
            found, place = await self._post("runReport", body)
            pages.append(report.read(found, place, _EVENTS))
            if (number + 1) * ROWS >= pages[-1].whole:
                break
        return pages

    async def _batches(self, requests: Sequence[tuple[dict[str, Any], Sequence[str]]]) -> list[Report]:
        """The reports of several requests, as many at once as Google takes."""
        reports: list[Report] = []
        for first in range(0, len(requests), _AT_ONCE):
            batch = requests[first : first + _AT_ONCE]
            found, place = await self._post("batchRunReports", {"requests": [body for body, _ in batch]})
            tables = found.get("reports") if isinstance(found, dict) else None
            if not isinstance(tables, list) or len(tables) != len(batch):
                raise Malformed(f"{place}: expected {len(batch)} reports, got something else")
            reports += [report.read(table, place, metrics) for table, (_, metrics) in zip(tables, batch, strict=True)]
        return reports

    async def _post(self, method: str, body: dict[str, Any]) -> tuple[Any, str]:
        """The JSON that comes, and from where."""
        answer = await self._api.answer("POST", f"/v1beta/properties/{self.property_id}:{method}", body=body)
        return answer.data(), answer.place

    def _note_quota(self, kind: str, tables: Sequence[Report]) -> None:
        """What is left of the tokens, which realtime and other reports have apart; the scarcer is shown."""
        if tables[-1].tokens_left is not None:
            self._tokens_left[kind] = tables[-1].tokens_left
            self._api.quota_left = min(self._tokens_left.values())


def _days(window: Window) -> dict[str, str]:
    """The last so many days that are over."""
    return {"startDate": f"{window.removesuffix('d')}daysAgo", "endDate": "yesterday", "name": window}


def _error_name(body: Any) -> object:
    return body["error"]["status"]
