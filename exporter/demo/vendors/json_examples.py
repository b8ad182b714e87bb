"""Services that the company uses and that have no collector of their own: the examples of the kind `json`.

LaunchDarkly has the flags of `bellwether.flags`. The company keeps no list of deployments and does not record who watches
whose session; so to Vercel each change of a flag was deployed, and a deployment that turned one off was the last of a failed
release; and in LogRocket somebody of support watched a session for each ticket when it came in.
Source: https://launchdarkly.com/docs/api/feature-flags/get-feature-flags,
https://vercel.com/docs/rest-api/deployments/list-deployments, https://docs.logrocket.com/docs/audit-log-api
"""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from exporter.demo.vendors.vendor import Vendor

Item = dict[str, Any]

_FLAGS = "select flag, enabled, rollout_ratio, since, until from bellwether.flags where since <= %(now)s order by flag, since"
_TICKETS = """
select ticket_id, created_at from bellwether.tickets where created_at >= %(begin)s and created_at <= %(now)s order by created_at
"""


class Launchdarkly(Vendor, name="launchdarkly"):
    """Flags of one project."""

    KEY = "api-00000000-0000-0000-0000-000000000000"

    def routes(self) -> list[Route]:
        return [Route("/api/v2/flags/shop", self._flags)]

    def settings(self, url: str) -> dict[str, object]:
        return {
            "kind": "json",
            "name": "launchdarkly",
            "url": url,
            "headers": {"Authorization": self.KEY, "LD-API-Version": "20240415"},
            "requests": [
                {
                    "path": "/api/v2/flags/shop",
                    "params": {"env": "production", "limit": 100},
                    "pages": {"by": "url", "next": "_links.next.href"},
                    "items": "items",
                    "labels": {"flag": "key"},
                    "metrics": [
                        {
                            "name": "feature_flag_enabled",
                            "help": "Whether the flag is on in production, 1 or 0.",
                            "value": "environments.production.on",
                        },
                        {
                            "name": "feature_flag_changed_timestamp_seconds",
                            "help": "When the flag was last changed in production, in Unix time.",
                            "value": "environments.production.lastModified",
                            "scale": 0.001,
                        },
                    ],
                }
            ],
        }

    async def _flags(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != self.KEY:
            return JSONResponse({"code": "unauthorized", "message": "Invalid access token"}, 401)
        rows = await self.books.rows(_FLAGS, {"now": self.books.now()})
        limit, offset = int(request.query_params.get("limit", 20)), int(request.query_params.get("offset", 0))
        items = [_flag([row for row in rows if row["flag"] == name]) for name in sorted({row["flag"] for row in rows})]
        here = "/api/v2/flags/shop?env=production"
        links = {"self": {"href": here, "type": "application/json"}}
        if offset + limit < len(items):
            links["next"] = {"href": f"{here}&limit={limit}&offset={offset + limit}", "type": "application/json"}
        return JSONResponse({"items": items[offset : offset + limit], "_links": links, "totalCount": len(items)})


class VercelDeployments(Vendor, name="vercel_deployments"):
    """Deployments of one project."""

    KEY = "vercel-demo-token"

    def routes(self) -> list[Route]:
        return [Route("/v6/deployments", self._deployments)]

    def settings(self, url: str) -> dict[str, object]:
        return {}  # in the demo its flags tell the same

    async def _deployments(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {self.KEY}":
            error = {"code": "forbidden", "message": "Not authorized", "invalidToken": True}
            return JSONResponse({"error": error}, 403)
        asked = request.query_params
        rows = await self.books.rows(_FLAGS, {"now": self.books.now()})
        since, until = float(asked.get("since", 0)), float(asked.get("until", "inf"))
        found = [_deployment(number, row) for number, row in enumerate(rows)]
        found = sorted((each for each in found if since <= each["created"] < until), key=lambda each: -each["created"])
        page = found[: int(asked.get("limit", 20))]
        following = page[-1]["created"] if len(page) < len(found) else None
        previous = page[0]["created"] if page else None
        return JSONResponse({"pagination": {"count": len(page), "next": following, "prev": previous}, "deployments": page})


class Logrocket(Vendor, name="logrocket"):
    """The audit log of one project."""

    KEY = "shop:web:00000000000000000000"

    def routes(self) -> list[Route]:
        return [Route("/v1/orgs/shop/apps/web/audit/logs/", self._logs)]

    def settings(self, url: str) -> dict[str, object]:
        return {}  # in the demo the pack `support` tells the same

    async def _logs(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"token {self.KEY}":
            return JSONResponse({"error": "Invalid API key"}, 401)
        begin = datetime.fromtimestamp(int(request.query_params["cursor"]) / 1000, UTC)
        rows = await self.books.rows(_TICKETS, {"begin": begin, "now": self.books.now()})
        limit = int(request.query_params.get("limit", 10))
        page, rest = rows[:limit], rows[limit:]
        answer = {"has_next": bool(rest), "logs": [_watched(row) for row in page]}
        following = rest[0]["created_at"] if rest else self.books.now()
        return JSONResponse({**answer, "cursor": _milliseconds(following)})


def _flag(stretches: list[Item]) -> Item:
    now = stretches[-1]
    return {
        "key": now["flag"],
        "name": now["flag"].replace("_", " "),
        "kind": "boolean",
        "archived": False,
        "temporary": True,
        "creationDate": _milliseconds(stretches[0]["since"]),
        "environments": {"production": {"on": now["enabled"], "archived": False, "lastModified": _milliseconds(now["since"])}},
    }


def _deployment(number: int, row: Item) -> Item:
    return {
        "uid": f"dpl_{number:024}",
        "name": "shop",
        "url": f"shop-{number}.vercel.app",
        "created": _milliseconds(row["since"]),
        "state": "READY" if row["enabled"] else "ERROR",
        "target": "production",
    }


def _watched(row: Item) -> Item:
    at = row["created_at"].astimezone(UTC)
    return {
        "time": f"{at:%m/%d/%y %I:%M%p}",
        "created_date": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "user": "support",
        "action": "Viewed session",
        "description": f"1-{row['ticket_id']}/1",
    }


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)  # not rounded up: a cursor leads to what was not before it
