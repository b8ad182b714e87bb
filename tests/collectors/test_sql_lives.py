"""The collector `sql` started again and again: what Prometheus sees counters grow by, whatever was deleted meanwhile."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from exporter.checkup import check
from exporter.collectors.sql import Sql
from exporter.fields import Secret
from tests.collectors.conftest import Watching
from tests.collectors.shop import ORDERS, START, order

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
PAID = ("shop_orders_total", "paid", "Lyon")
REFUSED = ("shop_orders_total", "refused", "Lyon")


def increase(values: Sequence[float]) -> float:
    """As Prometheus has it: a value lower than the one before is a reset, after which all of it is new."""
    return sum(after - before if after >= before else after for before, after in pairwise(values))


async def lives(shop: psycopg.Connection[Any], watching: Watching, *, deleted: int, **settings: Any) -> list[float]:
    """What is scraped of the paid orders in two lives: 1,000 of them at first, 3 in each life, 2 between the two."""
    shop.execute(
        "insert into orders select %s - number * interval '1 hour', 'paid', 'Lyon', 1 from generate_series(1, 1000) number",
        (START,),
    )
    seen, now = [], START
    for _ in range(2):
        watch = watching(ORDERS, **settings)
        for orders in (0, 1, 2, 0):
            for _ in range(orders):
                order(shop, now)
            seen.append((await watch.at(now))[PAID])
            now += MINUTE
        shop.execute("delete from orders where created_at < %s", (START - HOUR * (1000 - deleted),))
        order(shop, now)
        order(shop, now)
        now += 10 * MINUTE
    return seen


async def test_unless_told_otherwise_a_counter_counts_what_came_while_it_was_watched(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    default = Sql.model_fields["count_from"].default
    seen = await lives(shop, watching, deleted=47, count_from=default)
    assert seen == [0, 1, 3, 3, 0, 1, 3, 3]
    assert increase(seen) == 6


async def test_from_the_first_row_on_a_counter_counts_what_came_between_two_lives_too(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    seen = await lives(shop, watching, deleted=0, count_from="first_row")
    assert increase(seen) == 8


async def test_from_the_first_row_on_rows_that_are_deleted_between_two_lives_make_all_others_new(
    shop: psycopg.Connection[Any], watching: Watching
) -> None:
    """The price that the docs name."""
    seen = await lives(shop, watching, deleted=47, count_from="first_row")
    assert increase(seen) > 900


async def test_every_label_set_there_ever_was_begins_at_zero(shop: psycopg.Connection[Any], watching: Watching) -> None:
    order(shop, START - 900 * DAY, "refused")
    watch = watching(ORDERS, count_from="first_run")
    assert {key: value for key, value in (await watch.at(START)).items() if key[0] == PAID[0]} == {PAID: 0, REFUSED: 0}
    order(shop, START + MINUTE, "refused")
    found = await watch.at(START + MINUTE)
    assert (found[PAID], found[REFUSED]) == (0, 1)


@pytest.mark.parametrize("count_from", ["first_run", "first_row"])
async def test_the_first_event_of_a_label_set_that_never_was_is_seen_to_grow(
    shop: psycopg.Connection[Any], watching: Watching, count_from: str
) -> None:
    watch, seen = watching(ORDERS, count_from=count_from), []
    assert await watch.at(START) == {}
    order(shop, START + MINUTE, amount=7)
    for minute in (1, 2, 3):
        found = await watch.at(START + minute * MINUTE)
        seen.append((found[PAID], found["shop_turnover_total", "paid", "Lyon"], found[REFUSED]))
    assert seen == [(0, 0, 0), (1, 7, 0), (1, 7, 0)]


async def test_a_single_run_shows_all_there_is(shop: psycopg.Connection[Any], watching: Watching, database: str) -> None:
    order(shop, START)
    packs_dir = watching(ORDERS).collector.packs_dir
    report = await check(Sql(name="shop", dsn=Secret(database), packs=("pack0",), packs_dir=packs_dir))
    assert b'shop_turnover_total{source="shop",outcome="paid",shop="Lyon"} 5.0\n' in report.page
