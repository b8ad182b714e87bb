"""What the views tell, on real servers: each figure moves with what it is named after."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from exporter.collectors.postgres.views import QUERIES
from exporter.demo.database import Server
from tests.collectors.postgres.asking import Figures, as_role, collector, database_of, execute, figures, login, read, rows
from tests.collectors.postgres.test_faults import streaming_replica

EVERYTHING = {query.name: True for query in QUERIES}


def of(found: Figures, name: str) -> dict[tuple[str, ...], float]:
    """The figures of one metric, by labels."""
    return {labels[1:]: value for labels, value in found.items() if labels[0] == name}


def only(found: Figures, name: str, *labels: str) -> float:
    return found[(name, *labels)]


async def everything(dsn: str, **settings: object) -> Figures:
    return await read(dsn, queries=EVERYTHING, databases=False, **settings)


@contextlib.contextmanager
def session(dsn: str, *statements: str) -> Iterator[psycopg.Connection]:
    """A session that did this and then sits in its transaction."""
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement)
        yield connection
        connection.rollback()


@contextlib.asynccontextmanager
async def waiting(dsn: str, statement: str) -> AsyncIterator[None]:
    """A session that runs a statement which will have to wait; cancelled in the end."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        running = asyncio.create_task(connection.execute(statement))
        try:
            yield
        finally:
            connection.cancel()
            with contextlib.suppress(psycopg.Error):
                await running


async def until_waiting(dsn: str) -> None:
    give_up = time.monotonic() + 10
    while not rows(dsn, "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"):
        assert time.monotonic() < give_up
        await asyncio.sleep(0.01)


async def test_every_query_is_answered_by_every_version_at_hand(any_server: Server) -> None:
    dsn = any_server.dsn()
    execute(
        dsn,
        "create extension if not exists pg_stat_statements",
        "create extension if not exists pg_buffercache",
        "create table if not exists t (id serial primary key, x text)",
        "insert into t (x) select 'x' from generate_series(1, 1000)",
        "analyze t",
    )
    async with collector(dsn, queries=EVERYTHING) as made:
        await figures(made)
        found = await figures(made)  # the second time nothing is new to sticky choices
    unanswered = {
        labels for labels in of(found, "bellwether_postgres_query_available") if labels[1] not in ("", "version", "role")
    }
    assert unanswered == set()
    assert of(found, "bellwether_postgres_error") == {}


async def test_a_monitoring_role_gets_what_a_superuser_gets(database: str, server: Server) -> None:
    execute(database, "create table t (id int primary key)", "insert into t select generate_series(1, 1000)", "analyze t")
    with login(server) as role:
        execute(database, "grant pg_monitor to {role}", role=role)
        for_role = {name for name, *_ in await everything(as_role(database, role))}
    for_superuser = {name for name, *_ in await everything(database)}
    # rows that a role may not read have no statistics for it either
    assert for_superuser - for_role == {
        "pg_bloat_table_bytes",
        "pg_bloat_table_ratio",
        "pg_bloat_index_bytes",
        "pg_bloat_index_ratio",
    }


async def test_all_settings_are_told_in_base_units_as_the_server_has_them(server: Server) -> None:
    found = await everything(server.dsn())
    assert only(found, "pg_settings_shared_buffers_bytes") == 32 * 2**20
    assert only(found, "pg_settings_autovacuum_naptime_seconds") == 60
    assert only(found, "pg_settings_wal_segment_size_bytes") == 16 * 2**20
    assert only(found, "pg_settings_autovacuum_work_mem_bytes") == -1
    assert only(found, "pg_settings_jit") == 0
    assert only(found, "pg_settings_pg_stat_statements_max") == 5000
    assert only(found, "pg_settings_log_file_mode") == 600
    # not those that the session which asks has set for itself
    assert only(found, "pg_settings_statement_timeout_seconds") == 0
    assert only(found, "pg_settings_lock_timeout_seconds") == 0
    assert only(found, "pg_settings_transaction_read_only") == 0
    (numeric,) = rows(server.dsn(), "select count(*) from pg_settings where vartype in ('bool', 'integer', 'real')")
    assert len([name for name, *_ in found if name.startswith("pg_settings_")]) == numeric[0]


async def test_indexes_that_are_unused_duplicate_or_broken_are_found(database: str) -> None:
    name = database_of(database)
    execute(
        database,
        "create table t (id int primary key, a text, b int, c int)",
        "insert into t select g, md5(g::text), g % 7, g from generate_series(1, 20000) as g",
        "create index used on t (c)",
        "create index first_of_two on t (b)",
        "create index second_of_two on t (b)",
        "create index other_order on t (b desc)",
        "create unique index needed on t (a)",
        "create index expression on t (lower(a)) where b > 2",
        "create index   same_expression on t   ( lower( a ) )   where   b > 2",
        "vacuum analyze t",
        "set enable_seqscan = off; set enable_bitmapscan = off; select id from t where c = 5",
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(database, "create unique index concurrently broken on t (b)")
    found = await everything(database)
    unused = {"first_of_two", "second_of_two", "other_order", "expression", "same_expression"}
    assert {labels[3] for labels in of(found, "pg_index_unused_bytes")} == unused
    assert {labels[3] for labels in of(found, "pg_index_duplicate_bytes")} == {"second_of_two", "same_expression"}
    size = rows(database, "select pg_relation_size('second_of_two')")[0][0]
    assert only(found, "pg_index_duplicate_bytes", name, "public", "t", "second_of_two") == size
    assert only(found, "pg_stat_user_indexes_size_bytes", name, "public", "t", "second_of_two") == size
    assert only(found, "pg_user_indexes_unused", name) == 5
    assert only(found, "pg_user_indexes_duplicate", name) == 2
    assert only(found, "pg_user_indexes_invalid", name) == 1
    assert only(found, "pg_user_indexes_count", name) == 9
    assert only(found, "pg_user_indexes_unused_bytes", name) == sum(of(found, "pg_index_unused_bytes").values())


async def test_a_sequence_near_the_end_of_its_column_is_told(database: str) -> None:
    name = database_of(database)
    execute(
        database,
        "create sequence fresh",
        "create table small (id smallint generated always as identity)",
        "create table wide (id serial)",
        "alter sequence wide_id_seq as bigint",  # outlives the integer column it feeds
        "create sequence around maxvalue 10 cycle",
        'create schema "Odd %"',
        'create sequence "Odd %"."a ""b""" maxvalue 100',
        "select setval('small_id_seq', 16384), setval('wide_id_seq', 2147483647)",
        'select setval(\'"Odd %"."a ""b"""\', 90)',
    )
    used = {labels[1:]: value for labels, value in of(await everything(database), "pg_sequence_used_ratio").items()}
    assert used == {
        ("public", "fresh"): 0,
        ("public", "small_id_seq"): pytest.approx(0.5, abs=0.001),
        ("public", "wide_id_seq"): 1,
        ("Odd %", 'a "b"'): 0.9,
    }
    assert {labels[0] for labels in of(await everything(database), "pg_sequence_used_ratio")} == {name}


async def test_bloat_is_what_deleted_rows_leave_behind(database: str) -> None:
    columns = "(id int primary key, a text, b bigint)"
    for table in ("compact", "bloated"):
        execute(
            database,
            f"create table {table} {columns} with (autovacuum_enabled = off)",
            f"insert into {table} select g, md5(g::text), g from generate_series(1, 20000) as g",
        )
    execute(database, "delete from bloated where id % 4 <> 0", "vacuum analyze compact", "vacuum analyze bloated")
    found = await everything(database)
    tables = {labels[2]: value for labels, value in of(found, "pg_bloat_table_ratio").items()}
    indexes = {labels[3]: value for labels, value in of(found, "pg_bloat_index_ratio").items()}
    assert tables == {"compact": pytest.approx(0, abs=0.1), "bloated": pytest.approx(0.75, abs=0.1)}
    assert indexes == {"compact_pkey": pytest.approx(0, abs=0.1), "bloated_pkey": pytest.approx(0.75, abs=0.1)}
    name = database_of(database)
    size = only(found, "pg_stat_user_tables_table_size_bytes", name, "public", "bloated")
    assert only(found, "pg_bloat_table_bytes", name, "public", "bloated") == pytest.approx(0.75 * size, rel=0.15)


async def test_tables_that_were_never_vacuumed_or_analyzed_are_counted(database: str) -> None:
    name = database_of(database)
    execute(
        database,
        "create table empty_one (x int)",
        "create table seen (x int) with (autovacuum_enabled = off)",
        "create table unseen (x int) with (autovacuum_enabled = off)",
        "create temporary table passing (x int)",
        "insert into seen select generate_series(1, 100)",
        "vacuum analyze seen",
        "insert into unseen select generate_series(1, 100)",
        "delete from unseen where x > 60",
    )
    with psycopg.connect(database, autocommit=True) as connection:  # its figures are there for all once it ends
        connection.execute("select 1")
    found = await everything(database)
    assert only(found, "pg_user_tables_count", name) == 3
    assert only(found, "pg_user_tables_never_vacuumed", name) == 1
    assert only(found, "pg_user_tables_never_analyzed", name) == 1
    assert only(found, "pg_user_tables_n_dead_tup", name) == 40
    assert only(found, "pg_stat_user_tables_n_dead_tup", name, "public", "unseen") == 40
    assert only(found, "pg_stat_user_tables_last_vacuum", name, "public", "unseen") == 0
    assert only(found, "pg_stat_user_tables_last_vacuum", name, "public", "seen") == pytest.approx(time.time(), abs=60)


async def test_who_waits_and_who_keeps_them_waiting_is_told_as_counts(database: str) -> None:
    name = database_of(database)
    execute(database, "create table t (x int)")
    with session(database, "lock table t in share mode"):
        async with waiting(database, "insert into t values (1)"):
            await until_waiting(database)
            found = await everything(database)
    assert only(found, "pg_blocked_sessions", name) == 1
    assert 0 < only(found, "pg_blocked_longest_wait_seconds", name) < 60
    assert {labels: value for labels, value in of(found, "pg_blocking_sessions").items() if labels[0] == name} == {
        (name, "idle in transaction"): 1
    }
    found = await everything(database)
    assert only(found, "pg_blocked_sessions", name) == 0
    assert only(found, "pg_blocked_longest_wait_seconds", name) == 0


async def test_open_and_idle_sessions_are_told_by_their_age(database: str) -> None:
    with session(make_conninfo(database, application_name="sleeper"), "select 1"):
        await asyncio.sleep(1.1)
        found = await everything(database)
    assert only(found, "pg_long_running_transactions") >= 1
    assert only(found, "pg_long_running_transactions_oldest_timestamp_seconds") >= 1
    distribution = only(found, "pg_process_idle_seconds", "idle in transaction", "sleeper")
    parts = {(suffix, bound): value for suffix, bound, value in distribution.parts}  # type: ignore[attr-defined]
    assert (parts["_bucket", 1.0], parts["_bucket", 300.0], parts["_count", None]) == (0, 1, 1)


async def test_a_slot_that_nobody_reads_keeps_its_log(database: str) -> None:
    execute(database, "select pg_create_physical_replication_slot('left_behind', true)")
    try:
        execute(database, "select pg_switch_wal()", "create table t (x int)")
        found = await everything(database)
    finally:
        execute(database, "select pg_drop_replication_slot('left_behind')")
    assert only(found, "pg_replication_slots_active", "left_behind", "") == 0
    assert only(found, "pg_replication_slots_slot_is_active", "left_behind", "physical") == 0
    assert only(found, "pg_replication_slots_pg_wal_lsn_diff", "left_behind", "") > 0
    assert only(found, "pg_replication_slots_wal_status", "left_behind", "physical", "reserved") == 1
    assert ("pg_replication_slots_slot_confirmed_flush_lsn", "left_behind", "physical") not in found


async def test_a_replica_and_its_primary_tell_of_each_other(server: Server) -> None:
    with streaming_replica(server) as replica:
        give_up = time.monotonic() + 10
        while not (at_primary := of(primary := await everything(server.dsn()), "pg_stat_replication_pg_wal_lsn_diff")):
            assert time.monotonic() < give_up
        found = await everything(replica.dsn())
    (sender,) = at_primary
    assert (sender[0], sender[2], sender[3]) == ("walreceiver", "streaming", "")
    assert only(primary, "pg_stat_replication_pg_current_wal_lsn_bytes", *sender) > at_primary[sender] >= 0
    (receiver,) = of(found, "pg_stat_wal_receiver_flushed_lsn")
    assert receiver == (str(server.directory), "", "streaming")
    assert only(found, "pg_stat_wal_receiver_flushed_lsn", *receiver) > 0
    assert only(found, "pg_stat_wal_receiver_received_tli", *receiver) == 1
    assert only(found, "pg_stat_wal_receiver_last_msg_receipt_time", *receiver) == pytest.approx(time.time(), abs=60)
    assert found.get(("pg_settings_in_hot_standby",), 1) == 1  # since version 14
    unanswered = {
        labels for labels in of(found, "bellwether_postgres_query_available") if labels[1] not in ("", "version", "extension")
    }
    assert unanswered == set()


async def test_a_long_command_shows_its_progress(database: str) -> None:
    name = database_of(database)
    execute(database, "create table t (x int)", "insert into t select generate_series(1, 5000)")
    with session(database, "insert into t values (1)"):
        async with waiting(database, "create index concurrently slow on t (x)"):
            await until_waiting(database)
            found = await everything(database)
    command = (name, "t", "CREATE INDEX CONCURRENTLY")
    assert only(found, "pg_stat_progress_create_index_lockers", *command) == 1
    (phase,) = of(found, "pg_stat_progress_create_index_phase")
    assert phase[:3] == command
    assert phase[3].startswith("waiting for")


async def test_a_vacuum_is_in_one_phase_at_a_time(database: str) -> None:
    name = database_of(database)
    execute(
        database,
        "create table t (x int) with (autovacuum_enabled = off)",
        "insert into t select generate_series(1, 200000)",
        "delete from t",
    )
    slowly = make_conninfo(database, options="-c vacuum_cost_delay=100 -c vacuum_cost_limit=1")
    async with waiting(slowly, "vacuum t"):
        give_up = time.monotonic() + 10
        phases: dict[tuple[str, ...], float] = {}
        while not phases and time.monotonic() < give_up:
            found = await everything(database)
            phases = of(found, "pg_stat_progress_vacuum_phase")
    assert {labels[:2] for labels in phases} == {(name, "t")}
    assert sorted(phases.values()) == [0, 0, 0, 0, 0, 0, 1]
    assert only(found, "pg_stat_progress_vacuum_heap_blks", name, "t") > 0


async def test_figures_of_the_server_itself_are_there(server: Server) -> None:
    found = await everything(server.dsn())
    assert only(found, "pg_wal_segments") >= 1
    assert only(found, "pg_wal_size_bytes") == only(found, "pg_wal_segments") * 16 * 2**20
    assert only(found, "pg_stat_bgwriter_buffers_alloc_total") > 0
    assert only(found, "pg_roles_connection_limit", "postgres") == -1
    assert only(found, "pg_database_age", "postgres") == only(
        found, "pg_database_wraparound_age_datfrozenxid_seconds", "postgres"
    )
    assert 0 < only(found, "pg_txid_current") < 2**31
    assert only(found, "pg_stat_ssl_count", "") >= 1
    assert set(of(found, "pg_autovacuum_workers")) == {("vacuum",), ("analyze",), ("wraparound",)}
    assert only(found, "pg_archive_ready_segments") == 0
    assert ("pg_archive_oldest_ready_age_seconds",) not in found
    assert only(found, "pg_prepared_xacts_count", "postgres") == 0
