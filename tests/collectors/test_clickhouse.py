"""The collector `clickhouse` on the real engine: windows, counters, failures, what it refuses, what it finds out."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.checkup import check
from exporter.collectors.clickhouse import Clickhouse
from exporter.errors import Unreachable
from exporter.fields import Secret
from exporter.metric import Distribution
from exporter.packs import contract, dialect, warehouse
from exporter.packs.load import shipped
from tests.clickhouse import READER, Server, serving

START = datetime(2026, 5, 1, tzinfo=UTC)
ORDERS = """
description: Orders of a shop.
queries:
  orders:
    type: counter
    labels: [outcome, shop]
    known: {outcome: [paid, refused]}
    metrics:
      shop_orders_total: {help: Orders by outcome., value: orders}
      shop_turnover_total: {help: Turnover of orders., unit: currency, value: turnover}
    sql: |
      select outcome, shop, count() as orders, sum(amount) as turnover
      from orders
      where created_at > %(since)s and created_at <= %(as_of)s
      group by outcome, shop
"""
PAID = ("shop_orders_total", "paid", "Lyon")


def gauge(sql: str, label: str = "", extra: str = "") -> str:
    labels = f"\n    labels: [{label}]" if label else ""
    return (
        f"description: One figure.\nqueries:\n  only:{labels}{extra}\n    metrics:\n"
        f"      shop_figure: {{help: A figure., value: value}}\n    sql: |\n"
        + "".join(f"      {line}\n" for line in sql.splitlines())
    )


@pytest.fixture(scope="module")
def engine() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(engine: Server) -> Server:
    """The server, with an empty table of orders and no view of the contract."""
    engine.execute(
        "create or replace table orders (created_at DateTime64(6), outcome String, shop LowCardinality(String), "
        "amount Decimal(18, 2)) engine = MergeTree order by created_at"
    )
    engine.execute("drop database if exists bellwether")
    return engine


class Watch:
    """A collector over packs of a folder, asked for one instant after another."""

    def __init__(self, server: Server, folder: Path, *packs: str, **settings: Any) -> None:
        for number, text in enumerate(packs):
            (folder / f"pack{number}.yaml").write_text(text)
        access = {"url": server.url, "user": READER[0], "password": Secret(READER[1])}
        given = {**access, "count_from": "first_row", **settings}
        self.collector = Clickhouse(packs_dir=folder, packs=tuple(f"pack{number}" for number in range(len(packs))), **given)

    async def at(self, as_of: datetime | None) -> dict[tuple[str, ...], Any]:
        """By name and labels, `source` left out."""
        self.collector._as_of = as_of
        found = {}
        async for sample in self.collector.collect():
            value = sample.value.parts if isinstance(sample.value, Distribution) else sample.value
            found[sample.metric.name, *sample.labels[1:]] = value
        return found

    @property
    def failures(self) -> list[str]:
        return [each.why for each in self.collector._agenda.standings if each.error]


@pytest.fixture
async def watching(server: Server, tmp_path: Path) -> AsyncIterator[Callable[..., Watch]]:
    made: list[Watch] = []

    def watch(*packs: str, **settings: Any) -> Watch:
        made.append(Watch(server, tmp_path, *packs, **settings))
        return made[-1]

    yield watch
    for each in made:
        await each.collector.close()


def order(server: Server, at: datetime, outcome: str = "paid", amount: float = 5) -> None:
    server.insert("orders", [(at, outcome, "Lyon", amount)])


async def test_a_counter_starts_with_all_rows_and_grows_by_those_since(server: Server, watching: Callable[..., Watch]) -> None:
    watch = watching(ORDERS)
    for at in (datetime(1950, 1, 1, tzinfo=UTC), START - timedelta(days=300), START, START + timedelta(microseconds=1)):
        order(server, at, amount=0.1)
    found = await watch.at(START)
    assert found[PAID] == 3
    assert found["shop_orders_total", "refused", "Lyon"] == 0  # known, so that increase() sees the first
    assert found["shop_turnover_total", "paid", "Lyon"] == 0.3  # decimals are added up as decimals
    order(server, START + timedelta(hours=1), "refused", 2.5)
    found = await watch.at(START + timedelta(days=1))
    assert found[PAID] == 4
    assert found["shop_turnover_total", "refused", "Lyon"] == 2.5


@pytest.mark.parametrize(("settings", "earlier"), [({}, 1), ({"count_from": Clickhouse.model_fields["count_from"].default}, 0)])
async def test_a_row_that_appears_late_is_counted_once_within_the_allowance_and_never_beyond(
    server: Server, watching: Callable[..., Watch], settings: dict[str, str], earlier: int
) -> None:
    watch = watching(ORDERS, late_by="60s", **settings)
    order(server, START)
    counts = [(await watch.at(START))[PAID]]
    order(server, START - timedelta(seconds=59))
    counts.append((await watch.at(START))[PAID])
    counts.append((await watch.at(START + timedelta(hours=1)))[PAID])
    order(server, START)  # an hour late
    counts.append((await watch.at(START + timedelta(hours=2)))[PAID])
    assert [count - earlier for count in counts] == [0, 1, 1, 1]


async def test_a_query_that_fails_harms_no_other_and_no_counter_moves(server: Server, watching: Callable[..., Watch]) -> None:
    breaking = gauge("select throwIf(count() > 1) + 1 as value\nfrom orders\nwhere created_at <= %(as_of)s")
    watch = watching(ORDERS, breaking, late_by="1s")
    order(server, START)
    first = await watch.at(START)
    assert (first[PAID], first["shop_figure",], first["bellwether_pack_up", "pack1"]) == (1, 1, 1)
    order(server, START + timedelta(seconds=30))
    second = await watch.at(START + timedelta(seconds=30))
    assert (second[PAID], second["shop_figure",]) == (2, 1)  # the last figure stays for a while
    assert second["bellwether_pack_up", "pack1"] == 0
    assert second["bellwether_pack_error", "pack1", "malformed"] == 1
    assert watch.failures == [
        f"{watch.collector.packs_dir}/pack1.yaml:6: queries.only.sql: FUNCTION_THROW_IF_VALUE_IS_NON_ZERO (code 395)"
    ]


async def test_while_the_server_is_away_the_run_fails_and_afterwards_nothing_is_missing(tmp_path: Path) -> None:
    with serving() as first:
        watch = Watch(first, tmp_path, gauge("select 1 as value, %(as_of)s as at"))
        assert (await watch.at(None))["shop_figure",] == 1
    with pytest.raises(Unreachable):
        await watch.at(None)
    await watch.collector.close()


@pytest.mark.parametrize(
    ("pack", "said"),
    [
        (
            gauge("select 1 as value from pg where %(as_of)s > 0"),
            "6: queries.only.sql: Unknown table expression identifier 'pg'",
        ),
        (gauge("select 1 as value\nfrom orders\nfrom where %(as_of)s > 0"), "9: queries.only.sql: Syntax error: failed at"),
        (gauge("select 1 as amount, %(as_of)s as at"), "6: queries.only.sql: expected one column 'value', got amount, at"),
        (gauge("select 'much' as value, %(as_of)s as at"), "the column 'value' holds a str, not a number"),
        (gauge("select nan as value, %(as_of)s as at"), "the column 'value' holds nan, not a finite number"),
        (gauge("select null as city, 1 as value, %(as_of)s as at", "city"), "the label 'city' is NULL in a row"),
        (gauge("select number as city, 1 as value, %(as_of)s as at from numbers(2001)", "city"), "Limit for result exceeded"),
        (
            gauge("select 1 as value from numbers(1000000000000) where not ignore(number, %(as_of)s)\nhaving count() > 0"),
            "Timeout exceeded",
        ),
    ],
)
async def test_what_a_query_may_not_give(watching: Callable[..., Watch], pack: str, said: str) -> None:
    watch = watching(pack, query_timeout="500ms")
    assert ("shop_figure",) not in await watch.at(START)
    [why] = watch.failures
    assert said in why
    assert why.startswith(f"{watch.collector.packs_dir}/pack0.yaml:")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select now64() as value, %(as_of)s", "got 'now64('"),
        ("select today ( ) as value, %(as_of)s", "got 'today ('"),
        ("select 1 as value, %(as_of)s settings max_threads = 1", "got 'settings max_threads ='"),
        ("select 1 as value, %(as_of)s format JSON", "got 'format JSON'"),
        ("select 1 as value, %(as_of)s into outfile 'x'", "got 'into outfile'"),
        ("select 1 as value", "a gauge's query uses %(as_of)s"),
        ("drop table orders", "expected one query that starts with select or with"),
    ],
)
async def test_a_pack_that_is_wrong_is_refused_with_file_and_line_and_the_others_run(
    watching: Callable[..., Watch], sql: str, said: str
) -> None:
    watch = watching(gauge(sql), ORDERS)
    assert ("bellwether_pack_up", "pack1") in await watch.at(START)
    [why] = watch.collector.refused.values()
    assert said in why
    assert why.startswith(f"{watch.collector.packs_dir}/pack0.yaml:")
    assert "queries.only" in why


async def test_words_in_texts_and_comments_are_no_clock(watching: Callable[..., Watch]) -> None:
    sql = "select length('it is now() settings a = 1') as value, -- today()\n  %(as_of)s /* now64() */ as at"
    watch = watching(gauge(sql))
    assert watch.collector.refused == {}
    assert (await watch.at(START))["shop_figure",] == 26


async def test_a_percent_sign_and_buckets_arrive(server: Server, watching: Callable[..., Watch]) -> None:
    histogram = """
description: Sizes of orders.
queries:
  sizes:
    type: histogram
    labels: [shop]
    buckets: [1, 2.5, 10]
    metrics:
      shop_order_size: {help: Size of orders., unit: currency, value: amount}
    sql: |
      select shop, amount from orders where created_at <= %(as_of)s and shop like 'L%%'
"""
    watch = watching(histogram)
    for amount in (0.5, 1, 2.5, 2.51, 99):
        order(server, START, amount=amount)
    assert (await watch.at(START))["shop_order_size", "Lyon"] == (
        ("_bucket", 1.0, 2.0),
        ("_bucket", 2.5, 3.0),
        ("_bucket", 10.0, 4.0),
        ("_bucket", float("inf"), 5.0),
        ("_sum", None, 105.51),
        ("_count", None, 5.0),
    )


async def test_the_clock_is_the_servers(watching: Callable[..., Watch]) -> None:
    watch = watching(gauge("select toUnixTimestamp64Micro(%(as_of)s) / 1e6 as value"))
    before = datetime.now(UTC).timestamp()
    assert before <= (await watch.at(None))["shop_figure",] <= datetime.now(UTC).timestamp()


def create_views(server: Server) -> None:
    for statement in warehouse.as_sql().split(";\n"):
        code = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
        if code.strip():
            server.execute(code)


def everything(server: Server) -> Clickhouse:
    return Clickhouse(url=server.url, user=READER[0], password=Secret(READER[1]), count_from="first_row")


async def test_of_the_shipped_packs_those_queries_run_whose_views_are_mapped(server: Server) -> None:
    collector = everything(server)
    create_views(server)
    create_views(server)  # may run again
    assert {sample.metric.name async for sample in collector.collect()} == set()
    server.execute(
        "create or replace table visits (id UInt64, at DateTime, ends Nullable(DateTime64(3))) engine = MergeTree order by at"
    )
    server.insert("visits", [(1, START, START + timedelta(seconds=30)), (2, START + timedelta(days=300), None)])
    server.execute(
        "create or replace view bellwether.sessions as select toString(id) as session_id, 'v' as visitor_id, "
        "cast(null as Nullable(String)) as user_id, at as started_at, ends as ended_at, toUInt8(2) as page_views, "
        "'mobile' as device, cast(null as Nullable(String)) as source, cast(null as Nullable(String)) as medium, "
        "cast(null as Nullable(String)) as campaign from visits"
    )
    create_views(server)  # a mapping stays
    collector._agenda._looked, collector._as_of = None, START + timedelta(hours=1)
    found = {(sample.metric.name, *sample.labels[1:]): sample.value async for sample in collector.collect()}
    assert found["web_visits", "1d"] == 1
    assert found["web_visit_duration_seconds", "30d"] == 30
    assert found["bellwether_pack_up", "traffic"] == 1
    assert "web_events_total" not in {name for name, *_ in found}  # events is not mapped
    await collector.close()


OTHER_TYPES = {
    "text": "LowCardinality(String)",
    "timestamptz": "DateTime",
    "date": "Date32",
    "numeric": "Float64",
    "int": "UInt16",
    "bigint": "UInt64",
    "boolean": "UInt8",
}


async def test_every_query_runs_on_whatever_types_fit(server: Server) -> None:
    """Nothing nullable, no fractions of seconds, no decimals, no booleans: as tables of ClickHouse mostly are."""
    create_views(server)
    texts = {"timing": "lcp", "device": "mobile", "name": "opened"}
    values = {"timestamptz": START, "date": START.date(), "text": "a", "numeric": 1.5, "int": 200, "bigint": 1, "boolean": True}
    for view in {view for pack in dialect.translations().values() for view in pack.reads}:
        columns = contract.views()[view].columns
        typed = ", ".join(f"{column.name} {OTHER_TYPES[column.type]}" for column in columns)
        server.execute(f"drop table bellwether.{view}")
        server.execute(f"create table bellwether.{view} ({typed}) engine = MergeTree order by tuple()")
        row = [texts.get(column.name, values[column.type]) for column in columns]
        server.insert(f"bellwether.{view}", [[int(value) if value is True else value for value in row]])
    collector = everything(server)
    collector._as_of = START + timedelta(seconds=1)
    found = {(sample.metric.name, *sample.labels[1:]): sample.value async for sample in collector.collect()}
    report = await check(collector)
    assert [(each.pack, each.query, each.why) for each in report.examined if each.state != "ok"] == []
    assert found["web_vital_rating_ratio", "a", "mobile", "lcp", "good", "1d"] == 1
    assert found["api_requests_total", "a", "a", "2xx"] == 1
    assert found["feature_users", "a", "true", "30d"] == 1


async def test_check_tells_how_views_differ_what_is_not_mapped_and_the_rows_that_are_read(server: Server) -> None:
    create_views(server)
    server.execute("create table bellwether.calls (at DateTime, s Float64) engine = MergeTree order by at")
    server.insert("bellwether.calls", [(START - timedelta(days=1), 0.1)] * 3)
    server.execute(
        "create or replace view bellwether.api_calls as select toString(at) as occurred_at, '/' as route, 'GET' as method, "
        "s as seconds from bellwether.calls"
    )
    server.execute(
        "create or replace view bellwether.events as select 'e' as event_id, 'v' as visitor_id, "
        "cast(null as Nullable(String)) as user_id, at as occurred_at, 'opened' as name from bellwether.calls"
    )
    report = await check(everything(server))
    by_query = {(each.pack, each.query): each for each in report.examined}
    requests = by_query["experience", "requests"]
    assert requests.state == "failed"
    assert "experience.yaml:" in requests.why
    assert "bellwether.api_calls: the column occurred_at is of type String, expected timestamptz" in requests.why
    assert "bellwether.api_calls: the column status is missing" in requests.why
    assert by_query["experience", "percentiles, ratings, measurements"].why == "not mapped: page_timings"
    assert by_query["users", ""].state == "unmapped"
    events = by_query["traffic", "events"]
    assert (events.state, events.series, events.cost) == ("ok", 1, 0)  # a later run reads nothing that is older


async def test_a_collector_whose_packs_say_the_same_goes_on_through_a_reload(watching: Callable[..., Watch]) -> None:
    good = gauge("select 7 as value, %(as_of)s")
    first = watching(good).collector
    assert first.same_as(watching(f"# The same.\n{good}").collector)
    assert not first.same_as(watching(good.replace("7", "8")).collector)


async def test_a_wrong_choice_is_refused() -> None:
    for settings, said in (
        ({"url": "localhost:8123"}, "expected an http or https URL with a host"),
        ({"url": "http://me:key@localhost"}, "expected no credentials"),
        ({"url": "http://localhost", "packs": ["revenue"]}, "'revenue' does not run on ClickHouse; of those shipped, "),
        ({"url": "http://localhost", "packs": ["absent"]}, "there is no pack 'absent'"),
    ):
        with pytest.raises(ValidationError, match=said):
            Clickhouse.model_validate(settings)


def test_each_text_is_that_of_a_query_and_needs_no_other_views() -> None:
    for name, pack in dialect.translations().items():
        assert pack.queries.keys() <= shipped()[name].queries.keys()
        for key, query in pack.queries.items():
            assert query.reads == shipped()[name].queries[key].reads, (name, key)


def test_the_schema_has_every_column_with_its_meaning_and_only_the_views_that_are_read() -> None:
    text = warehouse.as_sql(["events"])
    assert "bellwether.sessions" not in text
    for column in contract.views()["events"].columns:
        assert f"  {column.name} " in text
    assert "When, by the database''s clock" in text
    assert "bellwether.payments" not in warehouse.as_sql()


def test_the_docs_list_the_packs_that_run() -> None:
    text = (Path(__file__).parents[2] / "docs" / "clickhouse.md").read_text()
    for name, pack in dialect.translations().items():
        missing = sorted(shipped()[name].queries.keys() - pack.queries.keys())
        left_out = f" but {', '.join(f'`{query}`' for query in missing)}" if missing else ""
        views = ", ".join(f"`{view}`" for view in sorted(pack.reads))
        assert f"| `{name}` | {views} | all{left_out} |" in text, name
    assert text.count("| all") == len(dialect.translations())
