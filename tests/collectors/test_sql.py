"""The collector `sql` against a real server: windows, counters, failures, and what it refuses."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.collectors.sql import Sql
from exporter.errors import Denied, Malformed, PollError, TimedOut
from exporter.fields import Secret
from exporter.packs.load import shipped
from exporter.packs.pack import Query

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
      select outcome, shop, count(*) as orders, sum(amount) as turnover
      from orders
      where created_at > %(since)s and created_at <= %(as_of)s
      group by outcome, shop
"""


@pytest.fixture
def shop(database: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection to a database with an empty, indexed table of orders."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "create table orders (created_at timestamptz not null default now(), outcome text, shop text, amount numeric)"
        )
        connection.execute("create index on orders (created_at)")
        yield connection


class Watch:
    """A collector over packs written for the test, asked at instants of the test's choosing."""

    def __init__(self, collector: Sql) -> None:
        self.collector = collector

    async def at(self, as_of: datetime | None) -> dict[tuple[str, ...], float]:
        """Values by metric and labels, `source` left out."""
        self.collector._as_of = as_of
        return {(sample.metric.name, *sample.labels[1:]): sample.value async for sample in self.collector.collect()}


Watching = Callable[..., Watch]


@pytest.fixture
async def watching(database: str, shop: psycopg.Connection[Any], tmp_path: Path) -> AsyncIterator[Watching]:
    """Makes a `Watch` from the texts of packs, named pack0, pack1 and so on, and settings."""
    made: list[Sql] = []

    def watch(*packs: str, **settings: Any) -> Watch:
        for number, text in enumerate(packs):
            (tmp_path / f"pack{number}.yaml").write_text(text)
        names = tuple(f"pack{number}" for number in range(len(packs)))
        made.append(Sql(name="shop", dsn=Secret(database), packs=names, packs_dir=tmp_path, **settings))
        return Watch(made[-1])

    yield watch
    for collector in made:
        await collector.close()


def order(shop: psycopg.Connection[Any], at: datetime, outcome: str = "paid", amount: float = 5) -> None:
    shop.execute("insert into orders values (%s, %s, 'Lyon', %s)", (at, outcome, amount))


def gauge(sql: str, labels: str = "", known: str = "") -> str:
    return f"""
description: One gauge.
queries:
  only:
    labels: [{labels}]
    known: {{{known}}}
    metrics:
      shop_figure: {{help: A figure., value: value}}
    sql: |
      {sql}
"""


async def test_a_counter_starts_with_all_rows_and_grows_by_those_since(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    watch = watching(ORDERS)
    order(shop, START - timedelta(days=300))
    order(shop, START)
    order(shop, START + timedelta(seconds=1))  # not yet
    assert await watch.at(START) == {
        ("shop_orders_total", "paid", "Lyon"): 2,
        ("shop_orders_total", "refused", "Lyon"): 0,  # known, so that increase() sees the first
        ("shop_turnover_total", "paid", "Lyon"): 10,
        ("shop_turnover_total", "refused", "Lyon"): 0,
    }
    order(shop, START + timedelta(hours=1), "refused", 2.5)
    found = await watch.at(START + timedelta(days=1))
    assert found["shop_orders_total", "paid", "Lyon"] == 3
    assert found["shop_turnover_total", "refused", "Lyon"] == 2.5


async def test_with_closed_labels_alone_a_counter_starts_at_zero_on_an_empty_table(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    closed = ORDERS.replace("labels: [outcome, shop]", "labels: [outcome]").replace("outcome, shop", "outcome")
    assert await watching(closed).at(START) == {
        (name, outcome): 0 for name in ("shop_orders_total", "shop_turnover_total") for outcome in ("paid", "refused")
    }
    assert shop.execute("select count(*) from orders").fetchone() == (0,)


async def test_a_row_that_appears_late_is_counted_once_within_the_allowance_and_never_beyond(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    watch = watching(ORDERS, late_by="60s")
    paid = ("shop_orders_total", "paid", "Lyon")
    order(shop, START)
    counts = [(await watch.at(START))[paid]]
    order(shop, START - timedelta(seconds=59))
    counts.append((await watch.at(START))[paid])
    counts.append((await watch.at(START + timedelta(hours=1)))[paid])
    order(shop, START)  # an hour late
    counts.append((await watch.at(START + timedelta(hours=2)))[paid])
    assert counts == [1, 2, 2, 2]


async def test_counting_is_exact_while_transactions_that_began_earlier_commit_later(database: str, watching: Watching) -> None:
    """Time is the test's own: it passes with each poll, but no transaction stays open for longer than the allowance."""
    allowance, tick = timedelta(seconds=10), timedelta(seconds=3)
    watch = watching(ORDERS, late_by=allowance.total_seconds())
    writing: dict[int, datetime] = {}  # by writer, the date of the row that is not yet committed
    time, polls, late = START, [0.0], 0
    dice = random.Random(7)

    async def write(writer: int) -> None:
        nonlocal late
        async with await psycopg.AsyncConnection.connect(database) as connection:
            for _ in range(40):
                writing[writer] = time
                await connection.execute("insert into orders values (%s, 'paid', 'Lyon', 1)", (time,))
                await asyncio.sleep(dice.uniform(0, 0.02))
                await connection.commit()
                late += time > writing.pop(writer)

    async def poll() -> None:
        nonlocal time
        time = min([time + tick, *(date + allowance - tick / 10 for date in writing.values())])
        polls.append((await watch.at(time)).get(("shop_orders_total", "paid", "Lyon"), 0))

    await poll()
    writers = [asyncio.create_task(write(number)) for number in range(5)]
    while not all(writer.done() for writer in writers):
        await poll()
        await asyncio.sleep(0)
    await asyncio.gather(*writers)
    await poll()
    assert polls[-1] == 200
    assert polls == sorted(polls)
    time += timedelta(hours=1)  # everything settles
    await poll()
    await poll()
    assert polls[-2:] == [200, 200]
    assert late > 0  # rows did appear behind instants already counted


async def test_a_later_poll_reads_only_the_rows_of_its_windows(shop: psycopg.Connection[Any], watching: Watching) -> None:
    shop.execute(
        "insert into orders select %s - number * interval '1 minute', 'paid', 'Lyon', 1 from generate_series(0, 19999) number",
        (START,),
    )
    shop.execute("vacuum analyze orders")
    watch = watching(ORDERS, late_by="10m")
    assert (await watch.at(START))["shop_orders_total", "paid", "Lyon"] == 20_000
    tally = watch.collector._tallies["pack0", "orders"]
    query = watch.collector._packs["pack0"].queries["orders"]
    now = START + timedelta(minutes=5)
    border = tally.border(now, timedelta(minutes=10))
    read = [rows_read(shop, query, tally.settled_to, border), rows_read(shop, query, border, now)]
    assert read == [5, 5]


def rows_read(shop: psycopg.Connection[Any], query: Query, since: datetime, as_of: datetime) -> int:
    """Rows of the table that the server looked at to answer, whether they were wanted or not."""
    row = shop.execute(b"explain (analyze, format json) " + query.sql.encode(), query.parameters(as_of, since)).fetchone()
    assert row is not None
    pending, rows = [json.loads(row[0])[0]["Plan"] if isinstance(row[0], str) else row[0][0]["Plan"]], 0
    while pending:
        node = pending.pop()
        below = node.get("Plans", [])
        pending += below
        if not below:
            rows += round(node["Actual Rows"] * node["Actual Loops"]) + node.get("Rows Removed by Filter", 0)
    return rows


async def test_a_poll_that_fails_after_the_counters_were_read_neither_loses_nor_doubles(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    breakable = gauge("select 1 / count(*) as value from breakable where %(as_of)s is not null")
    shop.execute("create table breakable as select 1 as one")
    watch = watching(ORDERS, breakable, late_by="1s")
    paid = ("shop_orders_total", "paid", "Lyon")
    order(shop, START)
    assert (await watch.at(START + timedelta(hours=1)))[paid] == 1
    order(shop, START + timedelta(hours=2))
    shop.execute("delete from breakable")
    kept = dict(watch.collector._tallies)
    for _ in range(2):
        with pytest.raises(Malformed) as caught:
            await watch.at(START + timedelta(hours=3))
        assert str(caught.value) == "pack pack1, query only: DivisionByZero (SQLSTATE 22012)"
        assert watch.collector._tallies == kept
    shop.execute("insert into breakable values (1)")
    assert (await watch.at(START + timedelta(hours=4)))[paid] == 2


async def test_a_poll_that_fails_between_the_two_windows_of_a_counter_neither_loses_nor_doubles(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    watch = watching(ORDERS.replace("sum(amount)", "sum(10 / amount)"), late_by="60s")
    turnover = ("shop_turnover_total", "paid", "Lyon")
    order(shop, START, amount=2)
    assert (await watch.at(START))[turnover] == 5
    order(shop, START + timedelta(minutes=5), amount=0)  # only the window of fresh rows fails
    with pytest.raises(Malformed, match="pack pack0, query orders: DivisionByZero"):
        await watch.at(START + timedelta(minutes=5))
    shop.execute("update orders set amount = 10 where amount = 0")
    assert (await watch.at(START + timedelta(minutes=5)))[turnover] == 6


async def test_a_counter_never_falls(shop: psycopg.Connection[Any], watching: Watching) -> None:
    watch = watching(ORDERS)
    order(shop, START)
    order(shop, START, amount=2)
    first = await watch.at(START)
    shop.execute("delete from orders where amount = 2")
    assert await watch.at(START + timedelta(seconds=1)) == first
    shop.execute("delete from orders")
    assert await watch.at(START + timedelta(seconds=2)) == first
    assert await watch.at(START - timedelta(days=1)) == first  # the server's clock was set back


async def test_the_clock_is_the_servers(shop: psycopg.Connection[Any], watching: Watching) -> None:
    watch = watching(gauge("select extract(epoch from %(as_of)s - begun) as value from begin"))
    shop.execute("create table begin as select clock_timestamp() as begun")
    elapsed = (await watch.at(None))["shop_figure",]
    row = shop.execute("select extract(epoch from clock_timestamp() - begun) from begin").fetchone()
    assert row is not None
    assert 0 < elapsed < row[0]


@pytest.mark.parametrize(
    ("pack", "error", "message"),
    [
        (
            gauge(
                "with gone as (delete from orders returning 1) select count(*) as value from gone where %(as_of)s is not null"
            ),
            Denied,
            "cannot execute SELECT in a read-only transaction",
        ),
        (
            gauge("select 1 as value from pg_sleep(60) where %(as_of)s is not null"),
            TimedOut,
            "canceling statement due to statement timeout",
        ),
        (gauge("select %(as_of)s as value"), Malformed, "the column 'value' holds a datetime, not a number"),
        (gauge("select 1 as amount, %(as_of)s as at"), Malformed, "expected one column 'value', got amount, at"),
        (
            gauge("select 1 as value from orders where created_at = %(as_of)s", "city"),
            Malformed,
            "expected one column 'city', got value",
        ),
        (gauge("select 'NaN'::float as value, %(as_of)s"), Malformed, "the column 'value' holds nan, not a finite number"),
        (
            gauge("select 1 as value, null as city, %(as_of)s", "city"),
            Malformed,
            "the label 'city' is NULL in a row; use coalesce(city, 'unknown') or leave the row out",
        ),
        (
            gauge("select 1 as value, 'Nice' as city, %(as_of)s", "city", "city: [Lyon, Paris]"),
            Malformed,
            "the label 'city' has a value other than Lyon, Paris",
        ),
        (
            gauge("select 1 as value, 'Lyon' as city, %(as_of)s from generate_series(1, 2)", "city"),
            Malformed,
            "two rows have the same city: group by the labels",
        ),
        (gauge("select 1 as value from absent where %(as_of)s is not null"), Malformed, 'relation "absent" does not exist'),
    ],
)
async def test_what_a_query_may_not_give(
    shop: psycopg.Connection[Any], pack: str, error: type[PollError], message: str, watching: Watching
) -> None:
    order(shop, START)
    watch = watching(pack, statement_timeout="200ms")
    with pytest.raises(error) as caught:
        await watch.at(START)
    assert str(caught.value) == f"pack pack0, query only: {message}"
    assert shop.execute("select count(*) from orders").fetchone() == (1,)


async def test_a_counters_window_may_not_be_negative(shop: psycopg.Connection[Any], watching: Watching) -> None:
    order(shop, START, amount=-1)
    with pytest.raises(Malformed, match="the column 'turnover' of a counter is negative; a counter only grows"):
        await watching(ORDERS).at(START)


async def test_no_value_is_no_sample_and_a_label_is_text(watching: Watching) -> None:
    watch = watching(
        gauge(
            "select * from (values (1, true, 1.5), (2, false, null)) as list (size, big, value) where %(as_of)s > '2000-01-01'",
            "size, big",
        ),
    )
    assert await watch.at(START) == {("shop_figure", "1", "true"): 1.5}


async def test_the_server_refuses_a_second_statement(shop: psycopg.Connection[Any]) -> None:
    """What the scan of a pack's text relies on, should a semicolon slip through it."""
    with pytest.raises(psycopg.errors.SyntaxError, match="cannot insert multiple commands into a prepared statement"):
        shop.execute("select %(as_of)s::timestamptz; delete from orders", {"as_of": START})


async def test_the_settings_decide_the_metrics(database: str, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(gauge("select 1 as value, %(as_of)s"))
    of_revenue = [metric.name for metric in shipped()["revenue"].declares()]

    def declared(**settings: Any) -> list[str]:
        return [metric.name for metric in Sql(dsn=Secret(database), **settings).declares()]

    assert declared() == of_revenue
    assert declared(packs_dir=tmp_path) == [*of_revenue, "shop_figure"]
    assert declared(packs_dir=tmp_path, packs=["shop"]) == ["shop_figure"]
    assert [metric.name for metric in Sql.declares_always()] == of_revenue
    assert {metric.labels[0] for metric in Sql.declares_always()} == {"source"}
