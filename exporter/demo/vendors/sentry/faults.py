"""What went wrong at the company, as errors and issues."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from exporter.demo.vendors.vendor import Books

PROJECTS = {"web": "101", "api": "102", "billing": "103"}
"""The projects' ids."""
_QUIET = timedelta(days=1)  # after the last error an issue is resolved
_MANY = 50  # errors a day, from which on an issue escalates
_KEPT = timedelta(days=90)  # as Sentry keeps errors
_EVENTS = """
    with events as (
      select 'web' as project, 'error' as level, array['TypeError'] as types, started_at as at, visitor_id as whose,
             coalesce(device, 'unknown') as place
      from bellwether.sessions where md5(session_id) like '00%%'
      union all
      select 'web', case error when 'unauthorized' then 'info' else 'warning' end,
             array[case error when 'timeout' then 'TimeoutError' when 'handshake_refused' then 'WebSocketError'
                   else 'AuthenticationError' end],
             failed_at, connection_id, 'realtime'
      from bellwether.connections where failed_at is not null
      union all
      select 'api', case when status = 422 then 'warning' when status = 429 then 'info' else 'error' end,
             case status when 422 then array['ValidationError'] when 429 then array['RateLimitExceeded']
                  when 503 then array['ConnectionError', 'ServiceUnavailable'] else array['KeyError'] end,
             occurred_at, null, method || ' ' || route
      from bellwether.api_calls where status in (422, 429) or status >= 500
      union all
      select 'billing', 'fatal', array['ProviderUnavailable', 'APIConnectionError'], created_at, account_id, 'charge'
      from bellwether.payments where failure_reason = 'provider_unavailable'
    )
    select * from events where at > %(since)s and at <= %(now)s and project = any(%(slugs)s) order by at, types, whose
"""


@dataclass
class Issue:
    """Errors of a type at a place."""

    project: str
    level: str
    types: list[str]
    place: str
    number: int
    times: list[datetime] = field(default_factory=list)
    users: set[str] = field(default_factory=set)

    def turns(self, now: datetime) -> list[tuple[datetime, str]]:
        """When it came up, was resolved and came back, as activities."""
        found = [(self.times[0], "first_seen")]
        for before, after in pairwise(self.times):
            if after - before > _QUIET:
                found += [(before + _QUIET, "set_resolved"), (after, "set_regression")]
        if self.times[-1] + _QUIET <= now:
            found.append((self.times[-1] + _QUIET, "set_resolved"))
        return found

    def substatus(self, now: datetime) -> str | None:
        """What it is while it is not resolved."""
        at, turn = self.turns(now)[-1]
        if turn == "set_resolved":
            return None
        if sum(now - time <= timedelta(days=1) for time in self.times) >= _MANY:
            return "escalating"
        recent = now - at <= timedelta(days=7)
        return ("new" if turn == "first_seen" else "regressed") if recent else "ongoing"


async def events(books: Books, since: datetime, slugs: Iterable[str]) -> list[dict[str, Any]]:
    """Errors after an instant, the oldest first."""
    return await books.rows(_EVENTS, {"since": since, "now": books.now(), "slugs": list(slugs)})


async def issues(books: Books, slugs: Iterable[str]) -> list[Issue]:
    """All issues of errors that are still kept, numbered by when they were first seen."""
    found: dict[tuple[str, ...], Issue] = {}
    for event in await events(books, books.now() - _KEPT, PROJECTS):
        key = (event["project"], *event["types"], event["place"])
        number = 6_500_000_001 + len(found)
        issue = found.setdefault(key, Issue(event["project"], event["level"], event["types"], event["place"], number))
        issue.times.append(event["at"])
        issue.users |= {event["whose"]} if event["whose"] else set()
    wanted = set(slugs)
    return [issue for issue in found.values() if issue.project in wanted]
