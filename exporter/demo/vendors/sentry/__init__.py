"""Sentry, as the company's applications would report their errors to it. All of it follows from what the company has:

- project `web`: realtime connections that failed; and each visit whose hashed id begins with 00, about one of 256, ended in a
  crash of the page
- project `api`: refused input (422), too many requests (429) and failures (5xx) of the sampled requests to the API, which do
  not tell whose they were
- project `billing`: payments that failed since the provider was unavailable, which is what a payment outage makes of them

An issue is all errors of a type at a place that are not older than 90 days, which is how long they are kept. It is resolved a
day after its last error, and regresses with the next one.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.demo.vendors.sentry.faults import PROJECTS, events, issues
from exporter.demo.vendors.sentry.shapes import iso, issue, page, project, table
from exporter.demo.vendors.vendor import Vendor

_ORGANIZATION = "/api/0/organizations/shop"
_AT_ONCE = 5  # issues on a page, fewer than Sentry's hundred, so that there are further pages
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


class Sentry(Vendor, name="sentry"):
    """The organization `shop`."""

    KEY = "sntrys_demo_0f3c9a51"

    def routes(self) -> Sequence[BaseRoute]:
        answers = {
            "projects": self._projects,
            "events": self._events,
            "stats-summary": self._stats,
            "sessions": self._sessions,
            "issues": self._issues,
            "issues/{id}": self._issue,
        }
        return [Route(f"{_ORGANIZATION}/{path}/", self._guarded(answer)) for path, answer in answers.items()]

    def settings(self, url: str) -> dict[str, object]:
        return {"name": "sentry", "url": url, "organization": "shop", "token": self.KEY}

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization")
            if given is None:
                return JSONResponse({"detail": "Authentication credentials were not provided."}, 401)
            if given != f"Bearer {self.KEY}":
                return JSONResponse({"detail": "Invalid token"}, 401)
            response: Response = await answer(request)
            limits = {"Limit": 40, "Remaining": 39, "ConcurrentLimit": 25, "ConcurrentRemaining": 24}
            limits["Reset"] = int(self.books.now().timestamp()) + 1
            response.headers.update({f"X-Sentry-Rate-Limit-{name}": str(value) for name, value in limits.items()})
            return response

        return guarded

    async def _projects(self, request: Request) -> Response:
        return page(request, [project(slug) for slug in PROJECTS], 100)

    async def _events(self, request: Request) -> Response:
        dataset = request.query_params.get("dataset", "errors")
        if dataset not in {"errors", "discover"}:
            return JSONResponse({"detail": "dataset must be one of: errors, discover"}, 400)
        fields = request.query_params.getlist("field")
        found = await events(self.books, self._since(request), _slugs(request))
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for event in found:
            own = {"project": event["project"], "level": event["level"], "error.type": tuple(event["types"])}
            groups.setdefault(tuple(own[name] for name in fields if name in own), []).append(event)
        rows = []
        for key, members in groups.items():
            values = iter(key)
            counts = {"count()": len(members), "count_unique(user)": len({e["whose"] for e in members if e["whose"]})}
            rows.append({name: counts[name] if name in counts else next(values) for name in fields})
        rows.sort(key=lambda row: -int(row.get("count()", 0)))
        return page(request, rows, int(request.query_params.get("per_page", 50)), lambda part: table(fields, part, dataset))

    async def _stats(self, request: Request) -> Response:
        since, now = self._since(request), self.books.now()
        accepted = Counter(event["project"] for event in await events(self.books, since, _slugs(request)))
        [missing] = await self.books.rows(
            "select count(*) as calls from bellwether.api_calls where status = 404 and occurred_at > %s and occurred_at <= %s",
            [since, now],
        )
        names = ("filtered", "rate_limited", "invalid", "abuse", "client_discard", "cardinality_limited")
        projects = []
        for slug in _slugs(request):
            dropped = dict.fromkeys(names, 0) | ({"client_discard": missing["calls"]} if slug == "api" else {})
            total = sum(dropped.values())
            outcomes = {"accepted": accepted[slug], **dropped}
            totals = {"dropped": total, "sum(quantity)": accepted[slug] + total}
            stats = [{"category": "error", "outcomes": outcomes, "totals": totals}]
            projects.append({"id": PROJECTS[slug], "slug": slug, "stats": stats})
        return JSONResponse({"start": iso(since), "end": iso(now), "projects": projects})

    async def _sessions(self, request: Request) -> Response:
        since, now = self._since(request), self.books.now()
        [row] = await self.books.rows(
            "select count(*) as all, count(*) filter (where md5(session_id) like '00%%') as crashed,"
            " count(distinct visitor_id) as users,"
            " count(distinct visitor_id) filter (where md5(session_id) like '00%%') as hit"
            " from bellwether.sessions where started_at > %s and started_at <= %s",
            [since, now],
        )
        totals = {
            "sum(session)": row["all"],
            "crash_free_rate(session)": 1 - row["crashed"] / row["all"] if row["all"] else None,
            "crash_free_rate(user)": 1 - row["hit"] / row["users"] if row["users"] else None,
        }
        groups = [{"by": {"project": int(PROJECTS["web"])}, "totals": totals, "series": {}}] if row["all"] else []
        body = {"start": iso(since), "end": iso(now), "intervals": [], "query": ""}
        return page(request, groups if "web" in _slugs(request) else [], 100, lambda part: {"groups": part, **body})

    async def _issues(self, request: Request) -> Response:
        now, words = self.books.now(), request.query_params.get("query", "is:unresolved").split()
        since = self._since(request)
        found = [each for each in await issues(self.books, _slugs(request)) if each.times[-1] > since]
        for word in words:
            if word in {"is:unresolved", "is:resolved"}:
                found = [each for each in found if (each.substatus(now) is None) == (word == "is:resolved")]
            elif word.startswith("firstSeen:-"):
                found = [each for each in found if each.times[0] > now - _length(word.removeprefix("firstSeen:-"))]
        found.sort(key=lambda each: each.times[-1], reverse=True)
        return page(request, [issue(each, now) for each in found], _AT_ONCE)

    async def _issue(self, request: Request) -> Response:
        now = self.books.now()
        for each in await issues(self.books, PROJECTS):
            if str(each.number) == request.path_params["id"]:
                activity: list[dict[str, Any]] = [
                    {"id": str(number), "user": None, "type": turn, "data": {}, "dateCreated": iso(at)}
                    for number, (at, turn) in enumerate(each.turns(now))
                ]
                return JSONResponse(issue(each, now) | {"activity": activity[::-1], "seenBy": [], "participants": []})
        return JSONResponse({"detail": "The requested resource does not exist"}, 404)

    def _since(self, request: Request) -> datetime:
        """Where the period begins that is asked about; without one, two weeks ago."""
        return self.books.now() - _length(request.query_params.get("statsPeriod", "14d"))


def _length(text: str) -> timedelta:
    return int(text[:-1]) * _UNITS[text[-1]]


def _slugs(request: Request) -> list[str]:
    """The projects asked about."""
    keys = request.query_params.getlist("project")
    return [slug for slug, key in PROJECTS.items() if key in keys or "-1" in keys or not keys]
