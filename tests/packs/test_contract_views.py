"""The contract: what PostgreSQL makes of `contract.sql`, and that pages and packs speak of the same columns."""

import psycopg
import pytest

from exporter.packs import contract
from exporter.packs.load import readers, shipped

COLUMNS = """
    select table_name, column_name, data_type, col_description(format('bellwether.%I', table_name)::regclass, ordinal_position)
    from information_schema.columns where table_schema = 'bellwether' order by table_name, ordinal_position
"""
SPELT_OUT = {"timestamptz": "timestamp with time zone", "int": "integer"}


@pytest.fixture
def columns(database: str) -> list[tuple[str, str, str, str | None]]:
    """View, column, type and comment of all that the contract makes."""
    with psycopg.connect(database) as connection:
        connection.execute(contract.as_sql())
        return connection.execute(COLUMNS).fetchall()


def test_what_the_server_makes_of_it_is_what_is_told_of_it(columns: list[tuple[str, str, str, str | None]]) -> None:
    told = [
        (view.name, column.name, SPELT_OUT.get(column.type, column.type), column.meaning)
        for view in sorted(contract.views().values(), key=lambda view: view.name)
        for column in view.columns
    ]
    assert columns == told
    assert len(contract.views()) > 40


def test_the_page_has_every_view_and_who_reads_it(columns: list[tuple[str, str, str, str | None]]) -> None:
    page = contract.as_markdown(readers())
    sections = {section.split("\n", 1)[0].strip("` "): section for section in page.split("\n## ")[1:]}
    assert [(view, column) for view, column, *_ in columns if f"| `{column}` |" not in sections[view]] == []
    assert "`revenue`" in sections["subscriptions"].partition("Read by ")[2].partition("\n")[0]


def test_identifiers_of_people_and_things_are_said_to_be_kept_in() -> None:
    """What ends in _id is for joining: no pack may show it."""
    columns = [(view.name, column) for view in contract.views().values() for column in view.columns]
    assert [(view, each.name) for view, each in columns if each.name.endswith("_id") != each.identifies] == []
    assert [(view, each.name) for view, each in columns if each.identifies and "Becomes a label" in each.meaning] == []


def test_packs_read_views_of_the_contract() -> None:
    assert {view for pack in shipped().values() for view in pack.reads} - contract.views().keys() == set()


def test_only_the_views_asked_for_are_made(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(contract.as_sql(["payments"]))
        assert {row[0] for row in connection.execute(COLUMNS)} == {"payments"}


def test_a_mapping_onto_other_columns_is_refused_by_the_server_and_a_second_run_keeps_a_mapping(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(contract.as_sql())
        with pytest.raises(psycopg.errors.InvalidTableDefinition, match='cannot change name of view column "user_id" to "id"'):
            connection.execute(
                "create or replace view bellwether.users"
                " as select 'u' as id, 'a' as account_id, now() as created_at, now() as deleted_at"
            )
        connection.execute(
            "create or replace view bellwether.users"
            " as select 'u' as user_id, 'a' as account_id, now() as created_at, null::timestamptz as deleted_at"
        )
        connection.execute(contract.as_sql())
        assert connection.execute("select user_id from bellwether.users").fetchall() == [("u",)]
