"""The kind `zendesk` against the simulated service, the simulator against what is documented, and what neither shows."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from exporter.collectors.zendesk import Zendesk
from exporter.demo.company import Company
from exporter.demo.vendors.zendesk import Zendesk as Simulator
from exporter.errors import Denied, Malformed, PollError, Throttled, Unreachable
from tests.endpoint import RECORDED, Endpoint, Response, endpoint
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.shapes import same_shape
from tests.vendors.tickets import AT, Ticket, desk, satisfaction, tickets, to_the_second, told
from tests.vendors.zendesk import CASE

PAGE = Path("docs/integrations/zendesk.md")
TOKENS, EXPORT = "/oauth/tokens", "/api/v2/incremental/tickets/cursor"
SURVEYS, RATINGS = "/api/v2/guide/survey_responses", "/api/v2/satisfaction_ratings"
LOOK_BACK = 90 * 86400
Make = Callable[..., Zendesk]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock, which stands at NOW, to some seconds after it."""

    def set_to(after: float) -> None:
        monkeypatch.setattr("exporter.collectors.zendesk.time.time", lambda: AT + after)

    set_to(0)
    return set_to


@pytest.fixture
def zendesk(making: Making, clock: object) -> Make:
    return making(Zendesk, CASE)


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """A Zendesk that answers as documented."""
    with endpoint() as served:
        served.answers = {
            TOKENS: Response.recorded("zendesk/token"),
            EXPORT: Response.recorded("zendesk/tickets"),
            SURVEYS: Response.recorded("zendesk/survey_responses"),
        }
        yield served


def as_shown(ticket: Ticket) -> Ticket:
    """Zendesk tells the time to an answer in whole minutes, of messages in seconds."""
    unit = 1 if ticket.channel == "chat" else 60
    waited = None if ticket.answered is None else (ticket.answered - ticket.opened) // unit * unit
    shown = to_the_second(ticket)
    return shown._replace(answered=None if waited is None else shown.opened + waited)


async def test_a_poll_says_what_the_companys_records_say(zendesk: Make, vendors: Simulators, company: Company) -> None:
    found = told(await asked(zendesk(vendors.url("zendesk"))))

    def changed_of_late(ticket: Ticket) -> bool:
        return max(at for at in ticket[2:] if at is not None) > AT - LOOK_BACK

    known = tickets(company)
    assert sum(map(changed_of_late, known)) > 1000  # more than a page
    expected = desk(map(as_shown, known), changed_of_late)
    for name, series in expected.items():
        assert found[name] == series, name
    assert found["support_tickets_incomplete"] == {(): 0}
    for name, series in satisfaction(company).items():
        assert found[name] == series, name
    zero = dict.fromkeys({labels[1:] for labels in expected["support_tickets_open"]}, 0)
    assert found["support_tickets_created_total"] == found["support_tickets_resolved_total"] == zero


async def test_of_the_older_surveys_it_says_what_good_and_bad_can_say(
    zendesk: Make, vendors: Simulators, company: Company
) -> None:
    found = await asked(zendesk(vendors.url("zendesk"), csat="ratings"))
    expected = satisfaction(company)
    for name in ("satisfaction_csat_ratio", "satisfaction_csat_answers"):
        assert found[name] == expected[name], name
    assert not found.keys() & {"satisfaction_csat_score", "satisfaction_answer_score"}


async def test_satisfaction_can_be_left_out(zendesk: Make, server: Endpoint) -> None:
    found = await asked(zendesk(server.url, csat="off"))
    assert not [name for name in found if name.startswith("satisfaction_")]
    assert not server.asked(SURVEYS)


async def test_a_further_poll_asks_for_what_is_new(zendesk: Make, server: Endpoint, clock: Callable[[float], None]) -> None:
    collector = zendesk(server.url)
    for after in (0, 300):
        clock(after)
        await asked(collector)
    [token] = server.asked(TOKENS)
    assert token.data == {
        "grant_type": "client_credentials", "client_id": Simulator.CLIENT, "client_secret": Simulator.KEY, "scope": "read",
    }  # fmt: skip
    first, second = server.asked(EXPORT)
    assert first.query == {"include": "metric_sets", "per_page": "1000", "start_time": str(int(AT) - LOOK_BACK)}
    assert second.query == {"include": "metric_sets", "per_page": "1000", "cursor": "MTU3NjYxMzUzOS4wfHw0Njd8"}
    assert first.headers["authorization"] == "Bearer gErypPlm4dOVgGRvA1ZzMH5MQ3nLo8bo"
    assert server.asked(SURVEYS)[0].query == {
        "page[size]": "100",
        "filter[created_at_start]": str((int(AT) - LOOK_BACK) * 1000),  # these are milliseconds
    }


def date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ticket(number: int, opened: float, **fields: Any) -> dict[str, Any]:
    """A ticket as recorded, but for what is told of it; `answered` and `first_solved` in minutes."""
    recorded = read("tickets")["body"]["tickets"][0]
    metrics = recorded["metric_set"] | {
        "replies": int(fields.get("answered") is not None),
        "reply_time_in_seconds": {"calendar": fields.get("seconds")},
        "reply_time_in_minutes": {"calendar": fields.get("answered"), "business": 1},
        "first_resolution_time_in_minutes": {"calendar": fields.get("first_solved"), "business": 1},
        "solved_at": date(fields["solved"]) if "solved" in fields else None,
    }
    return {
        **recorded, "id": number, "created_at": date(opened), "status": fields.get("status", "new"), "metric_set": metrics,
        "priority": fields.get("priority", "high"), "via": {"channel": fields.get("channel", "email")},
    }  # fmt: skip


def page(*found: dict[str, Any], end: bool = True, cursor: str | None = "next") -> Response:
    return Response.json({"tickets": list(found), "after_cursor": cursor, "end_of_stream": end})


async def test_tickets_are_counted_as_they_come_and_are_settled(
    zendesk: Make, server: Endpoint, clock: Callable[[float], None]
) -> None:
    """One opened again and settled again counts once; one that is deleted is gone, though it was counted."""
    collector = zendesk(server.url, csat="off")
    old = AT - 864_000
    solved = {"status": "solved", "answered": 10, "first_solved": 20}
    steps: list[tuple[list[dict[str, Any]], int, int, int]] = [
        ([ticket(1, old), ticket(2, old, **solved, solved=old + 1200)], 0, 0, 1),
        ([ticket(3, AT + 60), ticket(4, AT + 70)], 2, 0, 3),
        (
            [ticket(3, AT + 60, **solved, solved=AT + 1260), ticket(1, old, status="closed", answered=1, solved=AT + 1200)],
            2,
            2,
            1,
        ),
        ([ticket(3, AT + 60, status="open", answered=10, first_solved=20)], 2, 2, 2),
        ([ticket(3, AT + 60, **solved, solved=AT + 2000), ticket(2, old, **solved, solved=old + 1200)], 2, 2, 1),
        ([ticket(4, AT + 70, status="deleted")], 2, 2, 0),
    ]
    for number, (changed, created, resolved, open_) in enumerate(steps):
        clock(number * 600)
        server.answers[EXPORT] = page(*changed)
        collector._pace._tokens = 4  # the minutes that pass between runs
        found = await asked(collector)
        assert found["support_tickets_created_total"]["high", "email"] == created
        assert found["support_tickets_resolved_total"]["high", "email"] == resolved
        assert sum(found["support_tickets_open"].values()) == open_


async def test_a_failure_loses_nothing(zendesk: Make, server: Endpoint, clock: Callable[[float], None]) -> None:
    collector = zendesk(server.url)
    await asked(collector)
    server.answers |= {EXPORT: page(ticket(5, AT + 1)), SURVEYS: Response.text("", status=500)}
    clock(300)
    with pytest.raises(Unreachable):
        await asked(collector)
    server.answers[SURVEYS] = Response.recorded("zendesk/survey_responses")
    found = await asked(collector)
    assert found["support_tickets_created_total"]["high", "email"] == 1
    assert [request.query.get("cursor", "") for request in server.asked(EXPORT)] == [
        "", "MTU3NjYxMzUzOS4wfHw0Njd8", "MTU3NjYxMzUzOS4wfHw0Njd8",
    ]  # fmt: skip


async def test_it_never_asks_for_more_pages_than_zendesk_allows(zendesk: Make, server: Endpoint) -> None:
    """Until all have been read nothing is said of tickets, since it would be too little."""
    pages = iter(range(100))
    server.answers[EXPORT] = lambda _: page(ticket(next(pages), AT - 60), end=False, cursor=f"after-{next(pages)}")
    collector = zendesk(server.url)
    for _ in range(2):
        found = await asked(collector)
        assert found["support_tickets_incomplete"] == {(): 1}
        assert "support_tickets_open" not in found
        assert "satisfaction_csat_answers" in found
        assert len(server.asked(EXPORT)) == 4
    collector._pace._tokens = 4  # minutes later
    server.answers[EXPORT] = page(ticket(200, AT - 60))
    found = await asked(collector)
    assert server.asked(EXPORT)[-1].query["cursor"] == "after-7"
    assert found["support_tickets_incomplete"] == {(): 0}
    assert sum(found["support_tickets_open"].values()) == 5
    found = await asked(collector)  # within the same minute: what is known is still whole


async def test_metrics_may_stand_beside_the_tickets(zendesk: Make, server: Endpoint, clock: Callable[[float], None]) -> None:
    results = []
    for name in ("tickets", "tickets_metrics_apart"):
        server.answers[EXPORT] = Response.recorded(f"zendesk/{name}")
        found = told(await asked(zendesk(server.url)))
        results.append({metric: series for metric, series in found.items() if metric.startswith("support_")})
    assert results[0] == results[1]
    assert results[0]["support_tickets_open"]["answered", "high", "web"] == 1


async def test_how_soon_was_answered_is_told_by_the_clock(zendesk: Make, server: Endpoint) -> None:
    """In minutes, in seconds of messages; a zero without a reply is no answer, and one with a reply is an instant one."""
    opened = AT - 7200
    instant, none = ticket(3, opened, seconds=0, answered=0), ticket(4, opened, seconds=0)
    server.answers[EXPORT] = page(
        ticket(1, opened, answered=16), ticket(2, opened, seconds=95, answered=1, channel="native_messaging"), instant, none
    )
    found = await asked(zendesk(server.url, csat="off"))
    assert found["support_first_response_seconds"]["high", "7d"][-2:] == (("_sum", None, 960 + 95), ("_count", None, 3))
    assert found["support_tickets_open"]["unanswered", "high", "email"] == 1
    assert found["support_tickets_open"]["answered", "high", "chat"] == 1


async def test_a_ticket_without_metrics_is_what_its_status_says(zendesk: Make, server: Endpoint) -> None:
    closed = ticket(1, AT - 7200, status="closed") | {"metric_set": None, "updated_at": date(AT - 3600)}
    server.answers[EXPORT] = page(closed, ticket(2, AT - 60) | {"metric_set": None})
    found = await asked(zendesk(server.url, csat="off"))
    assert found["support_resolution_seconds"]["high", "7d"][-2:] == (("_sum", None, 3600), ("_count", None, 1))
    assert found["support_tickets_open"] == {("unanswered", "high", "email"): 1, ("answered", "high", "email"): 0}


async def test_what_is_settled_is_forgotten_in_time(zendesk: Make, server: Endpoint, clock: Callable[[float], None]) -> None:
    """And not taken for new where it changes after that."""
    solved = ticket(1, AT + 60, status="solved", answered=1, first_solved=2, solved=AT + 180)
    server.answers[EXPORT] = page()
    collector = zendesk(server.url, csat="off")
    await asked(collector)
    for after, kept, count in ((600, 1, 1), (31 * 86400, 0, 1), (31 * 86400 + 60, 0, 1)):
        clock(after)
        server.answers[EXPORT] = page(solved)
        collector._pace._tokens = 4  # the time that passes between runs
        found = await asked(collector)
        assert collector._desk is not None
        assert len(collector._desk.tickets) == kept
        assert found["support_tickets_created_total"] == found["support_tickets_resolved_total"] == {("high", "email"): count}


async def test_labels_are_of_a_closed_set(zendesk: Make, server: Endpoint) -> None:
    server.answers[EXPORT] = page(
        ticket(1, AT - 60, priority=None, channel="voice"), ticket(2, AT - 60, priority="asap", channel="carrier_pigeon")
    )
    found = await asked(zendesk(server.url, csat="off"))
    assert {labels[1:] for labels in found["support_tickets_open"]} == {("none", "phone"), ("none", "other")}


async def test_an_account_without_tickets_or_answers_has_no_figures(zendesk: Make, server: Endpoint) -> None:
    server.answers |= {EXPORT: page(cursor=None), SURVEYS: Response.json({"survey_responses": [], "meta": {"has_more": False}})}
    found = await asked(zendesk(server.url))
    assert {name for name in found if not name.startswith("bellwether_")} == {
        "support_tickets_incomplete", "satisfaction_csat_answers",
    }  # fmt: skip
    assert set(found["satisfaction_csat_answers"].values()) == {0}


async def test_an_answer_that_changes_counts_as_it_is_now(
    zendesk: Make, server: Endpoint, clock: Callable[[float], None]
) -> None:
    recorded = read("survey_responses")["body"]

    def rated(rating: int, category: str, at: float) -> Response:
        [response] = recorded["survey_responses"]
        skipped, answer = response["answers"][3], response["answers"][0]
        changed = {**answer, "rating": rating, "rating_category": category, "updated_at": date(at)}
        return Response.json({**recorded, "survey_responses": [{**response, "answers": [skipped, changed]}]})

    collector = zendesk(server.url)
    server.answers[SURVEYS] = rated(2, "bad", AT - 3600)
    assert (await asked(collector))["satisfaction_csat_score"] == dict.fromkeys([("7d",), ("30d",), ("90d",)], 2)
    server.answers[SURVEYS] = rated(5, "good", AT + 60)
    clock(300)
    found = await asked(collector)
    assert found["satisfaction_csat_score"] == dict.fromkeys([("7d",), ("30d",), ("90d",)], 5)
    assert found["satisfaction_csat_answers"] == dict.fromkeys([("7d",), ("30d",), ("90d",)], 1)
    since = int(server.asked(SURVEYS)[-1].query["filter[created_at_start]"]) / 1000
    assert since == AT - 3600 - 86400  # a day before the newest known


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        (EXPORT, "unauthorized", (Denied, "401")),
        (EXPORT, "forbidden", (Denied, "403")),
        (EXPORT, "too_many", (Throttled, "429")),
        (EXPORT, "start_time_too_recent", (Malformed, "StartTimeTooRecent")),
        (TOKENS, "invalid_client", (Denied, "invalid_client")),
        (SURVEYS, "forbidden", (Denied, "403")),
        (EXPORT, "survey_responses", (Malformed, "is it Zendesk?")),
        (SURVEYS, "tickets", (Malformed, "expected survey_responses")),
    ],
)
async def test_what_goes_wrong_is_told_with_its_reason(
    zendesk: Make, server: Endpoint, path: str, answer: str, expected: tuple[type[PollError], str]
) -> None:
    kind, says = expected
    server.answers[path] = Response.recorded(f"zendesk/{answer}")
    with pytest.raises(kind, match=re.escape(says)) as caught:
        await asked(zendesk(server.url))
    assert Simulator.KEY not in str(caught.value)
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 54


async def test_a_page_that_leads_nowhere_is_no_page(zendesk: Make, server: Endpoint) -> None:
    server.answers[EXPORT] = page(ticket(1, AT), end=False, cursor=None)
    with pytest.raises(Malformed, match="no way to it"):
        await asked(zendesk(server.url))


async def test_an_api_token_still_opens_the_door(server: Endpoint, clock: object) -> None:
    collector = Zendesk.model_validate({"url": server.url, "username": "agent@example.com/token", "password": "old-token"})
    await asked(collector)
    await collector.close()
    assert not server.asked(TOKENS)
    assert server.asked(EXPORT)[0].headers["authorization"] == "Basic YWdlbnRAZXhhbXBsZS5jb20vdG9rZW46b2xkLXRva2Vu"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"client_id": "bellwether"},
        {"client_id": "bellwether", "client_secret": "secret-of-a-test", "bearer_token": "token-of-a-test"},
    ],
)
def test_credentials_are_required_once(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"expected (either )?client_id"):
        Zendesk.model_validate({"url": "https://acme.zendesk.com", **settings})


@pytest.mark.parametrize("name", ["tickets", "survey_responses", "satisfaction_ratings", "token"])
def test_the_simulator_answers_in_the_documented_shape(vendors: Simulators, name: str) -> None:
    with simulated(vendors) as client:
        if name == "token":
            answer = grant(client)
        else:
            client.headers["Authorization"] = f"Bearer {grant(client).json()['access_token']}"
            paths = {"tickets": EXPORT, "survey_responses": SURVEYS, "satisfaction_ratings": RATINGS}
            params: dict[str, str | int] = {"page[size]": 50}
            if name == "tickets":
                params = {"start_time": int(AT) - 864_000, "include": "metric_sets"}
            answer = client.get(paths[name], params=params)
            assert answer.json()[name]
    optional = ["survey_responses[].answers[].selections", "survey_responses[].answers[].value"]
    same_shape(read(name)["body"], answer.json(), optional=optional)


def test_the_simulator_refuses_as_documented(vendors: Simulators) -> None:
    with simulated(vendors) as client:
        refused = client.get(EXPORT, params={"start_time": 0})
        assert (refused.status_code, refused.json()) == (401, read("unauthorized")["body"])
        token = client.post(TOKENS, json={"client_id": Simulator.CLIENT, "client_secret": "wrong"})
        assert token.status_code == 401
        same_shape(read("invalid_client")["body"], token.json())
        client.headers["Authorization"] = f"Bearer {grant(client).json()['access_token']}"
        recent = client.get(EXPORT, params={"start_time": int(AT)})
        assert (recent.status_code, recent.json()) == (422, read("start_time_too_recent")["body"])


def simulated(vendors: Simulators) -> httpx.Client:
    return httpx.Client(base_url=vendors.url("zendesk"), trust_env=False)


def grant(client: httpx.Client) -> httpx.Response:
    fields = {
        "grant_type": "client_credentials",
        "client_id": Simulator.CLIENT,
        "client_secret": Simulator.KEY,
        "scope": "read",
    }
    return client.post(TOKENS, json=fields)


def read(name: str) -> Any:
    return json.loads((RECORDED / f"zendesk/{name}.json").read_text())
