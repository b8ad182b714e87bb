"""PagerDuty: incidents that are open, how soon they are acknowledged and resolved, and whether somebody is on call.

Source: https://developer.pagerduty.com/api-reference/ (List incidents, List log entries, List schedules, Get a schedule) and
https://developer.pagerduty.com/docs/app-functionality-oauth (tokens). The figures of /analytics are not used: they are up to a
day late.
"""

import time
from collections import Counter
from datetime import UTC, datetime
from typing import Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api, Params
from exporter.clients.oauth import ClientCredentials
from exporter.clients.pace import Pace
from exporter.collector import Collector, Duration, Every, Samples, Secret
from exporter.collectors.pagerduty.answers import PER_PAGE, Shift, after, incident, past, shifts, text, unix
from exporter.errors import Malformed
from exporter.roles.oncall import (
    ACKNOWLEDGE,
    COVERAGE,
    COVERED,
    CREATED,
    DAY,
    INCIDENTS,
    LONGEST_WINDOW,
    OLDEST,
    RESOLVE,
    Log,
    OpenIncident,
    PastIncident,
    standing,
)

_DECLARED = (INCIDENTS, OLDEST, CREATED, ACKNOWLEDGE, RESOLVE, COVERED, COVERAGE, CALLS, DURATION, QUOTA)

_OPEN = "/incidents?statuses[]=triggered&statuses[]=acknowledged"
_LOG = "/log_entries?include[]=incidents"
_MOST_BYTES = 30_000_000  # an entry holds what the monitoring sent
_CALLS = (960, 60)  # requests that PagerDuty allows in so many seconds
_FURTHEST = 10_000  # entries that PagerDuty turns pages through
_LATE = 600  # seconds for which entries may be missing from the log
_AHEAD, _AHEAD_WINDOW = 7 * DAY, "7d"
_VERSION = "application/vnd.pagerduty+json;version=2"
_SCOPES = "incidents.read schedules.read"


class Pagerduty(Addressed, Collector, kind="pagerduty"):
    """Incidents and schedules of one PagerDuty account."""

    url: str = "https://api.pagerduty.com"
    """Where the account is: `https://api.eu.pagerduty.com` in the European region."""
    api_key: Secret | None = None
    """A read-only API key of the account, in place of the three settings that follow."""
    client_id: str = ""
    """The id of an app with Scoped OAuth."""
    client_secret: Secret | None = None
    """Its secret. A token is asked for with it, and renewed by itself."""
    account: str = Field(default="", pattern=r"^([a-z]{2}\.[a-z0-9-]+)?$")
    """Region and subdomain of the account that the token is for, such as `us.acme`."""
    token_url: str = "https://identity.pagerduty.com/oauth/token"  # noqa: S105 - an address
    """Where tokens are asked for."""
    most: int = Field(default=20, ge=1)
    """The most services that are shown apart; further ones together as `other`."""
    schedules: bool = True
    """Whether to read the schedules: a request for each."""
    schedules_every: Duration = 900.0
    """How often schedules are read. Whether somebody is on call is worked out at every run."""
    every: Every = 60.0
    """How often PagerDuty is asked: two requests."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _log: Log | None = PrivateAttr(default=None)
    _read_to: float | None = PrivateAttr(default=None)
    _rosters: dict[str, list[Shift]] = PrivateAttr(default_factory=dict)
    _rosters_at: float | None = PrivateAttr(default=None)
    """By the clock that never jumps."""

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        app = [bool(self.client_id), self.client_secret is not None, bool(self.account)]
        if any(app) != all(app):
            raise ValueError("expected client_id, client_secret and account together")
        others = [self.bearer_token, self.username, "authorization" in map(str.lower, self.headers)]
        if sum((self.api_key is not None, all(app), any(others))) != 1:
            raise ValueError(
                "expected either api_key, or client_id with client_secret and account, or other credentials; make a read-only "
                "key in PagerDuty under Integrations, API Access Keys"
            )
        signer = None
        if self.client_secret is not None:
            scope = f"as_account-{self.account} {_SCOPES}"
            signer = ClientCredentials(self.token_url, self.client_id, self.client_secret, scope)
        self._api = Api(
            self.url,
            self,
            timeout=self.timeout,
            most_bytes=_MOST_BYTES,
            error_name=lambda data: str(data["error"]["code"]),
            signer=signer,
            pace=Pace(*_CALLS),
        )
        return self

    def credentials(self) -> dict[str, str]:
        """The key and the version of the API. Raises `OSError` when a file cannot be read."""
        own = {} if self.api_key is None else {"Authorization": f"Token token={self.api_key.read()}"}
        return super().credentials() | own | {"Accept": _VERSION}

    async def collect(self) -> Samples:
        now = time.time()
        incidents = await self._incidents()
        news = await self._news(now)
        rosters, rosters_at = await self._schedules(now)
        # Only when nothing can fail any more: no entry may be left out.
        self._log = (self._log or Log(now)).told(news, now)
        self._read_to, self._rosters, self._rosters_at = now, rosters, rosters_at
        for sample in standing(incidents, self._log.services, self.most, self.name):
            yield sample
        for sample in self._log.samples(self.name, now):
            yield sample
        for schedule, roster in rosters.items():
            yield COVERED(any(shift.begins <= now < shift.ends for shift in roster), source=self.name, schedule=schedule)
            yield COVERAGE(_share(roster, now, now + _AHEAD), source=self.name, schedule=schedule, window=_AHEAD_WINDOW)
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _incidents(self) -> list[OpenIncident]:
        """All that are not resolved, however old."""
        found: dict[str, OpenIncident] = {}
        async for page in self._api.pages(_OPEN, after, {"date_range": "all", "limit": PER_PAGE, "offset": 0}):
            try:
                for each in page["incidents"]:
                    found[str(each["id"])] = incident(each)
            except (LookupError, TypeError, ValueError):
                raise Malformed("/incidents: expected incidents with service, urgency and dates, got something else") from None
        return list(found.values())

    async def _news(self, now: float) -> dict[str, PastIncident]:
        """What the log says since the last run or, at first, of the last 30 days."""
        since = now - LONGEST_WINDOW if self._read_to is None else self._read_to - _LATE
        until = _iso(now)

        def follow(page: Answer) -> Params | None:
            """As `after`, newest first; where PagerDuty turns no more pages, the end moves to the oldest that was read."""
            nonlocal until
            following = after(page)
            if following is None or following["offset"] + PER_PAGE <= _FURTHEST:
                return following and {**following, "until": until}
            until = _iso(min(unix(entry["created_at"]) for entry in page.data()["log_entries"]) + 1)
            return {"offset": 0, "until": until}

        params: Params = {"is_overview": "true", "since": _iso(since), "until": until, "limit": PER_PAGE, "offset": 0}
        news: dict[str, PastIncident] = {}
        try:
            async for page in self._api.pages(_LOG, follow, params):
                for entry in page["log_entries"]:
                    identity, told = str(entry["incident"]["id"]), past(entry)
                    news[identity] = told.joined(news[identity]) if identity in news else told
        except (LookupError, TypeError, ValueError):
            raise Malformed("/log_entries: expected entries with their incidents and dates, got something else") from None
        return news

    async def _schedules(self, now: float) -> tuple[dict[str, list[Shift]], float | None]:
        """Who is on call in the days ahead, as a list of shifts by schedule, and when that was read."""
        clock = time.monotonic()
        if not self.schedules:
            return {}, None
        if self._rosters_at is not None and clock - self._rosters_at < self.schedules_every:
            return self._rosters, self._rosters_at
        ahead = {"since": _iso(now), "until": _iso(now + _AHEAD + self.schedules_every)}
        rosters: dict[str, list[Shift]] = {}
        listed: list[tuple[str, str]] = []
        async for page in self._api.pages("/schedules", after, {"limit": PER_PAGE, "offset": 0}):
            try:
                listed += [(text(each["id"]), text(each["name"])) for each in page["schedules"]]
            except (LookupError, TypeError):
                raise Malformed("/schedules: expected schedules with names, got something else") from None
        names = Counter(name for _, name in listed)
        for identity, name in listed:
            shown = name if names[name] == 1 else f"{name} ({identity})"
            rosters[shown] = shifts(await self._api.get(f"/schedules/{identity}", ahead))
        return rosters, clock


def _share(shifts: list[Shift], begins: float, ends: float) -> float:
    """How much of a stretch the shifts fill; what two of them fill counts once."""
    filled, up_to = 0.0, begins
    for shift in shifts:
        filled += max(0.0, min(shift.ends, ends) - max(shift.begins, up_to))
        up_to = max(up_to, min(shift.ends, ends))
    return filled / (ends - begins)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
