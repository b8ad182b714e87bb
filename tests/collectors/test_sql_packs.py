"""The collector `sql`: one pack harms no other, what is wrong is told, and which queries run when."""

import asyncio
import logging
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from exporter.collectors.sql import Sql
from exporter.demo.database import Server
from exporter.errors import Denied, Unreachable
from exporter.fields import Secret
from exporter.packs.contract import as_sql
from exporter.packs.load import shipped
from tests.collectors.conftest import Watching
from tests.collectors.shop import ORDERS, START, Watch, gauge, order

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PAID = ("shop_orders_total", "paid", "Lyon")
FIGURE = ("shop_figure",)
BREAKABLE = gauge("select 1 / count(*) as value from breakable where %(as_of)s is not null")


@pytest.fixture
def breakable(shop: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """The shop, and a table whose emptiness fails BREAKABLE."""
    shop.execute("create table breakable as select 1 as one")
    return shop


def up(watch: Watch) -> dict[str, float]:
    return {key[1]: value for key, value in watch.told.items() if key[0] == "bellwether_pack_up"}


def errors(watch: Watch) -> set[tuple[str, ...]]:
    return {key[1:] for key in watch.told if key[0] == "bellwether_pack_error"}


async def test_a_query_that_fails_takes_no_other_with_it(breakable: psycopg.Connection[Any], watching: Watching) -> None:
    watch = watching(BREAKABLE, ORDERS, gauge("select 7 as value, %(as_of)s", name="shop_other"), every="30s")
    order(breakable, START)
    assert await watch.at(START) == {**orders(1), FIGURE: 1, ("shop_other",): 7}
    assert (up(watch), errors(watch)) == ({"pack0": 1, "pack1": 1, "pack2": 1}, set())
    breakable.execute("delete from breakable")
    order(breakable, START + 20 * SECOND)
    found = await watch.at(START + 30 * SECOND)
    assert found == {**orders(2), FIGURE: 1, ("shop_other",): 7}  # the last figure of the one that fails
    assert (up(watch), errors(watch)) == ({"pack0": 0, "pack1": 1, "pack2": 1}, {("pack0", "malformed")})
    assert watch.failing == ["malformed: pack0.yaml:9: queries.only.sql: DivisionByZero (SQLSTATE 22012)"]
    instants = {key[1]: value for key, value in watch.told.items() if key[0].endswith("_timestamp_seconds")}
    assert instants == {"pack0": START.timestamp(), **dict.fromkeys(("pack1", "pack2"), (START + 30 * SECOND).timestamp())}


@pytest.mark.parametrize(("settings", "longest"), [({"every": "30s"}, 90), ({"every": "30s", "max_age": "10m"}, 600)])
async def test_the_last_figures_stay_for_three_intervals_or_max_age(
    breakable: psycopg.Connection[Any], watching: Watching, settings: dict[str, Any], longest: int
) -> None:
    watch = watching(BREAKABLE, **settings)
    await watch.at(START)
    breakable.execute("delete from breakable")
    await watch.at(START + 30 * SECOND)
    assert await watch.at(START + longest * SECOND) == {FIGURE: 1}
    assert await watch.at(START + (longest + 1) * SECOND) == {}
    assert up(watch) == {"pack0": 0}
    breakable.execute("insert into breakable values (1)")
    assert await watch.at(START + HOUR) == {FIGURE: 1}
    assert (up(watch), errors(watch)) == ({"pack0": 1}, set())


async def test_what_fails_is_asked_again_after_ever_longer_waits(
    breakable: psycopg.Connection[Any], watching: Watching
) -> None:
    watch = watching(BREAKABLE, every="30s")
    breakable.execute("delete from breakable")
    asked = []
    for run in range(101):
        await watch.at(START + run * 30 * SECOND)
        [only] = watch.collector._agenda.standings
        if only.asked == START + run * 30 * SECOND:
            asked.append(run)
    assert asked == [0, 1, 3, 7, 15, 31, 51, 71, 91]  # at last every ten minutes


async def test_runs_that_are_not_evenly_apart_count_as_if_they_were(
    breakable: psycopg.Connection[Any], watching: Watching
) -> None:
    watch = watching(BREAKABLE, every="30s")
    breakable.execute("delete from breakable")
    await watch.at(START)
    await watch.at(START + 29 * SECOND)
    [only] = watch.collector._agenda.standings
    assert only.failures == 2


async def test_each_change_of_state_is_logged_once(
    breakable: psycopg.Connection[Any], watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watching(BREAKABLE, every="30s")
    with caplog.at_level(logging.INFO, "exporter.packs.agenda"):
        breakable.execute("delete from breakable")
        for run in range(4):
            await watch.at(START + run * 30 * SECOND)
        breakable.execute("insert into breakable values (1)")
        for hour in range(1, 3):
            await watch.at(START + hour * HOUR)
    failed, works = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"shop: pack pack0 fails: malformed: .*/pack0\.yaml:9: queries\.only\.sql: Division.*", failed)
    assert works == "shop: pack pack0, query only works again"


async def test_a_counter_that_fails_stands_still_and_neither_loses_nor_doubles(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    watch = watching(ORDERS.replace("sum(amount)", "sum(10 / amount)"), late_by="60s")
    turnover = ("shop_turnover_total", "paid", "Lyon")
    order(shop, START, amount=2)
    assert (await watch.at(START))[turnover] == 5
    order(shop, START + 5 * MINUTE, amount=0)  # only the window of fresh rows fails
    for minute in (5, 6, 7):
        before = watch.collector._agenda.standings[0].tally
        assert (await watch.at(START + minute * MINUTE)).get(turnover, 5) == 5
        assert watch.collector._agenda.standings[0].tally is before
    assert watch.failing == ["malformed: pack0.yaml:11: queries.orders.sql: DivisionByZero (SQLSTATE 22012)"]
    shop.execute("update orders set amount = 10 where amount = 0")
    order(shop, START + 8 * MINUTE, amount=5)
    assert (await watch.at(START + HOUR))[turnover] == 8
    assert (await watch.at(START + 2 * HOUR))[turnover] == 8


async def test_a_server_that_does_not_answer_fails_the_run(server: Server, watching: Watching) -> None:
    watch = watching(BREAKABLE, dsn=Secret("host=127.0.0.1 port=1"))
    with pytest.raises(Unreachable):
        await watch.at(START)
    nobody = watching(BREAKABLE, dsn=Secret(server.dsn(user="nobody_at_all")))
    with pytest.raises(Denied):
        await nobody.at(START)


async def test_a_server_that_goes_away_in_the_middle_fails_the_run(
    server: Server, breakable: psycopg.Connection[Any], watching: Watching
) -> None:
    breakable.execute("create function leave() returns boolean language sql as 'select pg_terminate_backend(pg_backend_pid())'")
    leave = gauge("select 1 as value from breakable where leave() and %(as_of)s is not null")
    other = BREAKABLE.replace("shop_figure", "shop_other")
    watch = watching(leave, other)
    assert await watch.at(START) == {("shop_other",): 1}  # that connection alone was lost
    assert errors(watch) == {("pack0", "unreachable")}
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"alter database {breakable.info.dbname} allow_connections false")
        with pytest.raises((Denied, Unreachable)):
            await watch.at(START + HOUR)


async def test_a_query_is_cut_off_before_the_run_is(watching: Watching) -> None:
    slow = gauge("select 1 as value from pg_sleep(60) where %(as_of)s is not null")
    watch = watching(slow, statement_timeout="60s", timeout="500ms")
    async with asyncio.timeout(30):
        await watch.at(START)
    assert watch.failing == ["timeout: pack0.yaml:9: queries.only.sql: canceling statement due to statement timeout"]


async def test_a_slow_query_leaves_time_for_the_others_and_goes_last(shop: psycopg.Connection[Any], watching: Watching) -> None:
    slow = gauge("select 1 as value from pg_sleep(60) where %(as_of)s is not null")
    packs = [slow.replace("shop_figure", f"shop_slow{number}") for number in range(3)]
    watch = watching(*packs, gauge("select 7 as value, %(as_of)s"), statement_timeout="300ms", timeout="600ms")
    assert await watch.at(START) == {}
    assert errors(watch) == {(f"pack{number}", "timeout") for number in range(4)}
    assert watch.failing[3] == (
        "timeout: pack pack3, query only: no time was left in the run for it; raise timeout, or give slow queries an every"
    )
    assert await watch.at(START + HOUR) == {FIGURE: 7}
    assert up(watch)["pack3"] == 1


@pytest.mark.parametrize(
    ("pack", "reason"),
    [
        (
            gauge(
                "with gone as (delete from orders returning 1) select count(*) as value from gone where %(as_of)s is not null"
            ),
            "denied: 9: it would write, and only reading is allowed (cannot execute SELECT in a read-only transaction)",
        ),
        (
            gauge("select 1 as value from pg_sleep(60) where %(as_of)s is not null"),
            "timeout: 9: canceling statement due to statement timeout",
        ),
        (
            gauge("select %(as_of)s as value"),
            "malformed: 9: the column 'value' holds a datetime, not a number",
        ),
        (
            gauge("select 1 as amount, %(as_of)s as at"),
            "malformed: 9: expected one column 'value', got amount, at",
        ),
        (
            gauge("select 1 as value from orders where created_at = %(as_of)s", "city"),
            "malformed: 9: expected one column 'city', got value",
        ),
        (
            gauge("select 'NaN'::float as value, %(as_of)s"),
            "malformed: 9: the column 'value' holds nan, not a finite number",
        ),
        (
            gauge("select 1 as value, null as city, %(as_of)s", "city"),
            "malformed: 9: the label 'city' is NULL in a row; say in nulls what stands for it, or leave the row out",
        ),
        (
            gauge("select 1 as value, 'Nice' as city, %(as_of)s", "city", "city: [Lyon, Paris]"),
            "malformed: 9: the label 'city' has a value other than Lyon, Paris",
        ),
        (
            gauge("select 1 as value, 'Lyon' as city, %(as_of)s from generate_series(1, 2)", "city"),
            "malformed: 9: two rows have the same city: group by the labels",
        ),
        (
            gauge("select 1 as value, number as city, %(as_of)s from generate_series(1, 2001) as number", "city"),
            "malformed: 9: 2001 series, more than the 2000 of max_series: which label has so many values?",
        ),
        (
            gauge("select 1 as value\n      from orders\n      where %(as_of)s is not null and\n        sent > %(as_of)s"),
            'malformed: 13: column "sent" does not exist',
        ),
        (
            gauge("select 1 as value\n\n      from absent where %(as_of)s is not null"),
            'malformed: 12: relation "absent" does not exist',
        ),
        (
            gauge("\n      select 1 as value -- 100 %% sure\n      from orders where shop > %(as_of)s"),
            "malformed: 12: operator does not exist: text > timestamp with time zone",
        ),
    ],
)
async def test_what_a_query_may_not_give_is_told_with_file_and_line(
    shop: psycopg.Connection[Any], watching: Watching, pack: str, reason: str
) -> None:
    order(shop, START)
    watch = watching(pack, statement_timeout="200ms")
    assert await watch.at(START) == {}
    assert [why.replace("pack0.yaml:", "").replace("queries.only.sql: ", "") for why in watch.failing] == [reason]
    assert up(watch) == {"pack0": 0}
    assert shop.execute("select count(*) from orders").fetchone() == (1,)


async def test_a_role_that_lacks_a_right_is_denied_that_query_alone(
    shop: psycopg.Connection[Any], database: str, watching: Watching
) -> None:
    shop.execute("create role clerk login password 'clerk'")
    try:
        dsn = Secret(psycopg.conninfo.make_conninfo(database, user="clerk", password="clerk"))
        denied = gauge("select count(*) as value from orders where created_at <= %(as_of)s")
        watch = watching(denied, gauge("select 7 as value, %(as_of)s", name="shop_other"), dsn=dsn)
        assert await watch.at(START) == {("shop_other",): 7}
        assert watch.failing == ["denied: pack0.yaml:9: queries.only.sql: permission denied for table orders"]
        await watch.collector.close()
    finally:
        shop.execute("drop role clerk")


async def test_a_histogram_is_told_of_in_the_lines_of_its_file(shop: psycopg.Connection[Any], watching: Watching) -> None:
    text = gauge("select extract(epoch from %(as_of)s - created) as value\n      from orders", name="shop_age_seconds")
    histogram = text.replace("    labels", "    type: histogram\n    buckets: [1]\n    labels")
    watch = watching(histogram)
    await watch.at(START)
    assert watch.failing == ['malformed: pack0.yaml:12: queries.only.sql: column "created" does not exist']


async def test_a_counters_window_may_not_be_negative(shop: psycopg.Connection[Any], watching: Watching) -> None:
    order(shop, START, amount=-1)
    watch = watching(ORDERS)
    assert await watch.at(START) == {}
    assert "the column 'turnover' of a counter is negative; a counter only grows" in watch.failing[0]


async def test_a_counter_may_not_gather_more_series_than_its_budget(shop: psycopg.Connection[Any], watching: Watching) -> None:
    text = ORDERS.replace("labels: [outcome, shop]", "labels: [amount, shop]\n    max_series: 4")
    watch = watching(
        text.replace("    known: {outcome: [paid, refused]}\n", "").replace("outcome", "amount"), late_by="1s", max_age="1d"
    )
    for number in range(3):
        order(shop, START + number * HOUR, amount=number)
    assert len(await watch.at(START + HOUR)) == 4
    assert len(await watch.at(START + 2 * HOUR)) == 4
    assert "6 series, more than the 4 of max_series" in watch.failing[0]


async def test_a_query_with_an_interval_of_its_own_keeps_its_figures_in_between(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    count = "select count(*) as value from orders where created_at <= %(as_of)s"
    other = gauge(count, name="shop_other").partition("queries:\n")[2].replace("only", "other")
    watch = watching(gauge(count).replace("    labels", "    every: 1h\n    labels") + other, every="30s")
    found, oldest = [], []
    for minutes in (0, 30, 59, 60, 61, 119, 120):
        order(shop, START + minutes * MINUTE)
        values = await watch.at(START + minutes * MINUTE)
        found.append((values[FIGURE], values["shop_other",]))
        oldest.append(watch.told["bellwether_pack_oldest_figures_timestamp_seconds", "pack0"] - START.timestamp())
    assert found == [(1, 1), (1, 2), (1, 3), (4, 4), (4, 5), (4, 6), (7, 7)]
    assert oldest == [0, 0, 0, 3600, 3600, 3600, 7200]


async def test_a_hourly_query_that_fails_is_asked_again_before_the_hour_is_over(
    breakable: psycopg.Connection[Any], watching: Watching
) -> None:
    watch = watching(BREAKABLE.replace("    labels", "    every: 1h\n    labels"), every="30s")
    breakable.execute("delete from breakable")
    await watch.at(START)
    breakable.execute("insert into breakable values (1)")
    assert await watch.at(START + 30 * SECOND) == {FIGURE: 1}
    breakable.execute("delete from breakable")
    assert await watch.at(START + HOUR + 30 * SECOND) == {FIGURE: 1}
    assert await watch.at(START + 3 * HOUR + 30 * SECOND) == {FIGURE: 1}  # three of its own intervals
    assert await watch.at(START + 3 * HOUR + 31 * SECOND) == {}


async def test_a_pack_with_a_wrong_file_is_refused_and_the_others_run(
    watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    good, wrong = gauge("select 7 as value, %(as_of)s"), gauge("select now() as value, %(as_of)s", name="shop_other")
    watch = watching(good, wrong, good)
    for _ in range(2):
        assert await watch.at(START) == {FIGURE: 7}
    assert up(watch) == {"pack0": 1, "pack1": 0, "pack2": 0}
    assert errors(watch) == {("pack1", "refused"), ("pack2", "refused")}
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [message.rpartition("/")[2] for message in told] == [
        "pack1.yaml:9: queries.only.sql: got 'now('; a pack's only clock is %(as_of)s",
        "pack2.yaml:8: queries.only.metrics.shop_figure: the pack pack0 declares it, too: rename it in one",
    ]


async def test_a_collector_whose_packs_changed_is_another(watching: Watching) -> None:
    good = gauge("select 7 as value, %(as_of)s")
    first = watching(good).collector
    assert first.same_as(watching(f"# The same.\n{good}").collector)
    assert not first.same_as(watching(good.replace("7", "8")).collector)
    assert not first.same_as(watching(good.replace("7 as", "now() as")).collector)


def mapped(shop: psycopg.Connection[Any], views: Iterable[str]) -> None:
    """Map views of the contract onto empty tables."""
    for view in views:
        shop.execute(f"create table {view} (like bellwether.{view})")
        shop.execute(f"create or replace view bellwether.{view} as select * from {view}")


async def test_unless_chosen_the_queries_run_whose_views_are_mapped(
    shop: psycopg.Connection[Any], watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watching(gauge("select 7 as value, %(as_of)s"), packs="all")
    with caplog.at_level(logging.INFO, "exporter.packs.agenda"):
        assert await watch.at(START) == {FIGURE: 7}  # no view is there
        shop.execute(as_sql())
        assert await watch.at(START + HOUR) == {FIGURE: 7}  # all are, and none is mapped
        mapped(shop, ["tickets"])
        assert await watch.at(START + HOUR + MINUTE) == {FIGURE: 7}
        assert set(up(watch)) == {"pack0"}
        await watch.at(START + 2 * HOUR)
    by_hand = {name for name, pack in shipped().items() if any(query.reads == {"tickets"} for query in pack.queries.values())}
    assert up(watch) == dict.fromkeys(by_hand | {"pack0"}, 1)
    assert "support" in by_hand
    first, second = [record.getMessage() for record in caplog.records]
    assert first == "shop runs the packs whose views are mapped: pack0"
    assert second.startswith("shop runs the packs whose views are mapped: ")
    assert "support" in second
    shop.execute("drop view bellwether.tickets")
    await watch.at(START + 3 * HOUR)
    assert set(up(watch)) == {"pack0"}


async def test_a_pack_that_was_chosen_fails_where_its_view_is_missing(database: str) -> None:
    watch = Watch(Sql(name="shop", dsn=Secret(database), packs=("support",)))
    assert await watch.at(START) == {}
    assert errors(watch) == {("support", "malformed")}
    assert all('relation "bellwether.tickets" does not exist' in why for why in watch.failing)
    await watch.collector.close()


def orders(paid: int) -> dict[tuple[str, ...], float]:
    """The counters of ORDERS."""
    by_outcome = {"paid": paid, "refused": 0}
    return {
        (metric, outcome, "Lyon"): number * worth
        for metric, worth in (("shop_orders_total", 1), ("shop_turnover_total", 5))
        for outcome, number in by_outcome.items()
    }
