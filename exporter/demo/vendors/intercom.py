"""Intercom as the company's support desk: its tickets as conversations, and its own answers to how satisfied one is.

The answers of the company's survey name no ticket, so each is the rating of the ticket that was solved last before it and has
none yet. Every tenth, and one that finds none, has a conversation of its own, which the company began to ask. Shapes: those of
tests/recorded/intercom.
"""

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.demo.vendors.vendor import Vendor

_SOURCES = {"email": "email", "chat": "conversation", "phone": "phone_call"}
_LARGEST_PAGE = 150
_ASKED = 10  # of so many answers one is to a message of the company's
_TICKETS = """
    select row_number() over (order by created_at, ticket_id) as number, channel, priority, created_at,
           case when first_responded_at <= %(now)s then first_responded_at end as answered_at,
           case when resolved_at <= %(now)s then resolved_at end as solved_at
    from bellwether.tickets
    where created_at <= %(now)s
    order by number
"""
_ANSWERS = """
    select score, created_at
    from bellwether.feedback
    where survey = 'csat' and created_at <= %(now)s
    order by created_at, response_id
"""
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {"=": operator.eq, ">": operator.ge, "<": operator.le}


class Intercom(Vendor, name="intercom"):
    """The workspace of the company."""

    KEY = "demo-intercom-access-token"

    def routes(self) -> list[BaseRoute]:
        return [Route("/conversations/search", self._search, methods=["POST"])]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "access_token": self.KEY}

    async def _search(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.KEY}":
            return _refused(401, "unauthorized", "Access Token Invalid")
        asked = await request.json()
        pagination = asked.get("pagination", {})
        size = pagination.get("per_page", 20)
        if not 1 <= size <= _LARGEST_PAGE:
            return _refused(400, "parameter_invalid", f"per_page must be between 1 and {_LARGEST_PAGE}")
        found = [each for each in await self._conversations() if _matches(each, asked["query"])]
        begin = int(pagination.get("starting_after", 0))
        page = found[begin : begin + size]
        pages = {"type": "pages", "page": begin // size + 1, "per_page": size, "total_pages": -(-len(found) // size)}
        if begin + size < len(found):
            pages["next"] = {"per_page": size, "starting_after": str(begin + size)}
        body = {"type": "conversation.list", "pages": pages, "total_count": len(found), "conversations": page}
        return JSONResponse(body, headers={"X-RateLimit-Limit": "1666", "X-RateLimit-Remaining": "1665"})

    async def _conversations(self) -> list[dict[str, Any]]:
        now = {"now": self.books.now()}
        tickets = await self.books.rows(_TICKETS, now)
        unrated = sorted((row for row in tickets if row["solved_at"]), key=lambda row: row["solved_at"])
        ratings: dict[int, dict[str, Any]] = {}
        alone: list[dict[str, Any]] = []
        solved: list[int] = []
        for number, answer in enumerate(await self.books.rows(_ANSWERS, now), 1):
            while unrated and unrated[0]["solved_at"] <= answer["created_at"]:
                solved.append(unrated.pop(0)["number"])
            if solved and number % _ASKED:
                ratings[solved.pop()] = answer
            else:
                alone.append(answer)
        asked = [_conversation(row, ratings.get(row["number"])) for row in tickets]
        return asked + [_outbound(len(tickets) + number, answer) for number, answer in enumerate(alone, 1)]


def _refused(status: int, code: str, message: str) -> Response:
    errors = [{"code": code, "message": message}]
    return JSONResponse({"type": "error.list", "request_id": "demo-request", "errors": errors}, status)


def _matches(conversation: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    if query["operator"] in {"AND", "OR"}:
        each = (_matches(conversation, part) for part in query["value"])
        return all(each) if query["operator"] == "AND" else any(each)
    value: Any = conversation
    for name in query["field"].replace("conversation_rating.replied_at", "conversation_rating.updated_at").split("."):
        value = None if value is None else value[name]
    return value is not None and _OPERATORS[query["operator"]](value, query["value"])


def _conversation(row: Mapping[str, Any], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    created, answered, solved = _unix(row["created_at"]), _unix(row["answered_at"]), _unix(row["solved_at"])
    rated = _unix(answer["created_at"]) if answer else None
    is_open = solved is None
    return {
        "type": "conversation",
        "id": str(row["number"]),
        "title": None,
        "created_at": created,
        "updated_at": max(at for at in (created, answered, solved, rated) if at is not None),
        "waiting_since": created if answered is None else None,
        "snoozed_until": None,
        "source": _source(_SOURCES[row["channel"]], "customer_initiated"),
        "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "demo-contact", "external_id": None}]},
        "first_contact_reply": {"created_at": created, "type": "conversation", "url": None},
        "admin_assignee_id": 991267715,
        "team_assignee_id": 5017691,
        "open": is_open,
        "state": "open" if is_open else "closed",
        "read": answered is not None,
        "tags": {"type": "tag.list", "tags": []},
        "priority": "priority" if row["priority"] in {"urgent", "high"} else "not_priority",
        "sla_applied": None,
        "statistics": _statistics(created, answered, solved),
        "conversation_rating": None if answer is None else _rating(answer),
        "teammates": None,
        "custom_attributes": {},
        "topics": {},
        "ticket": None,
        "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": False},
        "ai_agent": None,
        "ai_agent_participated": False,
    }


def _outbound(number: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    """A conversation that the company began, to ask how satisfied one is."""
    at = answer["created_at"]
    row = {"number": number, "channel": "chat", "priority": "normal", "created_at": at, "answered_at": None, "solved_at": at}
    source = _source("conversation", "automated")
    return {**_conversation(row, answer), "source": source, "statistics": None, "priority": "none"}


def _source(kind: str, delivered_as: str) -> dict[str, Any]:
    return {
        "type": kind,
        "id": "demo-message",
        "delivered_as": delivered_as,
        "subject": "",
        "body": "<p>A question.</p>",
        "author": {"type": "user", "id": "demo-contact", "name": "A customer", "email": ""},
        "attachments": [],
        "url": None,
        "redacted": False,
    }


def _statistics(created: int | None, answered: int | None, solved: int | None) -> dict[str, Any]:
    """Instants by the clock, and durations as if the office were open for eight hours a day."""

    def worked(until: int | None) -> int | None:
        return None if until is None or created is None else (until - created) // 3

    return {
        "type": "conversation_statistics",
        "time_to_assignment": 0,
        "time_to_admin_reply": worked(answered),
        "time_to_first_close": worked(solved),
        "time_to_last_close": worked(solved),
        "median_time_to_reply": worked(answered),
        "first_contact_reply_at": created,
        "first_assignment_at": created,
        "first_admin_reply_at": answered,
        "first_close_at": solved,
        "last_assignment_at": created,
        "last_assignment_admin_reply_at": answered,
        "last_contact_reply_at": created,
        "last_admin_reply_at": answered,
        "last_close_at": solved,
        "last_closed_by_id": None if solved is None else "demo-admin",
        "count_reopens": 0,
        "count_assignments": 1,
        "count_conversation_parts": 1 + (answered is not None) + (solved is not None),
    }


def _rating(answer: Mapping[str, Any]) -> dict[str, Any]:
    at = _unix(answer["created_at"])
    return {
        "rating": answer["score"],
        "remark": "",
        "created_at": at,
        "updated_at": at,
        "contact": {"type": "contact", "id": "demo-contact", "external_id": None},
        "teammate": {"type": "admin", "id": "demo-admin"},
    }


def _unix(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
