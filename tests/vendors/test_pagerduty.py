"""The kind `pagerduty` against the simulated service, the simulator against what is documented, and what neither shows."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from pydantic import ValidationError

from exporter.collectors.pagerduty import Pagerduty
from exporter.demo.company import Company
from exporter.demo.vendors.pagerduty import Pagerduty as Simulator
from exporter.errors import Denied, Malformed, PollError, Throttled, Unreachable
from tests.endpoint import RECORDED, Endpoint, Request, Response, endpoint
from tests.packs.conftest import NOW
from tests.packs.expected import histogram
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.pagerduty import CASE
from tests.vendors.shapes import same_shape
from tests.vendors.tickets import tickets, told

PAGE = Path("docs/integrations/pagerduty.md")
INCIDENTS, LOG, SCHEDULES = "/incidents", "/log_entries", "/schedules"
AT = NOW.timestamp()
DAY = 86400
WINDOWS = {"7d": 7 * DAY, "30d": 30 * DAY}
ACKNOWLEDGE = (60, 120, 300, 600, 900, 1800, 3600, 14400, 43200)
RESOLVE = (300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 259200, 604800)
Make = Callable[..., Pagerduty]


class Incident(NamedTuple):
    """What called somebody; instants of Unix time, None for what is still to come."""

    service: str
    urgency: str
    began: int
    acknowledged: int | None
    resolved: int | None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets both clocks, of which the calendar's stands at NOW, to some seconds after that."""

    def set_to(after: float) -> None:
        monkeypatch.setattr("exporter.collectors.pagerduty.time.time", lambda: AT + after)

    set_to(0)
    return set_to


@pytest.fixture
def pagerduty(making: Making, clock: object) -> Make:
    return making(Pagerduty, CASE)


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """A PagerDuty where nothing ever happened."""
    with endpoint() as served:
        served.answers = {
            INCIDENTS: page("incidents"),
            LOG: page("log_entries"),
            SCHEDULES: page("schedules"),
            "/schedules/PI7DH85": Response.recorded("pagerduty/schedule"),
            "/oauth/token": Response.recorded("pagerduty/token"),
        }
        yield served


def page(name: str, *rows: dict[str, Any], more: bool = False, offset: int = 0) -> Response:
    return Response.json({name: list(rows), "limit": 100, "offset": offset, "more": more})


def date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def incident(number: int, began: float, **fields: Any) -> dict[str, Any]:
    """An incident as recorded, but for what is told of it."""
    [recorded] = read("incidents")["body"]["incidents"]
    service = recorded["service"] | {"summary": fields.get("service", "Mail")}
    kept = {"id": f"P{number}", "created_at": date(began), "service": service, "urgency": fields.get("urgency", "high")}
    return {**recorded, **kept, "status": fields.get("status", "triggered")}


def entry(kind: str, at: float, of: dict[str, Any]) -> dict[str, Any]:
    [recorded] = read("log_entries")["body"]["log_entries"]
    return {**recorded, "id": f"{kind}{at}", "type": f"{kind}_log_entry", "created_at": date(at), "incident": of}


def happened(company: Company) -> list[Incident]:
    """Whom the company's urgent tickets and findings of security call, by the rule that the simulator's docstring states."""
    found = [
        Incident("Support", "high", floor(ticket.opened), whole(ticket.answered), whole(ticket.solved))
        for ticket in tickets(company)
        if ticket.priority == "urgent"
    ]
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            "select event_id, severity, occurred_at, resolved_at from bellwether.security_events"
            " where severity <> 'low' and occurred_at <= %s",
            (NOW,),
        ).fetchall()
    for identity, severity, occurred, closed in rows:
        began, ends = occurred.timestamp(), closed and closed.timestamp()
        acknowledged: float | None = began + 60 * (1 + zlib.crc32(identity.encode()) % 10)
        if acknowledged is None or acknowledged > AT or (ends and ends < acknowledged):
            acknowledged = None
        urgency = "high" if severity in {"critical", "high"} else "low"
        resolved = whole(ends) if ends and ends <= AT else None
        found.append(Incident("Security", urgency, floor(began), whole(acknowledged), resolved))
    return found


def whole(at: float | None) -> int | None:
    return None if at is None else floor(at)


async def test_a_poll_says_what_the_companys_records_say(pagerduty: Make, vendors: Simulators, company: Company) -> None:
    found = told(await asked(pagerduty(vendors.url("pagerduty"))))
    known = happened(company)
    opened = [each for each in known if each.resolved is None]
    counts = Counter((each.service, each.urgency, "acknowledged" if each.acknowledged else "triggered") for each in opened)
    assert found["oncall_incidents"] == {
        (service, urgency, state): counts[service, urgency, state]
        for service in ("Support", "Security", "other")
        for urgency in ("high", "low")
        for state in ("triggered", "acknowledged")
    }
    assert found["oncall_oldest_incident_timestamp_seconds"] == {
        (urgency,): min(each.began for each in opened if each.urgency == urgency) for urgency in ("high", "low")
    }
    entries = sum(at is not None and at > AT - WINDOWS["30d"] for each in known for at in each[2:])
    assert entries > 200  # more than two pages
    for metric, bounds, moment in (
        ("oncall_acknowledge_seconds", ACKNOWLEDGE, "acknowledged"),
        ("oncall_resolve_seconds", RESOLVE, "resolved"),
    ):
        expected = {}
        for window, length in WINDOWS.items():
            for urgency in ("high", "low"):
                ends = [(each.began, getattr(each, moment)) for each in known if each.urgency == urgency]
                taken = [end - began for began, end in ends if end is not None and end > AT - length]
                expected[urgency, window] = histogram(taken, bounds)
        assert found[metric] == expected
    assert found["oncall_incidents_created_total"] == {("high",): 0, ("low",): 0}
    assert found["oncall_schedule_covered"] == {("Primary",): 1, ("Daytime",): 1}
    assert found["oncall_schedule_ahead_ratio"] == {("Primary", "7d"): 1, ("Daytime", "7d"): 0.5}


async def test_an_incident_of_the_demo_calls_somebody(pagerduty: Make, vendors: Simulators, company: Company) -> None:
    with psycopg.connect(company.application_dsn, autocommit=True) as connection:
        connection.execute("insert into shop.incidents values ('payment-outage', %s, null)", (NOW,))
        try:
            found = await asked(pagerduty(vendors.url("pagerduty"), most=1))
        finally:
            connection.execute("delete from shop.incidents")
    assert found["oncall_incidents"]["other", "high", "triggered"] >= 1
    assert {service for service, *_ in found["oncall_incidents"]} in ({"Support", "other"}, {"Security", "other"})


async def test_a_further_poll_asks_for_what_is_new_and_all_that_is_open(
    pagerduty: Make, server: Endpoint, clock: Callable[[float], None]
) -> None:
    server.answers[SCHEDULES] = Response.recorded("pagerduty/schedules")
    collector = pagerduty(server.url)
    for after in (0, 60):
        clock(after)
        await asked(collector)
    first, second = server.asked(LOG)
    assert first.query == {
        "include[]": "incidents", "is_overview": "true", "limit": "100", "offset": "0",
        "since": "2026-08-17T15:30:00+00:00", "until": "2026-09-16T15:30:00+00:00",
    }  # fmt: skip
    assert second.query["since"] == "2026-09-16T15:20:00+00:00"  # ten minutes before the last run
    for request in server.asked(INCIDENTS):
        assert request.query == {"statuses[]": "acknowledged", "date_range": "all", "limit": "100", "offset": "0"}
    assert len(server.asked(SCHEDULES)) == len(server.asked("/schedules/PI7DH85")) == 1  # a quarter of an hour holds
    assert {request.headers["authorization"] for request in server.requests} == {f"Token token={Simulator.KEY}"}
    assert {request.headers["accept"] for request in server.requests} == {"application/vnd.pagerduty+json;version=2"}


async def test_incidents_are_followed_through_their_log(
    pagerduty: Make, server: Endpoint, clock: Callable[[float], None]
) -> None:
    """The first acknowledgement and the last resolution count, and each incident once."""
    collector = pagerduty(server.url)
    old, new = incident(1, AT - 3600), incident(2, AT + 30, urgency="low")
    steps: list[tuple[list[dict[str, Any]], int, int]] = [
        ([entry("trigger", AT - 3600, old), entry("acknowledge", AT - 3000, old)], 0, 600),
        ([entry("acknowledge", AT + 50, old), entry("trigger", AT + 30, new)], 1, 600),
        ([entry("annotate", AT + 90, new), entry("trigger", AT + 30, new)], 1, 600),
    ]
    for number, (news, created, waited) in enumerate(steps):
        clock(number * 60)
        server.answers[LOG] = page("log_entries", *news)
        found = await asked(collector)
        assert found["oncall_incidents_created_total"] == {("high",): 0, ("low",): created}
        assert found["oncall_acknowledge_seconds"]["high", "7d"][-2:] == (("_sum", None, waited), ("_count", None, 1))
    clock(240)
    server.answers[LOG] = page("log_entries", entry("resolve", AT + 200, old), entry("resolve", AT + 100, old))
    found = await asked(collector)
    assert found["oncall_resolve_seconds"] == {
        ("high", window): histogram([3800], RESOLVE) for window in WINDOWS
    }  # fmt: skip
    clock(8 * DAY)
    server.answers[LOG] = page("log_entries")
    found = await asked(collector)
    assert found["oncall_resolve_seconds"].keys() == {("high", "30d")}


async def test_a_failure_loses_nothing(pagerduty: Make, server: Endpoint, clock: Callable[[float], None]) -> None:
    collector = pagerduty(server.url)
    await asked(collector)
    server.answers |= {
        SCHEDULES: Response.text("", status=500),
        LOG: page("log_entries", entry("trigger", AT, incident(1, AT + 5))),
    }
    collector._rosters_at = -1e9  # a quarter of an hour later
    clock(900)
    with pytest.raises(Unreachable):
        await asked(collector)
    server.answers[SCHEDULES] = page("schedules")
    found = await asked(collector)
    assert [request.query["since"] for request in server.asked(LOG)][1:] == ["2026-09-16T15:20:00+00:00"] * 2
    assert found["oncall_incidents_created_total"]["high",] == 1


async def test_the_log_is_read_beyond_the_last_page_that_pagerduty_turns(
    pagerduty: Make, server: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PagerDuty refuses a request beyond 10,000 entries, here beyond 500; there are 1,200, a second apart."""
    monkeypatch.setattr("exporter.collectors.pagerduty._FURTHEST", 500)
    times = [floor(AT) - number for number in range(1, 1_201)]

    def answer(request: Request) -> Response:
        offset, until = int(request.query["offset"]), datetime.fromisoformat(request.query["until"]).timestamp()
        if offset + 100 > 500:
            return Response.recorded("pagerduty/bad_request")
        there = [at for at in times if at < until]
        rows = [entry("acknowledge", at, incident(at, at - 30)) for at in there[offset : offset + 100]]
        return page("log_entries", *rows, more=offset + 100 < len(there), offset=offset)

    server.answers[LOG] = answer
    found = await asked(pagerduty(server.url))
    assert found["oncall_acknowledge_seconds"]["high", "7d"][-1] == ("_count", None, 1_200)
    assert len(server.asked(LOG)) == 13


async def test_services_with_most_are_named_and_the_rest_is_other(pagerduty: Make, server: Endpoint) -> None:
    """One that had incidents of late stands at 0, one that is called other is of the rest."""
    services = ["Mail", "Mail", "Web", "Web", "Api", "other"]
    rows = [incident(number, AT - number, service=service) for number, service in enumerate(services)]
    server.answers[INCIDENTS] = page("incidents", *rows, rows[0])
    server.answers[LOG] = page("log_entries", entry("resolve", AT - 60, incident(9, AT - 90, service="Quiet")))

    async def triggered(most: int) -> dict[str, int]:
        found = await asked(pagerduty(server.url, most=most))
        return {
            service: n
            for (service, urgency, state), n in found["oncall_incidents"].items()
            if (urgency, state) == ("high", "triggered")
        }

    assert await triggered(2) == {"Mail": 2, "Web": 2, "other": 2}
    assert await triggered(20) == {"Mail": 2, "Web": 2, "Api": 1, "Quiet": 0, "other": 1}


async def test_an_account_in_which_nothing_happened_has_no_incident_and_no_times(pagerduty: Make, server: Endpoint) -> None:
    found = await asked(pagerduty(server.url))
    assert found["oncall_incidents"] == {
        ("other", urgency, state): 0 for urgency in ("high", "low") for state in ("triggered", "acknowledged")
    }
    assert {name for name in found if not name.startswith("bellwether_")} == {
        "oncall_incidents",
        "oncall_incidents_created_total",
    }


async def test_whether_somebody_is_on_call_is_worked_out_at_every_run(
    pagerduty: Make, server: Endpoint, clock: Callable[[float], None]
) -> None:
    """Overlapping shifts fill the time once; two schedules of one name are told apart."""
    recorded = read("schedule")["body"]
    shifts = [(AT - 60, AT + 300), (AT + 200, AT + 300), (AT + 7 * DAY - 300, AT + 8 * DAY)]
    [shift] = recorded["schedule"]["final_schedule"]["rendered_schedule_entries"]
    recorded["schedule"]["final_schedule"]["rendered_schedule_entries"] = [
        {**shift, "start": date(begin), "end": date(end)} for begin, end in shifts
    ]
    listed = read("schedules")["body"]
    listed["schedules"].append({**listed["schedules"][0], "id": "PSECOND"})
    server.answers |= {
        SCHEDULES: Response.json(listed), "/schedules/PI7DH85": Response.json(recorded),
        "/schedules/PSECOND": Response.recorded("pagerduty/schedule"),
    }  # fmt: skip
    collector = pagerduty(server.url)
    one, two = "Daily Engineering Rotation (PI7DH85)", "Daily Engineering Rotation (PSECOND)"
    found = await asked(collector)
    assert found["oncall_schedule_covered"] == {(one,): 1, (two,): 0}
    assert found["oncall_schedule_ahead_ratio"] == {(one, "7d"): pytest.approx(600 / (7 * DAY)), (two, "7d"): 0}
    clock(300)
    assert (await asked(collector))["oncall_schedule_covered"][one,] == 0
    assert len(server.asked(SCHEDULES)) == 1
    assert server.asked("/schedules/PI7DH85")[0].query == {
        "since": "2026-09-16T15:30:00+00:00", "until": "2026-09-23T15:45:00+00:00",
    }  # fmt: skip


async def test_schedules_can_be_left_out(pagerduty: Make, server: Endpoint) -> None:
    found = await asked(pagerduty(server.url, schedules=False))
    assert "oncall_schedule_covered" not in found
    assert not server.asked(SCHEDULES)


async def test_an_app_asks_for_its_token(server: Endpoint, clock: object) -> None:
    app = {"client_id": Simulator.CLIENT, "client_secret": Simulator.SECRET, "account": "us.acme"}
    collector = Pagerduty.model_validate({"url": server.url, "token_url": f"{server.url}/oauth/token", **app})
    await asked(collector)
    await collector.close()
    [token] = server.asked("/oauth/token")
    assert dict(pair.split("=") for pair in token.body.decode().split("&")) == {
        "grant_type": "client_credentials", "client_id": Simulator.CLIENT, "client_secret": Simulator.SECRET,
        "scope": "as_account-us.acme+incidents.read+schedules.read",
    }  # fmt: skip
    granted = read("token")["body"]["access_token"]
    assert {request.headers["authorization"] for request in server.asked(LOG)} == {f"Bearer {granted}"}


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        (INCIDENTS, Response.recorded("pagerduty/unauthorized"), (Denied, "2006")),
        (LOG, Response.recorded("pagerduty/too_many"), (Throttled, "2020")),
        (LOG, Response.recorded("pagerduty/bad_request"), (Malformed, "2001")),
        (INCIDENTS, Response.json({"incidents": [{}], "more": False}), (Malformed, "expected incidents with service")),
        (INCIDENTS, Response.json({"incidents": [], "more": "yes"}), (Malformed, "whether there are more")),
        (LOG, Response.json({"log_entries": [{"incident": {"id": "P1"}}]}), (Malformed, "entries with their incidents")),
        (SCHEDULES, Response.json({"schedules": [{"id": 1, "name": "x"}]}), (Malformed, "schedules with names")),
    ],
)
async def test_what_goes_wrong_is_told_with_its_reason(
    pagerduty: Make, server: Endpoint, path: str, answer: Response, expected: tuple[type[PollError], str]
) -> None:
    kind, says = expected
    server.answers[path] = answer
    with pytest.raises(kind, match=re.escape(says)) as caught:
        await asked(pagerduty(server.url))
    assert Simulator.KEY not in str(caught.value)
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 30


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"client_id": "app", "client_secret": "secret-of-a-test"},
        {"api_key": "key-of-a-test", "bearer_token": "token-of-a-test"},
    ],
)
def test_credentials_are_required_once(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"expected (either api_key|client_id)"):
        Pagerduty.model_validate(settings)


def test_the_simulator_answers_in_the_documented_shape(vendors: Simulators) -> None:
    since_until = {"since": "2026-09-01T00:00:00Z", "until": "2026-09-16T15:30:00Z"}
    with simulated(vendors) as client:
        for name, path, params in (
            ("incidents", INCIDENTS, {"date_range": "all", "limit": "100"}),
            ("log_entries", LOG, {"include[]": "incidents", **since_until}),
            ("schedules", SCHEDULES, {}),
            ("schedule", f"{SCHEDULES}/PDAYTIME", since_until),
        ):
            answer = client.get(path, params=params).json()
            assert answer[name]
            # only the entry that begins an incident has details of the event
            same_shape(read(name)["body"], answer, optional=["log_entries[].event_details"])
        fields = {"grant_type": "client_credentials", "client_id": Simulator.CLIENT, "client_secret": Simulator.SECRET}
        same_shape(read("token")["body"], client.post("/oauth/token", data=fields).json())


def test_the_simulator_refuses_as_documented(vendors: Simulators) -> None:
    with simulated(vendors) as client:
        far = client.get(INCIDENTS, params={"offset": 9_950, "limit": 100})
        assert far.status_code == 400
        same_shape(read("bad_request")["body"], far.json())
        client.headers["Authorization"] = "Token token=wrong"
        for path in (INCIDENTS, SCHEDULES, f"{SCHEDULES}/PPRIMARY"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (401, read("unauthorized")["body"])


def simulated(vendors: Simulators) -> httpx.Client:
    headers = {"Authorization": f"Token token={Simulator.KEY}"}
    return httpx.Client(base_url=vendors.url("pagerduty"), headers=headers, trust_env=False)


def read(name: str) -> Any:
    return json.loads((RECORDED / f"pagerduty/{name}.json").read_text())
