"""Plans: which scans an index would spare, as PostgreSQL explains them."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from exporter.packs import plan, survey
from exporter.packs.contract import as_sql, views

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(server: Any) -> Any:
    """A database with 150,000 orders, one a minute up to noon, behind a view; and a small table of shops."""
    with psycopg.connect(server.dsn(), autocommit=True, row_factory=dict_row) as connection:
        connection.execute("create schema plan")
        connection.execute("set search_path = plan")
        connection.execute(
            "create table orders as select %s - number * interval '1 minute' as created_at, %s as \"Sent at\","
            ' number as amount, %s - number * 60 as paid, (%s - number * 60) * 1000::bigint as "Paid.ms",'
            " timestamp '2026-05-01 12:00' - number * interval '1 minute' as noted_at"
            " from generate_series(0, 149999) as number",
            (NOON, NOON, int(NOON.timestamp()), int(NOON.timestamp())),
        )
        connection.execute("create table shops as select * from orders limit 100")
        connection.execute("create view orders_of_all as select * from orders")
        connection.execute("create table parted (created_at timestamptz, amount int) partition by range (created_at)")
        connection.execute("create table parted_one partition of parted default")
        connection.execute("insert into parted select created_at, amount from orders")
        connection.execute("analyze orders, shops, parted, parted_one")
        yield connection
        connection.execute("drop schema plan cascade")


def advised(shop: psycopg.Connection[dict[str, Any]], where: str, table: str = "orders_of_all") -> list[str]:
    return advised_for(shop, f"select count(*), max(amount) from plan.{table} where {where}")


def advised_for(shop: psycopg.Connection[dict[str, Any]], sql: str) -> list[str]:
    row = shop.execute(plan.EXPLAIN + sql.encode(), {"as_of": NOON, "since": NOON}).fetchone()
    assert row is not None
    [explained] = row["QUERY PLAN"]
    found = []
    for scan in plan.scans(explained["Plan"]):
        facts = shop.execute(plan.TABLE, {"schema": scan.schema, "table": scan.table}).fetchone()
        assert facts is not None
        found.append(plan.advice(scan, facts))
    return list(filter(None, found))


WITHIN = "between %(since)s and %(as_of)s"
BY_CREATION = ["create index on plan.orders (created_at)"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("created_at > %(since)s and created_at <= %(as_of)s", BY_CREATION),
        ("created_at > %(as_of)s - interval '30 days' / 2", BY_CREATION),
        ("created_at > %(as_of)s and amount > 7", BY_CREATION),
        ('created_at > %(as_of)s and amount = 7 and ("Sent at" is null or "Sent at" > %(as_of)s)', BY_CREATION),
        ('"Sent at" > %(as_of)s', ['create index on plan.orders ("Sent at")']),
        ("created_at <= %(as_of)s", []),  # all of them
        ("created_at > %(as_of)s or amount = 7", []),
        ("created_at is null or created_at > %(as_of)s", []),
        ("created_at + interval '1 day' > %(as_of)s", []),  # of this it cannot tell
        (f"to_timestamp(paid) {WITHIN}", ["create index on plan.orders (to_timestamp((paid)::double precision))"]),
        (
            f'to_timestamp("Paid.ms" / 1000.0) {WITHIN}',
            ['create index on plan.orders (to_timestamp(((("Paid.ms")::numeric / 1000.0))::double precision))'],
        ),
        (f"noted_at at time zone 'UTC' {WITHIN}", ["create index on plan.orders ((noted_at AT TIME ZONE 'UTC'::text))"]),
        (f"to_timestamp(date_part('epoch', created_at)) {WITHIN}", []),  # nor of this
        (f"noted_at::timestamptz {WITHIN}", []),  # it depends on a setting, so that there is no index on it
        ("amount > 149990 and %(as_of)s is not null", []),  # not an instant
    ],
)
def test_an_index_is_advised_for_few_rows_of_a_large_table(
    shop: psycopg.Connection[dict[str, Any]], where: str, expected: list[str]
) -> None:
    assert advised(shop, where) == expected


def test_no_index_is_advised_for_a_small_table_or_where_there_is_one(shop: psycopg.Connection[dict[str, Any]]) -> None:
    assert advised(shop, "created_at > %(as_of)s", "shops") == []
    with shop.transaction(force_rollback=True):
        shop.execute("create index on orders (created_at)")
        assert advised(shop, "created_at > %(as_of)s") == []
        shop.execute("set local enable_indexscan = off")
        shop.execute("set local enable_indexonlyscan = off")
        shop.execute("set local enable_bitmapscan = off")
        assert advised(shop, "created_at > %(as_of)s") == []


@pytest.mark.parametrize("instant", ["to_timestamp(paid)", 'to_timestamp("Paid.ms" / 1000.0)', "noted_at at time zone 'UTC'"])
def test_an_index_on_an_expression_is_as_good_as_the_advice_has_it(
    shop: psycopg.Connection[dict[str, Any]], instant: str
) -> None:
    for where in (f"{instant} {WITHIN}", f"{instant} > %(as_of)s and {instant} <= %(since)s and amount = 7"):
        [statement] = advised(shop, where)
        with shop.transaction(force_rollback=True):
            shop.execute(statement.encode())
            assert advised(shop, where) == []
            shop.execute("set local enable_indexscan = off")
            shop.execute("set local enable_indexonlyscan = off")
            shop.execute("set local enable_bitmapscan = off")
            assert advised(shop, where) == []


def test_a_partition_goes_by_the_name_of_its_table(shop: psycopg.Connection[dict[str, Any]]) -> None:
    assert advised(shop, "created_at > %(as_of)s", "parted") == ["create index on plan.parted (created_at)"]


def test_a_table_that_was_never_analysed_goes_by_its_size(shop: psycopg.Connection[dict[str, Any]]) -> None:
    with shop.transaction(force_rollback=True):
        shop.execute("create table fresh as select * from orders")
        shop.execute("insert into fresh select * from orders")
        assert advised(shop, "created_at > %(as_of)s and created_at <= %(since)s", "fresh") == [
            "create index on plan.fresh (created_at)"
        ]


def test_a_survey_tells_what_is_mapped_and_what_differs(database: str) -> None:
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:
        assert survey.survey(connection.execute(survey.SQL)) == {}
        connection.execute(as_sql())
        found = survey.survey(connection.execute(survey.SQL))
        assert set(found) == set(views())
        assert survey.unmapped(found, views()) == sorted(views())  # none is mapped
        assert survey.differences(found, views()) == []  # and yet all are as the contract has them
        connection.execute("create table ticket (like bellwether.tickets)")
        connection.execute("create or replace view bellwether.tickets as select * from ticket where false")
        connection.execute("drop view bellwether.payments, bellwether.users")
        connection.execute("create table bellwether.payments (payment_id int, account_id text)")
        found = survey.survey(connection.execute(survey.SQL))
        assert survey.unmapped(found, ["payments", "tickets", "users", "refunds"]) == ["refunds", "users"]
        told = survey.differences(found, ["tickets", "payments", "users"])
        assert told[:2] == [
            "bellwether.payments: the column payment_id is of type int4, expected text",
            "bellwether.payments: the column created_at is missing",
        ]
        assert told[-1] == "bellwether.users: there is no such view; bellwether schema prints it"
        connection.execute("create role reader")
        try:
            connection.execute("set role reader")
            found = survey.survey(connection.execute(survey.SQL))
        finally:
            connection.execute("reset role")
            connection.execute("drop role reader")
        assert survey.differences(found, ["tickets"]) == [
            "bellwether.tickets: the role lacks the right to read it; grant usage on the schema and select on the view"
        ]
