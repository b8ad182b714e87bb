"""Google Analytics 4 as the company would have it, over its own visits, and the server that gives tokens for it.

A property's days are those of UTC, and every event is there at once, where Google takes hours. The key event is the completed
sign-up. What the database does not know of a visitor is told by `exporter.demo.audience`. Shapes:
https://developers.google.com/analytics/devguides/reporting/data/v1/rest and analyticsdata.v1beta.json (20261006); of errors,
https://developers.google.com/analytics/devguides/reporting/data/v1/errors
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.demo.audience import Audience
from exporter.demo.service_account import Tokens, key_file
from exporter.demo.vendors.vendor import Books, Vendor

_SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
_TRAITS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "sessionSource": ("source", {"": "(direct)"}),
    "countryId": ("country", {}),
    "browser": ("browser", {"chrome": "Chrome", "safari": "Safari", "firefox": "Firefox", "edge": "Edge"}),
    "operatingSystem": (
        "os",
        {"windows": "Windows", "mac": "Macintosh", "linux": "Linux", "ios": "iOS", "android": "Android", "": "(not set)"},
    ),
    "deviceCategory": ("device", {"": "(not set)"}),
    "sessionDefaultChannelGroup": (
        "medium",
        {
            "": "Direct", "organic": "Organic Search", "cpc": "Paid Search", "social": "Organic Social", "email": "Email",
            "referral": "Referral",
        },
    ),
}  # fmt: skip
_KEY_EVENT = "signup_completed"
_TYPES = {"bounceRate": "TYPE_FLOAT", "averageSessionDuration": "TYPE_SECONDS", "keyEvents": "TYPE_FLOAT"}
_LIMITS = {"tokensPerDay": 200_000, "tokensPerHour": 40_000, "tokensPerProjectPerHour": 14_000, "concurrentRequests": 10}

_Rows = list[tuple[str, dict[str, float]]]


class Ga4(Vendor, name="ga4"):
    """The property 424242. Each report costs a token of the quota."""

    PROPERTY = 424242

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._audience = Audience(books)
        self._tokens = Tokens(_SCOPE)
        self._consumed = {"core": 0, "realtime": 0}

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/token", self._tokens.give, methods=["POST"]),
            Route("/v1beta/properties/{number:int}:{method:str}", self._answer, methods=["POST"]),
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "property_id": self.PROPERTY, "service_account_file": str(key_file(f"{url}/token"))}

    async def _answer(self, request: Request) -> Response:
        if not self._tokens.knows(request):
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if request.path_params["number"] != self.PROPERTY:
            return _error(403, "PERMISSION_DENIED", "User does not have sufficient permissions for this property.")
        try:
            return JSONResponse(await self._made(request.path_params["method"], json.loads(await request.body())))
        except (LookupError, ValueError, TypeError) as error:
            return _error(400, "INVALID_ARGUMENT", f"Invalid request: {error}.")

    async def _made(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if method == "runReport":
            return await self._report(body)
        if method == "runRealtimeReport":
            return await self._realtime(body)
        if method != "batchRunReports" or not 1 <= len(body["requests"]) <= 5:
            raise ValueError("expected one to five reports")
        return {"reports": [await self._report(each) for each in body["requests"]], "kind": "analyticsData#batchRunReports"}

    async def _realtime(self, body: dict[str, Any]) -> dict[str, Any]:
        minutes = body["minuteRanges"][0]["startMinutesAgo"] + 1
        users = await self._audience.current(timedelta(minutes=minutes))
        rows = [{"dimensionValues": [], "metricValues": [{"value": str(users)}]}] if users else []
        return _table([], ["activeUsers"], rows, len(rows)) | {
            "propertyQuota": self._quota("realtime"),
            "kind": "analyticsData#runRealtimeReport",
        }

    async def _report(self, body: dict[str, Any]) -> dict[str, Any]:
        metrics, ranges = [each["name"] for each in body["metrics"]], body["dateRanges"]
        dimensions = [each["name"] for each in body.get("dimensions", [])]
        excluded = _excluded(body)
        rows = []
        for number, days in enumerate(ranges):
            named = [{"value": days.get("name", f"date_range_{number}")}] if len(ranges) > 1 else []
            for value, figures in await self._figures(dimensions, *self._days(days)):
                if value not in excluded:
                    values = [{"value": value}] if dimensions else []
                    shown = [{"value": str(figures[name])} for name in metrics]
                    rows.append({"dimensionValues": [*values, *named], "metricValues": shown})
        offset, limit = int(body.get("offset", 0)), int(body.get("limit", 10_000))
        headers = [*dimensions, *(["dateRange"] if len(ranges) > 1 else [])]
        table = _table(headers, metrics, rows[offset : offset + limit], len(rows))
        table |= {"metadata": {"currencyCode": "EUR", "timeZone": "Etc/UTC"}, "kind": "analyticsData#runReport"}
        return table | ({"propertyQuota": self._quota("core")} if body.get("returnPropertyQuota") else {})

    async def _figures(self, dimensions: list[str], since: datetime, until: datetime) -> _Rows:
        """The metrics of each value of a dimension, or of the whole; nothing where nobody came."""
        if not dimensions:
            row = await self._audience.totals(since, until)
            ended = max(1, row["ended"])
            whole = {
                "sessions": row["visits"],
                "screenPageViews": row["page_views"],
                "totalUsers": row["visitors"],
                "bounceRate": row["bounces"] / ended,
                "averageSessionDuration": row["seconds"] / ended,
            }
            return [("", whole)] if row["visits"] else []
        if dimensions == ["eventName"]:
            return await self._events(since, until)
        if dimensions == ["pagePath"]:
            return [(row["value"], {"totalUsers": row["visitors"]}) for row in await self._audience.pages(since, until)]
        trait, names = _TRAITS[dimensions[0]]
        rows = await self._audience.by(trait, since, until)
        return [(names.get(row["value"], row["value"]), {"totalUsers": row["visitors"]}) for row in rows]

    async def _events(self, since: datetime, until: datetime) -> _Rows:
        """What was done, and what Google counts on every website by itself."""
        whole = await self._audience.totals(since, until)
        automatic = {"page_view": whole["page_views"], "session_start": whole["visits"]}
        rows = [(name, {"eventCount": n, "keyEvents": 0, "totalUsers": whole["visitors"]}) for name, n in automatic.items()]
        for row in await self._audience.events(since, until):
            reached = row["events"] if row["name"] == _KEY_EVENT else 0
            rows.append((row["name"], {"eventCount": row["events"], "keyEvents": reached, "totalUsers": row["visitors"]}))
        return sorted(rows, key=lambda row: -row[1]["eventCount"])

    def _days(self, days: Mapping[str, str]) -> tuple[datetime, datetime]:
        """From just before the first instant of the first day to just before that of the day after the last."""
        today = self.books.now().date()
        first, last = (today - timedelta(days=_ago(days[name])) for name in ("startDate", "endDate"))
        just = timedelta(microseconds=1)
        begins, ends = datetime.combine(first, time(), UTC), datetime.combine(last + timedelta(days=1), time(), UTC)
        return begins - just, ends - just

    def _quota(self, kind: str) -> dict[str, dict[str, int]]:
        self._consumed[kind] += 1
        used = {"concurrentRequests": 0}
        return {
            name: {"consumed": used.get(name, 1), "remaining": limit - used.get(name, self._consumed[kind])}
            for name, limit in _LIMITS.items()
        }


def _ago(text: str) -> int:
    return {"today": 0, "yesterday": 1}[text] if text.isalpha() else int(text.removesuffix("daysAgo"))


def _excluded(body: Mapping[str, Any]) -> list[str]:
    """The values that a filter leaves out, where there is one."""
    if "dimensionFilter" not in body:
        return []
    values: list[str] = body["dimensionFilter"]["notExpression"]["filter"]["inListFilter"]["values"]
    return values


def _table(dimensions: list[str], metrics: list[str], rows: list[dict[str, Any]], whole: int) -> dict[str, Any]:
    """As Google has it: without rows there is neither that key nor their number."""
    headers = [{"name": name, "type": _TYPES.get(name, "TYPE_INTEGER")} for name in metrics]
    table: dict[str, Any] = {"dimensionHeaders": [{"name": name} for name in dimensions]} if dimensions else {}
    return table | {"metricHeaders": headers} | ({"rows": rows, "rowCount": whole} if whole else {})


def _error(status: int, name: str, message: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": message, "status": name}}, status)
