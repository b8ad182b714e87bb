"""The kind `intercom` against the simulated service, the simulator against what is documented, and what neither shows."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from pydantic import ValidationError

from exporter.collectors.intercom import Intercom
from exporter.demo.company import Company
from exporter.demo.vendors.intercom import Intercom as Simulator
from exporter.errors import Denied, Malformed, PollError, Throttled, Unreachable
from tests.endpoint import RECORDED, Endpoint, Request, Response, endpoint
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.intercom import CASE
from tests.vendors.shapes import same_shape
from tests.vendors.tickets import AT, WEEK, Ticket, desk, satisfaction, tickets, to_the_second, told

PAGE = Path("docs/integrations/intercom.md")
SEARCH = "/conversations/search"
Make = Callable[..., Intercom]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock, which stands at NOW, to some seconds after it."""

    def set_to(after: float) -> None:
        monkeypatch.setattr("exporter.collectors.intercom.time.time", lambda: AT + after)

    set_to(0)
    return set_to


@pytest.fixture
def intercom(making: Making, clock: object) -> Make:
    return making(Intercom, CASE)


class Workspace:
    """An Intercom that gives what a test puts there, the ratings to whoever asks for them."""

    def __init__(self, server: Endpoint) -> None:
        self.server = server
        self.conversations: list[dict[str, Any]] = []
        self.rated: list[dict[str, Any]] = []
        server.answers[SEARCH] = self._answer

    def asked(self, field: str) -> list[Request]:
        """The requests that name a field."""
        return [request for request in self.server.asked(SEARCH) if field in request.body.decode()]

    def _answer(self, request: Request) -> Response:
        found = self.rated if "conversation_rating" in request.body.decode() else self.conversations
        return Response.json({"type": "conversation.list", "pages": {"type": "pages"}, "conversations": found})


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with endpoint() as served:
        yield Workspace(served)


def conversation(number: int, opened: float, **fields: Any) -> dict[str, Any]:
    """A conversation as recorded, but for what is told of it."""
    recorded = read("search_more")["body"]["conversations"][0]
    statistics = dict.fromkeys(recorded["statistics"])
    closed = fields.get("closed")
    statistics |= {
        "first_admin_reply_at": fields.get("answered"), "first_close_at": fields.get("first_closed", closed),
        "last_close_at": closed, "time_to_admin_reply": 1, "time_to_first_close": 2,
    }  # fmt: skip
    kept = {"state": "closed" if closed else "open", "priority": "priority", "updated_at": opened}
    kept |= {name: value for name, value in fields.items() if name in {"state", "priority", "statistics", "updated_at"}}
    source = recorded["source"] | {"type": fields.get("type", "email"), "delivered_as": fields.get("by", "customer_initiated")}
    return {
        **recorded, "id": str(number), "created_at": opened, "statistics": statistics, "source": source,
        "conversation_rating": None, **kept,
    }  # fmt: skip


def as_shown(ticket: Ticket) -> Ticket:
    """Intercom knows two priorities."""
    priority = "high" if ticket.priority in {"urgent", "high"} else "normal"
    return to_the_second(ticket)._replace(priority=priority)


async def test_a_poll_says_what_the_companys_records_say(intercom: Make, vendors: Simulators, company: Company) -> None:
    collector = intercom(vendors.url("intercom"))
    found = told(await asked(collector))

    def is_read(ticket: Ticket) -> bool:
        return ticket.solved is None or ticket.solved > AT - WEEK

    known = [as_shown(ticket) for ticket in tickets(company)]
    assert sum(map(is_read, known)) > 150  # more than a page
    expected = {**desk(known, is_read), **satisfaction(company)}
    for name, series in expected.items():
        assert found[name] == series, name
    assert found["satisfaction_csat_answers"]["90d",] > 150  # also more than a page
    zero = dict.fromkeys({labels[1:] for labels in expected["support_tickets_open"]}, 0)
    assert found["support_tickets_created_total"] == found["support_tickets_resolved_total"] == zero
    again = told(await asked(collector))
    assert {name: again[name] for name in expected} == {name: found[name] for name in expected}


async def test_a_further_poll_asks_for_what_changed_and_all_that_is_open(
    intercom: Make, workspace: Workspace, clock: Callable[[float], None]
) -> None:
    collector = intercom(workspace.server.url)
    for after in (0, 300):
        clock(after)
        await asked(collector)

    def body(since: float) -> dict[str, Any]:
        value = [
            {"field": "state", "operator": "=", "value": "open"},
            {"field": "state", "operator": "=", "value": "snoozed"},
            {"field": "updated_at", "operator": ">", "value": int(since)},
        ]
        return {"query": {"operator": "OR", "value": value}, "pagination": {"per_page": 150}}

    late = 600  # the search learns of changes some time after them
    assert [request.data for request in workspace.asked("updated_at")] == [body(AT - WEEK), body(AT - late)]
    assert [request.data["query"]["value"] for request in workspace.asked("replied_at")] == [
        int(AT) - 90 * 86400, int(AT) - late,
    ]  # fmt: skip
    assert {request.headers["intercom-version"] for request in workspace.server.requests} == {"2.16"}
    assert {request.headers["authorization"] for request in workspace.server.requests} == {f"Bearer {Simulator.KEY}"}


async def test_conversations_are_counted_as_they_come_and_are_closed(
    intercom: Make, workspace: Workspace, clock: Callable[[float], None]
) -> None:
    """One opened again and closed again counts once; one that is open no more, and was not closed, has been deleted."""
    collector = intercom(workspace.server.url, csat=False)
    old, new = AT - 864_000, AT + 60
    steps: list[tuple[list[dict[str, Any]], int, int, int]] = [
        ([conversation(1, old), conversation(2, old, closed=old + 60)], 0, 0, 1),
        ([conversation(1, old), conversation(3, new, state="snoozed"), conversation(4, new)], 2, 0, 3),
        ([conversation(1, old, closed=AT + 700), conversation(3, new, closed=AT + 800), conversation(4, new)], 2, 2, 1),
        ([conversation(3, new, closed=AT + 800, state="open"), conversation(4, new)], 2, 2, 2),
        ([conversation(3, new, closed=AT + 2000, first_closed=AT + 800)], 2, 2, 0),
        ([conversation(3, new, closed=AT + 2000, first_closed=AT + 800)], 2, 2, 0),
    ]
    for number, (found_there, created, resolved, open_) in enumerate(steps):
        clock(number * 600)
        workspace.conversations = found_there
        found = await asked(collector)
        assert found["support_tickets_created_total"]["high", "email"] == created
        assert found["support_tickets_resolved_total"]["high", "email"] == resolved
        assert sum(found["support_tickets_open"].values()) == open_


async def test_a_failure_loses_nothing(intercom: Make, workspace: Workspace, clock: Callable[[float], None]) -> None:
    collector = intercom(workspace.server.url)
    await asked(collector)
    answer = workspace.server.answers[SEARCH]
    workspace.server.answers[SEARCH] = Response.text("", status=500)
    clock(3600)
    with pytest.raises(Unreachable):
        await asked(collector)
    workspace.server.answers[SEARCH] = answer
    workspace.conversations = [conversation(1, AT + 10, closed=AT + 1000)]
    found = await asked(collector)
    assert workspace.asked("updated_at")[-1].data["query"]["value"][2]["value"] == AT - 600
    assert found["support_tickets_created_total"] == found["support_tickets_resolved_total"] == {("high", "email"): 1}


async def test_times_are_by_the_clock_and_not_by_office_hours(intercom: Make, workspace: Workspace) -> None:
    workspace.conversations = [conversation(1, AT - 90_000, answered=AT - 3_600, closed=AT - 60)]
    found = await asked(intercom(workspace.server.url, csat=False))
    assert found["support_first_response_seconds"]["high", "7d"][-2:] == (("_sum", None, 86_400), ("_count", None, 1))
    assert found["support_resolution_seconds"]["high", "7d"][-2:] == (("_sum", None, 89_940), ("_count", None, 1))


async def test_what_the_company_began_is_no_request(intercom: Make, workspace: Workspace) -> None:
    """And of what has no statistics yet nothing is made up: it is open and unanswered."""
    workspace.conversations = [
        *(
            conversation(number, AT - 60, by=by)
            for number, by in enumerate(["admin_initiated", "automated", "campaigns_initiated"])
        ),
        conversation(9, AT - 60, statistics=None, priority="none", type="carrier_pigeon"),
    ]
    found = await asked(intercom(workspace.server.url, csat=False))
    assert found["support_tickets_open"] == {("unanswered", "normal", "other"): 1, ("answered", "normal", "other"): 0}
    assert "satisfaction_csat_answers" not in found


async def test_the_documented_answers_are_understood(intercom: Make, workspace: Workspace) -> None:
    """A last page does not name a next one; one that does is followed."""

    def answer(request: Request) -> Response:
        further = "starting_after" in request.data["pagination"]
        return Response.recorded(f"intercom/search_{'last' if further else 'more'}")

    workspace.server.answers[SEARCH] = answer
    found = await asked(intercom(workspace.server.url))
    assert workspace.asked("updated_at")[1].data["pagination"] == {
        "per_page": 150,
        "starting_after": "your-cursor-from-response",
    }
    assert found["support_tickets_open"] == {("answered", "high", "chat"): 1, ("unanswered", "high", "chat"): 0}
    assert len(workspace.asked("replied_at")) == 2


async def test_a_rating_that_changes_counts_as_it_is_now(
    intercom: Make, workspace: Workspace, clock: Callable[[float], None]
) -> None:
    def rated(rating: int | None, at: float) -> list[dict[str, Any]]:
        about = {"rating": rating, "remark": "", "created_at": AT - 9000, "updated_at": at, "contact": None, "teammate": None}
        return [conversation(1, AT - 9000) | {"conversation_rating": about}]

    collector = intercom(workspace.server.url)
    for after, there, scores in (
        (0, rated(None, AT), []),
        (300, rated(2, AT), [2]),
        (600, rated(5, AT + 400), [5]),
        (900, [], [5]),
    ):
        clock(after)
        workspace.rated = there
        found = await asked(collector)
        assert found["satisfaction_csat_answers"]["30d",] == len(scores)
        assert [found["satisfaction_csat_score"]["30d",]] == scores if scores else "satisfaction_csat_score" not in found
    assert found["satisfaction_csat_ratio"]["30d",] == 1
    clock(91 * 86400)
    found = await asked(collector)
    assert found["satisfaction_csat_answers"] == {("7d",): 0, ("30d",): 0, ("90d",): 0}


async def test_a_workspace_without_conversations_has_no_figures(intercom: Make, workspace: Workspace) -> None:
    found = await asked(intercom(workspace.server.url))
    assert {name for name in found if not name.startswith("bellwether_")} == {"satisfaction_csat_answers"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response.recorded("intercom/unauthorized"), (Denied, "unauthorized")),
        (Response.recorded("intercom/forbidden"), (Denied, "api_plan_restricted")),
        (Response.recorded("intercom/too_many"), (Throttled, "429")),
        (Response.json([]), (Malformed, "is it Intercom?")),
        (Response.json({"conversations": [{}], "pages": {}}), (Malformed, "expected conversations with state")),
        (Response.json({"conversations": [], "pages": {"next": "https://x.example"}}), (Malformed, "what follows")),
    ],
)
async def test_what_goes_wrong_is_told_with_its_reason(
    intercom: Make, workspace: Workspace, answer: Response, expected: tuple[type[PollError], str]
) -> None:
    kind, says = expected
    workspace.server.answers[SEARCH] = answer
    with pytest.raises(kind, match=re.escape(says)) as caught:
        await asked(intercom(workspace.server.url))
    assert Simulator.KEY not in str(caught.value)


def test_a_token_is_required_and_nothing_beside_it() -> None:
    with pytest.raises(ValidationError, match="access_token"):
        Intercom.model_validate({})
    with pytest.raises(ValidationError, match="no other credentials"):
        Intercom.model_validate({"access_token": "token-of-a-test", "bearer_token": "token-of-a-test"})


def test_the_simulator_answers_in_the_documented_shape(vendors: Simulators) -> None:
    with simulated(vendors) as client:
        answer = client.post(SEARCH, json={"query": {"field": "state", "operator": "=", "value": "closed"}}).json()
        more = {**answer, "conversations": [each for each in answer["conversations"] if each["statistics"]]}
        same_shape(read("search_more")["body"], more)
        begun = {"field": "source.delivered_as", "operator": "=", "value": "automated"}
        ratings = {"field": "conversation_rating.replied_at", "operator": ">", "value": 0}
        query = {"operator": "AND", "value": [begun, ratings]}
        outbound = client.post(SEARCH, json={"query": query, "pagination": {"per_page": 150}}).json()
        assert outbound["conversations"]
        jsonschema.validate(answer, read("schema")["schema"])
        jsonschema.validate(outbound, read("schema")["schema"])


def test_the_simulator_refuses_as_documented(vendors: Simulators) -> None:
    with simulated(vendors) as client:
        client.headers["Authorization"] = "Bearer wrong"
        answer = client.post(SEARCH, json={"query": {}})
        assert answer.status_code == 401
        same_shape(read("unauthorized")["body"], answer.json())


def simulated(vendors: Simulators) -> httpx.Client:
    headers = {"Authorization": f"Bearer {Simulator.KEY}"}
    return httpx.Client(base_url=vendors.url("intercom"), headers=headers, trust_env=False)


def read(name: str) -> Any:
    return json.loads((RECORDED / f"intercom/{name}.json").read_text())
