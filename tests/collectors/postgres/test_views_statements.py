"""Statements: figures without texts, texts without secrets."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from exporter.clients.postgres import Postgres
from exporter.collector import Secret
from exporter.collectors.postgres.top import TopQuery
from exporter.collectors.postgres.views.statements import QUERIES, shown
from exporter.demo.database import Server
from tests.collectors.postgres.asking import Figures, as_role, collector, execute, figures, login

ON = {"stat_statements": True, "stat_statements_query": True}


@pytest.fixture
def statements(database: str) -> Iterator[str]:
    """A database with the extension, and no figures yet."""
    execute(database, "create extension pg_stat_statements", "select pg_stat_statements_reset()")
    yield database
    execute(database, "select pg_stat_statements_reset()")


def ids(found: Figures) -> dict[str, str]:
    """The texts that are shown, with their ids."""
    return {labels[2]: labels[1] for labels in found if labels[0] == "pg_stat_statements_query_id"}


def query_of(name: str) -> TopQuery:
    (query,) = (query for query in QUERIES if query.name == name)
    assert isinstance(query, TopQuery)
    return query


async def test_a_statement_is_counted_and_timed(statements: str) -> None:
    with psycopg.connect(statements, autocommit=True) as connection:
        for second in (0.01, 0.01, 0.04):
            connection.execute(f"select pg_sleep({second}) as nap")
    async with collector(statements, queries=ON, databases=False) as made:
        found = await figures(made)
    queryid = ids(found)["select pg_sleep($1) as nap"]
    of_it = {labels[0].removeprefix("pg_stat_statements_"): value for labels, value in found.items() if queryid in labels}
    assert (of_it["calls_total"], of_it["rows_total"]) == (3, 3)
    assert of_it["seconds_total"] == pytest.approx(0.06, abs=0.02)
    assert of_it["mean_exec_seconds"] == pytest.approx(of_it["seconds_total"] / 3)
    assert of_it["mean_exec_seconds"] < of_it["p95_exec_seconds"] <= of_it["max_exec_seconds"]
    assert of_it["query_id"] == 1
    labels = next(labels for labels in found if labels[0] == "pg_stat_statements_calls_total" and labels[3] == queryid)
    assert labels[1] == "postgres"


async def test_no_secret_and_no_value_is_in_a_text(statements: str, server: Server) -> None:
    with login(server) as role:
        execute(
            statements,
            "alter role {role} password 'hush-hush'",
            "create table people (name text)",
            "insert into people values ('Ada Lovelace')",
            "/* trace: 12345-secret */ select name from people where name = 'Ada Lovelace'",
            role=role,
        )
        async with collector(statements, queries=ON, databases=False) as made:
            texts = ids(await figures(made))
    assert "select name from people where name = $1" in texts
    assert "insert into people values ($1)" in texts
    assert not [text for text in texts if any(word in text for word in ("hush", "Ada", "secret", "password"))]
    assert not [text for text in texts if text.lower().startswith(("alter", "create"))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT  *\n  FROM t WHERE a = $1", "SELECT * FROM t WHERE a = $1"),
        ("-- by Ada\nselect 1.5e3 from t2 where x = 'it''s'", "select ? from t2 where x = ?"),
        ("select E'a\\'b', $tag$secret$tag$, $$x$$, \"Name 1\"", 'select E?, ?, ?, "Name 1"'),
        ("select 'cut off in the mid", "select ?"),
        ("/* a */ with x as (select 1) insert into t select * from x", "with x as (select ?) insert into t select * from x"),
        ("create role r password 'secret'", ""),
        ("do $$ begin perform 1; end $$", ""),
        ("explain select 1", ""),
        ("copy t from program 'curl https://user:secret@host'", ""),
        ("/* select */ set password = 1", ""),
        ("select " + "x" * 200, "select " + "x" * 113),
    ],
)
def test_a_text_is_shown_without_values_and_only_when_it_is_no_command(query: str, expected: str) -> None:
    assert shown(query) == expected


async def test_texts_are_not_read_unless_switched_on(statements: str) -> None:
    execute(statements, "select 1 as one")
    async with collector(statements, databases=False) as made:
        found = await figures(made)
    assert [labels for labels in found if labels[0] == "pg_stat_statements_calls_total"]
    assert not ids(found)


async def test_after_a_reset_those_that_were_shown_keep_their_places(statements: str) -> None:
    busy = "select count(*) from generate_series(1, 200000)"
    state: dict[str, Any] = {}
    with psycopg.connect(statements, autocommit=True) as connection:
        query = replace(query_of("stat_statements"), size=20, review=0.0)

        async def calls() -> dict[str, int]:
            async with postgres.transaction() as cursor:
                return {str(row["queryid"]): row["calls_total"] for row in await query.rows(cursor, state)}

        postgres = Postgres(Secret(statements))
        for _ in range(100):
            connection.execute("select now()")
        connection.execute(busy)
        for columns in range(1, 31):
            connection.execute(f"select {', '.join(['1'] * columns)}")
        before = await calls()
        connection.execute("select pg_stat_statements_reset()")
        for columns in range(1, 31):
            connection.execute(f"select {', '.join(['true'] * columns)}")
        connection.execute(busy)
        after = await calls()
        await postgres.close()
    assert len(before) == 20
    assert after
    assert after.keys() <= before.keys()
    assert set(after.values()) == {1}


async def test_a_role_that_may_not_see_others_statements_is_told_nothing(statements: str, server: Server) -> None:
    execute(statements, "select 1 as one")
    with login(server) as role:
        async with collector(as_role(statements, role), queries=ON, databases=False) as made:
            found = await figures(made)
    assert not [labels for labels in found if labels[0] == "pg_stat_statements_calls_total"]
    assert found["bellwether_postgres_query_available", "stat_statements", "right"] == 0
