"""The format of Status.io, which has numbers for what others have words for.

Source: https://kb.status.io/developers/public-status-api
"""

from collections import Counter
from contextlib import suppress
from typing import Any

from exporter.clients.api import Api
from exporter.collectors.statuspage.page import UNKNOWN, Component, Page, text, timestamp, understood

_INDICATORS = {100: "none", 200: "maintenance", 300: "minor", 400: "major", 500: "critical", 600: "critical"}
_STATUSES = {
    100: "operational",
    200: "under_maintenance",
    300: "degraded_performance",
    400: "partial_outage",
    500: "major_outage",
    600: "major_outage",  # a security event
}


async def ask(api: Api, page_id: str) -> Page:
    """The page as it is now. Raises `PollError`."""
    answer = await api.answer("GET", f"/1.0/status/{page_id}")
    return understood(answer, "the status of a Status.io page", read)


def read(data: Any) -> Page:
    """The page of a status. The places that a component runs at are not told apart: it has the worst of their statuses."""
    result = data["result"]
    overall, maintenance = result["status_overall"], result["maintenance"]
    return Page(
        indicator=_INDICATORS.get(overall["status_code"], UNKNOWN),
        components=tuple(
            Component(text(each["id"]), text(each["name"]), _STATUSES.get(each["status_code"], UNKNOWN))
            for each in result["status"]
        ),
        incidents=Counter(_impact(each) for each in _list(result["incidents"])),
        maintenances=Counter(
            {"in_progress": len(_list(maintenance["active"])), "scheduled": len(_list(maintenance["upcoming"]))}
        ),
        updated=timestamp(overall["updated"]),
    )


def _impact(incident: Any) -> str:
    """That of the newest message; unknown where it cannot be told."""
    with suppress(LookupError, TypeError, ValueError):
        newest = max(incident["messages"], key=lambda message: timestamp(message["datetime"]))
        return _INDICATORS.get(newest["status"], UNKNOWN)
    return UNKNOWN


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return value
