"""What the status pages answer, each in the shape of its format."""

from datetime import datetime
from typing import Any

from exporter.demo.vendors.statuspage.story import IMPACT, RELEASE_LASTS, SEVERITY, VENDORS_OWN, Incident, State

_DESCRIPTIONS = {
    "none": "All Systems Operational",
    "minor": "Partially Degraded Service",
    "major": "Partial System Outage",
    "critical": "Major Service Outage",
    "maintenance": "Service Under Maintenance",
}
_PAGE_ID, _OPENED = "sh0pstatus01", "2025-09-01T08:00:00.000Z"
_INSTATUS = {"degraded_performance": "DEGRADEDPERFORMANCE", "partial_outage": "PARTIALOUTAGE", "major_outage": "MAJOROUTAGE"}
_STATUSIO = {
    "operational": (100, "Operational"),
    "under_maintenance": (200, "Planned Maintenance"),
    "degraded_performance": (300, "Degraded Performance"),
    "partial_outage": (400, "Partial Service Disruption"),
    "major_outage": (500, "Service Disruption"),
}


def statuspage(state: State) -> dict[str, Any]:
    """A summary of Statuspage."""
    page = {"id": _PAGE_ID, "name": "Shop", "url": "https://status.shop.example", "time_zone": "Etc/UTC"}
    return {
        "page": page | {"updated_at": _iso(state.changed)},
        "components": _components(state),
        "incidents": [_incident(incident) for incident in state.incidents],
        "scheduled_maintenances": [_maintenance(state)],
        "status": {"indicator": state.indicator, "description": _DESCRIPTIONS[state.indicator]},
    }


def stripe(state: State) -> dict[str, Any]:
    """What Stripe says: charging fails, the API is down and the whole degraded; an outage of its own is all of it."""
    down = bool(state.incidents)
    outage = any(incident.name == VENDORS_OWN for incident in state.incidents)
    parts = ("api", "dashboard", "stripejs", "checkoutjs", "webhooks", "emails")
    return {
        "largestatus": "down" if outage else "degraded" if down else "up",
        "message": "Elevated errors when charging cards" if down else "All systems operational",
        "time": f"{state.now:%B} {state.now.day}, {state.now.hour}:{state.now:%M} +0:00",
        "statuses": {part: "down" if down and part == "api" else "up" for part in parts},
    }


def instatus(state: State) -> dict[str, Any]:
    """A summary of Instatus, whose lists are missing while they are empty."""
    page = {"name": "Messages", "url": "https://messages.instatus.com", "status": "HASISSUES" if state.incidents else "UP"}
    incidents = [
        {
            "name": incident.effect,
            "started": f"{incident.began:%a %b %d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)",
            "status": "INVESTIGATING",
            "impact": _INSTATUS[incident.status],
            "url": f"https://messages.instatus.com/incident/{incident.name}",
        }
        for incident in state.incidents
    ]
    return {"page": page} | ({"activeIncidents": incidents} if incidents else {})


def instatus_components(state: State) -> dict[str, Any]:
    """The components of Instatus: a group is listed beside what is in it."""
    delivery = _INSTATUS.get(state.status_of("Notifications"), "OPERATIONAL")
    group = {"id": "clchannels", "name": "Channels", "description": "", "status": delivery}
    named = {"Push": delivery, "Text messages": delivery, "E-mail": "OPERATIONAL"}
    inside = [
        {"id": f"cl{number}", "name": name, "description": "", "status": status, "group": group}
        for number, (name, status) in enumerate(named.items())
    ]
    return {"components": [group | {"group": None}, *inside]}


def statusio(state: State) -> dict[str, Any]:
    """A status of Status.io."""
    statuses = {name: state.status_of(name) for name in ("Website", "API")}
    release = [{"_id": "release", "name": "Release", "datetime_planned_start": _iso(state.release)}]
    maintenance = {"active": release, "upcoming": []} if state.releasing else {"active": [], "upcoming": release}
    return {
        "result": {
            "status_overall": {
                "updated": _iso(state.changed),
                **_code(max(statuses.values(), key=SEVERITY.__getitem__)),
            },
            "status": [
                _part(number, name, status, state) | {"containers": [_part(9, "Frankfurt", status, state)]}
                for number, (name, status) in enumerate(statuses.items())
            ],
            "incidents": [
                {
                    "_id": incident.name,
                    "name": incident.effect,
                    "datetime_open": _iso(incident.began),
                    "messages": [
                        {
                            "details": incident.effect,
                            "state": 100,
                            "status": _STATUSIO[incident.status][0],
                            "datetime": _iso(incident.began),
                        }
                    ],
                }
                for incident in state.incidents
            ],
            "maintenance": maintenance,
        }
    }


def _part(number: int, name: str, status: str, state: State) -> dict[str, Any]:
    return {"id": f"56a807c7b62d59d80800001{number}", "name": name, "updated": _iso(state.changed), **_code(status)}


def _code(status: str) -> dict[str, Any]:
    number, text = _STATUSIO[status]
    return {"status": text, "status_code": number}


def _components(state: State) -> list[dict[str, Any]]:
    """Two components in a group, and three without; the group is listed with the worst of what is in it."""
    named = {name: state.status_of(name) for name in ("Website", "API", "Payments", "Notifications", "Sign-in")}
    group = max(named["Website"], named["API"], key=SEVERITY.__getitem__)
    found = [_component(1, "Application", group, state) | {"group": True, "components": ["component002", "component003"]}]
    for number, (name, status) in enumerate(named.items(), start=2):
        found.append(_component(number, name, status, state) | {"group_id": "component001" if number <= 3 else None})
    return found


def _component(number: int, name: str, status: str, state: State) -> dict[str, Any]:
    return {
        "id": f"component{number:03}",
        "name": name,
        "status": status,
        "created_at": _OPENED,
        "updated_at": _iso(state.changed),
        "position": number,
        "description": None,
        "showcase": False,
        "start_date": None,
        "group_id": None,
        "page_id": _PAGE_ID,
        "group": False,
        "only_show_if_degraded": False,
    }


def _incident(incident: Incident) -> dict[str, Any]:
    began = _iso(incident.began)
    return _entry(incident.name, incident.effect, began, "investigating", IMPACT[incident.status]) | {"started_at": began}


def _maintenance(state: State) -> dict[str, Any]:
    status = "in_progress" if state.releasing else "scheduled"
    planned = {"scheduled_for": _iso(state.release), "scheduled_until": _iso(state.release + RELEASE_LASTS)}
    entry = _entry(f"release{state.release:%m%d}", "Weekly release", _iso(state.changed), status, "maintenance")
    return entry | {"started_at": planned["scheduled_for"]} | planned


def _entry(key: str, name: str, at: str, status: str, impact: str) -> dict[str, Any]:
    update = {"id": f"{key}-1", "incident_id": key, "status": status, "body": name}
    return {
        "id": key,
        "name": name,
        "status": status,
        "impact": impact,
        "created_at": at,
        "updated_at": at,
        "monitoring_at": None,
        "resolved_at": None,
        "shortlink": f"https://stspg.io/{key}",
        "page_id": _PAGE_ID,
        "incident_updates": [update | {"created_at": at, "updated_at": at, "display_at": at}],
    }


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
