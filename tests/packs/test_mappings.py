"""The worked mappings of docs/mappings: onto tables as they are in the wild, and what packs and views then say."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from exporter.packs import contract
from exporter.packs.load import readers
from tests.packs.conftest import ask

MAPPINGS = Path(__file__).parents[2] / "docs" / "mappings"
SOURCES = Path(__file__).parent / "sources"
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def mapped(database: str, request: pytest.FixtureRequest) -> str:
    """A database with the tables of one source, and its mapping."""
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute((SOURCES / f"{request.param}.sql").read_bytes())
        connection.execute(contract.as_sql())
        connection.execute((MAPPINGS / f"{request.param}.sql").read_bytes())
    return database


def rows(dsn: str, query: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c TimeZone=UTC") as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("mapped", ["stripe"], indirect=True)
async def test_stripe_gives_revenue_in_major_units_per_month(mapped: str) -> None:
    found = await ask(mapped, "revenue", MARCH)
    assert found["saas_mrr"] == {
        ("pro", "EUR"): 25,  # two seats; neither the set-up fee nor the item that was removed
        ("Yearly", "JPY"): 1000,  # yen have no hundredths
        ("weekly", "EUR"): 0,  # ended
    }
    assert found["payment_volume_total"] == {
        ("succeeded", "EUR"): 25,
        ("failed", "EUR"): 0,
        ("succeeded", "JPY"): 0,
        ("failed", "JPY"): 12000,
    }
    january = await ask(mapped, "revenue", datetime(2026, 1, 5, tzinfo=UTC))
    assert january["saas_mrr"]["weekly", "EUR"] == 13  # six euros each second week, 52 weeks a year
    assert january["saas_customers"]["trialing",] == 1
    closed = datetime.fromtimestamp(1770076800, UTC)
    assert rows(mapped, "select amount, closed_at, outcome from bellwether.disputes order by dispute_id") == [
        (Decimal(25), closed, "won"),
        (Decimal(25), None, None),
    ]
    assert rows(mapped, "select amount from bellwether.refunds") == [(Decimal(5),)]
    assert rows(mapped, "select country, channel from bellwether.accounts order by 1") == [("DE", "referral"), ("JP", None)]


@pytest.mark.parametrize("mapped", ["supabase"], indirect=True)
def test_supabase_gives_people_steps_and_events_and_nothing_that_tells_who(mapped: str) -> None:
    assert rows(mapped, "select count(*), count(deleted_at) from bellwether.users") == [(2, 1)]
    assert rows(mapped, "select page_views, device, ended_at - started_at > interval '4 min' from bellwether.sessions") == [
        (1, "mobile", True)
    ]
    assert rows(mapped, "select step, position from bellwether.onboarding_steps") == [("profile", 1)]
    assert rows(mapped, "select kind, outcome, reason, method from bellwether.auth_events order by outcome") == [
        ("mfa_verification", "failed", "wrong_code", "totp"),
        ("mfa_verification", "succeeded", None, "totp"),
    ]
    assert rows(mapped, "select method from bellwether.mfa_factors") == [("totp",)]
    assert rows(mapped, "select resource_type, action from bellwether.resource_actions") == [("report", "downloaded")]
    everything = str([rows(mapped, f"select * from bellwether.{view}") for view in contract.views()])
    for private in ("example.com", "192.0.2.1", "salary", "JBSWY3DP"):
        assert private not in everything


@pytest.mark.parametrize("mapped", ["shared_bills"], indirect=True)
async def test_shared_bills_give_groups_readings_and_payments(mapped: str) -> None:
    found = await ask(mapped, "revenue", MARCH)
    assert found["payment_attempts_total"] == {("succeeded", "EUR"): 1, ("failed", "EUR"): 1}
    assert rows(mapped, "select provider, fee from bellwether.payments where outcome = 'succeeded'") == [
        ("sepa", Decimal("0.25"))
    ]
    assert rows(mapped, "select kind, due_at, submitted_at is not null from bellwether.meter_readings order by 1") == [
        ("power", datetime(2026, 2, 28, tzinfo=UTC), False),
        ("water", datetime(2026, 2, 28, tzinfo=UTC), True),
    ]
    assert rows(mapped, "select count(*) from bellwether.group_members where left_at is null") == [(2,)]
    assert rows(mapped, "select account_id from bellwether.users order by user_id") == [("1",), ("1",)]


@pytest.mark.parametrize("mapped", ["stripe", "supabase", "shared_bills"], indirect=True)
async def test_every_pack_runs_on_every_mapping(mapped: str) -> None:
    for pack in sorted({pack for packs in readers().values() for pack in packs}):
        await ask(mapped, pack, MARCH)
