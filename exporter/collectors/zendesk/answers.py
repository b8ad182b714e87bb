"""What is read of Zendesk's answers: of a ticket, priority, channel and dates; of a survey, the rating.

Whatever is missing or of another type raises one of `LookupError`, `TypeError`, `ValueError` and `AttributeError`.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from exporter.roles.support import Answer, Ticket

_PRIORITIES = frozenset({"urgent", "high", "normal", "low"})
_CHANNELS = {
    channel: name
    for name, channels in {
        "email": "email",
        "web": "web mobile help_center",
        "chat": "chat native_messaging messaging sunshine_conversations_api whatsapp sms line telegram viber wechat",
        "phone": "voice phone",
        "api": "api",
        "social": "twitter twitter_dm twitter_favorite x_corp_dm facebook facebook_messenger instagram_dm any_channel",
    }.items()
    for channel in channels.split()
}


def ticket(ticket: Mapping[str, Any], metrics: Mapping[str, Any]) -> Ticket | None:
    """What is kept of a ticket; None of one that was deleted."""
    status = ticket["status"]
    if status == "deleted":
        return None
    created = _unix(ticket["created_at"])
    resolved = None
    if status in {"solved", "closed"}:
        resolved = _unix(metrics.get("solved_at") or ticket["updated_at"])
    first = _minutes(metrics.get("first_resolution_time_in_minutes"))
    priority, channel = ticket.get("priority"), ticket["via"]["channel"]
    reply = _reply_seconds(metrics)
    return Ticket(
        priority=priority if priority in _PRIORITIES else "none",
        channel=_CHANNELS.get(channel, "other"),
        created_at=created,
        first_responded_at=None if reply is None else created + reply,
        resolved_at=resolved,
        first_resolved_at=resolved if first is None else created + first,
    )


def _reply_seconds(metrics: Mapping[str, Any]) -> float | None:
    """From the creation to the first answer by a person. Only of messages there are seconds."""
    seconds = _calendar(metrics.get("reply_time_in_seconds"))
    if seconds is None:
        seconds = _minutes(metrics.get("reply_time_in_minutes"))
    return None if seconds == 0 and not metrics.get("replies") else seconds


def _minutes(times: Mapping[str, Any] | None) -> float | None:
    minutes = _calendar(times)
    return None if minutes is None else minutes * 60


def _calendar(times: Mapping[str, Any] | None) -> float | None:
    """By the clock, not by office hours."""
    value = None if times is None else times["calendar"]
    return None if value is None else _number(value)


def survey(response: Mapping[str, Any]) -> Answer | None:
    """The answer to the question of a survey that all of them have; None where it was left out."""
    for answer in response["answers"]:
        if answer["type"] == "rating_scale" and answer["rating"] is not None:
            rating = _number(answer["rating"])
            scored = rating if 1 <= rating <= 5 else None
            return Answer(_unix(answer["updated_at"]), answer["rating_category"] == "good", scored)
    return None


def rating(rating: Mapping[str, Any]) -> Answer | None:
    score = rating["score"]
    if not score.startswith(("good", "bad")):  # as in good_with_comment
        return None
    return Answer(_unix(rating["updated_at"]), score.startswith("good"), None)


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)
