"""However many databases and collectors: a server never has more of our connections than it was said to have."""

import asyncio
import contextlib

import psycopg
import pytest

from exporter.clients.postgres import Postgres
from exporter.collector import Secret
from exporter.collectors.postgres import PostgresServer
from exporter.collectors.sql import Sql
from exporter.demo.database import Server
from exporter.packs.contract import as_sql
from tests.collectors.postgres.asking import OF_THE_COLLECTOR, collector, databases, down, figures, rows, told


async def count(dsn: str, seen: set[int]) -> None:
    """Notes how many connections of ours the server has, as often as it can."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while True:
            cursor = await connection.execute(f"select count(*) from pg_stat_activity where {OF_THE_COLLECTOR}".encode())
            row = await cursor.fetchone()
            assert row is not None
            seen.add(int(row[0]))
            await asyncio.sleep(0.002)


async def all_samples(made: PostgresServer | Sql) -> int:
    return len([sample async for sample in made.collect()])


@pytest.mark.parametrize("budget", [1, 2, 3])
async def test_collectors_of_one_server_together_stay_within_the_budget(server: Server, database: str, budget: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(as_sql().encode())
    seen: set[int] = set()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(databases(server, *(f"budget_{number}" for number in range(5))))
        settings = {"max_connections": budget, "databases": {"every": 0}}
        made: list[PostgresServer | Sql] = [
            await stack.enter_async_context(collector(database, name=f"server_{number}", **settings)) for number in range(3)
        ]
        for number in range(3):
            business = Sql.model_validate({"dsn": database, "name": f"business_{number}"})
            stack.push_async_callback(business.close)
            made.append(business)
        counting = asyncio.create_task(count(database, seen))
        for _ in range(3):
            found = await asyncio.gather(*(all_samples(each) for each in made))
            assert all(number > 100 for number in found[:3])
        counting.cancel()
        await asyncio.wait({counting})
    assert max(seen) == budget
    assert rows(database, f"select from pg_stat_activity where {OF_THE_COLLECTOR}") == []


async def test_a_poll_that_gets_no_connection_is_over_in_time_and_says_timeout(database: str) -> None:
    holder = Postgres(Secret(database))
    async with collector(database, max_connections=1, timeout=0.4) as made, holder.transaction():
        assert told(await figures(made)) == down("timeout")
    await holder.close()
