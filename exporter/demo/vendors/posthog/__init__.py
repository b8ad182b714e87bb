"""PostHog as the company uses it: what its queries give, flags and experiments.

An engine for HogQL is out of reach, so queries are known by their name; tests run the collector's very texts on ClickHouse,
over the same events. Lists come in pages of three, so that the company's flags fill more than one.
Source: https://posthog.com/docs/api/queries, https://posthog.com/docs/api/feature-flags, https://posthog.com/docs/api/experiments
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from exporter.demo.vendors.posthog.figures import answered
from exporter.demo.vendors.vendor import Vendor

KEY = "phx_demoKeyOfSomebodyWhoMayReadQueries"
PROJECT = 4711
STEPS = ("landing_viewed", "pricing_viewed", "cta_clicked", "signup_started", "signup_completed")

_LONGEST_PAGE = 3
_FLAGS = """
    select flag, enabled, rollout_ratio, since
    from bellwether.flags
    where since <= %(now)s and (until is null or until > %(now)s)
    order by flag
"""
_EXPERIMENTS = """
    select experiment, min(started_at) as started_at, max(ended_at) as ended_at
    from bellwether.experiments
    where started_at <= %(now)s
    group by experiment
    order by experiment
"""


class PostHog(Vendor, name="posthog"):
    """One project."""

    def routes(self) -> Sequence[BaseRoute]:
        project = f"/api/projects/{PROJECT}"
        return [
            Route(f"{project}/query/", self._query, methods=["POST"]),
            Route(f"{project}/feature_flags/", self._flags),
            Route(f"{project}/experiments/", self._experiments),
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {
            "url": url,
            "api_key": KEY,
            "project": PROJECT,
            "funnels": [{"name": "signup", "steps": list(STEPS), "within": "7d", "window": "30d"}],
        }

    async def _query(self, request: Request) -> JSONResponse:
        if denied := _denied(request):
            return denied
        asked = await request.json()
        query = asked["query"]
        if query.get("kind") != "HogQLQuery" or asked.get("refresh") != "force_blocking":
            return _error(400, "validation_error", "invalid_input", "This simulator answers HogQL, and afresh.")
        rows = await answered(self.books, asked.get("name", ""), query["query"])
        if rows is None:
            return _error(400, "validation_error", "invalid_input", "This simulator does not know the query of that name.")
        columns = list(rows[0]) if rows else []
        return JSONResponse(
            {
                "cache_key": "cache_4711",
                "is_cached": False,
                "last_refresh": _written(self.books.now()),
                "timezone": "UTC",
                "columns": columns,
                "types": [[name, _type([row[name] for row in rows])] for name in columns],
                "results": [list(row.values()) for row in rows],
                "hasMore": False,
                "limit": 100,
                "offset": 0,
                "error": None,
                "timings": [{"k": "./execute", "t": 0.04}],
                "query_status": None,
            }
        )

    async def _flags(self, request: Request) -> JSONResponse:
        rows = await self.books.rows(_FLAGS, {"now": self.books.now()})
        return _denied(request) or _page(request, [_flag(number, row) for number, row in enumerate(rows, 1)])

    async def _experiments(self, request: Request) -> JSONResponse:
        rows = await self.books.rows(_EXPERIMENTS, {"now": self.books.now()})
        now = self.books.now()
        return _denied(request) or _page(request, [_experiment(number, row, now) for number, row in enumerate(rows, 1)])


def _denied(request: Request) -> JSONResponse | None:
    given = request.headers.get("authorization")
    if given is None:
        message = "Authentication credentials were not provided."
        return _error(401, "authentication_error", "not_authenticated", message)
    if given != f"Bearer {KEY}":
        return _error(401, "authentication_error", "authentication_failed", "Personal API key found in request is invalid.")
    return None


def _error(status: int, kind: str, code: str, detail: str) -> JSONResponse:
    return JSONResponse({"type": kind, "code": code, "detail": detail, "attr": None}, status)


def _page(request: Request, items: list[dict[str, Any]]) -> JSONResponse:
    limit = min(int(request.query_params.get("limit", 100)), _LONGEST_PAGE)
    offset = int(request.query_params.get("offset", 0))

    def at(offset: int) -> str | None:
        inside = 0 <= offset < len(items)
        return str(request.url.replace(query=f"limit={limit}&offset={offset}")) if inside else None

    page = {"next": at(offset + limit), "previous": at(offset - limit), "results": items[offset : offset + limit]}
    return JSONResponse({"count": len(items), **page})


def _flag(number: int, row: dict[str, Any]) -> dict[str, Any]:
    percentage = round(float(row["rollout_ratio"]) * 100)
    return {
        "id": number,
        "name": row["flag"].replace("_", " "),
        "key": row["flag"],
        "filters": {"groups": [{"properties": [], "rollout_percentage": percentage, "variant": None}], "payloads": {}},
        "deleted": False,
        "active": row["enabled"],
        "created_by": None,
        "created_at": _written(row["since"]),
        "is_simple_flag": True,
        "rollout_percentage": percentage,
        "ensure_experience_continuity": False,
        "experiment_set": [],
        "surveys": {},
        "features": {},
        "rollback_conditions": [],
        "performed_rollback": False,
        "can_edit": False,
        "tags": [],
        "usage_dashboard": None,
        "analytics_dashboards": [],
        "has_enriched_analytics": False,
    }


def _experiment(number: int, row: dict[str, Any], now: datetime) -> dict[str, Any]:
    ended = row["ended_at"] if row["ended_at"] is not None and row["ended_at"] <= now else None
    return {
        "id": number,
        "name": row["experiment"].replace("_", " "),
        "description": "",
        "start_date": _written(row["started_at"]),
        "end_date": ended and _written(ended),
        "feature_flag_key": row["experiment"],
        "feature_flag": None,
        "parameters": {},
        "secondary_metrics": [],
        "filters": {},
        "archived": False,
        "created_by": None,
        "created_at": _written(row["started_at"]),
        "updated_at": _written(row["started_at"]),
    }


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _type(values: list[Any]) -> str:
    value = next((value for value in values if value is not None), 0)
    return {int: "UInt64", float: "Nullable(Float64)"}.get(type(value), "String")
