"""Zendesk: tickets that are open, how long customers wait for an answer and a solution, and what they say of it.

Source: https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/,
https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_metrics/,
https://developer.zendesk.com/api-reference/ticketing/ticket-management/csat_survey_responses/ and, of the older surveys,
https://developer.zendesk.com/api-reference/ticketing/ticket-management/satisfaction_ratings/
"""

import time
from typing import Any, Literal, Self

from pydantic import PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api, Params
from exporter.clients.api import Answer as Page
from exporter.clients.oauth import ClientCredentials
from exporter.clients.pace import Pace
from exporter.collector import Collector, Duration, Every, Samples, Secret
from exporter.collectors.zendesk import answers as read
from exporter.errors import Malformed
from exporter.roles.support import DAY, INCOMPLETE, LONGEST_CSAT, SATISFACTION, TICKETS, Answer, Desk, Ticket, satisfaction

_DECLARED = (*TICKETS, INCOMPLETE, *SATISFACTION, CALLS, DURATION, QUOTA)

_EXPORT = "/api/v2/incremental/tickets/cursor"
_SURVEYS = "/api/v2/guide/survey_responses"
_RATINGS = "/api/v2/satisfaction_ratings"
_EXPORTS = (10, 60)  # pages of the export that Zendesk allows in so many seconds
_CALLS = (200, 60)  # requests of any kind, on the smallest plan
_PER_PAGE = 1000  # tickets, the most that Zendesk gives
_MOST_BYTES = 30_000_000  # a page holds the first message of each ticket
_FRESH = 90.0  # seconds; the export refuses to begin less than a minute ago
_MAY_CHANGE = DAY  # how long an answer is read again, since customers change their minds


class Zendesk(Addressed, Collector, kind="zendesk"):
    """Tickets and satisfaction of one Zendesk account.

    Tickets are read once and from then on as they change. What is kept of them is priority, channel and dates.
    """

    url: str
    """The account's address, `https://SUBDOMAIN.zendesk.com`."""
    client_id: str = ""
    """The identifier of an OAuth client of the account."""
    client_secret: Secret | None = None
    """Its secret. A token with the scope `read` is asked for with it, and renewed by itself."""
    csat: Literal["surveys", "ratings", "off"] = "surveys"
    """Where customers' satisfaction comes from: `surveys`, as they are now; `ratings`, the older good or bad; or `off`."""
    look_back: Duration = 90 * DAY
    """How far back tickets are read at first. An open one that has not changed since is not known."""
    every: Every = 300.0
    """How often Zendesk is asked: two requests, or a few more while there is much to read."""
    timeout: Duration = 60.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _desk: Desk | None = PrivateAttr(default=None)
    _pace: Pace = PrivateAttr(default_factory=lambda: Pace(*_EXPORTS))
    _cursor: str = PrivateAttr(default="")
    _whole: bool = PrivateAttr(default=False)
    """Whether the last run read up to what was newest then."""
    _answers: dict[str, Answer] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        if bool(self.client_id) != (self.client_secret is not None):
            raise ValueError("expected client_id and client_secret together")
        others = [self.bearer_token, self.username, "authorization" in map(str.lower, self.headers)]
        if bool(self.client_id) == any(others):
            raise ValueError(
                "expected either client_id with client_secret or other credentials; make an OAuth client in Admin Center, "
                "Apps and integrations, APIs, OAuth clients"
            )
        signer = None
        if self.client_secret is not None:
            tokens = f"{self.url.rstrip('/')}/oauth/tokens"
            signer = ClientCredentials(tokens, self.client_id, self.client_secret, "read", body="json")
        self._api = Api(
            self.url,
            self,
            timeout=self.timeout,
            most_bytes=_MOST_BYTES,
            error_name=lambda data: data["error"],
            signer=signer,
            pace=Pace(*_CALLS),
        )
        return self

    async def collect(self) -> Samples:
        now = time.time()
        changed, cursor, whole = await self._changes(now)
        answers = await self._satisfaction(now) if self.csat != "off" else {}
        # Only when nothing can fail any more: no change may be left out.
        self._desk = (self._desk or Desk(now)).told(changed, now)
        self._cursor, self._whole, self._answers = cursor, whole, answers
        yield INCOMPLETE(not whole, source=self.name)
        for sample in self._desk.samples(self.name, now) if whole else ():
            yield sample
        for sample in satisfaction(answers.values(), self.name, now) if self.csat != "off" else ():
            yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _changes(self, now: float) -> tuple[dict[str, Ticket | None], str, bool]:
        """Tickets that changed since the last run, up to where they were read, and whether those are all.

        When it is not yet time for a further page, the next run goes on from there.
        """
        changed: dict[str, Ticket | None] = {}
        cursor, whole = self._cursor, self._whole
        while self._pace.claim(0) == 0:
            begin: dict[str, str | int] = {"cursor": cursor}
            if not cursor:
                begin = {"start_time": int(now - max(self.look_back, _FRESH))}
            page = await self._api.get(_EXPORT, {"include": "metric_sets", "per_page": _PER_PAGE, **begin})
            tickets, following, whole = _page(page)
            changed |= tickets
            if whole:
                return changed, following or cursor, True
            if not following or following == cursor:
                raise Malformed(f"{_EXPORT}: expected a further page, was given no way to it")
            cursor = following
        return changed, cursor, whole

    async def _satisfaction(self, now: float) -> dict[str, Answer]:
        """Answers of the last 90 days by id; those read before and not fresh any more are not asked for again."""
        known = {key: answer for key, answer in self._answers.items() if answer.at > now - LONGEST_CSAT}
        newest = max((answer.at for answer in known.values()), default=0.0)
        since = int(max(now - LONGEST_CSAT, newest - _MAY_CHANGE))
        if self.csat == "surveys":
            path, name = _SURVEYS, "survey_responses"
            params: Params = {"page[size]": 100, "filter[created_at_start]": since * 1000}
        else:
            path, name = _RATINGS, "satisfaction_ratings"
            params = {"page[size]": 100, "start_time": since, "score": "received"}
        async for page in self._api.pages(path, _after, params):
            try:
                for each in page[name]:
                    answer = read.survey(each) if self.csat == "surveys" else read.rating(each)
                    if answer is not None:
                        known[str(each["id"])] = answer
            except (LookupError, TypeError, ValueError, AttributeError):
                raise Malformed(f"{path}: expected {name} with answers and dates, got something else; is it Zendesk?") from None
        return known


def _page(page: Any) -> tuple[dict[str, Ticket | None], str | None, bool]:
    """The tickets of a page of the export, where the next begins, and whether this was the last."""
    try:
        apart = {str(metrics["ticket_id"]): metrics for metrics in page.get("metric_sets") or ()}
        tickets: dict[str, Ticket | None] = {}
        for each in page["tickets"]:
            identity = str(each["id"])
            tickets[identity] = read.ticket(each, each.get("metric_set") or apart.get(identity) or {})
        following, end = page["after_cursor"], page["end_of_stream"]
    except (LookupError, TypeError, ValueError, AttributeError):
        following = end = None
    if not isinstance(end, bool) or not isinstance(following, str | None):
        raise Malformed(f"{_EXPORT}: expected tickets with dates and metrics, got something else; is it Zendesk?")
    return tickets, following, end


def _after(answer: Page) -> Params | None:
    """The next page's place, of pages by cursor."""
    try:
        meta = answer.data()["meta"]
        return {"page[after]": str(meta["after_cursor"])} if meta["has_more"] else None
    except (LookupError, TypeError):
        raise Malformed(f"{answer.place}: expected a page that says whether there are more, got something else") from None
