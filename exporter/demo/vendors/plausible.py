"""Plausible as the company would have it: its Stats API over the company's own visits.

Goals are the names of the company's events. What the database does not know of a visitor is told by `exporter.demo.audience`.
Shapes: https://plausible.io/docs/stats-api, https://plausible.io/docs/stats-api-v1; of errors,
https://github.com/plausible/analytics/blob/master/lib/plausible_web/plugs/authorize_public_api.ex
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.demo.audience import Audience
from exporter.demo.vendors.vendor import Books, Vendor

_TRAITS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "visit:source": ("source", {"": "Direct / None", "google": "Google", "linkedin": "LinkedIn"}),
    "visit:country": ("country", {}),
    "visit:browser": ("browser", {"chrome": "Chrome", "safari": "Safari", "firefox": "Firefox", "edge": "Microsoft Edge"}),
    "visit:os": (
        "os",
        {"windows": "Windows", "mac": "Mac", "linux": "GNU/Linux", "ios": "iOS", "android": "Android", "": "(not set)"},
    ),
    "visit:device": ("device", {"desktop": "Desktop", "mobile": "Mobile", "tablet": "Tablet", "": "(not set)"}),
    "visit:channel": (
        "medium",
        {
            "": "Direct", "organic": "Organic Search", "cpc": "Paid Search", "social": "Organic Social", "email": "Email",
            "referral": "Referral",
        },
    ),
}  # fmt: skip
_OF_VISITS = {"bounce_rate", "visit_duration", "views_per_visit"}
_KEYS = {"site_id", "metrics", "date_range", "dimensions", "filters", "order_by", "include", "pagination"}
_REFUSED = "Invalid API key or site ID. Please make sure you're using a valid API key with access to the site you've requested."


class Plausible(Vendor, name="plausible"):
    """The website `shop.example`."""

    KEY = "demo-plausible-stats-key"
    SITE = "shop.example"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._audience = Audience(books)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v1/stats/realtime/visitors", self._current),
            Route("/api/v2/query", self._query, methods=["POST"]),
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "api_key": self.KEY, "site": self.SITE}

    async def _current(self, request: Request) -> Response:
        if not self._may(request, request.query_params.get("site_id")):
            return JSONResponse({"error": _REFUSED}, 401)
        return JSONResponse(await self._audience.current())

    async def _query(self, request: Request) -> Response:
        try:
            query = json.loads(await request.body())
        except ValueError:
            return JSONResponse({"error": "Invalid JSON"}, 400)
        if not self._may(request, query.get("site_id")):
            return JSONResponse({"error": _REFUSED}, 401)
        metrics, dimensions = query.get("metrics", []), query.get("dimensions", [])
        if unknown := query.keys() - _KEYS:
            return JSONResponse({"error": f"#/{min(unknown)}: Schema does not allow additional properties."}, 400)
        if not metrics or (dimensions and dimensions[0].startswith("event:") and _OF_VISITS.intersection(metrics)):
            return JSONResponse({"error": "Session metric(s) cannot be queried along with event dimensions."}, 400)
        try:
            since, until = (datetime.fromisoformat(text) for text in query["date_range"])
            rows = await self._rows(dimensions, since, until)
        except (LookupError, ValueError, TypeError):
            return JSONResponse({"error": "#/date_range: Invalid date range"}, 400)
        page = {"limit": 10000, "offset": 0, **query.get("pagination", {})}
        return JSONResponse(
            {
                "results": [
                    {"metrics": [row[name] for name in metrics], "dimensions": [row["value"]] if dimensions else []}
                    for row in rows[page["offset"] : page["offset"] + page["limit"]]
                ],
                "meta": {},
                "query": {
                    "site_id": self.SITE,
                    "metrics": metrics,
                    "date_range": query["date_range"],
                    "filters": query.get("filters", []),
                    "dimensions": dimensions,
                    "order_by": query.get("order_by", [[metrics[0], "desc"]]),
                    "include": query.get("include", {}),
                    "pagination": {"offset": page["offset"], "limit": page["limit"]},
                },
            }
        )

    def _may(self, request: Request, site: object) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.KEY}" and site == self.SITE

    async def _rows(self, dimensions: list[str], since: datetime, until: datetime) -> list[dict[str, Any]]:
        """All rows of a breakdown, or the only one of the whole."""
        if not dimensions:
            return [await self._whole(since, until)]
        if dimensions[0] == "event:page":
            return await self._audience.pages(since, until)
        if dimensions[0] == "event:goal":
            everybody = (await self._whole(since, until))["visitors"]
            return [
                {**row, "value": row["name"], "conversion_rate": round(100 * row["visitors"] / everybody, 2)}
                for row in await self._audience.events(since, until)
                if everybody
            ]
        trait, names = _TRAITS[dimensions[0]]
        rows = await self._audience.by(trait, since, until)
        return [{**row, "value": names.get(row["value"], row["value"])} for row in rows]

    async def _whole(self, since: datetime, until: datetime) -> dict[str, Any]:
        """As Plausible has it, a site without visits bounces nobody, and nobody stays."""
        row = await self._audience.totals(since, until)
        ended = max(1, row["ended"])
        return {
            "visitors": row["visitors"],
            "visits": row["visits"],
            "pageviews": row["page_views"],
            "bounce_rate": round(100 * row["bounces"] / ended, 1),
            "visit_duration": round(row["seconds"] / ended),
        }
