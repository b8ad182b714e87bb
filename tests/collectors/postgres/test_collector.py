"""What the collector tells of a real server, and that it tells nothing wrong of one that cannot be read."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from exporter.collectors.postgres.views import (
    activity,
    archiver,
    locks,
    settings,
)
from exporter.collectors.postgres.views import (
    database as of_databases,
)
from exporter.collectors.postgres.views import (
    server as of_server,
)
from exporter.demo.database import Server
from tests.collectors.postgres.asking import (
    PASSWORD,
    as_role,
    collector,
    database_of,
    down,
    execute,
    figures,
    login,
    names,
    obstacle,
    read,
    reasons,
    told,
)

NOT_HERE = {"pg_stat_archiver_last_archive_age", "pg_replication_last_replay_seconds"}
"""Not before a file was archived, and of replicas only."""


@pytest.fixture
def role(server: Server) -> Iterator[str]:
    with login(server) as name:
        yield name


async def test_pg_monitor_suffices_for_every_figure(database: str, role: str) -> None:
    execute(database, "grant pg_monitor to {role}", "select pg_stat_reset()", role=role)
    found = await read(as_role(database, role))
    assert found["pg_up",] == 1
    queries = [query for view in (activity, archiver, of_databases, locks, of_server) for query in view.QUERIES]
    expected = {metric.name for query in queries for metric in query.metrics.values()} - NOT_HERE
    assert expected - names(found) == set()
    assert {obstacle(found, query.name) for query in (*queries, *settings.QUERIES)} == {""}
    assert reasons(found) == set()


async def test_version_is_told_in_full_and_as_three_numbers(database: str) -> None:
    with psycopg.connect(database) as connection:
        version = connection.execute("select version()").fetchone()
        number = connection.info.server_version
    assert version is not None
    found = await read(database)
    assert found["pg_static", version[0], f"{number // 10000}.{number % 10000}.0"] == 1


async def test_sessions_are_counted_by_state(database: str) -> None:
    name = database_of(database)
    async with contextlib.AsyncExitStack() as stack:
        sessions = [
            await stack.enter_async_context(
                await psycopg.AsyncConnection.connect(database, autocommit=True, application_name="counted")
            )
            for _ in range(6)
        ]
        for session in sessions[:2]:  # the first three stay idle, one of them having never asked
            await session.execute("select 1")
        await sessions[3].execute("begin")
        await sessions[4].execute("begin")
        with contextlib.suppress(psycopg.errors.DivisionByZero):
            await sessions[4].execute("select 1/0")
        busy = asyncio.create_task(sessions[5].execute("select pg_sleep(60)"))
        async with collector(database) as made:
            found: dict[tuple[str, ...], float] = {}
            while found.get(counted(name, "active", "Timeout", "PgSleep")) != 1:
                found = await figures(made)
        busy.cancel()
        await asyncio.wait({busy})
    assert {key: value for key, value in found.items() if "counted" in key and key[0] == "pg_stat_activity_count"} == {
        counted(name, "idle", "Client", "ClientRead"): 3,
        counted(name, "idle in transaction", "Client", "ClientRead"): 1,
        counted(name, "idle in transaction (aborted)", "Client", "ClientRead"): 1,
        counted(name, "active", "Timeout", "PgSleep"): 1,
    }
    assert found["pg_stat_activity_count", name, "disabled", "", "", "", "", ""] == 0
    assert not [key for key in found if name in key and "bellwether" in key], "the collector counts itself"
    open_for = "pg_stat_activity_max_tx_duration"
    assert found[open_for, *counted(name, "idle", "Client", "ClientRead")[1:]] == 0
    assert found[open_for, *counted(name, "idle in transaction", "Client", "ClientRead")[1:]] > 0


def counted(database: str, state: str, *waiting: str) -> tuple[str, ...]:
    return ("pg_stat_activity_count", database, state, "postgres", "counted", "client backend", *waiting)


async def test_size_and_limit_are_those_of_the_database(database: str) -> None:
    name = database_of(database)
    execute(
        database, "create table t as select generate_series(1, 10000)", "alter database {name} connection limit 7", name=name
    )
    with psycopg.connect(database) as connection:
        size = connection.execute("select pg_database_size(current_database())").fetchone()
    found = await read(database)
    assert (found["pg_database_size_bytes", name], found["pg_database_connection_limit", name]) == (*size, 7)  # type: ignore[misc]
    assert ("pg_database_size_bytes", "template1") not in found


async def test_counters_follow_what_is_committed_inserted_and_rolled_back(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create table t (n int)")
        oid = connection.execute("select oid from pg_database where datname = current_database()").fetchone()
        assert oid is not None
        connection.execute("select pg_stat_force_next_flush()")
        before = await read(database)
        for number in range(20):
            connection.execute("insert into t values (%s)", [number])
        for _ in range(10):
            connection.execute("begin")
            connection.execute("rollback")
        connection.execute("select pg_stat_force_next_flush()")
        after = await read(database)
    labels = (str(oid[0]), database_of(database))
    grown = {
        column: after[f"pg_stat_database_{column}", *labels] - before[f"pg_stat_database_{column}", *labels]
        for column in ("xact_commit", "xact_rollback", "tup_inserted")
    }
    # autovacuum and the collector itself have transactions too
    assert grown["tup_inserted"] >= 20
    assert grown["xact_commit"] >= 20
    assert grown["xact_rollback"] >= 10
    assert all(count < 200 for count in grown.values()), grown


async def test_settings_are_in_base_units_and_those_of_the_role_not_of_the_poll(database: str, role: str) -> None:
    execute(database, "alter role {role} set statement_timeout = '2min'", "alter role {role} set work_mem = '3MB'", role=role)
    with psycopg.connect(database) as connection:
        expected = connection.execute(
            "select current_setting('max_connections')::int, pg_size_bytes(current_setting('shared_buffers')),"
            " pg_size_bytes(current_setting('max_wal_size')), current_setting('autovacuum')::bool"
        ).fetchone()
    found = await read(as_role(database, role))
    names = ("max_connections", "shared_buffers_bytes", "max_wal_size_bytes", "autovacuum")
    assert tuple(found[f"pg_settings_{name}",] for name in names) == expected
    assert found["pg_settings_statement_timeout_seconds",] == 120
    assert found["pg_settings_work_mem_bytes",] == 3 * 1024 * 1024


async def test_locks_are_counted_by_mode(database: str) -> None:
    execute(database, "create table t (n int)")
    with psycopg.connect(database) as connection:
        connection.execute("lock table t in share row exclusive mode")
        found = await read(database)
    assert found["pg_locks_count", database_of(database), "sharerowexclusivelock"] == 1
    assert found["pg_locks_count", database_of(database), "sireadlock"] == 0


async def test_start_time_is_the_servers_and_a_primary_has_no_lag(database: str) -> None:
    with psycopg.connect(database) as connection:
        started = connection.execute("select extract(epoch from pg_postmaster_start_time())::float8").fetchone()
    found = await read(database)
    assert (found["pg_postmaster_start_time_seconds",],) == started
    assert (found["pg_replication_is_replica",], found["pg_replication_lag_seconds",]) == (0, 0)


async def test_replica_that_has_replayed_nothing_yet_tells_no_lag() -> None:
    with Server() as server:
        server.stop()
        (server.directory / "data" / "standby.signal").touch()
        server.start()
        found = await read(server.dsn())
    assert (found["pg_up",], found["pg_replication_is_replica",]) == (1, 1)
    assert ("pg_replication_lag_seconds",) not in found


async def test_stopped_server_is_down_and_back_when_started_again(server: Server) -> None:
    async with collector(server.dsn()) as made:
        assert (await figures(made))["pg_up",] == 1
        server.stop()
        try:
            assert told(await figures(made)) == down("unreachable")
            assert told(await figures(made)) == down("unreachable")
        finally:
            server.start()
        assert (await figures(made))["pg_up",] == 1


async def test_wrong_password_is_denied(database: str, role: str) -> None:
    assert told(await read(as_role(database, role, "wrong"))) == down("denied")


async def test_unreadable_connection_string_is_malformed() -> None:
    assert told(await read(f"host=localhost pasword={PASSWORD}")) == down("malformed")


async def test_password_may_come_apart_from_the_connection_string(database: str, role: str) -> None:
    parts = conninfo_to_dict(as_role(database, role))
    del parts["password"]
    dsn = psycopg.conninfo.make_conninfo("", **parts)
    assert (await read(dsn, password=PASSWORD))["pg_up",] == 1


async def test_silent_server_is_down_when_time_is_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert told(await read(f"host=127.0.0.1 port={port}", timeout=0.4)) == down("timeout")


async def test_server_that_hangs_is_down_at_once_and_up_when_it_answers_again(database: str) -> None:
    async with collector(database, timeout=1.5) as made:
        assert (await figures(made))["pg_up",] == 1
        with psycopg.connect(database) as connection:
            # On a slow machine one that was given up on may still be ending.
            rows = connection.execute(
                "select pid from pg_stat_activity where application_name = 'bellwether' and datname = current_database()"
            ).fetchall()
        assert rows
        for (pid,) in rows:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert told(await figures(made)) == down("timeout")
        finally:
            for (pid,) in rows:
                os.kill(pid, signal.SIGCONT)
        while (await figures(made))["pg_up",] != 1:
            pass


async def test_server_lost_midway_is_down_and_nothing_else(database: str) -> None:
    of_the_collector = "application_name = 'bellwether' and datname = current_database() and wait_event_type = 'Lock'"
    async with collector(database) as made:
        with psycopg.connect(database) as connection:
            connection.execute("lock table pg_catalog.pg_stat_archiver in access exclusive mode")
            run = asyncio.create_task(figures(made))
            ended = None
            while ended is None:
                await asyncio.sleep(0.01)
                connection.execute("select pg_stat_clear_snapshot()")
                ended = connection.execute(
                    f"select pg_terminate_backend(pid) from pg_stat_activity where {of_the_collector}"
                ).fetchone()
            assert told(await run) == down("unreachable")
        assert (await figures(made))["pg_up",] == 1


async def test_role_without_rights_is_told_and_gets_no_wrong_counts(database: str, role: str) -> None:
    name = database_of(database)
    execute(database, "revoke connect on database {name} from public", name=name)
    found = await read(psycopg.conninfo.make_conninfo(as_role(database, role), dbname="postgres"))
    assert (found["pg_up",], found["bellwether_postgres_error", "denied"]) == (1, 1)
    assert not [key for key in found if key[0].startswith("pg_stat_activity")]
    assert ("pg_database_size_bytes", name) not in found
    assert found["pg_database_connection_limit", name] == -1
    assert found["pg_database_size_bytes", "postgres"] > 0


async def test_figures_that_are_denied_leave_the_others(database: str, role: str) -> None:
    execute(database, "grant pg_monitor to {role}", "revoke select on pg_stat_archiver from public", role=role)
    found = await read(as_role(database, role))
    assert (found["pg_up",], found["bellwether_postgres_error", "denied"]) == (1, 1)
    assert {"pg_settings_max_connections", "pg_locks_count"} <= {name for name, *_ in found}
    assert "pg_stat_archiver_failed_count" not in {name for name, *_ in found}


async def test_figures_that_take_too_long_leave_the_others(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("lock table pg_catalog.pg_stat_archiver in access exclusive mode")
        found = await read(database, statement_timeout=0.2)
    assert (found["pg_up",], found["bellwether_postgres_error", "timeout"]) == (1, 1)
    assert {"pg_settings_max_connections", "pg_locks_count"} <= {name for name, *_ in found}
    assert "pg_stat_archiver_failed_count" not in {name for name, *_ in found}


@pytest.mark.parametrize(
    ("dsn", "instance"),
    [
        (f"postgresql://user:{PASSWORD.replace(' ', '%20')}@127.0.0.1:1/db", "127.0.0.1:1"),
        ("host=127.0.0.1,127.0.0.2 port=1", "127.0.0.1:1,127.0.0.2:1"),
        ("host=/nowhere", "/nowhere:5432"),
    ],
)
async def test_instance_is_host_and_port_unless_given(monkeypatch: pytest.MonkeyPatch, dsn: str, instance: str) -> None:
    monkeypatch.delenv("PGPORT", raising=False)
    async with collector(dsn, instance="") as made:
        assert {sample.labels[0] async for sample in made.collect()} == {instance}
