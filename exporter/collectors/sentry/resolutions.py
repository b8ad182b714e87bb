"""How long issues took to be resolved. Sentry says when in an issue's activities alone, so each is asked for once.

Types of activities: https://github.com/getsentry/sentry/blob/master/src/sentry/types/activity.py
"""

from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from exporter.collectors.sentry.organization import Organization, text, understood

_REOPENED = {"set_regression", "set_unresolved"}
_BY_AGE = "set_resolved_by_age"  # nobody resolved it: it was not seen for long
_MOST_A_RUN = 20
_Key = tuple[str, str]  # an issue's id, and when it was last seen: one that came back was seen again


class Resolution(NamedTuple):
    """When an issue was resolved."""

    project: str
    at: float
    seconds: float
    """How long it had been open."""


class Resolutions:
    """What is known of the issues that are resolved now."""

    def __init__(self) -> None:
        self._known: dict[_Key, Resolution | None] = {}

    async def learn(self, organization: Organization, resolved: list[Any]) -> bool:
        """Ask for issues that are not known yet, some at a time. Whether all of them are known then."""
        with understood("issues", "resolved issues"):
            keys = {(text(each["id"]), text(each["lastSeen"])): text(each["project"]["slug"]) for each in resolved}
        self._known = {key: self._known[key] for key in keys if key in self._known}
        unknown = [key for key in keys if key not in self._known]
        for key in unknown[:_MOST_A_RUN]:
            issue = await organization.one(f"issues/{key[0]}")
            with understood("issues/ID", "an issue with its activity"):
                self._known[key] = _resolution(issue, keys[key])
        return len(unknown) <= _MOST_A_RUN

    def within(self, since: float) -> dict[str, list[float]]:
        """How long each issue resolved since an instant had been open, by project."""
        found: dict[str, list[float]] = defaultdict(list)
        for resolution in self._known.values():
            if resolution is not None and resolution.at > since:
                found[resolution.project].append(resolution.seconds)
        return found


def _resolution(issue: Any, project: str) -> Resolution | None:
    """None where nobody resolved it."""
    activities = sorted((instant(each["dateCreated"]), text(each["type"])) for each in issue["activity"])
    resolved = [at for at, type_ in activities if type_.startswith("set_resolved")]
    if not resolved or (resolved[-1], _BY_AGE) in activities:
        return None
    opened = [at for at, type_ in activities if type_ in _REOPENED and at < resolved[-1]]
    began = opened[-1] if opened else instant(issue["firstSeen"])
    return Resolution(project, resolved[-1], max(0.0, resolved[-1] - began))


def instant(value: object) -> float:
    """Unix time of a date."""
    return datetime.fromisoformat(text(value)).timestamp()
