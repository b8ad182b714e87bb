"""The kind `newrelic` against the simulated service, the simulator against what is documented, and what neither shows."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from pydantic import ValidationError

from exporter.collectors.newrelic import Newrelic
from exporter.demo.company import Company
from exporter.demo.vendors.newrelic import FAILURES, ROUTES
from exporter.demo.vendors.newrelic import Newrelic as Simulator
from exporter.document import Document
from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.settings import settings_of
from tests.endpoint import Endpoint, Response
from tests.packs.conftest import NOW
from tests.vendors.case import asked
from tests.vendors.conftest import Simulators
from tests.vendors.newrelic import CASE
from tests.vendors.shapes import same_shape

PAGE = Path("docs/integrations/newrelic.md")
COUNT = {"nrql": "SELECT count(*) FROM Transaction", "metrics": [{"name": "shop_count", "help": "x", "field": "count"}]}
FACETS = {
    "nrql": "SELECT count(*) AS requests, percentile(duration, 50, 95) AS time FROM Transaction FACET name",
    "labels": {"route": "name"},
    "metrics": [
        {"name": "shop_requests", "help": "x", "field": "requests"},
        {"name": "shop_seconds", "help": "x", "field": "time", "percentile": 95, "scale": 2},
    ],
}
Make = Callable[..., Newrelic]


@pytest.fixture
async def newrelic() -> AsyncIterator[Make]:
    made: list[Newrelic] = []

    def make(url: str, *queries: dict[str, Any], **settings: Any) -> Newrelic:
        given = CASE.settings(url) | ({"queries": list(queries)} if queries else {})  # type: ignore[operator]
        made.append(Newrelic.model_validate({**given, **settings}))
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


async def test_a_full_poll_gives_the_figures_of_the_company(vendors: Simulators, company: Company, newrelic: Make) -> None:
    day = "SINCE 4 weeks ago UNTIL 1 minute ago"
    routes = ROUTES | {"nrql": str(ROUTES["nrql"]).replace("SINCE 1 hour ago UNTIL 1 minute ago", day)}
    failures = FAILURES | {"nrql": str(FAILURES["nrql"]).replace("SINCE 1 hour ago UNTIL 1 minute ago", day)}
    found = await asked(newrelic(vendors.url("newrelic"), routes, failures))
    window = "occurred_at > %(now)s - interval '4 weeks' and occurred_at <= %(now)s - interval '1 minute'"
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            f"""
            select route, count(*), percentile_disc(0.95) within group (order by seconds)
            from bellwether.api_calls where {window} group by route order by count(*) desc, route
            """.encode(),
            {"now": NOW},
        ).fetchall()
        least = [route for route, *_ in rows[5:]]
        [(others, slow)] = connection.execute(
            f"""
            select count(*), percentile_disc(0.95) within group (order by seconds)
            from bellwether.api_calls where {window} and route = any(%(least)s)
            """.encode(),
            {"now": NOW, "least": least},
        ).fetchall()
        [(failed,)] = connection.execute(
            f"select count(*) from bellwether.api_calls where {window} and status >= 500".encode(), {"now": NOW}
        ).fetchall()
    assert len(least) > 0
    assert failed > 0
    expected = {(route,): count for route, count, _ in rows[:5]}
    assert found["newrelic_requests"] == expected | {("other",): others}
    slowest = {(route,): pytest.approx(float(seconds)) for route, _, seconds in rows[:5]}
    assert found["newrelic_request_seconds"] == slowest | {("other",): pytest.approx(float(slow))}
    assert found["newrelic_failures"] == {(): failed}
    assert found["bellwether_api_requests_total"] == {("200",): 1}


def test_simulated_answers_have_the_documented_shape(vendors: Simulators) -> None:
    def answer(nrql: str, key: str = Simulator.KEY, account: int = 1234567) -> httpx.Response:
        query = "query($account: Int!, $query0: Nrql!) { actor { account(id: $account) { result0: nrql(query: $query0) } } }"
        body = {"query": query, "variables": {"account": account, "query0": nrql}}
        return httpx.post(f"{vendors.url('newrelic')}/graphql", json=body, headers={"API-Key": key}, trust_env=False)

    def recorded(name: str) -> Any:
        return yaml.safe_load(Response.recorded(f"newrelic/{name}").body)

    window = "SINCE 1 day ago LIMIT 1"
    same_shape(recorded("count"), answer(f"SELECT count(*) FROM Transaction {window}").json())
    same_shape(recorded("facets"), answer(f"{FACETS['nrql']} {window}").json())
    two = answer(f"SELECT count(*) AS requests FROM Transaction FACET name, method {window}").json()
    two["data"]["actor"]["account"]["result0"]["otherResult"] = None
    same_shape(recorded("two_facets"), two)
    same_shape(recorded("syntax_error"), answer("SELEKT").json())
    same_shape(recorded("access_denied"), answer("SELECT count(*)", account=1).json())
    assert answer("", key="wrong").status_code == 401
    same_shape(recorded("bad_key"), answer("", key="wrong").json())


async def test_recorded_answers_are_read(server: Endpoint, newrelic: Make) -> None:
    server.answers["/graphql"] = Response.recorded("newrelic/count")
    found = await asked(newrelic(server.url, COUNT))
    assert found["shop_count"] == {(): 1000}
    [request] = server.requests
    assert request.headers["api-key"] == Simulator.KEY
    assert request.data["variables"] == {"account": 1234567, "query0": COUNT["nrql"]}
    assert request.data["query"] == (
        "query($account: Int!, $query0: Nrql!) { actor { account(id: $account) "
        "{ result0: nrql(query: $query0, timeout: 20) { results otherResult } } } }"
    )
    server.answers["/graphql"] = Response.recorded("newrelic/facets")
    found = await asked(newrelic(server.url, FACETS))
    assert found["shop_requests"] == {("/cart",): 1000, ("/",): 10, ("other",): 7}
    assert found["shop_seconds"] == {("/cart",): 0.62, ("/",): 0.4, ("other",): 1.8}
    server.answers["/graphql"] = Response.recorded("newrelic/two_facets")
    two = FACETS | {"labels": {"method": "method", "route": "name"}, "metrics": FACETS["metrics"][:1]}  # type: ignore[index]
    assert (await asked(newrelic(server.url, two)))["shop_requests"] == {("GET", "/"): 5}
    server.answers["/graphql"] = Response.recorded("newrelic/deprecated")
    assert (await asked(newrelic(server.url, COUNT)))["shop_count"] == {(): 1000}


async def test_five_queries_go_in_a_request(vendors: Simulators, newrelic: Make) -> None:
    queries = [
        {
            "nrql": "SELECT count(*) FROM Transaction SINCE 1 day ago",
            "metrics": [{"name": f"shop_count_{number}", "help": "x", "field": "count"}],
        }
        for number in range(7)
    ]
    found = await asked(newrelic(vendors.url("newrelic"), *queries))
    assert found["bellwether_api_requests_total"] == {("200",): 2}
    assert len({found[f"shop_count_{number}"][()] for number in range(7)}) == 1


async def test_nothing_is_absent_or_zero_as_told(server: Endpoint, newrelic: Make) -> None:
    row = {"average.duration": None, "count": 0, "time": {"95": None}, "facet": None, "name": None}
    server.answers["/graphql"] = Response.json({"data": {"actor": {"account": {"result0": {"results": [row]}}}}})
    fields = [("shop_average", "average.duration", {}), ("shop_count", "count", {}), ("shop_time", "time", {"percentile": 95})]
    metrics = [{"name": name, "help": "x", "field": field, **more} for name, field, more in fields]
    query = {"nrql": "SELECT x", "metrics": metrics}
    found = await asked(newrelic(server.url, query | {"labels": {"route": "name"}}))
    assert {name for name in found if name.startswith("shop")} == {"shop_count"}
    assert found["shop_count"] == {("none",): 0}
    found = await asked(newrelic(server.url, query | {"metrics": [each | {"missing": "zero"} for each in metrics]}))
    assert found["shop_average"] == found["shop_time"] == {(): 0}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("timeout", TimedOut, r"queries\[0\]: got an error \(TIMEOUT\)"),
        ("server_error", Unreachable, r"\(SERVER_ERROR\)"),
        ("too_many_requests", Throttled, r"\(TOO_MANY_REQUESTS\)"),
        ("access_denied", Denied, "check the key and its rights to the account"),
        ("syntax_error", Malformed, r"\(INVALID_QUERY\); try the query in the query builder"),
        ("bad_key", Denied, "401"),
    ],
)
async def test_errors_come_with_status_200_and_have_their_reason(
    server: Endpoint, newrelic: Make, name: str, kind: type[PollError], message: str
) -> None:
    server.answers["/graphql"] = Response.recorded(f"newrelic/{name}")
    with pytest.raises(kind, match=message) as raised:
        await asked(newrelic(server.url, COUNT))
    assert "joe" not in str(raised.value)


async def test_the_error_names_the_query_also_beyond_the_first_request(server: Endpoint, newrelic: Make) -> None:
    whole = Response.json({"data": {"actor": {"account": {f"result{n}": {"results": [{"count": 1}]} for n in range(5)}}}})
    server.answers["/graphql"] = lambda _: whole if len(server.requests) == 1 else Response.recorded("newrelic/timeout")
    queries = [COUNT | {"metrics": [{"name": f"c{n}", "help": "x", "field": "count"}]} for n in range(6)]
    with pytest.raises(TimedOut, match=r"queries\[5\]"):
        await asked(newrelic(server.url, *queries))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"sum": 3}, "shop_count: expected the field count, which the results do not have"),
        ({"count": {"95": 1}}, "count: expected a number, got several; give percentile"),
        ({"count": "many"}, "expected a number, got a text that is none"),
        (7, "expected rows of results"),
    ],
)
async def test_rows_of_another_form_are_malformed(server: Endpoint, newrelic: Make, row: Any, message: str) -> None:
    server.answers["/graphql"] = Response.json({"data": {"actor": {"account": {"result0": {"results": [row]}}}}})
    with pytest.raises(Malformed, match=r"queries\[0\]: .*" + message):
        await asked(newrelic(server.url, COUNT))


async def test_a_percentile_or_facet_that_was_not_asked_for_is_named(server: Endpoint, newrelic: Make) -> None:
    server.answers["/graphql"] = Response.recorded("newrelic/facets")
    metrics = [{"name": "shop_seconds", "help": "x", "field": "time", "percentile": 99}]
    with pytest.raises(Malformed, match="time: expected the percentile 99"):
        await asked(newrelic(server.url, FACETS | {"metrics": metrics}))
    with pytest.raises(Malformed, match="does the query have FACET host"):
        await asked(newrelic(server.url, FACETS | {"labels": {"host": "host"}}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"queries": [COUNT | {"nrql": "SELECT count(*) FROM X TIMESERIES"}]}, "without TIMESERIES"),
        ({"queries": [COUNT | {"nrql": "SELECT count(*) FROM X COMPARE  WITH 1 day ago"}]}, "COMPARE WITH"),
        ({"queries": [COUNT | {"labels": {"source": "x"}}]}, "other labels than source"),
        ({"queries": [COUNT, COUNT | {"labels": {"a": "b"}}]}, "declared twice and differently"),
        ({"queries": []}, "at least 1 item"),
        ({"api_key": None}, "api_key"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Newrelic.model_validate({**CASE.settings("http://x"), **settings})


def test_a_value_of_the_query_may_look_like_a_clause() -> None:
    nrql = "SELECT count(*) FROM X WHERE name = 'TIMESERIES'"
    [query] = Newrelic.model_validate({**CASE.settings("http://x"), "queries": [COUNT | {"nrql": nrql}]}).queries
    assert query.nrql == nrql


def test_the_address_is_that_of_the_region_unless_given() -> None:
    def url(**settings: Any) -> str:
        return Newrelic.model_validate({"account": 1, "api_key": "NRAK-x", "queries": [COUNT], **settings}).url

    assert url() == "https://api.newrelic.com/graphql"
    assert url(region="eu") == "https://api.eu.newrelic.com/graphql"
    assert url(region="eu", url="http://proxy.example.com") == "http://proxy.example.com"


def test_settings_are_compared_by_what_they_say(newrelic: Make) -> None:
    assert newrelic("http://x", COUNT).same_as(newrelic("http://x", COUNT))
    assert not newrelic("http://x", COUNT).same_as(newrelic("http://x", FACETS))


def test_the_examples_of_the_page_work() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert blocks
    for text in blocks:
        settings_of(Document.parse(text, str(PAGE)), {"NEW_RELIC_USER_KEY": "NRAK-s3cr3t"})
