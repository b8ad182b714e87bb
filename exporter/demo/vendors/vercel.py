"""Vercel's Web Analytics as the company would have it, over its own visits.

What the database does not know of a visitor is told by `exporter.demo.audience`. Instants are taken as they are given, where
Vercel makes whole hours or days of them. Shapes: https://vercel.com/docs/rest-api/web-analytics and @vercel/sdk 1.28.35
(src/models/countpageviewsop.ts and its neighbours); of errors, https://vercel.com/docs/rest-api/errors
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.demo.audience import Audience
from exporter.demo.vendors.vendor import Books, Vendor

_TRAITS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "referrerHostname": ("source", {"google": "google.com", "linkedin": "linkedin.com"}),
    "country": ("country", {}),
    "browserName": ("browser", {"chrome": "Chrome", "safari": "Safari", "firefox": "Firefox", "edge": "Edge"}),
    "osName": (
        "os",
        {"windows": "Windows", "mac": "Mac", "linux": "GNU/Linux", "ios": "iOS", "android": "Android"},
    ),
    "deviceType": ("device", {}),
}


class Vercel(Vendor, name="vercel"):
    """The project `shop` of the team `team_demo`."""

    TOKEN = "demo-vercel-token"  # noqa: S105 - of the demo alone
    PROJECT, TEAM = "prj_shop", "team_demo"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._audience = Audience(books)

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"/v1/query/web-analytics/{what}/{how}", handler)
            for what, how, handler in (
                ("visits", "count", self._count),
                ("visits", "aggregate", self._aggregate),
                ("events", "aggregate", self._events),
            )
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "token": self.TOKEN, "project": self.PROJECT, "team": self.TEAM}

    async def _count(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        row = await self._audience.totals(*_range(request))
        data = {"pageviews": row["page_views"], "visitors": row["visitors"]}
        return JSONResponse({"data": data, "query": _query(request), "version": 1})

    async def _aggregate(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        by = request.query_params.get("by", "")
        if by == "requestPath":
            names: Mapping[str, str] = {}
            found = await self._audience.pages(*_range(request))
        elif by in _TRAITS:
            trait, names = _TRAITS[by]
            found = await self._audience.by(trait, *_range(request))
        else:
            return _error(400, "bad_request", "Invalid request: `by` should be a dimension.")
        rows = [
            {by: names.get(row["value"], row["value"]), "pageviews": row["views"], "visitors": row["visitors"]} for row in found
        ]
        return self._table(request, by, rows)

    async def _events(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        found = await self._audience.events(*_range(request))
        rows = [{"eventName": row["name"], "count": row["events"], "visitors": row["visitors"]} for row in found]
        return self._table(request, "eventName", rows)

    def _table(self, request: Request, by: str, rows: list[dict[str, Any]]) -> Response:
        """So many rows as asked for, and the rest added up."""
        limit = int(request.query_params.get("limit", 10))
        shown, rest = rows[:limit], rows[limit:]
        if rest:
            shown.append({by: "Others", **{name: sum(row[name] for row in rest) for name in rest[0] if name != by}})
        query = {**_query(request), "groupBy": [by], "limit": limit}
        return JSONResponse({"data": shown, "query": query, "version": 1})

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {self.TOKEN}":
            return _error(403, "forbidden", "Not authorized")
        asked = request.query_params
        if (asked.get("projectId"), asked.get("teamId")) != (self.PROJECT, self.TEAM):
            return _error(404, "not_found", "Project not found")
        return None


def _range(request: Request) -> tuple[datetime, datetime]:
    since, until = (datetime.fromisoformat(request.query_params[name]) for name in ("since", "until"))
    return since, until


def _query(request: Request) -> dict[str, Any]:
    return {name: request.query_params[name] for name in ("since", "until")}


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
