"""The format of Atlassian Statuspage, which incident.io and others serve as well.

Source: https://metastatuspage.com/api (summary), https://confluence.status.atlassian.com/api (the same, of a page in use)
"""

from collections import Counter
from typing import Any

from exporter.clients.api import Api
from exporter.collectors.statuspage.page import Component, Page, text, timestamp, understood, word
from exporter.roles.status import INDICATORS, STATES, STATUSES

_INDICATORS = {name: name for name in INDICATORS}
_STATUSES = {name: name for name in STATUSES} | {"full_outage": "major_outage"}  # incident.io's own word for it
_STATES = {name: name for name in STATES}
_OVER = {"resolved", "postmortem", "completed"}


async def ask(api: Api, _: str) -> Page:
    """The page as it is now. Raises `PollError`."""
    answer = await api.answer("GET", "/api/v2/summary.json")
    return understood(answer, "the summary of a Statuspage", read)


def read(data: Any) -> Page:
    """The page of a summary."""
    updated = data["page"].get("updated_at")
    return Page(
        indicator=word(_INDICATORS, data["status"]["indicator"]),
        components=_components(data["components"]) if "components" in data else None,
        incidents=_open(data, "incidents", "impact", _INDICATORS),
        maintenances=_open(data, "scheduled_maintenances", "status", _STATES),
        updated=None if updated is None else timestamp(updated),
    )


def _components(listed: Any) -> tuple[Component, ...]:
    """A group is listed beside what is in it, with the worst status in it: counted, it would double that."""
    groups = {each["id"]: text(each["name"]) for each in listed if each.get("group")}
    return tuple(
        Component(text(each["id"]), text(each["name"]), word(_STATUSES, each["status"]), groups.get(each.get("group_id"), ""))
        for each in listed
        if not each.get("group")
    )


def _open(data: Any, key: str, by: str, words: dict[str, str]) -> Counter[str] | None:
    """How many there are that are not over, by a word each; None where the page does not list them."""
    if key not in data:
        return None
    return Counter(word(words, each[by]) for each in data[key] if text(each["status"]) not in _OVER)
