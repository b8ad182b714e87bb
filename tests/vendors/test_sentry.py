"""Sentry: the simulated one over the company, and what real ones are known to answer."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from pydantic import ValidationError

from exporter.collectors.sentry import Sentry
from exporter.collectors.sentry.kinds import kind_of
from exporter.demo.company import Company
from exporter.demo.vendors.sentry import Sentry as SimulatedSentry
from exporter.document import Document
from exporter.errors import Denied, Malformed, Throttled
from exporter.roles.errors import KINDS, LEVELS, OUTCOMES, STATES
from exporter.settings import settings_of
from tests.endpoint import RECORDED, Endpoint, Request, Response, endpoint
from tests.packs.conftest import NOW
from tests.vendors.case import Figures, asked
from tests.vendors.conftest import Simulators
from tests.vendors.sentry import CASE
from tests.vendors.shapes import same_shape

PAGE = Path(__file__).parent.parent.parent / "docs/integrations/sentry.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
ORGANIZATION = "/api/0/organizations/shop/"
BOUNDS = (3600, 14400, 28800, 86400, 172800, 259200, 604800, 1209600, 2592000, float("inf"))
DAY = timedelta(days=1)
KEPT = 90 * DAY
Make = Callable[..., Sentry]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collectors.sentry.time.time", NOW.timestamp)


def rows(company: Company, query: LiteralString, *params: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(company.monitor_dsn) as connection:
        return connection.execute(query, params).fetchall()


def crashed(company: Company, since: datetime) -> list[tuple[str, str | None, datetime]]:
    """Visitor, device and start of the visits that ended in a crash, worked out without the database's own digest."""
    found = rows(
        company,
        "select session_id, visitor_id, device, started_at from bellwether.sessions where started_at > %s and started_at <= %s",
        since,
        NOW,
    )
    return [row[1:] for row in found if hashlib.md5(row[0].encode()).hexdigest().startswith("00")]


def failed(company: Company, since: datetime) -> dict[str, int]:
    """Failed connections by error."""
    return dict(
        rows(
            company,
            "select error, count(*) from bellwether.connections where failed_at > %s and failed_at <= %s group by error",
            since,
            NOW,
        )
    )


def answered(company: Company, since: datetime) -> dict[int, int]:
    """Answers of the API by status."""
    return dict(
        rows(
            company,
            "select status, count(*) from bellwether.api_calls where occurred_at > %s and occurred_at <= %s group by status",
            since,
            NOW,
        )
    )


async def poll(vendors: Simulators, **settings: object) -> Figures:
    collector = CASE.collector(vendors.url("sentry"), **settings)
    try:
        return await asked(collector)
    finally:
        await collector.close()


@pytest.fixture(scope="module")
def a_bad_hour(company: Company) -> Iterator[None]:
    """Something went wrong lately too, which otherwise it may not have."""
    at = NOW - timedelta(minutes=20)
    rows = [(at, "/api/projects", "POST", status, 120) for status in (422, 429, 503, 500)]
    with psycopg.connect(company.application_dsn, autocommit=True) as connection:
        connection.cursor().executemany("insert into shop.requests values (%s, %s, %s, %s, %s)", rows)
        yield
        connection.execute("delete from shop.requests where answered_at = %s", [at])


@pytest.fixture(scope="module")
def found(a_bad_hour: None, vendors: Simulators) -> Figures:
    """What one poll says of the company as told, and of that hour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.collectors.sentry.time.time", NOW.timestamp)
        return asyncio.run(poll(vendors))


@pytest.mark.parametrize(("window", "length"), [("1h", timedelta(hours=1)), ("1d", DAY)])
def test_errors_by_level_and_kind_are_what_went_wrong_at_the_company(
    company: Company, found: Figures, window: str, length: timedelta
) -> None:
    connections, calls = failed(company, NOW - length), answered(company, NOW - length)
    crashes = len(crashed(company, NOW - length))
    failures = sum(count for status, count in calls.items() if status >= 500)
    expected = dict.fromkeys([(project, level, window) for project in ("web", "api", "billing") for level in LEVELS], 0)
    expected["web", "error", window] = crashes
    expected["web", "warning", window] = connections.get("timeout", 0) + connections.get("handshake_refused", 0)
    expected["web", "info", window] = connections.get("unauthorized", 0)
    expected["api", "warning", window] = calls.get(422, 0)
    expected["api", "info", window] = calls.get(429, 0)
    expected["api", "error", window] = failures
    assert {key: value for key, value in found["error_events"].items() if key[-1] == window} == expected
    kinds = dict.fromkeys([(project, kind, window) for project in ("web", "api", "billing") for kind in KINDS], 0)
    kinds["web", "script", window] = crashes
    kinds["web", "network", window] = expected["web", "warning", window]
    kinds["web", "other", window] = expected["web", "info", window]
    kinds["api", "validation", window] = calls.get(422, 0)
    kinds["api", "api", window] = calls.get(429, 0) + calls.get(503, 0)
    kinds["api", "script", window] = failures - calls.get(503, 0)
    assert {key: value for key, value in found["error_kind_events"].items() if key[-1] == window} == kinds
    assert sum(expected.values()) == sum(kinds.values()) > 0


def test_affected_users_sessions_and_what_was_dropped(company: Company, found: Figures) -> None:
    crashes, since = crashed(company, NOW - DAY), NOW - DAY
    [(visits, visitors)] = rows(
        company,
        "select count(*), count(distinct visitor_id) from bellwether.sessions where started_at > %s and started_at <= %s",
        since,
        NOW,
    )
    hit = {visitor for visitor, *_ in crashes if visitor}
    assert found["error_affected_users"]["web", "1d"] == len(hit) + sum(failed(company, since).values())
    assert found["error_affected_users"]["api", "1d"] == 0  # which does not tell whose its errors were
    assert found["error_sessions"] == {("web", "1d"): visits}
    assert found["error_crash_free_sessions_ratio"] == {("web", "1d"): pytest.approx(1 - len(crashes) / visits)}
    assert found["error_crash_free_users_ratio"] == {("web", "1d"): pytest.approx(1 - len(hit) / visitors)}
    dropped = dict.fromkeys([(project, outcome, "1d") for project in ("web", "api", "billing") for outcome in OUTCOMES], 0)
    dropped["api", "client_discard", "1d"] = answered(company, since)[404]
    assert found["error_dropped_events"] == dropped


def histories(company: Company) -> dict[tuple[str, ...], list[datetime]]:
    """When the errors of each issue happened: project, level, type and place."""
    found: dict[tuple[str, ...], list[datetime]] = {}
    for _, device, at in crashed(company, NOW - KEPT):
        found.setdefault(("web", "error", "TypeError", device or "unknown"), []).append(at)
    for at, error in rows(
        company, "select failed_at, error from bellwether.connections where failed_at > %s and failed_at <= %s", NOW - KEPT, NOW
    ):
        found.setdefault(("web", "info" if error == "unauthorized" else "warning", error, "realtime"), []).append(at)
    for at, status, *place in rows(
        company,
        "select occurred_at, status, method, route from bellwether.api_calls"
        " where occurred_at > %s and occurred_at <= %s and status >= 422",
        NOW - KEPT,
        NOW,
    ):
        level = {422: "warning", 429: "info"}.get(status, "error")
        found.setdefault(("api", level, "503" if status == 503 else f"{min(status, 500)}", *place), []).append(at)
    return {key: sorted(times) for key, times in found.items()}


def test_issues_by_state_and_level_over_several_pages(company: Company, found: Figures) -> None:
    expected = dict.fromkeys(
        [(project, state, level) for project in ("web", "api", "billing") for state in STATES for level in LEVELS], 0
    )
    for (project, level, *_), times in histories(company).items():
        if times[-1] > NOW - DAY:
            gaps = [after for before, after in pairwise(times) if after - before > DAY]
            recent = (gaps[-1] if gaps else times[0]) > NOW - 7 * DAY
            expected[project, ("regressed" if gaps else "new") if recent else "ongoing", level] += 1
    assert found["error_issues"] == expected
    assert sum(expected.values()) > 0
    assert found["error_issues_incomplete"] == {(): 0}


def test_how_long_issues_took_to_be_resolved(company: Company, found: Figures) -> None:
    expected: dict[tuple[str, str], list[float]] = {}
    resolved = 0
    for (project, *_), times in histories(company).items():
        if NOW - 30 * DAY < times[-1] <= NOW - DAY:
            resolved += 1
            gaps = [after for before, after in pairwise(times) if after - before > DAY]
            at, began = times[-1] + DAY, gaps[-1] if gaps else times[0]
            for window, length in {"7d": 7 * DAY, "30d": 30 * DAY}.items():
                if at > NOW - length:
                    expected.setdefault((project, window), []).append(at.timestamp() - began.timestamp())
    assert resolved > 5  # so that they are on more than one page of the simulator's
    assert found["error_resolution_seconds"].keys() == expected.keys()
    for key, durations in expected.items():
        buckets = tuple(("_bucket", float(bound), sum(each <= bound for each in durations)) for bound in BOUNDS)
        assert found["error_resolution_seconds"][key][:-2] == buckets
        assert found["error_resolution_seconds"][key][-2:] == (
            ("_sum", None, pytest.approx(sum(durations))),
            ("_count", None, len(durations)),
        )


async def test_a_payment_outage_is_a_new_critical_issue(company: Company, vendors: Simulators) -> None:
    with psycopg.connect(company.application_dsn, autocommit=True) as connection:
        connection.execute(
            "insert into shop.payments select 'outage' || number, account_id, %s, kind, amount_cents, currency,"
            " 'provider_unavailable', provider, 0 from shop.payments cross join generate_series(1, 3) as number"
            " where id = (select min(id) from shop.payments)",
            [NOW - timedelta(minutes=5)],
        )
        try:
            found = await poll(vendors)
        finally:
            connection.execute("delete from shop.payments where id like 'outage%'")
    assert found["error_events"]["billing", "critical", "1h"] == 3
    assert found["error_kind_events"]["billing", "network", "1h"] == 3
    assert found["error_affected_users"]["billing", "1h"] == 1
    assert found["error_issues"]["billing", "new", "critical"] == 1
    assert [found["error_new_issues"]["billing", window] for window in ("1h", "1d", "7d")] == [1, 1, 1]
    assert found["error_new_issues"]["web", "7d"] == 0


def test_the_simulated_answers_have_the_documented_shape(vendors: Simulators) -> None:
    headers = {"Authorization": f"Bearer {SimulatedSentry.KEY}"}
    with httpx.Client(base_url=vendors.url("sentry") + ORGANIZATION, headers=headers) as sentry:
        answers = {
            "projects": sentry.get("projects/"),
            "events": sentry.get("events/?dataset=errors&field=project&field=level&field=count()&statsPeriod=24h"),
            "stats_summary": sentry.get("stats-summary/?statsPeriod=24h&category=error"),
            "sessions": sentry.get("sessions/?statsPeriod=24h&groupBy=project"),
            "issues": sentry.get("issues/?query=is:unresolved"),
        }
        answers["issue"] = sentry.get(f"issues/{answers['issues'].json()[0]['id']}/")
        refused = httpx.get(sentry.base_url.join("projects/"))
    free = {"events": ["data[]", "meta.fields", "meta.units"], "issue": ["activity[].data"]}
    for name, answer in answers.items():
        recorded = json.loads((RECORDED / f"sentry/{name}.json").read_text())
        same_shape(recorded["body"], answer.json(), free=free.get(name, []))
        assert {header for header in recorded.get("headers", {}) if header == "Link"} <= {h.title() for h in answer.headers}
    same_shape(json.loads((RECORDED / "sentry/no_token.json").read_text())["body"], refused.json())
    assert refused.status_code == 401


ISSUE = json.loads((RECORDED / "sentry/issues.json").read_text())["body"][0]
DETAILS = json.loads((RECORDED / "sentry/issue.json").read_text())["body"]


def at(before: timedelta) -> str:
    return (NOW - before).isoformat().replace("+00:00", "Z")


def issue(key: int, **fields: Any) -> dict[str, Any]:
    project = {"id": "1", "name": "Shop", "slug": "shop-web", "platform": "python"}
    return {**ISSUE, "id": str(key), "project": project, "firstSeen": at(9 * DAY), "lastSeen": at(2 * DAY), **fields}


class Listing:
    """Answers with rows, two at a time, linked as a region does."""

    def __init__(self, *found: Any) -> None:
        self.rows = list(found)

    def __call__(self, request: Request) -> Response:
        start = int(request.query.get("cursor", "0:0:0").split(":")[1])
        more, cursor = "true" if start + 2 < len(self.rows) else "false", f"0:{start + 2}:0"
        link = f'<https://us.sentry.io{request.path}?cursor={cursor}>; rel="next"; results="{more}"; cursor="{cursor}"'
        before = f'<https://us.sentry.io{request.path}?cursor=0:0:1>; rel="previous"; results="true"; cursor="0:0:1"'
        return Response.json(self.body(self.rows[start : start + 2]), Link=f"{before}, {link}")

    def body(self, part: list[Any]) -> Any:
        return part


class Events(Listing):
    """Answers with tables of events, by what is asked for."""

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.tables = tables

    def __call__(self, request: Request) -> Response:
        named = {"users": "count_unique", "types": "error.type", "levels": "level"}
        self.rows = next(self.tables.get(name, []) for name, field in named.items() if field in request.raw_query)
        return super().__call__(request)

    def body(self, part: list[Any]) -> Any:
        return {"data": part, "meta": {}}


class Issues(Listing):
    """Answers with issues, by what is searched for."""

    def __init__(self, **searches: list[dict[str, Any]]) -> None:
        self.searches = searches

    def __call__(self, request: Request) -> Response:
        named = {"resolved": "is:resolved", "new": "firstSeen:", "unresolved": "is:unresolved"}
        self.rows = next(self.searches.get(name, []) for name, word in named.items() if word in request.query["query"])
        return super().__call__(request)


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """A Sentry with the projects shop-web (1) and shop-api (2), where nothing happened."""
    projects = [{"id": "1", "slug": "shop-web"}, {"id": "2", "slug": "shop-api"}, {"id": "3", "slug": "old"}]
    with endpoint() as served:
        served.answers |= {
            f"{ORGANIZATION}projects/": Listing(*projects),
            f"{ORGANIZATION}events/": Events(),
            f"{ORGANIZATION}stats-summary/": Response.json({"projects": []}),
            f"{ORGANIZATION}sessions/": Response.json({"groups": []}),
            f"{ORGANIZATION}issues/": Issues(),
        }
        yield served


@pytest.fixture
async def sentry(server: Endpoint) -> AsyncIterator[Make]:
    """Makes collectors of the server, closed after the test."""
    made: list[Sentry] = []

    def make(**settings: Any) -> Sentry:
        own = {"url": server.url, "organization": "shop", "token": "s3cr3t-token", "projects": ["shop-web", "shop-api"]}
        made.append(Sentry.model_validate({**own, **settings}))
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


def some(found: Figures, metric: str) -> dict[tuple[str, ...], float]:
    """The series of a metric that are not 0."""
    return {labels: value for labels, value in found[f"error_{metric}"].items() if value}


def searched(server: Endpoint, word: str) -> list[Request]:
    return [request for request in server.asked(f"{ORGANIZATION}issues/") if word in request.query["query"]]


async def test_pages_are_followed_by_cursor_whatever_host_their_links_name(server: Endpoint, sentry: Make) -> None:
    levels = ["fatal", "error", "warning", "sample", None]
    table = [{"project": "shop-web", "level": level, "count()": 10 + number} for number, level in enumerate(levels)]
    server.answers[f"{ORGANIZATION}events/"] = Events(levels=table)
    found = await asked(sentry())
    assert some(found, "events") == {
        ("shop-web", level, window): value
        for window in ("1h", "1d")
        for level, value in {"critical": 10, "error": 11, "warning": 12, "other": 27}.items()
    }
    asked_for = [
        request.query.get("cursor") for request in server.asked(f"{ORGANIZATION}events/") if "level" in request.raw_query
    ]
    assert asked_for == [None, "0:2:0", "0:4:0"] * 2


async def test_a_project_without_errors_is_at_0_and_one_without_sessions_has_none(server: Endpoint, sentry: Make) -> None:
    found = await asked(sentry())
    assert len(found["error_events"]) == 2 * len(LEVELS) * 2
    assert len(found["error_issues"]) == 2 * len(STATES) * len(LEVELS)
    assert {
        series for metric in ("events", "kind_events", "issues", "affected_users") for series in some(found, metric)
    } == set()
    assert found.keys() & {"error_sessions", "error_crash_free_sessions_ratio", "error_resolution_seconds"} == set()


async def test_kinds_of_errors_are_told_by_their_types(server: Endpoint, sentry: Make) -> None:
    types: list[tuple[object, int]] = [
        (["TypeError"], 1),
        ("requests.exceptions.ConnectionError", 2),
        (["TimeoutError", "Wrapped"], 4),
        (["AxiosError"], 8),
        (["pydantic.ValidationError"], 16),
        (["ShopError"], 32),
        ([], 64),
        (None, 128),
    ]
    table = [{"project": "shop-web", "error.type": type_, "count()": count} for type_, count in types]
    total = [{"project": "shop-web", "count()": 1000, "count_unique(user)": 7}]
    server.answers[f"{ORGANIZATION}events/"] = Events(types=table, users=total)
    found = await asked(sentry(kinds={"Shop*": "api"}))
    told = {kind: found["error_kind_events"]["shop-web", kind, "1d"] for kind in KINDS}
    assert told == {"script": 1, "network": 6, "api": 40, "validation": 16, "other": 1000 - 63}  # what no row told is other
    assert some(found, "affected_users") == {("shop-web", "1h"): 7, ("shop-web", "1d"): 7}
    few = await asked(sentry(most_types=2))
    assert few["error_kind_events"]["shop-web", "network", "1d"] == 2
    assert few["error_kind_events"]["shop-web", "other", "1d"] == 997


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("ChunkLoadError", "network"), ("socket.gaierror", "network"), ("HTTPStatusError", "api"), ("ReadTimeout", "network"),
        ("StripeError", "api"), ("APIConnectionError", "network"), ("ZodError", "validation"),
        ("NullPointerException", "script"),
        ("Error", "other"), ("", "other"), (7, "other"), (["ValidationError", "TimeoutError"], "network"),
        (["TimeoutError", "ValidationError", "Error"], "validation"),
    ],
)  # fmt: skip
def test_types_in_common_use_have_a_kind(type_: object, kind: str) -> None:
    assert kind_of(type_, {}) == kind


async def test_rates_without_a_session_are_no_value(server: Endpoint, sentry: Make) -> None:
    def group(project: int, sessions: int, of_sessions: float | None, of_users: float | None) -> dict[str, Any]:
        totals = {"sum(session)": sessions, "crash_free_rate(session)": of_sessions, "crash_free_rate(user)": of_users}
        return {"by": {"project": project}, "totals": totals, "series": {}}

    groups = [group(1, 5120, 0.998, None), group(2, 0, None, None), group(77, 9, 1, 1)]
    server.answers[f"{ORGANIZATION}sessions/"] = Response.json({"groups": groups, "intervals": []})
    found = await asked(sentry())
    assert found["error_sessions"] == {("shop-web", "1d"): 5120, ("shop-api", "1d"): 0}
    assert found["error_crash_free_sessions_ratio"] == {("shop-web", "1d"): 0.998}
    assert "error_crash_free_users_ratio" not in found


async def test_what_is_dropped_is_told_of_errors_alone(server: Endpoint, sentry: Make) -> None:
    body = json.loads((RECORDED / "sentry/stats_summary.json").read_text())["body"]
    body["projects"][0]["slug"] = "shop-api"
    server.answers[f"{ORGANIZATION}stats-summary/"] = Response.json(body)
    assert some(await asked(sentry()), "dropped_events") == {
        ("shop-api", "filtered", "1d"): 1934881, ("shop-api", "rate_limited", "1d"): 2506132,
        ("shop-api", "abuse", "1d"): 1938113, ("shop-api", "client_discard", "1d"): 1942414,
    }  # fmt: skip


async def test_issues_are_counted_rather_than_estimated_and_a_limit_is_told(server: Endpoint, sentry: Make) -> None:
    unresolved = [
        issue(1, substatus="new", level="fatal"),
        issue(2, substatus="escalating"),
        issue(3, substatus="escalating"),
        issue(4, substatus=None),
        issue(5, substatus="for_later"),
    ]
    new = [issue(1, firstSeen=at(timedelta(minutes=5))), issue(6, firstSeen=at(3 * DAY))]
    server.answers[f"{ORGANIZATION}issues/"] = Issues(unresolved=unresolved, new=new)
    found = await asked(sentry())
    assert some(found, "issues") == {
        ("shop-web", "new", "critical"): 1, ("shop-web", "escalating", "error"): 2, ("shop-web", "other", "error"): 2,
    }  # fmt: skip
    assert {window: found["error_new_issues"]["shop-web", window] for window in ("1h", "1d", "7d")} == {
        "1h": 1,
        "1d": 1,
        "7d": 2,
    }
    assert found["error_issues_incomplete"] == {(): 0}
    limited = await asked(sentry(most_issues=3))
    assert sum(some(limited, "issues").values()) == 3
    assert limited["error_issues_incomplete"] == {(): 1}
    exactly = await asked(sentry(most_issues=5))
    assert exactly["error_issues_incomplete"] == {(): 0}


async def test_an_issue_that_came_back_counts_from_then_and_one_that_nobody_resolved_not(
    server: Endpoint, sentry: Make
) -> None:
    def activity(*turns: tuple[timedelta, str]) -> dict[str, Any]:
        listed: list[dict[str, Any]] = [
            {"id": "1", "user": None, "type": turn, "data": {}, "dateCreated": at(before)} for before, turn in turns
        ]
        return {**DETAILS, "firstSeen": at(9 * DAY), "activity": listed}

    histories = {
        1: activity((DAY, "set_resolved_in_release"), (9 * DAY, "first_seen")),
        2: activity((DAY, "set_resolved"), (DAY * 1.5, "set_regression"), (8 * DAY, "set_resolved"), (9 * DAY, "first_seen")),
        3: activity((DAY, "set_resolved_by_age"), (9 * DAY, "first_seen")),
        4: activity((8 * DAY, "set_resolved"), (9 * DAY, "first_seen")),
        5: activity((9 * DAY, "first_seen")),
    }
    server.answers |= {f"{ORGANIZATION}issues/{key}/": Response.json(body) for key, body in histories.items()}
    server.answers[f"{ORGANIZATION}issues/"] = Issues(resolved=[issue(key) for key in histories])
    collector = sentry(breakdowns_every=0)
    for _ in range(2):
        found = (await asked(collector))["error_resolution_seconds"]
        sums = {key: parts[-2:] for key, parts in found.items()}
        assert sums == {
            ("shop-web", "7d"): (("_sum", None, 8.5 * 86400), ("_count", None, 2)),
            ("shop-web", "30d"): (("_sum", None, 9.5 * 86400), ("_count", None, 3)),
        }
    assert [len(server.asked(f"{ORGANIZATION}issues/{key}/")) for key in histories] == [1] * 5
    server.answers[f"{ORGANIZATION}issues/"] = Issues(resolved=[issue(1, lastSeen=at(timedelta(hours=1)))])
    await asked(collector)
    assert len(server.asked(f"{ORGANIZATION}issues/1/")) == 2  # it was seen again, so it may have come back


async def test_many_resolved_issues_are_asked_for_some_at_a_time(server: Endpoint, sentry: Make) -> None:
    turns: list[dict[str, Any]] = [{"id": "1", "user": None, "type": "set_resolved", "data": {}, "dateCreated": at(DAY)}]
    body = Response.json(DETAILS | {"firstSeen": at(2 * DAY), "activity": turns})
    server.answers |= {f"{ORGANIZATION}issues/{key}/": body for key in range(25)}
    server.answers[f"{ORGANIZATION}issues/"] = Issues(resolved=[issue(key) for key in range(25)])
    collector = sentry(breakdowns_every=0)
    assert "error_resolution_seconds" not in await asked(collector)
    assert (await asked(collector))["error_resolution_seconds"]["shop-web", "7d"][-1] == ("_count", None, 25)
    assert "error_resolution_seconds" not in await asked(sentry(most_resolved=0))


async def test_breakdowns_are_asked_for_less_often(server: Endpoint, sentry: Make) -> None:
    collector = sentry()
    first = await asked(collector)
    server.requests.clear()
    second = await asked(collector)
    assert [request.path.removeprefix(ORGANIZATION) for request in server.requests] == [
        "events/",
        "events/",
        "issues/",
        "issues/",
    ]
    assert {name for name in second if name.startswith("error")} == {name for name in first if name.startswith("error")}


async def test_what_is_asked_is_about_the_projects_and_environments_that_matter(server: Endpoint, sentry: Make) -> None:
    await asked(sentry(environments=["production", "canary"]))
    of_events = server.asked(f"{ORGANIZATION}events/")[0].raw_query
    assert of_events.startswith("environment=production&environment=canary&dataset=errors&field=project&field=count")
    assert of_events.endswith("&project=1&project=2")
    assert searched(server, "is:unresolved")[0].query["query"] == "is:unresolved issue.category:error"
    server.requests.clear()
    found = await asked(sentry(projects=[], issues="", dataset="discover"))
    assert {project for project, *_ in found["error_events"]} == {"shop-web", "shop-api", "old"}
    assert {request.query["project"] for request in server.requests if "project" in request.query} == {"-1"}
    assert searched(server, "is:unresolved")[0].query["query"] == "is:unresolved"
    assert server.asked(f"{ORGANIZATION}events/")[0].query["query"] == "!event.type:transaction"


async def test_projects_can_be_asked_for_one_at_a_time(server: Endpoint, sentry: Make) -> None:
    def one(request: Request) -> Response:
        if request.raw_query.count("project=") != 1:
            return Response.json({"detail": "You do not have the multi project stream feature enabled"}, 400)
        slug = {"1": "shop-web", "2": "shop-api"}[request.query["project"]]
        row = {"project": slug, "level": "error", "error.type": None, "count()": 3, "count_unique(user)": 2}
        return Response.json({"data": [row]})

    server.answers[f"{ORGANIZATION}events/"] = one
    with pytest.raises(Malformed, match=r"events/ at .* 400"):
        await asked(sentry())
    found = await asked(sentry(separately=True))
    assert some(found, "affected_users") == {(slug, window): 2 for slug in ("shop-web", "shop-api") for window in ("1h", "1d")}
    assert found["error_events"]["shop-api", "error", "1d"] == 3


@pytest.mark.parametrize(("projects", "seen"), [(["shop-web", "gone"], "no project gone"), ([], "no project;")])
async def test_a_project_that_the_token_does_not_see_is_a_matter_of_rights(
    server: Endpoint, sentry: Make, projects: list[str], seen: str
) -> None:
    server.answers[f"{ORGANIZATION}projects/"] = Listing(*([{"id": "1", "slug": "shop-web"}] if projects else []))
    with pytest.raises(Denied, match=seen):
        await asked(sentry(projects=projects))


async def test_refusals_say_how_long_to_wait_and_no_secret(server: Endpoint, sentry: Make) -> None:
    path = f"{ORGANIZATION}projects/"
    for name, error in {"no_token": Denied, "forbidden": Denied, "too_many": Throttled}.items():
        server.answers[path] = Response.recorded(f"sentry/{name}")
        with pytest.raises(error, match=r"organizations/shop/projects/ at ") as raised:
            await asked(sentry())
        assert "s3cr3t" not in str(raised.value)
    assert isinstance(raised.value, Throttled)
    assert raised.value.retry_after == 86400  # the header says longer, and that is not waited for
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer s3cr3t-token"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("projects/", {"detail": "x"}), ("projects/", [{"slug": "shop-web"}]), ("events/", {"data": {}}), ("events/", []),
        ("events/", {"data": [{"project": "shop-web", "level": "error", "count()": "3", "count_unique(user)": 1}]}),
        ("stats-summary/", {"projects": [{"slug": 1, "stats": [{"category": "error", "outcomes": {}}]}]}),
        ("sessions/", {"groups": [{"by": {"project": 1}, "totals": {}}]}), ("issues/", [{"id": "1"}]), ("issues/", ["x"]),
    ],
    ids=str,
)  # fmt: skip
async def test_other_json_is_malformed(server: Endpoint, sentry: Make, path: str, body: Any) -> None:
    server.answers[ORGANIZATION + path] = Response.json(body)
    with pytest.raises(Malformed, match=f"^{path.rstrip('/')}.*expected"):
        await asked(sentry())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected token, that of an internal integration"),
        ({"token": "t", "username": "u", "password": "p"}, "expected token and no other"),
        ({"token": "t", "organization": "a/b"}, "organization"),
        ({"token": "t", "kinds": {"X": "odd"}}, "kinds"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Sentry.model_validate({"organization": "shop", **settings})


def test_each_documented_setting_is_valid() -> None:
    secrets = {"SENTRY_TOKEN": "sntrys_1234"}
    kinds = [each.kind for text in BLOCKS for each in settings_of(Document.parse(text, str(PAGE)), secrets).collectors]
    assert kinds
    assert set(kinds) == {"sentry"}


def test_the_demo_watches_it(vendors: Simulators) -> None:
    assert Sentry.model_validate(vendors.settings("sentry")).organization == "shop"
