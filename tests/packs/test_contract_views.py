"""The contract: what PostgreSQL makes of `contract.sql`, and that pages and packs speak of the same columns."""

from pathlib import Path

import psycopg
import pytest

from exporter.packs.load import contract, shipped

PAGE = Path(__file__).parents[2] / "docs" / "contract.md"
COLUMNS = """
    select table_name, column_name, data_type, col_description(format('bellwether.%I', table_name)::regclass, ordinal_position)
    from information_schema.columns where table_schema = 'bellwether' order by table_name, ordinal_position
"""


@pytest.fixture
def columns(database: str) -> list[tuple[str, str, str, str | None]]:
    """View, column, type and comment of all that the contract makes."""
    with psycopg.connect(database) as connection:
        connection.execute(contract())
        return connection.execute(COLUMNS).fetchall()


def test_the_columns_are_those_agreed(columns: list[tuple[str, str, str, str | None]]) -> None:
    views: dict[str, list[str]] = {}
    for view, column, *_ in columns:
        views.setdefault(view, []).append(column)
    assert views == {
        "accounts": ["account_id", "created_at", "country"],
        "payments": ["payment_id", "account_id", "created_at", "amount", "currency", "outcome", "failure_reason"],
        "subscriptions": [
            "subscription_id", "account_id", "plan", "currency", "amount", "interval_months",
            "started_at", "trial_ends_at", "ended_at",
        ],
        "users": ["user_id", "account_id", "created_at"],
    }  # fmt: skip


def test_every_column_is_described_in_the_database_and_on_the_page(columns: list[tuple[str, str, str, str | None]]) -> None:
    sections = {section.split("\n", 1)[0].strip("` "): section for section in PAGE.read_text(encoding="utf-8").split("\n## ")}
    assert [(view, column) for view, column, _, comment in columns if not comment] == []
    assert [(view, column, kind) for view, column, kind, _ in columns if f"| `{column}` | {kind} |" not in sections[view]] == []


def test_packs_read_views_of_the_contract(columns: list[tuple[str, str, str, str | None]]) -> None:
    views = {view for view, *_ in columns}
    assert {view for pack in shipped().values() for view in pack.reads} - views == set()


def test_a_mapping_onto_other_columns_is_refused_by_the_server_and_a_second_run_keeps_a_mapping(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(contract())
        with pytest.raises(psycopg.errors.InvalidTableDefinition, match='cannot change name of view column "user_id" to "id"'):
            connection.execute(
                "create or replace view bellwether.users as select 'u' as id, 'a' as account_id, now() as created_at"
            )
        with pytest.raises(psycopg.errors.DuplicateTable):
            connection.execute(contract())
