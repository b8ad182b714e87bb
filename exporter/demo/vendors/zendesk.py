"""Zendesk as the company's support desk: its own tickets, and its own answers to the question how satisfied one is.

What Zendesk knows beyond the company's records follows from them: numbers count tickets by date, a ticket is closed four days
after it was solved, and what nobody is told of (subjects, people) is the same for all. Times are in whole minutes, what is
beyond the last minute cut off. Shapes: those of tests/recorded/zendesk.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.demo.vendors.vendor import Vendor

_CHANNELS = {"email": "email", "chat": "native_messaging", "phone": "voice"}
_CLOSED_AFTER = timedelta(days=4)
_GOOD = 4  # of 5, and above
_ACCOUNT = "https://acme.zendesk.com"
_TICKETS = """
    select *, greatest(created_at, answered_at, solved_at) as changed_at
    from (
      select row_number() over (order by created_at, ticket_id) as number, channel, priority, created_at,
             case when first_responded_at <= %(now)s then first_responded_at end as answered_at,
             case when resolved_at <= %(now)s then resolved_at end as solved_at
      from bellwether.tickets
    ) as tickets
    where created_at <= %(now)s
    order by changed_at, number
"""
_ANSWERS = """
    select row_number() over (order by created_at, response_id) as number, score, created_at
    from bellwether.feedback
    where survey = 'csat' and created_at <= %(now)s
    order by number desc
"""


class Zendesk(Vendor, name="zendesk"):
    """The account `acme`, with one OAuth client."""

    CLIENT = "bellwether"
    KEY = "demo-zendesk-client-secret"
    _TOKEN = "demo-zendesk-access-token"  # noqa: S105 - of a simulator

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/oauth/tokens", self._grant, methods=["POST"]),
            Route("/api/v2/incremental/tickets/cursor", self._export),
            Route("/api/v2/guide/survey_responses", self._surveys),
            Route("/api/v2/satisfaction_ratings", self._ratings),
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "client_id": self.CLIENT, "client_secret": self.KEY}

    async def _grant(self, request: Request) -> Response:
        asked = await request.json()
        if (asked.get("client_id"), asked.get("client_secret")) != (self.CLIENT, self.KEY):
            described = "Client authentication failed due to unknown client or unsupported authentication method."
            return JSONResponse({"error": "invalid_client", "error_description": described}, 401)
        scope = asked.get("scope", "read")
        return JSONResponse({"access_token": self._TOKEN, "token_type": "bearer", "scope": scope, "expires_in": 172800})

    async def _export(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        now, asked = self.books.now(), request.query_params
        since, after = float(asked.get("start_time", 0)), 0
        if "cursor" in asked:
            since, after = json.loads(base64.urlsafe_b64decode(asked["cursor"]))
        elif since > now.timestamp() - 60:
            described = "Too recent start_time. Use a start_time older than 60 seconds"
            return JSONResponse({"error": "StartTimeTooRecent", "description": described}, 422)
        rows = await self.books.rows(_TICKETS, {"now": now})
        rows = [row for row in rows if (row["changed_at"].timestamp(), row["number"]) > (since, after)]
        page = rows[: int(asked.get("per_page", 1000))]
        if page:
            since, after = page[-1]["changed_at"].timestamp(), page[-1]["number"]
        cursor = base64.urlsafe_b64encode(json.dumps([since, after]).encode()).decode()
        return self._answer(
            {
                "tickets": [_ticket(row, now, metrics=asked.get("include") == "metric_sets") for row in page],
                "after_url": f"{_ACCOUNT}/api/v2/incremental/tickets/cursor.json?cursor={cursor}",
                "after_cursor": cursor,
                "before_url": None,
                "before_cursor": None,
                "end_of_stream": len(page) == len(rows),
            }
        )

    async def _surveys(self, request: Request) -> Response:
        since = int(request.query_params.get("filter[created_at_start]", 0)) / 1000
        return await self._listed(request, "survey_responses", _survey, since)

    async def _ratings(self, request: Request) -> Response:
        since = int(request.query_params.get("start_time", 0))
        return await self._listed(request, "satisfaction_ratings", _rating, since)

    async def _listed(self, request: Request, name: str, shape: Any, since: float) -> Response:
        """A page of answers by cursor, the newest first."""
        if refused := self._refused(request):
            return refused
        asked = request.query_params
        rows = [
            row
            for row in await self.books.rows(_ANSWERS, {"now": self.books.now()})
            if row["created_at"].timestamp() >= since and row["number"] < int(asked.get("page[after]", 1 << 62))
        ]
        page = rows[: int(asked.get("page[size]", 100))]
        meta = {
            "has_more": len(page) < len(rows),
            "after_cursor": str(page[-1]["number"]) if page else None,
            "before_cursor": str(page[0]["number"]) if page else None,
        }
        links = {side: f"{_ACCOUNT}{request.url.path}?page[{side}]={meta[f'{side}_cursor']}" for side in ("after", "before")}
        linked = {"links": {"next": links["after"], "prev": links["before"]}} if name == "satisfaction_ratings" else {}
        return self._answer({name: [shape(row) for row in page], "meta": meta, **linked})

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {self._TOKEN}":
            return None
        return JSONResponse({"error": "Couldn't authenticate you"}, 401)

    def _answer(self, body: dict[str, Any]) -> Response:
        return JSONResponse(body, headers={"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "699"})


def _ticket(row: dict[str, Any], now: datetime, *, metrics: bool) -> dict[str, Any]:
    number, solved = row["number"], row["solved_at"]
    waiting = "open" if row["answered_at"] else "new"
    status = waiting if solved is None else "solved" if now - solved < _CLOSED_AFTER else "closed"
    ticket = {
        "assignee_id": 235323,
        "collaborator_ids": [],
        "created_at": _date(row["created_at"]),
        "custom_fields": [],
        "description": "A question.",
        "due_at": None,
        "external_id": None,
        "follower_ids": [],
        "generated_timestamp": int(row["changed_at"].timestamp()),
        "group_id": 98738,
        "has_incidents": False,
        "id": number,
        "organization_id": None,
        "priority": row["priority"],
        "problem_id": None,
        "raw_subject": "Question",
        "recipient": None,
        "requester_id": 20978392,
        "satisfaction_rating": {"score": "unoffered", "id": None, "comment": None},
        "sharing_agreement_ids": [],
        "status": status,
        "subject": "Question",
        "submitter_id": 76872,
        "tags": [],
        "type": "question",
        "updated_at": _date(row["changed_at"]),
        "url": f"{_ACCOUNT}/api/v2/tickets/{number}.json",
        "via": {"channel": _CHANNELS[row["channel"]]},
    }
    return {**ticket, "metric_set": _metrics(row)} if metrics else ticket


def _metrics(row: dict[str, Any]) -> dict[str, Any]:
    created, answered, solved = row["created_at"], row["answered_at"], row["solved_at"]
    seconds = None
    if answered is not None and row["channel"] == "chat":  # known of messages alone
        seconds = int((answered - created).total_seconds())
    return {
        "url": f"{_ACCOUNT}/api/v2/ticket_metrics/{row['number']}",
        "id": row["number"],
        "ticket_id": row["number"],
        "created_at": _date(created),
        "updated_at": _date(row["changed_at"]),
        "group_stations": 1,
        "assignee_stations": 1,
        "reopens": 0,
        "replies": int(answered is not None),
        "assignee_updated_at": _date(answered),
        "requester_updated_at": _date(created),
        "status_updated_at": _date(row["changed_at"]),
        "initially_assigned_at": _date(created),
        "assigned_at": _date(created),
        "solved_at": _date(solved),
        "latest_comment_added_at": _date(row["changed_at"]),
        "custom_status_updated_at": _date(row["changed_at"]),
        "reply_time_in_minutes": _minutes(created, answered),
        "reply_time_in_seconds": {"calendar": seconds},
        "first_resolution_time_in_minutes": _minutes(created, solved),
        "full_resolution_time_in_minutes": _minutes(created, solved),
        "agent_wait_time_in_minutes": _minutes(created, None),
        "requester_wait_time_in_minutes": _minutes(created, solved),
        "on_hold_time_in_minutes": {"calendar": 0, "business": 0},
    }


def _minutes(begin: datetime, end: datetime | None) -> dict[str, int | None]:
    """By the clock and, as if the office were open for eight hours a day, by office hours."""
    whole = None if end is None else int((end - begin).total_seconds() // 60)
    return {"calendar": whole, "business": None if whole is None else whole // 3}


def _survey(row: dict[str, Any]) -> dict[str, Any]:
    at = _date(row["created_at"])
    rated = {
        "type": "rating_scale",
        "rating": row["score"],
        "rating_category": "good" if row["score"] >= _GOOD else "bad",
        "question": {"id": "01SURVEYRATING", "type": "rating_scale_numeric", "sub_type": "customer_satisfaction"},
        "created_at": at,
        "updated_at": at,
    }
    skipped = {
        "type": "skipped",
        "question": {"id": "01SURVEYCOMMENT", "type": "open_ended"},
        "created_at": at,
        "updated_at": at,
    }
    return {
        "id": f"01SURVEY{row['number']:018}",
        "answers": [skipped, rated],
        "expires_at": _date(row["created_at"] + timedelta(days=7)),
        "responder_id": 20978392,
        "subject_zrns": ["zen:ticket:1"],
        "subjects": [{"id": "1", "type": "ticket", "zrn": "zen:ticket:1"}],
        "survey": {"id": "01SURVEY", "state": "enabled", "version": 1},
    }


def _rating(row: dict[str, Any]) -> dict[str, Any]:
    at = _date(row["created_at"])
    return {
        "id": row["number"],
        "assignee_id": 235323,
        "group_id": 98738,
        "requester_id": 20978392,
        "ticket_id": 1,
        "score": "good" if row["score"] >= _GOOD else "bad",
        "comment": None,
        "created_at": at,
        "updated_at": at,
        "url": f"{_ACCOUNT}/api/v2/satisfaction_ratings/{row['number']}.json",
    }


def _date(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
