"""What befalls servers: the collector is never late, never takes more connections than it may, and is in nobody's way."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from exporter.clients.postgres import MAX_CONNECTIONS, Cursor, Postgres, Row
from exporter.collector import Secret
from exporter.collectors.postgres import PostgresServer
from exporter.collectors.postgres.databases import Databases
from exporter.collectors.postgres.query import Query, family
from exporter.collectors.postgres.runner import Runner
from exporter.collectors.postgres.views import QUERIES
from exporter.demo.database import Server
from exporter.poll import poll
from tests.collectors.postgres.asking import (
    OF_THE_COLLECTOR,
    PASSWORD,
    as_role,
    collector,
    databases,
    down,
    execute,
    figures,
    login,
    names,
    obstacle,
    read,
    reasons,
    rows,
    told,
)

ALL = {query.name: True for query in QUERIES}
NUMBER = family("test_", number="A number.")


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server that may be treated badly. It writes down each connection that it gets."""
    with Server() as server:
        execute(server.dsn(), "alter system set log_connections = on", "select pg_reload_conf()")
        yield server


@contextlib.contextmanager
def stopped(server: Server) -> Iterator[None]:
    """The server with all its processes stands still, as one that swaps or whose disk is gone."""
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    pids = [server.pid, *(child.pid for child in postmaster.children())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def connections_received(server: Server) -> int:
    return (server.directory / "server.log").read_text().count("connection received")


async def in_time(made: PostgresServer) -> dict[tuple[str, ...], float]:
    """One run's values, through the engine's own poll: a `TimeoutError` when it is late by a moment."""
    declared = {metric.name: metric for metric in made.declares()}
    await poll(made, declared)
    return await figures(made)


async def test_a_hung_server_is_down_each_time_and_gets_no_more_connections_than_the_budget(own: Server) -> None:
    async with collector(own.dsn(), timeout=0.6) as made, collector(own.dsn(), timeout=0.6, name="other") as other:
        assert (await figures(made))["pg_up",] == 1
        received = connections_received(own)
        with stopped(own):
            for _ in range(4):
                assert told(await in_time(made)) == down("timeout")
                assert told(await in_time(other)) == down("timeout")
        while not ((await figures(made)).get(("pg_up",)) == (await figures(other)).get(("pg_up",)) == 1):
            pass
        assert connections_received(own) - received <= MAX_CONNECTIONS + 2  # and what took the place of those that hung
        assert len(rows(own.dsn(), f"select from pg_stat_activity where {OF_THE_COLLECTOR}")) <= MAX_CONNECTIONS


async def test_a_server_out_of_connections_is_down_until_it_has_one_and_a_kept_one_is_enough(own: Server) -> None:
    with login(own) as role, contextlib.ExitStack() as stack:
        execute(own.dsn(), "grant pg_monitor to {role}", role=role)
        dsn = as_role(own.dsn(), role)
        async with collector(dsn) as made:
            assert (await figures(made))["pg_up",] == 1
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    stack.enter_context(contextlib.closing(psycopg.connect(dsn)))
            assert told(await read(dsn)) == down("unreachable")
            assert (await figures(made))["pg_up",] == 1
            assert obstacle(await figures(made), "stat_activity") == ""
            stack.close()
            while (await read(dsn))["pg_up",] != 1:
                pass


async def test_a_password_that_changes_is_read_again_from_its_file(own: Server, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    with login(own) as role:
        parts = conninfo_to_dict(as_role(own.dsn(), role))
        del parts["password"]
        async with collector(make_conninfo("", **parts), password_file=str(file)) as made:
            assert (await figures(made))["pg_up",] == 1
            execute(own.dsn(), "alter role {role} password 'changed'", role=role)
            assert (await figures(made))["pg_up",] == 1
            rows(own.dsn(), f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {OF_THE_COLLECTOR}")
            assert told(await figures(made)) == down("denied")
            file.write_text("changed")
            assert (await figures(made))["pg_up",] == 1


async def test_a_statement_past_its_timeout_is_given_up_and_asked_ever_more_seldom(own: Server) -> None:
    slow = Query("slow", "select 1 as number from pg_sleep(30)", NUMBER)
    quick = Query("quick", "select 2 as number", NUMBER)
    runner = Runner(postgres := Postgres(Secret(own.dsn()), statement_timeout=0.1), [slow, quick], None)
    for asked in (["quick", "slow"], ["quick"], ["quick"]):
        await runner.poll(time_for_databases=1)
        assert sorted(runner.took) == asked
        assert runner.obstacles() == {"quick": "", "slow": "timeout"}
        assert (runner.errors(), [sample.value for sample in runner.samples()]) == ({"timeout"}, [2])
    await postgres.close()


async def test_a_database_closed_to_the_role_is_tried_again_no_earlier_than_in_a_quarter_of_an_hour(own: Server) -> None:
    """As the private database of a managed service is: its catalogue lets the role in, its pg_hba.conf does not."""
    rules = own.directory / "data" / "pg_hba.conf"
    before = rules.read_text()
    here = Query("here", "select 1 as number", NUMBER, scope="database")
    runner = Runner(postgres := Postgres(Secret(own.dsn())), [here], Databases(include=("closed", "open"), every=0))
    with databases(own, "closed", "open"):
        try:
            rules.write_text("local closed all reject\n" + before)
            execute(own.dsn(), "select pg_reload_conf()")
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    psycopg.connect(own.dsn("closed")).close()
            await runner.poll(time_for_databases=5)
            assert (list(runner._visited), runner.errors()) == (["open"], {"denied"})
            received = connections_received(own)
            await runner.poll(time_for_databases=5)
            assert connections_received(own) == received + 1
        finally:
            rules.write_text(before)
            execute(own.dsn(), "select pg_reload_conf()")
        await postgres.close()


@pytest.mark.parametrize(("every", "age", "kept"), [(0, 0, []), (60, 60, [1]), (60, 600, [])])
async def test_samples_of_a_query_that_begins_to_fail_stay_for_three_intervals(
    own: Server, every: float, age: float, kept: list[float]
) -> None:
    class Breaking(Query):
        async def rows(self, cursor: Cursor, state: dict[str, Any]) -> list[Row]:
            state["asked"] = state.get("asked", 0) + 1
            if state["asked"] > 1:
                await cursor.execute("select 'text'::int")
            return [{"number": state["asked"]}]

    runner = Runner(postgres := Postgres(Secret(own.dsn())), [Breaking("breaks", "", NUMBER, every=every)], None)
    await runner.poll(time_for_databases=1)
    for standing in runner._standings.values():
        standing.at -= age
    await runner.poll(time_for_databases=1)
    assert (runner.obstacles(), [sample.value for sample in runner.samples()]) == ({"breaks": "failed"}, kept)
    await postgres.close()


async def test_a_poll_that_is_cut_short_shows_nothing_of_the_one_before(own: Server) -> None:
    class Hanging(Query):
        async def rows(self, cursor: Cursor, state: dict[str, Any]) -> list[Row]:
            state["asked"] = state.get("asked", 0) + 1
            await cursor.execute(f"select pg_sleep({0 if state['asked'] == 1 else 30})".encode())
            return [{"number": state["asked"]}]

    queries = [
        Query("first", "select 1 as number", NUMBER),
        Hanging("hangs", "", NUMBER),
        Query("last", "select 3 as number", NUMBER),
    ]
    runner = Runner(postgres := Postgres(Secret(own.dsn()), statement_timeout=1), queries, None)
    await runner.poll(time_for_databases=1)
    assert [sample.value for sample in runner.samples()] == [1, 1, 3]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await runner.poll(time_for_databases=1)
    assert [sample.value for sample in runner.samples()] == [1]
    await postgres.close()


async def watch(dsn: str, seen: list[int]) -> None:
    """Notes how many sessions wait for one of the collector's, again and again."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while True:
            cursor = await connection.execute(
                "select count(*) from pg_stat_activity as waiting, unnest(pg_blocking_pids(waiting.pid)) as before (pid) "
                f"where before.pid in (select pid from pg_stat_activity where {OF_THE_COLLECTOR})"
            )
            row = await cursor.fetchone()
            assert row is not None
            seen.append(int(row[0]))
            await asyncio.sleep(0.005)


async def test_nothing_waits_behind_sizes_while_a_table_is_altered(own: Server) -> None:
    """The table's lock is held, a second change is queued for it, and after that comes the collector."""
    execute(own.dsn(), "create table if not exists big as select generate_series(1, 200000) as n", "create index on big (n)")
    seen: list[int] = []
    async with await psycopg.AsyncConnection.connect(own.dsn()) as holder, collector(own.dsn(), queries=ALL) as made:
        await figures(made)
        await holder.execute("alter table big add column more int")
        async with await psycopg.AsyncConnection.connect(own.dsn()) as queued:
            change = asyncio.create_task(queued.execute("alter table big add column other int"))
            while not rows(own.dsn(), "select from pg_locks where not granted"):
                await asyncio.sleep(0.01)
            watching = asyncio.create_task(watch(own.dsn(), seen))
            for _ in range(3):
                found = await in_time(made)
                assert found["pg_up",] == 1
                assert "pg_database_size_bytes" in names(found)
            watching.cancel()
            await asyncio.wait({watching})
            await holder.rollback()
            await change
    assert len(seen) > 5
    assert set(seen) == {0}


async def test_between_two_queries_no_lock_is_held(own: Server) -> None:
    """Each query ends with its transaction, so that work on system catalogues waits for one query at most, not for a poll."""
    seen: list[list[tuple[object, ...]]] = []

    class Looking(Query):
        async def rows(self, cursor: Cursor, state: dict[str, Any]) -> list[Row]:
            found = await Query.rows(self, cursor, state)
            seen.append(rows(own.dsn(), "select relation::regclass::text from pg_locks where mode = 'AccessShareLock'"))
            return found

    first = Query("first", "select count(*) as number from pg_stat_archiver", NUMBER)
    runner = Runner(postgres := Postgres(Secret(own.dsn())), [first, Looking("second", "select 1 as number", NUMBER)], None)
    await runner.poll(time_for_databases=1)
    assert [("pg_stat_archiver",) in relations for relations in seen] == [False]
    await postgres.close()


@contextlib.contextmanager
def streaming_replica(own: Server) -> Iterator[Server]:
    """A server that follows another."""
    with Server() as replica:
        replica.stop()
        data = replica.directory / "data"
        subprocess.run(["rm", "-rf", str(data)], check=True)
        command: list[str | Path] = [
            replica._binaries / "pg_basebackup",
            "-D",
            data,
            "-d",
            own.dsn(),
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ]
        with replica._spawn(*command, stdout=subprocess.PIPE) as backup:
            said, _ = backup.communicate()
        assert backup.returncode == 0, said
        replica._password = own._password
        replica.start()
        yield replica


def either(one: Server, other: Server) -> str:
    """A connection string that names both servers."""
    directories = ",".join(str(server.directory) for server in (one, other))
    return make_conninfo(one.dsn(), host=directories, port="5432,5432")


async def test_a_failover_changes_the_role_and_with_it_what_is_asked(own: Server) -> None:
    with streaming_replica(own) as replica:
        await _fail_over(own, replica)


async def _fail_over(own: Server, replica: Server) -> None:
    queries = [
        Query("of_primaries", "select 1 as number", NUMBER, role="primary"),
        Query("of_replicas", "select 2 as number", NUMBER, role="replica"),
    ]
    runner = Runner(postgres := Postgres(Secret(either(own, replica))), queries, None)
    await runner.poll(time_for_databases=1)
    assert runner.obstacles() == {"of_primaries": "", "of_replicas": "role"}
    own.stop()
    try:
        await runner.poll(time_for_databases=1)  # the other server answers now, and follows still
        assert runner.obstacles() == {"of_primaries": "role", "of_replicas": ""}
        assert [sample.value for sample in runner.samples()] == [2]
        opened = postgres.opened
        with psycopg.connect(replica.dsn(), autocommit=True) as connection:
            connection.execute("select pg_promote()")
        await runner.poll(time_for_databases=1)
        assert runner.obstacles() == {"of_primaries": "", "of_replicas": "role"}
        assert [sample.value for sample in runner.samples()] == [1]
        assert postgres.opened == opened, "the role is looked up in each poll, on the connection that is kept"
    finally:
        await postgres.close()
        own.start()


async def test_a_replica_is_read_in_full(own: Server) -> None:
    with streaming_replica(own) as follower:
        found = await read(follower.dsn(), queries=ALL)
    assert (found["pg_up",], found["pg_replication_is_replica",], reasons(found)) == (1, 1, set())
    refused = {name: obstacle(found, name) for name in ALL}
    assert {reason for reason in refused.values() if reason} <= {"version", "role", "extension"}, refused


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_five_hundred_databases_are_visited_in_turns_and_no_poll_is_late() -> None:
    count = 500
    with Server() as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("alter system set max_wal_size = '1GB'")
            for number in range(count):
                connection.execute(f"create database d{number} template template0".encode())
        query = Query(
            "here",
            "select 1 as number, current_database() as datname",
            family("test_", "datname", number="A number."),
            scope="database",
        )
        runner = Runner(postgres := Postgres(Secret(server.dsn())), [query], Databases(every="1h"))
        most = polls = 0
        visited: set[str] = set()
        while len(visited) < count + 1:
            before = len(visited)
            async with asyncio.timeout(2):
                await runner.poll(time_for_databases=1)
            polls += 1
            (sessions,) = rows(server.dsn(), f"select count(*) from pg_stat_activity where {OF_THE_COLLECTOR}")[0]
            most = max(most, int(str(sessions)))
            visited = {sample.labels[1] for sample in runner.samples() if sample.metric.name == "test_number"}
            assert len(visited) > before, "samples of earlier visits are kept, and each poll visits others"
        assert polls > 1
        assert most == 1, "one connection is kept between polls"
        await postgres.close()
        async with collector(server.dsn(), databases={"exclude": ["d4*"]}) as made:
            found = await in_time(made)
        assert found["pg_up",] == 1
        assert reasons(found) == set()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_twenty_thousand_tables_make_no_poll_late_and_bounded_series() -> None:
    with Server() as server:
        execute(server.dsn(), "create extension if not exists pg_stat_statements")
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for thousand in range(20):  # a transaction each, for the sake of the table of locks
                loop = f"for i in 1..1000 loop execute format('create table t_{thousand}_%s (n int)', i); end loop"
                connection.execute(f"do $$ begin {loop}; end $$".encode())
        async with collector(server.dsn(), queries=ALL) as made:
            for _ in range(2):
                found = await in_time(made)
            assert found["pg_up",] == 1
            assert len(found) < made.max_series
