"""The collector `sql` against a real server: windows, counters, histograms, and what the settings decide."""

import asyncio
import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.collector import declared_in
from exporter.collectors.sql import Sql
from exporter.fields import Secret
from exporter.metric import Distribution
from exporter.packs import standing
from exporter.packs.load import shipped
from exporter.packs.pack import Query
from tests.collectors.conftest import Watching
from tests.collectors.shop import ORDERS, START, gauge, order

FROM = [("first_run", 0), ("first_row", 1)]
"""What counters may count, and how many rows they have counted when there is one before the first run."""


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


@pytest.mark.parametrize(("count_from", "earlier"), FROM)
async def test_a_row_that_appears_late_is_counted_once_within_the_allowance_and_never_beyond(
    shop: psycopg.Connection[Any], watching: Watching, count_from: str, earlier: int
) -> None:
    watch = watching(ORDERS, late_by="60s", count_from=count_from)
    paid = ("shop_orders_total", "paid", "Lyon")
    order(shop, START)
    counts = [(await watch.at(START))[paid]]
    order(shop, START - timedelta(seconds=59))
    counts.append((await watch.at(START))[paid])
    counts.append((await watch.at(START + timedelta(hours=1)))[paid])
    order(shop, START)  # an hour late
    counts.append((await watch.at(START + timedelta(hours=2)))[paid])
    assert [count - earlier for count in counts] == [0, 1, 1, 1]


@pytest.mark.parametrize(("count_from", "earlier"), FROM)
async def test_counting_is_exact_while_transactions_that_began_earlier_commit_later(
    database: str, shop: psycopg.Connection[Any], watching: Watching, count_from: str, earlier: int
) -> None:
    """Time is the test's own: it passes with each poll, but no transaction stays open for longer than the allowance."""
    allowance, tick = timedelta(seconds=10), timedelta(seconds=3)
    watch = watching(ORDERS, late_by=allowance.total_seconds(), count_from=count_from)
    order(shop, START)
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
        polls.append((await watch.at(time))["shop_orders_total", "paid", "Lyon"] - earlier)

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
    [orders] = watch.collector._agenda.standings
    tally, query = orders.tally, orders.query
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


@pytest.mark.parametrize("count_from", [name for name, _ in FROM])
async def test_a_counter_never_falls(shop: psycopg.Connection[Any], watching: Watching, count_from: str) -> None:
    watch = watching(ORDERS, count_from=count_from)
    order(shop, START)
    await watch.at(START)
    order(shop, START, amount=2)
    first = await watch.at(START)
    assert first["shop_turnover_total", "paid", "Lyon"] >= 2
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
    of_packs = [metric.name for metric in declared_in(standing)]
    shipped_ones = [metric.name for pack in shipped().values() for metric in pack.declares()]

    def declared(**settings: Any) -> list[str]:
        return [metric.name for metric in Sql(dsn=Secret(database), **settings).declares()]

    assert declared() == declared(packs="all") == [*shipped_ones, *of_packs]
    assert declared(packs_dir=tmp_path) == [*shipped_ones, "shop_figure", *of_packs]
    assert declared(packs_dir=tmp_path, packs=["shop"]) == ["shop_figure", *of_packs]
    assert [metric.name for metric in Sql.declares_always()] == [*shipped_ones, *of_packs]
    assert {metric.labels[0] for metric in Sql.declares_always()} == {"source"}


AGES = """
description: Ages of orders.
queries:
  ages:
    type: histogram
    labels: [shop]
    buckets: [0.5, 60, 3600]
    metrics:
      shop_order_age_seconds: {help: Age of orders., value: age}
    sql: |
      select shop, extract(epoch from %(as_of)s - created_at) as age from orders where created_at <= %(as_of)s
"""


async def test_a_histogram_counts_what_is_there_now_by_bucket(shop: psycopg.Connection[Any], watching: Watching) -> None:
    watch = watching(AGES)
    for age in (0, 0.5, 0.6, 60, 61, 4000, 5000):
        order(shop, START - timedelta(seconds=age))
    [(labels, value)] = (await watch.at(START)).items()
    assert labels == ("shop_order_age_seconds", "Lyon")
    assert isinstance(value, Distribution)
    assert value.parts == (
        ("_bucket", 0.5, 2),  # a bound belongs to its bucket
        ("_bucket", 60, 4),
        ("_bucket", 3600, 5),
        ("_bucket", float("inf"), 7),
        ("_sum", None, 9122.1),
        ("_count", None, 7),
    )


async def test_a_histogram_of_nothing_is_nothing(shop: psycopg.Connection[Any], watching: Watching) -> None:
    order(shop, START + timedelta(days=1))
    assert await watching(AGES).at(START) == {}


async def test_what_stands_for_null_is_the_packs_choice(shop: psycopg.Connection[Any], watching: Watching) -> None:
    shop.execute("insert into orders values (%s, null, 'Lyon', null)", (START,))
    text = gauge("select outcome, amount as value from orders where %(as_of)s >= created_at", "outcome")
    watch = watching(text)
    assert await watch.at(START) == {}
    assert "the label 'outcome' is NULL in a row; say in nulls what stands for it" in watch.failing[0]
    named = text.replace("    metrics:", "    nulls: {outcome: unknown}\n    metrics:")
    assert await watching(named).at(START) == {}
    zero = text.replace("    metrics:", "    nulls: {outcome: unknown, value: 0}\n    metrics:")
    assert await watching(zero).at(START) == {("shop_figure", "unknown"): 0}


async def test_a_step_of_a_query_may_use_as_much_memory_as_is_set(shop: psycopg.Connection[Any], watching: Watching) -> None:
    text = gauge("select pg_size_bytes(current_setting('work_mem')) as value where %(as_of)s is not null")
    assert await watching(text).at(START) == {("shop_figure",): 64 * 2**20}
    assert await watching(text, work_mem="5MB").at(START) == {("shop_figure",): 5 * 2**20}
    [(default,)] = shop.execute("select pg_size_bytes(current_setting('work_mem'))").fetchall()
    assert await watching(text, work_mem="").at(START) == {("shop_figure",): default}
