"""Umami 3 as the company would have it on a server of its own, over its own visits; at `/v2` the same as version 2.

What the database does not know of a visitor is told by `exporter.demo.audience`; web vitals are the company's own timings.
Shapes: https://umami.is/docs/api/website-stats and, of version 2 and of web vitals, https://github.com/umami-software/umami
(src/app/api of the tags v2.19.0 and v3.1.0)
"""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from exporter.demo.audience import Audience
from exporter.demo.vendors.vendor import Books, Vendor

_TRAITS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "referrer": ("source", {"google": "google.com", "linkedin": "linkedin.com"}),
    "country": ("country", {}),
    "browser": ("browser", {"edge": "edge-chromium"}),
    "os": ("os", {"windows": "Windows 10", "mac": "Mac OS", "linux": "Linux", "ios": "iOS", "android": "Android OS"}),
    "device": ("device", {}),
    "channel": (
        "medium",
        {
            "": "direct", "organic": "organicSearch", "cpc": "paidSearch", "social": "organicSocial", "email": "email",
            "referral": "referral",
        },
    ),
}  # fmt: skip
_VITALS = ("lcp", "inp", "cls", "fcp", "ttfb")


class Umami(Vendor, name="umami"):
    """The website `shop.example`. Each start makes a new secret, so that tokens of before are known no more."""

    WEBSITE = "4fb7fa4c-5b46-438d-94b3-3a8fb9bc2e8b"
    USERNAME, PASSWORD = "viewer", "demo-umami-password"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._audience = Audience(books)
        self._token = uuid.uuid4().hex

    def routes(self) -> list[BaseRoute]:
        website = f"/websites/{self.WEBSITE}"
        common: list[BaseRoute] = [
            Route("/auth/login", self._log_in, methods=["POST"]),
            Route(f"{website}/active", self._active),
            Route(f"{website}/metrics", self._metrics),
        ]
        return [
            Mount("/v2/api", routes=[*common, Route(f"{website}/stats", self._stats_2)]),
            Mount(
                "/api",
                routes=[
                    *common,
                    Route(f"{website}/stats", self._stats),
                    Route("/reports/performance", self._performance, methods=["POST"]),
                ],
            ),
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": f"{url}/api", "website": self.WEBSITE, "username": self.USERNAME, "password": self.PASSWORD}

    async def _log_in(self, request: Request) -> Response:
        entered = json.loads(await request.body())
        if (entered.get("username"), entered.get("password")) != (self.USERNAME, self.PASSWORD):
            return _error(401, "incorrect-username-password", "Unauthorized")
        user = {
            "id": "41e2b680-648e-4b09-bcd7-3e2b10c06264",
            "username": self.USERNAME,
            "role": "user",
            "createdAt": "2026-01-05T09:00:00.000Z",
            "isAdmin": False,
        }
        return JSONResponse({"token": self._token, "user": user})

    async def _active(self, request: Request) -> Response:
        if not self._may(request):
            return _error(401, "unauthorized", "Unauthorized")
        return JSONResponse({"visitors": await self._audience.current()})

    async def _stats(self, request: Request) -> Response:
        if not self._may(request):
            return _error(401, "unauthorized", "Unauthorized")
        since, until = _range(request)
        now, before = await self._totals(since, until), await self._totals(since - (until - since), since)
        return JSONResponse({**now, "comparison": before})

    async def _stats_2(self, request: Request) -> Response:
        if not self._may(request):
            return _error(401, "unauthorized", "Unauthorized")
        since, until = _range(request)
        now, before = await self._totals(since, until), await self._totals(since - (until - since), since)
        return JSONResponse({name: {"value": value, "prev": before[name]} for name, value in now.items()})

    async def _totals(self, since: datetime, until: datetime) -> dict[str, int]:
        """As Umami has it: a visit that goes on is not known to, so what is over stands for all."""
        row = await self._audience.totals(since, until)
        return {
            "pageviews": row["page_views"],
            "visitors": row["visitors"],
            "visits": row["visits"],
            "bounces": row["bounces"],
            "totaltime": round(row["seconds"]),
        }

    async def _metrics(self, request: Request) -> Response:
        if not self._may(request):
            return _error(401, "unauthorized", "Unauthorized")
        version_2 = request.url.path.startswith("/v2/")
        type_ = request.query_params.get("type", "")
        since, until = _range(request)
        if type_ == ("url" if version_2 else "path"):
            rows = [(row["value"], row["visitors"]) for row in await self._audience.pages(since, until)]
        elif type_ == "event":
            rows = [(row["name"], row["events"]) for row in await self._audience.events(since, until)]
        elif type_ in _TRAITS and not (version_2 and type_ == "channel"):
            trait, names = _TRAITS[type_]
            found = await self._audience.by(trait, since, until)
            rows = [(names.get(row["value"], row["value"]), row["visitors"]) for row in found]
        else:
            return _error(400, "bad-request", "Bad request")
        offset, limit = (int(request.query_params.get(name, default)) for name, default in (("offset", 0), ("limit", 500)))
        shown = rows[offset : offset + limit]
        return JSONResponse([{"x": name or None, "y": count} for name, count in shown])

    async def _performance(self, request: Request) -> Response:
        if not self._may(request):
            return _error(401, "unauthorized", "Unauthorized")
        parameters = json.loads(await request.body())["parameters"]
        since, until = (datetime.fromisoformat(parameters[name]) for name in ("startDate", "endDate"))
        rows = await self.books.rows(
            """
            select timing, count(*) as measured,
                   percentile_cont(array[0.5, 0.75, 0.95]) within group (order by value::float8) as points
            from bellwether.page_timings
            where occurred_at > %(since)s and occurred_at <= %(until)s and timing in ('lcp', 'inp', 'cls', 'fcp', 'ttfb')
            group by timing
            """,
            {"since": since, "until": until},
        )
        points = {row["timing"]: [point * (1 if row["timing"] == "cls" else 1000) for point in row["points"]] for row in rows}
        summary: dict[str, Any] = {
            vital: dict(zip(("p50", "p75", "p95"), points.get(vital, [0, 0, 0]), strict=True)) for vital in _VITALS
        }
        return JSONResponse({"chart": [], "summary": {**summary, "count": max((row["measured"] for row in rows), default=0)}})

    def _may(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self._token}"


def _range(request: Request) -> tuple[datetime, datetime]:
    since, until = (int(request.query_params[name]) / 1000 for name in ("startAt", "endAt"))
    return datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "code": code, "status": status}}, status)
