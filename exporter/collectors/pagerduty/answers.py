"""What is read of PagerDuty's answers: of incidents, service, urgency, state and dates; of schedules, when they are filled.

But for `after` and `shifts`, whatever is missing or of another type raises one of `LookupError`, `TypeError` and `ValueError`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from exporter.clients.api import Answer
from exporter.errors import Malformed
from exporter.roles.oncall import OpenIncident, PastIncident

PER_PAGE = 100
"""How many are asked for at once, the most that PagerDuty gives."""


class Shift(NamedTuple):
    """A stretch of time for which somebody is on call, in Unix time."""

    begins: float
    ends: float


def after(answer: Answer) -> dict[str, int] | None:
    """The next page's place; None after the last. Raises `Malformed`."""
    try:
        page = answer.data()
        offset = _whole(page["offset"]) + _whole(page["limit"]) if _flag(page["more"]) else None
    except (LookupError, TypeError):
        raise Malformed(f"{answer.place}: expected a page that says whether there are more, got something else") from None
    return None if offset is None else {"offset": offset}


def incident(each: Mapping[str, Any]) -> OpenIncident:
    """An incident that is not resolved."""
    return OpenIncident(text(each["service"]["summary"]), text(each["urgency"]), text(each["status"]), unix(each["created_at"]))


def past(entry: Mapping[str, Any]) -> PastIncident:
    """What an entry says of its incident."""
    incident, at = entry["incident"], unix(entry["created_at"])
    return PastIncident(
        service=text(incident["service"]["summary"]),
        urgency=text(incident["urgency"]),
        began_at=unix(incident["created_at"]),
        acknowledged_at=at if entry["type"] == "acknowledge_log_entry" else None,
        resolved_at=at if entry["type"] == "resolve_log_entry" else None,
    )


def shifts(answer: Any) -> list[Shift]:
    """When somebody is on call. Raises `Malformed`."""
    try:
        entries = answer["schedule"]["final_schedule"]["rendered_schedule_entries"]
        return sorted(Shift(unix(entry["start"]), unix(entry["end"])) for entry in entries)
    except (LookupError, TypeError, ValueError):
        raise Malformed("/schedules/ID: expected the final schedule with its entries, got something else") from None


def text(value: Any) -> str:
    """A text, as it has to be."""
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def unix(at: str) -> float:
    """Unix time of a date."""
    return datetime.fromisoformat(at).timestamp()
