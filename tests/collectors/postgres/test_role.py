"""The role that monitoring_role.sql makes: it reads every figure, writes nothing, and sees no row that it was not granted."""

from collections.abc import Iterator
from importlib.resources import files

import psycopg
import pytest
from psycopg import errors

from exporter.collectors.postgres.views import QUERIES
from exporter.demo.database import Server
from exporter.packs.contract import as_sql
from tests.collectors.postgres.asking import PASSWORD, as_role, execute, obstacle, read, reasons

SCRIPT = files("exporter.collectors.postgres").joinpath("monitoring_role.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server with a business in it, after the script was run; twice, since it may be run again."""
    with Server() as server:
        execute(
            server.dsn(),
            "create table customers (name text, iban text)",
            "insert into customers select 'customer ' || n, 'iban ' || n % 3 from generate_series(1, 1000) as n",
            "analyze customers",
        )
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(as_sql().encode())
            connection.execute(
                "create or replace view bellwether.accounts as "
                "select name as account_id, now() as created_at, 'DE'::text as country, null::text as channel from customers"
            )
            for _ in range(2):
                connection.execute(SCRIPT.encode())
            connection.execute(f"alter role bellwether password '{PASSWORD}'".encode())
        yield server


@pytest.fixture
def role(own: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(as_role(own.dsn(), "bellwether"), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "create table written (n int)",
        "create temporary table written (n int)",
        "insert into customers values ('a', 'b')",
        "update customers set iban = ''",
        "delete from customers",
        "truncate customers",
        "drop table customers",
        "alter table customers add column more int",
        "create role another",
        "insert into bellwether.accounts values ('a')",
        "copy (select 1) to program 'true'",
        "select pg_read_file('postgresql.conf')",
    ],
)
@pytest.mark.parametrize("read_only", ["on", "off"])
def test_it_writes_nothing_even_when_it_lifts_its_own_limit(role: psycopg.Connection, statement: str, read_only: str) -> None:
    role.execute(f"set default_transaction_read_only = {read_only}".encode())
    if (statement, read_only) == ("create temporary table written (n int)", "off"):
        return  # a table of its own session is nobody else's
    with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
        role.execute(statement.encode())


def test_it_sees_no_row_of_a_table_nor_what_statistics_keep_of_them(role: psycopg.Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        role.execute("select * from customers")
    assert role.execute("select count(*) from pg_stats where tablename = 'customers'").fetchone() == (0,)


def test_it_sees_the_views_of_the_contract_as_they_were_granted(role: psycopg.Connection) -> None:
    assert role.execute("select count(*), min(country) from bellwether.accounts").fetchone() == (1000, "DE")


def test_a_table_can_be_granted_and_is_seen_then(own: Server, role: psycopg.Connection) -> None:
    execute(own.dsn(), "create table shown as select 1 as n", "grant select on shown to bellwether")
    assert role.execute("select n from shown").fetchone() == (1,)


def test_its_connections_and_its_statements_are_limited(role: psycopg.Connection) -> None:
    found = role.execute(
        "select rolconnlimit, rolsuper, rolcreatedb, rolcreaterole, rolreplication from pg_roles where rolname = user"
    )
    assert found.fetchone() == (5, False, False, False, False)
    limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    assert [role.execute(f"show {name}".encode()).fetchone() for name in limits] == [("1min",), ("1s",), ("2min",)]


async def test_it_suffices_for_every_query(own: Server) -> None:
    queries = {query.name: True for query in QUERIES}
    found = await read(as_role(own.dsn(), "bellwether"), queries=queries)
    in_the_way = {name: obstacle(found, name) for name in queries}
    assert {found for found in in_the_way.values() if found} <= {"version", "role", "extension"}, in_the_way
    assert (found["pg_up",], reasons(found)) == (1, set())
