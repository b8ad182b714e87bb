"""The kind `scrape` against real endpoints, with pages as prometheus_client and others write them."""

import contextlib
import re
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pydantic import ValidationError

from exporter.clients.page import families
from exporter.collector import Collector
from exporter.collectors.scrape import Scrape
from exporter.document import Document
from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.exposition import Format
from exporter.poll import poll
from exporter.settings import settings_of
from exporter.snapshot import Snapshot
from tests.endpoint import RECORDED, Endpoint, Request, Response, endpoint
from tests.toy import LEVEL, Toy, constant

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PAGE = Path(__file__).parent.parent.parent / "docs/merging.md"
Found = dict[str, float]


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as served:
        yield served


def scrape(server: Endpoint, *metrics: Any, **settings: Any) -> Scrape:
    return Scrape.model_validate({"name": "shop", "url": f"{server.url}/metrics", "metrics": metrics or ["*"], **settings})


async def shown(*collectors: Collector, refused: Tally[str] | None = None) -> str:
    """The text page after one run of each, valid in both formats."""
    snapshot = Snapshot()
    snapshot.reserve(metric for collector in collectors for metric in collector.declares() if not metric.found)
    for collector in collectors:
        draft = await poll(collector, {metric.name: metric for metric in collector.declares()})
        counts = draft.dropped + snapshot.publish(collector.name, draft.lines)
        if refused is None:
            assert counts == {}
        else:
            refused.update(counts)
        await collector.close()
    parse: Callable[[str], Any] = parse_openmetrics
    list(parse(snapshot.page(Format.OPENMETRICS).decode()))
    return snapshot.page().decode()


def series(page: str) -> Found:
    """Values by series, without Bellwether's own metrics."""
    lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith(("#", "bellwether_")))
    return {name: float(value) for name, _, value in lines}


def refused_families(page: str) -> dict[str, float]:
    found = re.findall(r'^bellwether_scrape_refused_families\{source="shop",reason="(\w+)"\} (\S+)$', page, re.MULTILINE)
    return {reason: float(count) for reason, count in found if float(count)}


def registry() -> CollectorRegistry:
    """One of each kind of metric, used."""
    registry = CollectorRegistry()
    Gauge("shop_stock", 'A "quoted" \\ help\ntext.', ["article"], registry=registry).labels('a"b\\c\nd').set(-2.5)
    Counter("shop_sales", "Sales.", ["article"], registry=registry).labels("tea").inc(3)
    waits = Histogram("shop_wait_seconds", "Waits.", ["till"], buckets=(0.1, 1), registry=registry)
    for till, wait in (("1", 0.5), ("1", 2), ("2", 0.05)):
        waits.labels(till).observe(wait, exemplar={"trace_id": "abc"})
    Summary("shop_basket_bytes", "Baskets.", registry=registry).observe(7)
    Info("shop_build", "The build.", registry=registry).info({"version": "1.2"})
    Enum("shop_state", "The state.", states=["quiet", "busy"], registry=registry).state("busy")
    return registry


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("openmetrics", [False, True])
async def test_a_page_comes_out_as_it_went_in(server: Endpoint, openmetrics: bool, zipped: bool) -> None:
    text = (generate_openmetrics if openmetrics else generate_latest)(registry()).decode()
    server.answers["/metrics"] = Response.text(text, OPENMETRICS if openmetrics else "text/plain; version=0.0.4", zipped=zipped)
    page = await shown(scrape(server, drop=["*_created"], labels={"source": ""}))
    assert series(page) == {
        'shop_stock{article="a\\"b\\\\c\\nd"}': -2.5,
        'shop_sales_total{article="tea"}': 3,
        'shop_wait_seconds_bucket{till="1",le="0.1"}': 0,
        'shop_wait_seconds_bucket{till="1",le="1.0"}': 1,
        'shop_wait_seconds_bucket{till="1",le="+Inf"}': 2,
        'shop_wait_seconds_count{till="1"}': 2,
        'shop_wait_seconds_sum{till="1"}': 2.5,
        'shop_wait_seconds_bucket{till="2",le="0.1"}': 1,
        'shop_wait_seconds_bucket{till="2",le="1.0"}': 1,
        'shop_wait_seconds_bucket{till="2",le="+Inf"}': 1,
        'shop_wait_seconds_count{till="2"}': 1,
        'shop_wait_seconds_sum{till="2"}': 0.05,
        "shop_basket_bytes_count": 1,
        "shop_basket_bytes_sum": 7,
        'shop_build_info{version="1.2"}': 1,
        'shop_state{shop_state="quiet"}': 0,
        'shop_state{shop_state="busy"}': 1,
    }
    helps = {family.name: (family.type, family.documentation) for family in parse_text(page)}
    assert helps["shop_stock"] == ("gauge", 'A "quoted" \\ help\ntext.')
    assert (helps["shop_sales"][0], helps["shop_wait_seconds"][0], helps["shop_basket_bytes"][0]) == (
        "counter",
        "histogram",
        "summary",
    )
    assert refused_families(page) == {}
    assert f'bellwether_scrape_page_size_bytes{{source="shop"}} {float(len(text))}\n' in page
    assert 'bellwether_api_requests_total{source="shop",code="200"} 1.0\n' in page
    assert server.requests[0].headers["accept"].startswith("text/plain")


def test_metrics_must_be_named(server: Endpoint) -> None:
    with pytest.raises(ValidationError, match="metrics"):
        Scrape.model_validate({"url": server.url})
    with pytest.raises(ValidationError, match="metrics"):
        Scrape.model_validate({"url": server.url, "metrics": []})


async def test_only_what_is_named_is_taken(server: Endpoint) -> None:
    server.answers["/metrics"] = Response.text("a_one 1\na_two 2\na_three 3\nb 4\n")
    page = await shown(scrape(server, "a_*", "b?", drop=["a_tw*"]))
    assert series(page) == {'a_one{source="shop"}': 1, 'a_three{source="shop"}': 3}
    assert 'bellwether_scrape_page_lines{source="shop"} 4.0\n' in page


async def test_labels_are_kept_dropped_renamed_and_added(server: Endpoint) -> None:
    server.answers["/metrics"] = Response.text('a{x="1",y="2",z="3",source="theirs"} 1\nb{site="there"} 2\n')
    page = await shown(
        scrape(server, keep_labels=["x", "y", "z"], drop_labels=["y"], rename_labels={"z": "zone"}, prefix="shop_")
    )
    assert series(page) == {'shop_a{source="shop",x="1",zone="3"}': 1, 'shop_b{source="shop"}': 2}
    page = await shown(
        scrape(server, "b", {"name": "a", "rename": "c", "labels": {"y": "5"}}, labels={"site": "here", "y": "4"})
    )
    assert series(page) == {
        'c{source="theirs",x="1",y="5",z="3",site="here"}': 1,
        'b{source="shop",site="here",y="4"}': 2,
    }


async def test_of_series_that_become_the_same_the_first_is_shown_and_the_others_counted(server: Endpoint) -> None:
    server.answers["/metrics"] = Response.text('a{user="1"} 1\na{user="2"} 2\n')
    refused: Tally[str] = Tally()
    assert series(await shown(scrape(server, drop_labels=["user"]), refused=refused)) == {'a{source="shop"}': 1}
    assert refused == {"duplicate": 1}


async def test_counters_keep_names_without_total(server: Endpoint) -> None:
    names = {"db_transmit_bytes": 5, "db_transmit_bytes_total": 6}
    text = "".join(f"# TYPE {name} counter\n{name} {value}\n" for name, value in names.items())
    server.answers["/metrics"] = Response.text(text)
    refused: Tally[str] = Tally()
    page = await shown(scrape(server, "db_transmit_bytes"), refused=refused)
    assert series(page) == {'db_transmit_bytes{source="shop"}': 5}
    assert "# TYPE db_transmit_bytes counter\n" in page
    assert series(await shown(scrape(server, "db_transmit_bytes_total"))) == {'db_transmit_bytes_total{source="shop"}': 6}


async def test_timestamps_are_left_behind_and_what_is_old_with_them(server: Endpoint) -> None:
    now = time.time()
    server.answers["/metrics"] = Response.text(f"a 1 {int(now * 1000) - 240_000}\nb 2 {int(now * 1000) - 360_000}\n")
    page = await shown(scrape(server))
    assert (series(page), refused_families(page)) == ({'a{source="shop"}': 1}, {"old": 1})
    server.answers["/metrics"] = Response.text(
        f"# TYPE a gauge\na 1 {now - 240}\n# TYPE b gauge\nb 2 {now - 360}\n# EOF\n", OPENMETRICS
    )
    page = await shown(scrape(server))
    assert (series(page), refused_families(page)) == ({'a{source="shop"}': 1}, {"old": 1})


HISTOGRAM = '# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n'


@pytest.mark.parametrize(
    ("text", "metrics", "expected", "reasons"),
    [
        (
            "# TYPE a counter\na 1\n# TYPE b gauge\nb 2\n",
            [{"name": "a", "rename": "c"}, {"name": "b", "rename": "c"}],
            {"c": 1},
            {"taken": 1},
        ),
        ("bellwether_scrape_page_lines 1\nbellwether_api_requests_total 2\nb 3\n", ["*"], {"b": 3}, {"taken": 2}),
        (HISTOGRAM + "# TYPE x gauge\nx 2\n", ["a", {"name": "x", "rename": "a_count"}], {}, {"taken": 1}),
        (HISTOGRAM.replace('"1"} 1', '"1"} 5') + "b 2\n", ["*"], {"b": 2}, {"value": 1}),
        ("a{" + ",".join(f'l{n}="x"' for n in range(65)) + "} 1\nb 2\n", ["*"], {"b": 2}, {"invalid": 1}),
        ('{"not.legacy"} 1\nb 2\n', ["*"], {"b": 2}, {"invalid": 1}),
    ],
    ids=["types", "own", "count", "falling", "labels", "utf8"],
)
async def test_what_does_not_fit_is_left_out_and_counted(
    server: Endpoint, text: str, metrics: list[Any], expected: Found, reasons: dict[str, float]
) -> None:
    server.answers["/metrics"] = Response.text(text)
    page = await shown(scrape(server, *metrics, labels={"source": ""}))
    found = {name: value for name, value in series(page).items() if not name.startswith("a_")}
    assert (found, refused_families(page)) == (expected, reasons)


async def test_a_name_that_another_collector_declares_stays_its_own_unless_prefixed(server: Endpoint) -> None:
    server.answers["/metrics"] = Response.text('toy_level{place="x"} 5\n')
    toy = Toy.of(constant(LEVEL(1, place="x")))
    refused: Tally[str] = Tally()
    assert series(await shown(scrape(server), toy, refused=refused)) == {'toy_level{place="x"}': 1}
    assert refused == {"taken": 1}
    page = await shown(scrape(server, prefix="their_"), toy)
    assert series(page) == {'their_toy_level{source="shop",place="x"}': 5, 'toy_level{place="x"}': 1}


async def test_two_endpoints_with_the_same_metrics_stand_side_by_side(server: Endpoint) -> None:
    server.answers["/metrics"] = Response.text('# TYPE a counter\na{x="1"} 1\n')
    page = await shown(scrape(server, name="one"), scrape(server, name="two"))
    assert series(page) == {'a{source="one",x="1"}': 1, 'a{source="two",x="1"}': 1}
    assert page.count("# TYPE a ") == 1


async def test_from_run_to_run_a_steady_page_is_recognised_and_a_changed_one_taken_up(server: Endpoint) -> None:
    collector = scrape(server)
    declared = {metric.name: metric for metric in collector.declares()}
    server.answers["/metrics"] = Response.text('a{x="1",y="2"} 1\n')
    first = await poll(collector, declared)
    [metric] = [metric for metric in collector.declares() if metric.name == "a"]
    server.answers["/metrics"] = Response.text('a{y="2",x="1"} 2\n')
    second = await poll(collector, declared, first)
    assert metric in collector.declares()
    assert second.lines[metric] == ['a{source="shop",x="1",y="2"} 2.0\n']
    server.answers["/metrics"] = Response.text("# TYPE b counter\nb 3\n")
    third = await poll(collector, declared, second)
    assert [line for lines in third.lines.values() for line in lines if line.startswith(("a", "b{"))] == [
        'b{source="shop"} 3.0\n'
    ]
    await collector.close()


async def test_the_budget_bounds_what_an_endpoint_can_add(server: Endpoint) -> None:
    server.answers["/metrics"] = Response.text("".join(f'a{{user="{n}"}} 1\n' for n in range(500)))
    refused: Tally[str] = Tally()
    page = await shown(scrape(server, max_series=100), refused=refused)
    assert len(series(page)) <= 100
    assert refused["budget"] >= 400


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Response.text("<html>Sign in</html>", "text/html"), Malformed),
        (Response.text('{"a": 1}', "application/json"), Malformed),
        (Response.text("a{ 1\n"), Malformed),
        (Response.text("password is hunter22\n"), Malformed),
        (Response.text("# TYPE a gauge\na 1\n", OPENMETRICS), Malformed),  # no end: it was cut
        (Response(b"\xff 1\n"), Malformed),
        (Response.text("a 1\n" * 50), Malformed),
        (Response.text("", status=401), Denied),
        (Response(b"", 429, {"Retry-After": "30"}), Throttled),
        (Response.text("", status=500), Unreachable),
        (Response(b"a 1\nb 2\n", cut_at=4), Unreachable),
    ],
    ids=["html", "json", "brace", "text", "cut", "bytes", "size", "401", "429", "500", "broken"],
)
async def test_an_answer_that_is_no_page_of_metrics_is_a_failure(
    server: Endpoint, answer: Response, kind: type[PollError]
) -> None:
    server.answers["/metrics"] = answer
    collector = scrape(server, max_size=100, password="hunter22", username="u")
    with pytest.raises(kind, match=r"GET /metrics at 127\.0\.0\.1") as raised:
        [sample async for sample in collector.collect()]
    assert "hunter22" not in str(raised.value)
    await collector.close()


async def test_a_page_without_a_type_is_read_as_text(server: Endpoint) -> None:
    server.answers["/metrics"] = Response(b"a 1\n")
    assert series(await shown(scrape(server))) == {'a{source="shop"}': 1}


async def test_a_hanging_endpoint_is_given_up_before_the_run_is(server: Endpoint) -> None:
    released = threading.Event()
    server.answers["/metrics"] = Response(b"a 1\n", after=released)
    collector = scrape(server, timeout=0.1)
    try:
        with pytest.raises(TimedOut, match=r"no whole answer within 0\.05 s"):
            await poll(collector, {})
    finally:
        released.set()
        await collector.close()


@given(st.text(st.sampled_from('ab{}="\\n#,. 1eNaN+Inf\tTYPEHELPcounter_\x00é'), max_size=60), st.booleans())
def test_no_page_whatsoever_is_a_bug(text: str, openmetrics: bool) -> None:
    with contextlib.suppress(Malformed):
        families(f"# TYPE a counter\na 1\n{text}\n# EOF\n".encode(), "application/openmetrics-text" if openmetrics else "", 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": [{"name": "a*", "rename": "b"}]}, "several metrics cannot share a name"),
        ({"metrics": [{"name": "a", "rename": "9"}]}, "is not a metric name"),
        ({"metrics": [{"name": "a", "labels": {"a-b": "x"}}]}, "is not a label name"),
        ({"labels": {"a-b": "x"}}, "is not a label name"),
        ({"rename_labels": {"a": "__b"}}, "is not a label name"),
        ({"prefix": "a-"}, "is not a metric name"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Scrape.model_validate({"url": "http://x", "metrics": ["*"]} | settings)


def worked() -> dict[str, str]:
    """The settings on the page, by the recorded page that they are for; those for none by their URL."""
    blocks = re.findall(r"(?:<!-- (\S+) -->\n)?```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return {name or re.search(r"url: (\S+)", text)[1]: text for name, text in blocks}  # type: ignore[index]


def collector_of(text: str, url: str) -> Collector:
    text = re.sub(r"url: \S+", f"url: {url}", text)
    [collector] = settings_of(Document.parse(text, "docs/merging.md"), {"SUPABASE_SECRET_KEY": "sb_secret_1234"}).collectors
    return collector


POOL = {
    'db_client_connection_count{source="shop",db_client_connection_pool_name="POOL",db_client_connection_state="used"}': 7.0,
    'db_client_connection_count{source="shop",db_client_connection_pool_name="POOL",db_client_connection_state="idle"}': 3.0,
}
MOST = {'db_client_connection_max{source="shop",db_client_connection_pool_name="POOL"}': 20.0}
PENDING = {'db_client_connection_pending_requests{source="shop",db_client_connection_pool_name="POOL"}': 2.0}
TIMEOUTS = {'db_client_connection_timeouts_total{source="shop",db_client_connection_pool_name="POOL"}': 1.0}
_LABELS = 'source="shop",application="shop",db_client_connection_pool_name="POOL"'
ACQUIRE = {
    f"hikaricp_connections_acquire_seconds_{part}{{{_LABELS}}}": value for part, value in (("sum", 0.5), ("count", 120.0))
}


@pytest.mark.parametrize(
    ("page", "pool", "expected"),
    [
        ("hikaricp.txt", "main", POOL | MOST | PENDING | TIMEOUTS | ACQUIRE),
        ("pgx.txt", "shop", POOL | MOST),
        ("database_sql.txt", "shop", POOL | MOST),
        ("opentelemetry_python.txt", "postgresql://db/shop", POOL),
        ("opentelemetry_node.txt", "db:5432/shop", POOL | PENDING),
    ],
)
async def test_the_documented_settings_bring_each_librarys_pools_to_one_form(
    server: Endpoint, page: str, pool: str, expected: Found
) -> None:
    server.answers["/metrics"] = Response.text((RECORDED / "scrape" / page).read_text())
    found = series(await shown(collector_of(worked()[page], f"{server.url}/metrics")))
    assert found == {name.replace("POOL", pool): value for name, value in expected.items()}


async def test_metrics_of_pools_are_declared_where_they_can_come_and_also_come_by_prefix(server: Endpoint) -> None:
    def pools(collector: Scrape) -> set[str]:
        return {metric.name for metric in collector.declares() if metric.name.startswith("db_")}

    assert pools(scrape(server, "shop_*")) == set()
    assert pools(scrape(server, {"name": "x", "rename": "db_client_connection_max"})) == {"db_client_connection_max"}
    assert len(pools(scrape(server))) == 4
    server.answers["/metrics"] = Response.text('client_connection_max{pool="x"} 5\nclient_x{pool="x"} 6\n')
    page = await shown(scrape(server, "client_*", prefix="db_", rename_labels={"pool": "db_client_connection_pool_name"}))
    assert series(page) == {
        'db_client_connection_max{source="shop",db_client_connection_pool_name="x"}': 5,
        'db_client_x{source="shop",db_client_connection_pool_name="x"}': 6,
    }


async def test_the_documented_settings_for_supabase_fetch_with_its_credentials(server: Endpoint) -> None:
    def private(request: Request) -> Response:
        if request.headers.get("authorization") != "Basic c2VydmljZV9yb2xlOnNiX3NlY3JldF8xMjM0":
            return Response.text("", status=401)
        return Response.text((RECORDED / "scrape/supabase.txt").read_text())

    server.answers["/metrics"] = private
    page = await shown(collector_of(worked()["supabase.txt"], f"{server.url}/metrics"))
    own = 'source="supabase",project="abcdefgh"'
    disk = f'supabase_node_filesystem_avail_bytes{{{own},device="/dev/'
    assert series(page) == {
        f"supabase_node_load1{{{own}}}": 0.21,
        f'{disk}nvme0n1p2",fstype="ext4",mountpoint="/"}}': 1.5e9,
        f'{disk}nvme1n1",fstype="ext4",mountpoint="/data"}}': 6e9,
        f"supabase_db_transmit_bytes{{{own}}}": 12345,
        f"supabase_pgbouncer_up{{{own}}}": 1,
        f"supabase_auth_users_user_count{{{own}}}": 42,
    }
    assert "# TYPE supabase_db_transmit_bytes counter\n" in page


async def test_the_documented_settings_for_unleash_show_its_flags(server: Endpoint) -> None:
    server.answers["/metrics"] = Response.text((RECORDED / "scrape/unleash.txt").read_text())
    end = 'environment="production"}'
    usage = 'feature_toggle_usage_total{source="unleash",toggle="new-checkout"'
    assert series(await shown(collector_of(worked()["unleash.txt"], f"{server.url}/metrics"))) == {
        'feature_toggles_total{source="unleash",' + end: 31,
        f'{usage},active="true",appName="shop",{end}': 90210,
        f'{usage},active="false",appName="shop",{end}': 12,
        'users_active_7{source="unleash",' + end: 9,
        'client_apps_total{source="unleash",range="7d",' + end: 3,
    }


def test_every_documented_setting_is_valid() -> None:
    pages = worked()
    assert {name for name in pages if name.endswith(".txt")} == {file.name for file in (RECORDED / "scrape").iterdir()}
    for name, text in pages.items():
        url = re.search(r"url: (\S+)", text)
        assert url, name
        assert isinstance(collector_of(text, url[1]), Scrape)
