"""PagerDuty as the company has it: whom urgent tickets, findings of security and incidents of the demo call out of bed.

An urgent ticket is an incident of the service Support, acknowledged by its first answer. A finding of security that is not low
is one of Security, acknowledged some minutes after it was made, as many as its id says, unless it was closed before. An
incident of the demo is one of Shop until it is ended, acknowledged by nobody. Two schedules: one that always has somebody,
one of the day alone, from 8 to 20 UTC. Shapes: those of tests/recorded/pagerduty.
"""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.demo.vendors.vendor import Vendor

_API, _SITE = "https://api.pagerduty.com", "https://acme.pagerduty.com"
_LARGEST_PAGE, _FURTHEST = 100, 10_000
_SCHEDULES = {"PPRIMARY": "Primary", "PDAYTIME": "Daytime"}
_INCIDENTS = """
    select 'Support' as service, 'high' as urgency, ticket_id as id, created_at as began_at,
           first_responded_at as acknowledged_at, resolved_at
    from bellwether.tickets
    where priority = 'urgent' and created_at <= %(now)s
    union all
    select 'Security', case when severity in ('critical', 'high') then 'high' else 'low' end, event_id, occurred_at,
           null, resolved_at
    from bellwether.security_events
    where severity <> 'low' and occurred_at <= %(now)s
    union all
    select 'Shop', 'high', name || started_at::text, started_at, null, ended_at
    from shop.incidents
    where started_at <= %(now)s
    order by began_at, id
"""


class Pagerduty(Vendor, name="pagerduty"):
    """The account `acme`, with a key and an app."""

    KEY = "demo-pagerduty-api-key"
    CLIENT, SECRET = "demo-pagerduty-app", "demo-pagerduty-app-secret"
    _TOKEN = "demo-pagerduty-access-token"  # noqa: S105 - of a simulator

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/oauth/token", self._grant, methods=["POST"]),
            Route("/incidents", self._incidents),
            Route("/log_entries", self._log),
            Route("/schedules", self._schedules),
            Route("/schedules/{id}", self._schedule),
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "api_key": self.KEY}

    async def _grant(self, request: Request) -> Response:
        asked = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
        if (asked.get("client_id"), asked.get("client_secret")) != (self.CLIENT, self.SECRET):
            return JSONResponse({"error": "invalid_client", "error_description": "Client authentication failed."}, 401)
        scope = asked.get("scope", "").replace("+", " ")
        return JSONResponse({"access_token": self._TOKEN, "scope": scope, "token_type": "bearer", "expires_in": 2592000})

    async def _incidents(self, request: Request) -> Response:
        wanted = request.query_params.getlist("statuses[]") or ["triggered", "acknowledged", "resolved"]
        incidents = [each for each in await self._all() if each["status"] in wanted]
        if request.query_params.get("date_range") != "all":
            month = _date(self.books.now() - timedelta(days=30))
            incidents = [each for each in incidents if each["created_at"] >= month]
        return self._page(request, "incidents", [_shown(each) for each in incidents])

    async def _log(self, request: Request) -> Response:
        """The newest first."""
        entries = [entry for each in await self._all() for entry in _entries(each)]
        since, until = (datetime.fromisoformat(request.query_params[name]) for name in ("since", "until"))
        within = [entry for entry in entries if since <= datetime.fromisoformat(entry["created_at"]) < until]
        if "incidents" not in request.query_params.getlist("include[]"):
            for entry in within:
                incident = entry["incident"]
                entry["incident"] = _reference("incident", "incidents", incident["id"], incident["summary"])
        return self._page(request, "log_entries", sorted(within, key=lambda entry: entry["created_at"], reverse=True))

    async def _schedules(self, request: Request) -> Response:
        return self._page(request, "schedules", [_schedule(identity) for identity in _SCHEDULES])

    async def _schedule(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        identity = request.path_params["id"]
        if identity not in _SCHEDULES:
            return JSONResponse({"error": {"message": "Not Found", "code": 2100}}, 404)
        since, until = (datetime.fromisoformat(request.query_params[name]) for name in ("since", "until"))
        return JSONResponse({"schedule": _rendered(identity, since, until)}, headers=_QUOTA)

    def _page(self, request: Request, name: str, rows: list[dict[str, Any]]) -> Response:
        if refused := self._refused(request):
            return refused
        limit = min(int(request.query_params.get("limit", 25)), _LARGEST_PAGE)
        offset = int(request.query_params.get("offset", 0))
        if offset + limit > _FURTHEST:
            errors = [f"Offset must be less than or equal to {_FURTHEST}"]
            return JSONResponse({"error": {"message": "Invalid Input Provided", "code": 2001, "errors": errors}}, 400)
        page: dict[str, Any] = {name: rows[offset : offset + limit], "limit": limit, "offset": offset}
        more = offset + limit < len(rows)
        return JSONResponse(
            {**page, "more": more, "total": None} if name == "schedules" else {**page, "more": more}, headers=_QUOTA
        )

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") in {f"Token token={self.KEY}", f"Bearer {self._TOKEN}"}:
            return None
        return JSONResponse({"error": {"message": "Invalid credentials", "code": 2006}}, 401)

    async def _all(self) -> list[dict[str, Any]]:
        now = self.books.now()
        rows = await self.books.rows(_INCIDENTS, {"now": now})
        return [_incident(row, number, now) for number, row in enumerate(rows, 1)]


_QUOTA = {"ratelimit-limit": "960", "ratelimit-remaining": "959", "ratelimit-reset": "60"}


def _incident(row: dict[str, Any], number: int, now: datetime) -> dict[str, Any]:
    """An incident, and under names with a line before them what its log needs."""
    began, acknowledged, resolved = row["began_at"], row["acknowledged_at"], row["resolved_at"]
    if row["service"] == "Security":
        acknowledged = began + timedelta(minutes=1 + zlib.crc32(row["id"].encode()) % 10)
        if resolved is not None and resolved < acknowledged:
            acknowledged = None
    resolved = resolved if resolved is not None and resolved <= now else None
    acknowledged = acknowledged if acknowledged is not None and acknowledged <= now else None
    status = "resolved" if resolved else "acknowledged" if acknowledged else "triggered"
    identity, title = f"PINCIDENT{number:06}", f"{row['service']} calls"
    service = _reference("service", "services", f"P{row['service'].upper()}", row["service"])
    opened = status == "acknowledged"
    return {
        "id": identity,
        "type": "incident",
        "summary": f"[#{number}] {title}",
        "self": f"{_API}/incidents/{identity}",
        "html_url": f"{_SITE}/incidents/{identity}",
        "incident_number": number,
        "created_at": _date(began),
        "status": status,
        "title": title,
        "incident_key": f"demo-{number}",
        "service": service,
        "priority": None,
        "assigned_via": "escalation_policy",
        "assignments": [],
        "acknowledgements": [{"at": _date(acknowledged), "acknowledger": _USER}] if opened and acknowledged else [],
        "last_status_change_at": _date(resolved or acknowledged or began),
        "last_status_change_by": service if status == "triggered" else _USER,
        "first_trigger_log_entry": _entry_reference(identity, "trigger"),
        "escalation_policy": _POLICY,
        "teams": [],
        "urgency": row["urgency"],
        "conference_bridge": None,
        "_acknowledged": _date(acknowledged) if acknowledged else None,
        "_resolved": _date(resolved) if resolved else None,
    }


def _shown(incident: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in incident.items() if not name.startswith("_")}


def _entries(incident: dict[str, Any]) -> Iterator[dict[str, Any]]:
    happened = {
        "trigger": incident["created_at"], "acknowledge": incident["_acknowledged"], "resolve": incident["_resolved"],
    }  # fmt: skip
    for kind, at in happened.items():
        if at is not None:
            reference = _entry_reference(incident["id"], kind)
            yield {
                **reference,
                "type": f"{kind}_log_entry",
                "created_at": at,
                "agent": incident["service"] if kind == "trigger" else _USER,
                "channel": {"type": "api" if kind == "trigger" else "website"},
                "incident": _shown(incident),
                "teams": [],
                "contexts": [],
                **({"event_details": {"description": incident["title"]}} if kind == "trigger" else {}),
            }


def _entry_reference(incident: str, kind: str) -> dict[str, Any]:
    identity = f"R{kind.upper()}{incident[9:]}"
    return {
        "id": identity,
        "type": f"{kind}_log_entry_reference",
        "summary": f"{kind.capitalize()}d",
        "self": f"{_API}/log_entries/{identity}?incident_id={incident}",
        "html_url": f"{_SITE}/incidents/{incident}/log_entries/{identity}",
    }


def _reference(kind: str, path: str, identity: str, summary: str) -> dict[str, Any]:
    return {
        "id": identity,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"{_API}/{path}/{identity}",
        "html_url": f"{_SITE}/{path}/{identity}",
    }


_USER = _reference("user", "users", "PENGINEER", "An engineer")
_POLICY = _reference("escalation_policy", "escalation_policies", "PPOLICY", "Default")


def _schedule(identity: str) -> dict[str, Any]:
    layer = {
        "name": "Layer 1",
        "start": "2025-01-01T00:00:00Z",
        "end": None,
        "rotation_virtual_start": "2025-01-01T00:00:00Z",
        "rotation_turn_length_seconds": 604800,
        "users": [{"user": _USER}],
        "restrictions": _restrictions(identity),
    }
    name = _SCHEDULES[identity]
    return {
        **_reference("schedule", "schedules", identity, name),
        "type": "schedule",
        "name": name,
        "time_zone": "Etc/UTC",
        "description": None,
        "escalation_policies": [_POLICY],
        "users": [_USER],
        "schedule_layers": [layer],
    }


def _restrictions(identity: str) -> list[dict[str, Any]]:
    daily = {"type": "daily_restriction", "start_time_of_day": "08:00:00", "duration_seconds": 43200}
    return [daily] if identity == "PDAYTIME" else []


def _rendered(identity: str, since: datetime, until: datetime) -> dict[str, Any]:
    """The schedule with who is on call between two instants, cut off at both."""
    stretches = [(since, until)]
    if identity == "PDAYTIME":
        midnight = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        days = [midnight + timedelta(days=number) for number in range((until - midnight).days + 1)]
        stretches = [(max(since, day + timedelta(hours=8)), min(until, day + timedelta(hours=20))) for day in days]
    entries = [{"start": _date(begin), "end": _date(end), "user": _USER} for begin, end in stretches if begin < end]
    covered = sum((end - begin for begin, end in stretches if begin < end), timedelta())
    rendered = {"rendered_schedule_entries": entries, "rendered_coverage_percentage": round(100 * covered / (until - since), 1)}
    layer = {**_schedule(identity)["schedule_layers"][0], **rendered, "id": "PLAYER"}
    del layer["end"]
    return {
        **_schedule(identity),
        "teams": [],
        "schedule_layers": [layer],
        "overrides_subschedule": {"name": "Overrides", "rendered_schedule_entries": [], "rendered_coverage_percentage": 0},
        "final_schedule": {"name": "Final Schedule", **rendered},
    }


def _date(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
