"""The kind `posthog` against the simulator, and what it asks, on ClickHouse.

HogQL is ClickHouse's SQL, so its texts run there once three things are transposed: `properties.$name` is
`properties['$name']` of a map, `now()` is the tests' instant, and HogQL's `toFloat` is a function of that name.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import ValidationError

from exporter.collectors import posthog as package
from exporter.collectors.funnel import Funnel
from exporter.collectors.posthog import PostHog
from exporter.demo.company import Company
from exporter.demo.vendors.posthog import KEY, PROJECT, STEPS
from exporter.demo.vendors.posthog.figures import EVENTS
from exporter.errors import Denied, Malformed, Throttled
from tests.clickhouse import Server, serving
from tests.endpoint import RECORDED, Endpoint, Request, Response
from tests.packs.conftest import NOW, ask
from tests.vendors.case import Figures, asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.posthog import CASE
from tests.vendors.shapes import same_shape

PAGE = Path("docs/integrations/posthog.md")
PROJECTS = f"/api/projects/{PROJECT}"
QUERY, FLAGS, EXPERIMENTS = f"{PROJECTS}/query/", f"{PROJECTS}/feature_flags/", f"{PROJECTS}/experiments/"
SCHEMA = """
    create table {} (
      event String, timestamp DateTime64(6, 'UTC'), person_id String, properties Map(String, Nullable(String))
    ) engine = MergeTree order by timestamp
"""
NO_ITEMS = Response.json({"count": 0, "next": None, "previous": None, "results": []})
QUIET: dict[str, Any] = {"funnels": [], "web_vitals": False, "feature_flags": False, "experiments": False}
OWN = {"bellwether_api_requests_total", "bellwether_api_request_duration_seconds", "bellwether_api_quota_left"}
Make = Callable[..., PostHog]
Sent = tuple[str, datetime, str, dict[str, str | None]]


@pytest.fixture
def posthog(making: Making) -> Make:
    return making(PostHog, CASE)


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[Server]:
    with serving() as found:
        found.execute("create function toFloat as (x) -> accurateCastOrNull(x, 'Float64')")
        yield found


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"posthog/{name}.json").read_text())["body"]


def table(**row: Any) -> Response:
    return Response.json({**recorded("query"), "columns": list(row), "results": [list(row.values())]})


def of_vendor(figures: Figures) -> Figures:
    return {name: values for name, values in figures.items() if name not in OWN}


def put(clickhouse: Server, name: str, events: list[Sent]) -> None:
    """A table of events as PostHog keeps them."""

    def written(properties: dict[str, str | None]) -> str:
        pairs = (f"'{key}':{'NULL' if value is None else repr(value)}" for key, value in properties.items())
        return "{" + ",".join(pairs) + "}"

    clickhouse.execute(SCHEMA.format(name))
    if events:
        clickhouse.insert(name, [(event, at, person, written(properties)) for event, at, person, properties in events])


def answering(clickhouse: Server, name: str) -> Callable[[Request], Response]:
    """Runs what it is asked on ClickHouse, over a table."""

    def answer(request: Request) -> Response:
        sql = request.data["query"]["query"]
        sql = re.sub(r"properties\.(\$\w+)", r"properties['\1']", sql)
        sql = sql.replace("now()", f"toDateTime64('{NOW:%Y-%m-%d %H:%M:%S}', 6, 'UTC')").replace("FROM events", f"FROM {name}")
        sql += " settings output_format_json_quote_64bit_integers = 0 format JSONCompact"
        found = json.loads(clickhouse.execute(sql))
        columns = [column["name"] for column in found["meta"]]
        return Response.json({**recorded("query"), "columns": columns, "results": found["data"]})

    return answer


async def test_clickhouse_says_the_same_of_the_same_events(
    posthog: Make, server: Endpoint, clickhouse: Server, vendors: Simulators, company: Company
) -> None:
    with psycopg.connect(company.application_dsn, row_factory=dict_row) as connection:
        rows = connection.execute(EVENTS + "select * from events", {"now": NOW}).fetchall()
    events: list[Sent] = []
    for row in rows:
        properties = {
            "$session_id": row["session"],
            "$is_identified": str(row["identified"]).lower(),
            "$pathname": row["path"],
            "$device_type": row["device"],
            "$feature_flag": row["flag"],
            "$feature_flag_response": row["answer"],
        }
        if row["vital"]:
            properties[f"$web_vitals_{row['vital'].upper()}_value"] = str(row["value"])
        events.append((row["event"], row["at"], row["person"], properties))
    assert len(events) > 40_000
    put(clickhouse, "company", events)
    server.answers |= {QUERY: answering(clickhouse, "company"), FLAGS: NO_ITEMS, EXPERIMENTS: NO_ITEMS}
    found = of_vendor(await asked(posthog(server.url, most=7)))
    simulated = of_vendor(await asked(posthog(vendors.url("posthog"), most=7)))
    listed = {"feature_flag_enabled", "feature_flag_rollout_ratio", "experiment_running"}
    assert set(simulated) == set(found) | listed
    assert {name: pytest.approx(simulated[name]) for name in found} == found
    assert len(simulated["web_vital_score"]) == 7
    assert ("other", "1d") in found["web_custom_events"] or len(found["web_custom_events"]) <= 14


def pageviews(company: Company) -> list[tuple[datetime, str, str, bool]]:
    """Each page view of 30 days, as the simulator says that it derives them: when, who, in which visit, whether signed in."""
    views = []
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            "select started_at, coalesce(ended_at, started_at), page_views, visitor_id, session_id, user_id is not null"
            " from bellwether.sessions where started_at > %s",
            (NOW - timedelta(days=31),),
        )
        for begin, end, count, visitor, session, signed_in in rows:
            times = [begin + (end - begin) * number / count for number in range(count)]
            views += [(at, visitor, session, signed_in) for at in times if NOW - timedelta(days=30) < at <= NOW]
    return views


async def test_a_poll_says_who_was_there(posthog: Make, vendors: Simulators, company: Company) -> None:
    found = await asked(posthog(vendors.url("posthog")))
    with psycopg.connect(company.application_dsn) as connection:
        done = connection.execute(
            "select occurred_at, name, user_id, visitor_id from bellwether.events where occurred_at > %s and occurred_at <= %s",
            (NOW - timedelta(days=30), NOW),
        ).fetchall()
    views = pageviews(company)
    active: dict[tuple[str, ...], int] = {}
    for days in (1, 7, 30):
        since, window = NOW - timedelta(days=days), f"{days}d"
        inside = [view for view in views if view[0] > since]
        signed_in = {visitor for _, visitor, _, signed_in in inside if signed_in}
        active[window,] = len(signed_in | {visitor for at, _, user, visitor in done if user is not None and at > since})
        assert found["web_page_views"][window,] == len(inside)
        assert found["web_visits"][window,] == len({session for _, _, session, _ in inside})
        assert found["web_visitors"][window,] == len({visitor for _, visitor, _, _ in inside})
    assert found["saas_active_users"] == active
    assert found["saas_stickiness_ratio"]["1d",] == pytest.approx(active["1d",] / active["30d",])
    lately = {visitor for at, visitor, _, _ in views if at > NOW - timedelta(minutes=5)}
    assert found["web_current_visitors"] == {(): len(lately)}
    counts = {
        (name, window): sum(each[1] == name and each[0] > NOW - length for each in done)
        for name in {each[1] for each in done if each[0] > NOW - timedelta(days=1)}
        for window, length in (("1h", timedelta(hours=1)), ("1d", timedelta(days=1)))
    }
    assert found["web_custom_events"] == counts


async def test_it_agrees_with_the_packs(posthog: Make, vendors: Simulators, company: Company) -> None:
    """Up to visits that lie across the beginning of a window, which the packs count by their beginning."""
    found = await asked(posthog(vendors.url("posthog")))
    for pack, names in {"users": ["saas_active_users"], "traffic": ["web_visitors", "web_visits", "web_page_views"]}.items():
        figures = await ask(company.monitor_dsn, pack, NOW)
        for name in names:
            assert found[name] == {labels: pytest.approx(value, rel=0.05) for labels, value in figures[name].items()}, name


@pytest.mark.parametrize("within", ["7d", "3m"])
async def test_a_funnel_is_that_of_the_collector_funnel(
    posthog: Make, vendors: Simulators, company: Company, within: str
) -> None:
    declared = {"name": "signup", "steps": STEPS, "within": within}
    own = Funnel.model_validate({"name": "own", "dsn": company.monitor_dsn, "funnels": [{**declared, "by": "visitor"}]})
    own._as_of = NOW
    try:
        expected = await asked(own)
    finally:
        await own.close()
    found = await asked(posthog(vendors.url("posthog"), funnels=[declared]))
    for name in expected:
        tolerance = 0.05 if name == "saas_funnel_conversion_seconds" else 1e-9  # there: of two values, or between them
        assert found[name] == {labels: pytest.approx(value, rel=tolerance) for labels, value in expected[name].items()}, name
    assert found["saas_funnel_step_users"]["signup", "landing_viewed", "1", "30d"] > 1000


async def test_flags_and_experiments_of_all_pages(posthog: Make, vendors: Simulators, company: Company) -> None:
    found = await asked(posthog(vendors.url("posthog")))
    figures = await ask(company.monitor_dsn, "flags", NOW)
    assert found["feature_flag_enabled"] == figures["feature_flag_enabled"]
    assert found["feature_flag_rollout_ratio"] == pytest.approx(
        {labels: float(value) for labels, value in figures["feature_flag_rollout_ratio"].items()}
    )
    assert len(found["feature_flag_enabled"]) == 4
    assert found["experiment_running"] == {("checkout",): 1, ("guided_setup",): 0}
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            "select subject, variant, count(*) from bellwether.exposures join (select distinct flag from bellwether.flags) as f"
            " on flag = subject where exposed_at > %s and exposed_at <= %s group by 1, 2",
            (NOW - timedelta(days=7), NOW),
        ).fetchall()
    week = {labels: value for labels, value in found["feature_flag_evaluations"].items() if labels[2] == "7d"}
    assert week == {(flag, variant, "7d"): count for flag, variant, count in rows}


def at(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


async def test_measurements_that_cannot_be_are_left_out(posthog: Make, server: Endpoint, clickhouse: Server) -> None:
    values = ["1000", "3000", "5000", "2000", "-1", "Infinity", "nan", "much", "", None, "3600001"]
    place: dict[str, str | None] = {"$pathname": "/orders/17/42", "$device_type": "Mobile"}
    sent: list[Sent] = [("$web_vitals", at(60), "p", {**place, "$web_vitals_LCP_value": value}) for value in values]
    sent += [("$web_vitals", at(60), "p", {**place, "$web_vitals_CLS_value": value}) for value in ("0.05", "0.3", "-1", "nan")]
    sent += [
        ("$web_vitals", at(60), "p", {"$pathname": "/a", "$web_vitals_INP_value": "-1"}),
        ("$web_vitals", at(86401), "p", {**place, "$web_vitals_FCP_value": "100"}),
        ("$web_vitals", at(-60), "p", {**place, "$web_vitals_FCP_value": "100"}),
    ]
    put(clickhouse, "junk", sent)
    server.answers[QUERY] = answering(clickhouse, "junk")
    found = await asked(posthog(server.url, **QUIET | {"web_vitals": True}))
    page = ("/orders/{id}/{id}", "mobile")
    assert found["web_vital_seconds"] == {(*page, "lcp", "75", "1d"): 3.5}
    assert found["web_vital_score"] == {(*page, "cls", "75", "1d"): pytest.approx(0.2375)}
    assert found["web_vital_rating_ratio"] == {
        (*page, "lcp", "good", "1d"): 0.5,
        (*page, "lcp", "needs_improvement", "1d"): 0.25,
        (*page, "lcp", "poor", "1d"): 0.25,
        (*page, "cls", "good", "1d"): 0.5,
        (*page, "cls", "needs_improvement", "1d"): 0,
        (*page, "cls", "poor", "1d"): 0.5,
    }


async def test_names_beyond_the_most_are_added_up(posthog: Make, server: Endpoint, clickhouse: Server) -> None:
    sent: list[Sent] = []
    for name, count in {"a": 5, "b": 4, "it's \\": 3, "c": 2, "other": 2, "$autocapture": 9}.items():
        sent += [(name, at(7200 if number else 60), "p", {}) for number in range(count)]
    for path, people in {"/a": 3, "/b?x=1": 2, "/mail/jo@example.com": 2, "/c": 1}.items():
        sent += [("$pageview", at(60), f"p{number}", {"$pathname": path}) for number in range(people)]
    for flag, answer, count in (("f", "true", 4), ("f", "false", 3), ("f", None, 2), ("g", "blue", 1)):
        sent += [("$feature_flag_called", at(60), "p", {"$feature_flag": flag, "$feature_flag_response": answer})] * count
    put(clickhouse, "many", sent)
    server.answers |= {QUERY: answering(clickhouse, "many"), FLAGS: NO_ITEMS}
    found = await asked(posthog(server.url, **QUIET | {"most": 3, "feature_flags": True}))
    assert {labels[0]: value for labels, value in found["web_custom_events"].items() if labels[1] == "1d"} == {
        "a": 5,
        "b": 4,
        "it's \\": 3,
        "other": 4,
    }
    assert {labels[0]: value for labels, value in found["web_custom_events"].items() if labels[1] == "1h"} == {
        "a": 1,
        "b": 1,
        "it's \\": 1,
        "other": 2,
    }
    assert found["web_page_visitors"] == {
        (page, window): count for page, count in {"/a": 3, "/b": 2, "/mail/{id}": 2}.items() for window in ("1d", "7d")
    }
    assert found["feature_flag_evaluations"] == {
        (flag, variant, window): count
        for (flag, variant), count in {("f", "on"): 4, ("f", "off"): 5, ("other", "other"): 1}.items()
        for window in ("1d", "7d")
    }


@pytest.mark.parametrize(
    ("events", "users", "length"),
    [
        ([("it's", 50), ("b", 40), ("c", 30)], (1, 1, 1), 20),
        ([("it's", 50), ("c", 40), ("b", 30)], (1, 1, 0), None),
        ([("it's", 50), ("b", 50), ("c", 30)], (1, 0, 0), None),
        ([("it's", 200), ("b", 150), ("c", 60)], (1, 1, 0), None),
        ([("it's", 200), ("b", 150), ("it's", 90), ("b", 80), ("c", 60)], (1, 1, 1), 30),
        ([("it's", 90), ("b", 80), ("it's", 70), ("c", 60)], (1, 1, 1), 30),
        ([("it's", 160), ("b", 70), ("c", 60)], (1, 1, 1), 100),
        ([("it's", 3601), ("b", 40), ("c", 30)], (0, 0, 0), None),
        ([("b", 40), ("c", 30)], (0, 0, 0), None),
        ([("it's", -10)], (0, 0, 0), None),
    ],
)
async def test_tries_of_a_funnel(  # noqa: PLR0917
    posthog: Make,
    server: Endpoint,
    clickhouse: Server,
    request: pytest.FixtureRequest,
    events: list[tuple[str, float]],
    users: tuple[int, ...],
    length: float | None,
) -> None:
    """In order, strictly one after the other, within 100 seconds of the first; the best of several tries counts."""
    name = f"tries_{request.node.callspec.id.rpartition('-')[0].partition('-')[0]}".replace("'", "")
    put(clickhouse, name, [(event, at(seconds), "p", {}) for event, seconds in events])
    server.answers[QUERY] = answering(clickhouse, name)
    funnel = {"name": "f", "steps": ["it's", "b", "c"], "within": 100, "window": "1h"}
    found = await asked(posthog(server.url, **QUIET | {"funnels": [funnel]}))
    assert tuple(found["saas_funnel_step_users"].values()) == users
    lengths = {} if length is None else {("f", nth, "1h"): length for nth in ("50", "90")}
    assert found.get("saas_funnel_conversion_seconds", {}) == lengths


async def test_nothing_seen_is_no_value(posthog: Make, server: Endpoint, clickhouse: Server) -> None:
    put(clickhouse, "nothing", [])
    server.answers |= {QUERY: answering(clickhouse, "nothing"), FLAGS: NO_ITEMS, EXPERIMENTS: NO_ITEMS}
    found = of_vendor(await asked(posthog(server.url)))
    places = [("signup", step, str(position), "30d") for position, step in enumerate(STEPS, 1)]
    assert found == {"saas_funnel_step_users": dict.fromkeys(places, 0)}


async def test_answers_are_fresh_and_queries_have_names(posthog: Make, server: Endpoint, vendors: Simulators) -> None:
    def passed_on(request: Request) -> Response:
        answer = httpx.post(vendors.url("posthog") + QUERY, json=request.data, headers={"Authorization": f"Bearer {KEY}"})
        return Response.json(answer.json(), answer.status_code)

    server.answers[QUERY] = passed_on
    await asked(posthog(server.url, **QUIET))
    bodies = [request.data for request in server.asked(QUERY)]
    assert [body["name"] for body in bodies] == ["bellwether_activity", "bellwether_events", "bellwether_pages"]
    assert {body["refresh"] for body in bodies} == {"force_blocking"}
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}


async def test_breakdowns_are_asked_less_often_and_shown_in_between(posthog: Make, vendors: Simulators) -> None:
    def calls(figures: Figures) -> float:
        return float(sum(figures["bellwether_api_requests_total"].values()))

    seldom, often = posthog(vendors.url("posthog")), posthog(vendors.url("posthog"), breakdowns_every=0)
    first = await asked(seldom)
    second = await asked(seldom)
    assert (calls(first), calls(second)) == (9, 11)
    assert of_vendor(first) == of_vendor(second)
    await asked(often)
    assert calls(await asked(often)) == 18


async def test_breakdowns_that_failed_are_asked_again(posthog: Make, server: Endpoint, clickhouse: Server) -> None:
    put(clickhouse, "again", [])
    server.answers |= {QUERY: answering(clickhouse, "again"), FLAGS: Response.recorded("posthog/throttled")}
    collector = posthog(server.url)
    for _ in range(2):
        with pytest.raises(Throttled) as raised:
            await asked(collector)
        assert raised.value.retry_after == 62
    assert len(server.asked(FLAGS)) == 2


async def test_an_answer_that_is_not_ready_is_waited_for(
    posthog: Make, server: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "_FIRST_PAUSE", 0)
    identity = recorded("running")["query_status"]["id"]
    later = iter(["posthog/running", "posthog/running", "posthog/ready"] * 9)
    server.answers |= {
        QUERY: Response.recorded("posthog/running"),
        f"{QUERY}{identity}/": lambda _: Response.recorded(next(later)),
    }
    rows = await posthog(server.url)._table("events", "SELECT 1")
    assert rows == [{"name": "signed_up", "in_hour": 2, "in_day": 17}, {"name": "plan_chosen", "in_hour": 0, "in_day": 4}]
    assert len(server.asked(f"{QUERY}{identity}/")) == 3


async def test_the_next_page_is_asked_of_the_same_server(posthog: Make, server: Endpoint, clickhouse: Server) -> None:
    """The address that a server behind a proxy gives for it may be one that cannot be reached."""
    put(clickhouse, "paged", [])
    last = {**recorded("feature_flags"), "next": None}
    server.answers |= {
        QUERY: answering(clickhouse, "paged"),
        FLAGS: lambda request: Response.json(last) if "offset" in request.query else Response.recorded("posthog/feature_flags"),
    }
    await asked(posthog(server.url, **QUIET | {"feature_flags": True}))
    assert [request.query for request in server.asked(FLAGS)] == [{"limit": "100"}, {"limit": "100", "offset": "400"}]


def flag(key: str, *groups: tuple[float | None, bool], active: bool = True, deleted: bool = False) -> dict[str, Any]:
    conditions = [{"key": "email", "value": "x", "operator": "icontains"}]
    found = [{"properties": conditions if some else [], "rollout_percentage": share} for share, some in groups]
    return {"key": key, "active": active, "deleted": deleted, "filters": {"groups": found}}


async def test_what_share_of_users_has_a_flag(posthog: Make, server: Endpoint, clickhouse: Server) -> None:
    put(clickhouse, "shares", [])
    items = [
        flag("half", (50, False), (10, False)),
        flag("all", (None, False)),
        flag("some", (100, True)),
        flag("some_more", (20, False), (100, True)),
        flag("staff_first", (20, False), (20, True)),
        flag("off", (100, False), active=False),
        flag("none", (0, False)),
        flag("gone", (100, False), deleted=True),
        flag("empty"),
    ]
    server.answers |= {
        QUERY: answering(clickhouse, "shares"),
        FLAGS: Response.json({"count": 9, "next": None, "previous": None, "results": items}),
    }
    found = await asked(posthog(server.url, **QUIET | {"feature_flags": True}))
    on = {"half": 1, "all": 1, "some": 1, "some_more": 1, "staff_first": 1, "off": 0, "none": 0, "empty": 0}
    assert found["feature_flag_enabled"] == {(key,): value for key, value in on.items()}
    share = {"half": 0.5, "all": 1, "staff_first": 0.2, "off": 0, "none": 0, "empty": 0}
    assert found["feature_flag_rollout_ratio"] == {(key,): value for key, value in share.items()}


async def test_experiments_that_have_not_begun_are_left_out(posthog: Make, server: Endpoint, clickhouse: Server) -> None:
    put(clickhouse, "tried", [])
    begun, ended = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    items = [
        {"feature_flag_key": key, "start_date": start, "end_date": end, "archived": archived}
        for key, start, end, archived in [
            ("draft", None, None, False),
            ("runs", begun, None, False),
            ("ended", begun, ended, False),
            ("again", begun, ended, False),
            ("again", begun, None, False),
            ("put_away", begun, ended, True),
        ]
    ]
    server.answers |= {
        QUERY: answering(clickhouse, "tried"),
        EXPERIMENTS: Response.json({"count": 6, "next": None, "previous": None, "results": items}),
    }
    found = await asked(posthog(server.url, **QUIET | {"experiments": True}))
    assert found["experiment_running"] == {("runs",): 1, ("ended",): 0, ("again",): 1}


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("wrong_key", Denied, r"authentication_failed.*check the credentials"),
        ("scope_missing", Denied, r"permission_denied.*check the rights"),
        ("throttled", Throttled, r"throttled"),
        ("bad_query", Malformed, r"invalid_input"),
        ("failed", Malformed, r"bellwether_activity: PostHog could not carry it out"),
    ],
)
async def test_errors_say_what_posthog_calls_them(
    posthog: Make, server: Endpoint, name: str, error: type[Exception], message: str
) -> None:
    server.answers[QUERY] = Response.recorded(f"posthog/{name}")
    with pytest.raises(error, match=message) as raised:
        await asked(posthog(server.url))
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("figure", [-1, True, "7", None])
async def test_a_figure_that_cannot_be_is_malformed(posthog: Make, server: Endpoint, figure: Any) -> None:
    server.answers[QUERY] = lambda request: (
        table(name="bought", in_hour=1, in_day=figure) if request.data["name"] == "bellwether_events" else zeros()
    )
    with pytest.raises(Malformed, match="expected events by name"):
        await asked(posthog(server.url, **QUIET))


def zeros() -> Response:
    names = ("active", "visitors", "visits", "views")
    return table(**{f"{name}_{window}": 0 for name in names for window in ("1d", "7d", "30d")}, visitors_now=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "https://eu.i.posthog.com"}, "not the one that events are sent to"),
        ({"api_key": None}, "api_key"),
        ({"project": "shop"}, "project"),
        ({"bearer_token": "x"}, "no other credentials"),
        ({"funnels": [{"name": "f", "steps": ["a"]}]}, "at least 2"),
        ({"funnels": [{"name": "f", "steps": ["a", "b", "a"]}]}, "each event once"),
        ({"funnels": [{"name": "f", "steps": ["a", "b"]}] * 2}, "declared twice"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PostHog.model_validate({**CASE.settings("https://posthog.example"), **settings})


def test_the_simulator_answers_as_documented(vendors: Simulators) -> None:
    url, headers = vendors.url("posthog"), {"Authorization": f"Bearer {KEY}"}
    text = package.queries.events(20)
    body = {"query": {"kind": "HogQLQuery", "query": text}, "name": "bellwether_events", "refresh": "force_blocking"}
    same_shape(recorded("query"), httpx.post(url + QUERY, json=body, headers=headers).json())
    same_shape(recorded("feature_flags"), httpx.get(url + FLAGS, headers=headers).json())
    same_shape(recorded("experiments"), httpx.get(url + EXPERIMENTS, headers=headers).json())
    denied = httpx.get(url + FLAGS, headers={"Authorization": "Bearer phx_of_somebody_else"})
    assert denied.status_code == 401
    same_shape(recorded("wrong_key"), denied.json())
    assert httpx.get(url + FLAGS).json()["code"] == "not_authenticated"
