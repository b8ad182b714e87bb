"""Sticky tops: what is shown of many rows, and that it seldom changes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from exporter.clients.postgres import Postgres
from exporter.collector import Secret
from exporter.collectors.postgres.query import family
from exporter.collectors.postgres.relations import MEMBERS, TABLES
from exporter.collectors.postgres.top import Top, TopQuery
from tests.collectors.postgres.asking import Figures, collector, database_of, execute, figures, read, rows

SMALL = TopQuery(
    "small",
    f"select relname, n_tup_ins from pg_stat_user_tables where relid = any({MEMBERS})",
    family("small_", "relname", n_tup_ins="Rows inserted."),
    ranking=TABLES,
    size=2,
    review=0.0,
)


@contextlib.asynccontextmanager
async def client(dsn: str) -> AsyncIterator[Postgres]:
    postgres = Postgres(Secret(dsn))
    try:
        yield postgres
    finally:
        await postgres.close()


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 100)), max_size=8), st.integers(1, 4))
def test_a_top_is_as_full_as_can_be_and_who_left_was_gone_or_clearly_beaten(reviews: list[dict[str, float]], size: int) -> None:
    top = Top(size)
    for scores in reviews:
        before = top.members
        top.review(scores)
        assert top.members <= scores.keys()
        assert len(top.members) == min(size, len(scores))
        joined = sorted(scores[key] for key in top.members - before)
        for key in before & scores.keys() - top.members:
            assert any(score > 1.5 * scores[key] for score in joined)
        if len(scores) > size:
            least = min(scores[key] for key in top.members)
            assert all(scores[key] <= 1.5 * least for key in scores.keys() - top.members)


async def test_a_table_keeps_its_place_until_another_clearly_matters_more(database: str) -> None:
    for table, count in (("a", 4000), ("b", 3000), ("c", 2000)):
        execute(
            database,
            f"create table {table} (x int) with (autovacuum_enabled = off)",
            f"insert into {table} select generate_series(1, {count})",
            f"analyze {table}",
        )
    state: dict[str, object] = {}

    async def shown() -> set[str]:
        async with client(database) as postgres, postgres.transaction() as cursor:
            return {row["relname"] for row in await SMALL.rows(cursor, state)}

    assert await shown() == {"a", "b"}
    execute(database, "insert into c select generate_series(1, 1500)", "analyze c")  # a little ahead of b
    assert await shown() == {"a", "b"}
    execute(database, "insert into c select generate_series(1, 20000)", "analyze c")
    assert await shown() == {"a", "c"}
    execute(database, "drop table a")
    assert await shown() == {"b", "c"}


async def test_of_many_tables_a_hundred_are_shown_and_all_are_counted(database: str) -> None:
    execute(database, "do $$ begin for i in 1..130 loop execute format('create table t%s (x int)', i); end loop; end $$")
    execute(database, "insert into t77 select generate_series(1, 5000)", "analyze t77")
    found = await read(database, databases=False)
    tables = {labels[3] for labels in found if labels[0] == "pg_stat_user_tables_n_live_tup"}
    assert len(tables) == 100
    assert "t77" in tables
    assert found["pg_user_tables_count", database_of(database)] == 130


async def sizes(dsn: str) -> Figures:
    """Of single tables and indexes."""
    return {labels: value for labels, value in (await read(dsn, databases=False)).items() if _is_size(labels)}


def _is_size(labels: tuple[str, ...]) -> bool:
    return labels[0].startswith("pg_stat_user_") and labels[0].endswith("size_bytes")


async def test_sizes_are_told_of_tables_that_somebody_locks_and_nobody_waits(database: str) -> None:
    execute(
        database,
        "create table locked (id int primary key, x text)",
        "create table free (id int primary key)",
        "insert into locked select g, repeat(md5(g::text), 200) from generate_series(1, 500) as g",
        "insert into free select generate_series(1, 1000)",
        "vacuum analyze",
    )
    before = await sizes(database)
    with psycopg.connect(database) as holder:
        holder.execute("alter table locked add column y int")
        during = await sizes(database)
        holder.rollback()
    assert len(before) == 6
    assert during.keys() == before.keys()
    for labels, value in before.items():
        beside = 0 if "free" in labels else 6 * 8192  # the maps beside a table and its long values are not in an estimate
        assert value - beside <= during[labels] <= value, labels


async def test_a_table_whose_lock_is_only_waited_for_is_not_asked_for_either(database: str) -> None:
    execute(
        database, "create table t (id int primary key)", "insert into t select generate_series(1, 1000)", "vacuum analyze t"
    )
    reader = psycopg.connect(database)
    waiter = await psycopg.AsyncConnection.connect(database)
    try:
        reader.execute("select 1 from t")
        pending = asyncio.create_task(waiter.execute("alter table t add column y int"))
        while not rows(database, "select 1 from pg_locks where mode = 'AccessExclusiveLock' and not granted"):
            await asyncio.sleep(0.01)
        async with collector(database, databases=False) as made:
            found = await figures(made)
        assert ("pg_stat_user_tables_table_size_bytes", database_of(database), "public", "t") in found
        assert ("pg_stat_user_indexes_size_bytes", database_of(database), "public", "t", "t_pkey") in found
        assert not [labels for labels in found if labels[0] == "bellwether_postgres_error"]
        reader.rollback()
        await pending
    finally:
        reader.close()
        await waiter.close()
