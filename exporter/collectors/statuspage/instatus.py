"""The format of Instatus: a page whose lists are missing when they are empty, and whose components stand apart.

It does not say when the page was changed. Source: https://instatus.com/help/api/public-data, and of the words of components
https://instatus.com/help/webhooks
"""

from collections import Counter
from typing import Any

from exporter.clients.api import Api
from exporter.collectors.statuspage.page import UNKNOWN, Component, Page, text, understood, word

_PAGE = {"up": "none", "hasissues": "minor", "undermaintenance": "maintenance"}
_IMPACTS = {
    "operational": "none",
    "degradedperformance": "minor",
    "minoroutage": "minor",
    "partialoutage": "major",
    "majoroutage": "critical",
    "undermaintenance": "maintenance",
}
_STATUSES = {
    "operational": "operational",
    "degradedperformance": "degraded_performance",
    "minoroutage": "partial_outage",
    "partialoutage": "partial_outage",
    "majoroutage": "major_outage",
    "undermaintenance": "under_maintenance",
}
_STATES = {"notstartedyet": "scheduled", "inprogress": "in_progress"}
_SEVERE = ("critical", "major", UNKNOWN)
_COMPONENTS = ("/v3/components.json", "/v2/components.json")  # the second on pages that lack the first


async def ask(api: Api, _: str) -> Page:
    """The page as it is now. Raises `PollError`."""
    summary = await api.answer("GET", "/summary.json")
    page = understood(summary, "the summary of an Instatus page", lambda data: read(data, None))
    for path in _COMPONENTS:
        answer = await api.answer("GET", path, expected=frozenset({404}))
        if answer.status != 404:
            return understood(answer, "the components of an Instatus page", lambda data: read(summary.data(), data))
    return page


def read(data: Any, listed: Any) -> Page:
    """The page of a summary, and of a list of components where there is one."""
    incidents = [each for each in data.get("activeIncidents", []) if text(each["status"]).lower() != "resolved"]
    impacts = Counter(word(_IMPACTS, each["impact"]) for each in incidents)
    indicator = word(_PAGE, data["page"]["status"])
    if indicator == "minor":  # the page says that something is wrong; the incidents, how much
        indicator = next((impact for impact in _SEVERE if impacts[impact]), indicator)
    maintenances = [each for each in data.get("activeMaintenances", []) if text(each["status"]).lower() != "completed"]
    return Page(
        indicator=indicator,
        components=None if listed is None else _components(listed["components"]),
        incidents=impacts,
        maintenances=Counter(word(_STATES, each["status"]) for each in maintenances),
    )


def _components(listed: Any) -> tuple[Component, ...]:
    groups = {each["group"]["id"]: text(each["group"]["name"]) for each in listed if each.get("group")}
    return tuple(
        Component(text(each["id"]), text(each["name"]), word(_STATUSES, each["status"]), _group(each))
        for each in listed
        if each["id"] not in groups
    )


def _group(component: Any) -> str:
    return text(component["group"]["name"]) if component.get("group") else ""
