"""Intercom: conversations that are open, how long customers wait for an answer and a solution, and what they say of it.

Source: https://developers.intercom.com/docs/references/rest-api/api.intercom.io/conversations/searchconversations
"""

import math
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import PrivateAttr, model_validator

from exporter.clients.access import Keyed
from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api
from exporter.clients.pace import Pace
from exporter.collector import Collector, Duration, Every, Samples, Secret
from exporter.errors import Malformed
from exporter.roles import support
from exporter.roles.support import LONGEST_CSAT, SATISFACTION, TICKETS, WINDOW, Desk, Ticket, satisfaction

_DECLARED = (*TICKETS, *SATISFACTION, CALLS, DURATION, QUOTA)

_SEARCH = "/conversations/search"
_VERSION = "2.16"
_PER_PAGE = 150  # the most that Intercom gives
_MOST_BYTES = 30_000_000  # a page holds the first message of each conversation
_CALLS = (1666, 10)  # requests that Intercom allows in so many seconds
_LATE = 600  # seconds for which changes may be missing from the search
_CHANNELS = {
    "conversation": "chat",
    "push": "chat",
    "whatsapp": "chat",
    "sms": "chat",
    "email": "email",
    "phone_call": "phone",
    "phone_switch": "phone",
    "facebook": "social",
    "instagram": "social",
    "twitter": "social",
}
_CSAT_GOOD = 4  # of 5, and above: as Intercom's own reports count


class Intercom(Keyed, Collector, kind="intercom"):
    """Conversations and satisfaction of one Intercom workspace.

    What is kept of a conversation is priority, channel and dates. One that the company began is no request and is left out.
    """

    url: str = "https://api.intercom.io"
    """Where the workspace is, such as `https://api.eu.intercom.io` or `https://api.au.intercom.io`."""
    key_setting: ClassVar[str] = "access_token"
    key_is_made: ClassVar[str] = "that of an app of the workspace: make one in Intercom's Developer Hub"

    access_token: Secret
    """The access token of an app of the workspace, with the right to read conversations."""
    csat: bool = True
    """Whether to read the ratings of conversations."""
    every: Every = 300.0
    """How often Intercom is asked: a request for each 150 conversations open or changed of late, and one for ratings."""
    timeout: Duration = 60.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _desk: Desk | None = PrivateAttr(default=None)
    _read_to: float | None = PrivateAttr(default=None)
    _ratings: dict[str, support.Answer] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._api = Api(
            self.url,
            self,
            timeout=self.timeout,
            most_bytes=_MOST_BYTES,
            error_name=lambda data: data["errors"][0]["code"],
            pace=Pace(*_CALLS),
        )
        return self

    def credentials(self) -> dict[str, str]:
        """The token, and the version of the API that the answers are read by. Raises `OSError` when a file cannot be read."""
        return super().credentials() | {"Intercom-Version": _VERSION}

    async def collect(self) -> Samples:
        now = time.time()
        desk = self._desk or Desk(now)
        found = await self._conversations(now)
        ratings = await self._rated(now) if self.csat else {}
        # All that are open were found, so what was open and is not among them has been deleted.
        gone = {key: None for key, ticket in desk.tickets.items() if ticket.resolved_at is None and key not in found}
        self._desk = desk.told({**gone, **found}, now)
        self._read_to, self._ratings = now, ratings
        for sample in self._desk.samples(self.name, now):
            yield sample
        for sample in satisfaction(ratings.values(), self.name, now) if self.csat else ():
            yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _conversations(self, now: float) -> dict[str, Ticket | None]:
        """All that are open, and those that changed since the last run or, at first, within the window of the figures."""
        since = now - WINDOW if self._read_to is None else self._read_to - _LATE
        found: dict[str, Ticket | None] = {}
        for each in await self._found(
            {
                "operator": "OR",
                "value": [
                    {"field": "state", "operator": "=", "value": "open"},
                    {"field": "state", "operator": "=", "value": "snoozed"},
                    {"field": "updated_at", "operator": ">", "value": int(since)},
                ],
            }
        ):
            try:
                if each["source"]["delivered_as"] == "customer_initiated":
                    found[str(each["id"])] = _ticket(each)
            except (LookupError, TypeError, AttributeError):
                raise Malformed(
                    f"{_SEARCH}: expected conversations with state, source and dates, got something else; is it Intercom?"
                ) from None
        return found

    async def _rated(self, now: float) -> dict[str, support.Answer]:
        """Ratings of the last 90 days by conversation; those read before are asked for again only when they change."""
        known = {key: answer for key, answer in self._ratings.items() if answer.at > now - LONGEST_CSAT}
        since = now - LONGEST_CSAT if self._read_to is None else self._read_to - _LATE
        field = "conversation_rating.replied_at"
        for each in await self._found({"field": field, "operator": ">", "value": int(since)}):
            try:
                rating = each["conversation_rating"]
                score = None if rating is None else rating["rating"]
                if score is not None:
                    at = _number(rating.get("updated_at") or rating["created_at"])
                    known[str(each["id"])] = support.Answer(at, _number(score) >= _CSAT_GOOD, _number(score))
            except (LookupError, TypeError, AttributeError):
                raise Malformed(f"{_SEARCH}: expected conversations with ratings from 1 to 5, got something else") from None
        return known

    async def _found(self, query: Mapping[str, Any]) -> list[Any]:
        """The conversations that a query gives."""
        found: list[Any] = []
        body = {"query": query, "pagination": {"per_page": _PER_PAGE}}
        async for page in self._api.pages(_SEARCH, _after, body=body):
            conversations = page.get("conversations") if isinstance(page, dict) else None
            if not isinstance(conversations, list):
                raise Malformed(f"{_SEARCH}: expected a list of conversations, got something else; is it Intercom?")
            found += conversations
        return found


def _after(answer: Answer) -> dict[str, Any] | None:
    """The next page's place; None after the last."""
    try:
        following = answer.data()["pages"].get("next")
        if following is None:
            return None
        return {"pagination": {"per_page": _PER_PAGE, "starting_after": str(following["starting_after"])}}
    except (LookupError, TypeError, AttributeError):
        raise Malformed(f"{answer.place}: expected a page that says what follows, got something else") from None


def _ticket(conversation: Mapping[str, Any]) -> Ticket:
    """What is kept of a conversation. Its statistics are instants; the durations beside them leave out the night."""
    statistics = conversation["statistics"] or {}
    closed = conversation["state"] == "closed"
    last = statistics.get("last_close_at") or conversation["updated_at"] if closed else None
    first = statistics.get("first_close_at") or last
    answered = statistics.get("first_admin_reply_at")
    return Ticket(
        priority="high" if conversation["priority"] == "priority" else "normal",
        channel=_CHANNELS.get(conversation["source"]["type"], "other"),
        created_at=_number(conversation["created_at"]),
        first_responded_at=None if answered is None else _number(answered),
        resolved_at=None if last is None else _number(last),
        first_resolved_at=None if first is None else _number(first),
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)
