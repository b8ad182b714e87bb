"""The one way to other people's databases, on a real server."""

import psycopg
import pytest

from exporter.clients.postgres import Postgres
from exporter.errors import Denied, Malformed, TimedOut, Unreachable
from exporter.fields import Secret


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
