"""The one way to other people's databases, on a real server."""

import asyncio
import contextlib
import os
import signal
import traceback
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from exporter.clients.postgres import MAX_CONNECTIONS, Postgres
from exporter.demo.database import Server
from exporter.errors import Denied, Malformed, PollError, TimedOut, Unreachable
from exporter.fields import Secret
from tests.collectors.postgres.asking import OF_THE_COLLECTOR, PASSWORD, as_role, execute, login, rows


async def test_a_connection_that_the_server_ended_between_two_transactions_is_replaced_unnoticed(database: str) -> None:
    client = Postgres(Secret(database))
    try:
        async with client.transaction() as cursor:
            await cursor.execute("select pg_backend_pid() as pid")
            before = await cursor.fetchone()
        assert before is not None
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 5000)", [before["pid"]])
        async with client.transaction() as cursor:
            await cursor.execute("select pg_backend_pid() as pid")
            after = await cursor.fetchone()
        assert after is not None
        assert after != before
    finally:
        await client.close()


async def test_a_good_transaction_does_not_count_as_a_rollback(database: str) -> None:
    client = Postgres(Secret(database))
    for _ in range(5):
        async with client.transaction() as cursor:
            await cursor.execute("select 1")
    await client.close()
    with psycopg.connect(database, autocommit=True) as other:
        row = other.execute("select xact_rollback from pg_stat_database where datname = current_database()").fetchone()
    assert row == (0,)


async def test_nothing_is_left_of_what_a_read_only_transaction_lets_through(database: str) -> None:
    """A function of the user's own may write a large object on PostgreSQL 15, and notify whoever listens on any version."""
    execute(database, "create function touch() returns int language sql as $$ select 1 from pg_notify('heard', 'read') $$")
    execute(database, "create function keep() returns oid language sql as $$ select lo_from_bytea(0, 'written') $$")
    client = Postgres(Secret(database))
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("listen heard")
        async with client.transaction() as cursor:
            await cursor.execute("select touch()")
        with contextlib.suppress(Denied):  # newer versions refuse it
            async with client.transaction() as cursor:
                await cursor.execute("select keep()")
        await client.close()
        listener.execute("notify heard, 'after'")
        assert [heard.payload for heard in listener.notifies(timeout=5, stop_after=1)] == ["after"]
        assert listener.execute("select count(*) from pg_largeobject_metadata").fetchone() == (0,)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (b"create table written (a int)", Denied),
        (b"select pg_sleep(30)", TimedOut),
        (b"select * from nowhere", Malformed),
        (b"select 'secret@example.com'::int", Malformed),
    ],
)
async def test_what_a_statement_may_not_do_ends_in_its_reason_and_the_client_goes_on(
    database: str, statement: bytes, error: type[Exception]
) -> None:
    client = Postgres(Secret(database), statement_timeout=0.2)
    with pytest.raises(error) as caught:
        async with client.transaction() as cursor:
            await cursor.execute(statement)
    assert "secret@example.com" not in str(caught.value)
    async with client.transaction() as cursor:
        await cursor.execute("select 1 as one")
        assert await cursor.fetchone() == {"one": 1}
    await client.close()


@pytest.mark.parametrize(
    ("dsn", "error"), [("host=/nonexistent password=hunter2", Unreachable), ("hunter2 is no connection string", Malformed)]
)
async def test_a_failed_connection_says_why_and_shows_no_secret(dsn: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        async with Postgres(Secret(dsn)).transaction():
            pass
    assert "hunter2" not in str(caught.value)


async def test_a_wrong_password_is_denied(database: str) -> None:
    with pytest.raises(Denied) as caught:
        async with Postgres(Secret(database), Secret("hunter2")).transaction():
            pass
    assert "hunter2" not in str(caught.value)


async def failure(client: Postgres, statement: bytes = b"select 1") -> PollError:
    try:
        with pytest.raises(PollError) as raised:
            async with client.transaction() as cursor:
                await cursor.execute(statement)
        return raised.value
    finally:
        await client.close()


async def test_client_refuses_every_write(database: str) -> None:
    client = Postgres(Secret(database))
    assert type(await failure(client, b"create table t (n int)")) is Denied
    execute(database, "create table t (n int)")
    assert type(await failure(client, b"insert into t values (1)")) is Denied


async def test_client_ends_what_takes_too_long_and_goes_on(database: str) -> None:
    client = Postgres(Secret(database), statement_timeout=0.1)
    try:
        with pytest.raises(TimedOut):
            async with client.transaction() as cursor:
                await cursor.execute("select pg_sleep(30)")
        async with client.transaction() as cursor:
            await cursor.execute("select 1 as one")
            assert await cursor.fetchall() == [{"one": 1}]
    finally:
        await client.close()


async def test_no_failure_tells_the_password(database: str, server: Server) -> None:
    with login(server) as role:
        await _check_failures(as_role(database, role))


async def _check_failures(dsn: str) -> None:
    parts = conninfo_to_dict(dsn)
    cases: list[tuple[dict[str, str | int], bytes, type[PollError]]] = [
        ({"user": "nobody_of_that_name"}, b"select 1", Denied),
        ({"dbname": "no_database_of_that_name"}, b"select 1", Denied),
        ({"host": "/nowhere"}, b"select 1", Unreachable),
        ({"host": "127.0.0.1", "port": 1}, b"select 1", Unreachable),
        ({"host": "no-such-host.invalid"}, b"select 1", Unreachable),
        ({}, b"create table t ()", Denied),
        ({}, b"select * from pg_authid", Denied),
        ({}, b"select no_such_column", Malformed),
        ({}, b"select pg_sleep(30)", TimedOut),
    ]
    for other, statement, expected in cases:
        other_dsn = Secret(psycopg.conninfo.make_conninfo("", **{**parts, **other}))
        error = await failure(Postgres(other_dsn, statement_timeout=0.1), statement)
        assert type(error) is expected, (other, statement, error)
        assert PASSWORD not in "".join(traceback.format_exception(error))
    error = await failure(Postgres(Secret(f"postgresql://user:{PASSWORD}@host:port/db?nonsense")))
    assert type(error) is Malformed
    assert PASSWORD not in "".join(traceback.format_exception(error))


def sessions(database: str) -> list[int]:
    """The process ids of all sessions that this process has at the server."""
    return [int(str(pid)) for (pid,) in rows(database, f"select pid from pg_stat_activity where {OF_THE_COLLECTOR}")]


async def hold(client: Postgres, held: asyncio.Event, until: asyncio.Event) -> None:
    async with client.transaction() as cursor:
        await cursor.execute("select 1")
        held.set()
        await until.wait()


async def test_all_clients_of_a_server_share_its_connections_and_the_next_waits_for_one(database: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [Postgres(Secret(database)) for _ in range(MAX_CONNECTIONS + 1)]
        for client in clients:
            stack.push_async_callback(client.close)
        done = asyncio.Event()
        holding = [asyncio.Event() for _ in clients]
        tasks = [asyncio.create_task(hold(client, held, done)) for client, held in zip(clients, holding, strict=True)]
        await asyncio.gather(*(held.wait() for held in holding[:MAX_CONNECTIONS]))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(holding[-1].wait(), 0.2)
        assert len(sessions(database)) == MAX_CONNECTIONS
        done.set()
        await asyncio.gather(*tasks)
        assert len(sessions(database)) <= MAX_CONNECTIONS


async def test_the_least_that_a_client_says_is_how_many_connections_all_may_have(database: str) -> None:
    generous, modest = Postgres(Secret(database), max_connections=9), Postgres(Secret(database), max_connections=1)
    for _ in range(20):
        for client in (generous, modest):
            async with client.transaction() as cursor:
                await cursor.execute(f"select count(*) from pg_stat_activity where {OF_THE_COLLECTOR}".encode())
                assert await cursor.fetchall() == [{"count": 1}]
    await generous.close()
    await modest.close()
    assert sessions(database) == []


async def test_who_gives_up_waiting_for_a_connection_takes_none(database: str) -> None:
    first, second = (Postgres(Secret(database), max_connections=1) for _ in range(2))
    async with first.transaction():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), second.transaction():
                pass
    async with second.transaction() as cursor:
        await cursor.execute("select 1")
    await second.close()


async def test_what_is_cancelled_midway_ends_at_once_and_keeps_its_place_until_the_server_is_done(database: str) -> None:
    client = Postgres(Secret(database), statement_timeout=0.5, max_connections=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), client.transaction() as cursor:
            await cursor.execute("select pg_sleep(30)")
    assert len(sessions(database)) == 1
    async with client.transaction() as cursor:  # once the statement has met its timeout
        await cursor.execute("select pg_backend_pid() as pid")
        row = await cursor.fetchone()
    assert row is not None
    assert sessions(database) == [row["pid"]]
    await client.close()


async def test_a_connection_counts_until_the_server_has_let_it_go(database: str) -> None:
    first, second = (Postgres(Secret(database), max_connections=1) for _ in range(2))
    async with first.transaction() as cursor:
        await cursor.execute("select pg_backend_pid() as pid")
        (row,) = await cursor.fetchall()
    os.kill(row["pid"], signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), second.transaction():
                pass
    finally:
        os.kill(row["pid"], signal.SIGCONT)
    async with second.transaction() as cursor:
        await cursor.execute("select 1")
    await second.close()


async def test_what_a_client_holds_is_not_taken_from_it_between_two_transactions(database: str) -> None:
    first, second = (Postgres(Secret(database), max_connections=1) for _ in range(2))
    with first.holding():
        for _ in range(2):
            async with first.transaction() as cursor:
                await cursor.execute("select 1")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), second.transaction():
                    pass
        waiting = asyncio.create_task(_once(second))
        await asyncio.sleep(0)
    await waiting
    assert (first.opened, second.opened) == (1, 1)
    await second.close()


async def _once(client: Postgres) -> None:
    async with client.transaction() as cursor:
        await cursor.execute("select 1")


async def test_to_wait_for_a_statement_is_no_work(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client, looks = Postgres(Secret(database)), 0
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    select = selector.select

    def counted(timeout: float | None = None) -> object:
        nonlocal looks
        looks += 1
        return select(timeout)

    monkeypatch.setattr(selector, "select", counted)
    async with client.transaction() as cursor:
        await cursor.execute("select pg_sleep(0.3)")
    await client.close()
    assert looks < 100


async def test_another_database_is_reached_with_the_same_credentials(server: Server, database: str) -> None:
    client = Postgres(Secret(server.dsn())).of_database(str(conninfo_to_dict(database)["dbname"]))
    async with client.transaction() as cursor:
        await cursor.execute("select current_database() as name")
        assert await cursor.fetchall() == [{"name": conninfo_to_dict(database)["dbname"]}]
    await client.close()


async def test_a_password_that_changed_in_its_file_is_used_for_the_next_connection(
    database: str, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    with login(server) as role:
        client = Postgres(Secret(as_role(database, role, "unused")), Secret(file=file))
        async with client.transaction() as cursor:
            await cursor.execute("select 1")
        execute(database, "alter role {role} password 'changed'", role=role)
        await client.close()
        assert type(await failure(client)) is Denied
        file.write_text("changed")
        async with client.transaction() as cursor:
            await cursor.execute("select 1")
        await client.close()
