"""The figures of the pack `revenue`, each worked out by hand from the thirteen accounts below."""

from datetime import UTC, datetime

import psycopg
import pytest

from exporter.collectors.sql import Sql
from exporter.fields import Secret
from exporter.packs.load import contract

MARCH_1, MARCH_31 = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)  # thirty days apart

# account, plan, currency, amount, interval_months, started_at, trial_ends_at, ended_at
SUBSCRIPTIONS = [
    ("steady", "basic", "EUR", 10, 1, "2026-01-01", None, None),
    ("yearly", "pro", "EUR", 240, 12, "2026-02-01", None, None),
    ("trying", "pro", "EUR", 30, 1, "2026-03-20", "2026-04-03", None),
    ("left", "basic", "EUR", 10, 1, "2026-01-10", None, "2026-03-15"),
    ("upgraded", "basic", "EUR", 10, 1, "2026-01-05", None, "2026-03-10"),
    ("upgraded", "pro", "EUR", 75, 1, "2026-03-10", None, None),
    ("abroad", "basic", "USD", 12, 1, "2026-03-05", None, None),
    ("tried only", "pro", "EUR", 30, 1, "2026-02-20", "2026-03-06", "2026-03-06"),
    ("free", "free", "EUR", 0, 1, "2026-01-01", None, None),
    ("ends at that instant", "basic", "EUR", 10, 1, "2026-02-01", None, "2026-03-31"),
    ("not yet", "basic", "GBP", 10, 1, "2026-04-02", None, None),
    ("came back", "basic", "EUR", 10, 1, "2026-01-01", None, "2026-03-05"),
    ("came back", "basic", "EUR", 10, 1, "2026-03-25", None, None),
    ("left long ago", "team", "USD", 90, 3, "2026-02-01", None, "2026-02-20"),
    ("converted", "basic", "EUR", 10, 1, "2026-01-01", "2026-01-15", None),
    ("will leave", "basic", "EUR", 10, 1, "2026-01-01", None, "2026-06-01"),
]
PAYMENTS = [
    ("2026-02-10", 10, "EUR", "succeeded"),
    ("2026-03-01", 12.5, "EUR", "succeeded"),
    ("2026-03-01 00:00:00.000001", 10, "EUR", "failed"),
    ("2026-03-30", 10, "EUR", "failed"),
    ("2026-03-30", 12, "USD", "succeeded"),
    ("2026-04-01", 99, "USD", "failed"),
]


@pytest.fixture
def company(database: str) -> str:
    """A database whose contract is mapped onto tables that hold the accounts above."""
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute(contract())
        connection.execute("create table subscription (like bellwether.subscriptions)")
        connection.execute("create table payment (like bellwether.payments)")
        connection.execute("create or replace view bellwether.subscriptions as select * from subscription")
        connection.execute("create or replace view bellwether.payments as select * from payment")
        connection.cursor().executemany(
            "insert into subscription"
            " (account_id, plan, currency, amount, interval_months, started_at, trial_ends_at, ended_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s)",
            SUBSCRIPTIONS,
        )
        connection.cursor().executemany(
            "insert into payment (created_at, amount, currency, outcome) values (%s, %s, %s, %s)", PAYMENTS
        )
    return database


async def figures(dsn: str, as_of: datetime) -> dict[str, dict[tuple[str, ...], float]]:
    """The values at an instant, by metric, then by labels, `source` left out."""
    collector = Sql(name="shop", dsn=Secret(dsn))
    collector._as_of = as_of
    found: dict[str, dict[tuple[str, ...], float]] = {metric.name: {} for metric in collector.declares()}
    async for sample in collector.collect():
        source, *labels = sample.labels
        assert source == "shop"
        found[sample.metric.name][tuple(labels)] = sample.value
    await collector.close()
    return found


async def test_every_figure_at_an_instant(company: str) -> None:
    assert await figures(company, MARCH_31) == {
        "saas_mrr": {
            ("basic", "EUR"): 40,  # steady, came back, converted, will leave
            ("pro", "EUR"): 95,  # yearly 240 / 12, upgraded 75; trying is in its trial
            ("basic", "USD"): 12,  # abroad
            ("free", "EUR"): 0,
            ("team", "USD"): 0,  # nobody any more
        },
        "saas_mrr_growth_ratio": {("EUR", "30d"): 0.5},  # 135 after 90; no USD was paid thirty days before
        "saas_customers": {
            ("active",): 7,  # steady, yearly, upgraded, abroad, came back, converted, will leave
            ("trialing",): 1,  # trying
            ("churned",): 3,  # left, ends at that instant, left long ago
        },
        "saas_customer_churn_ratio": {("30d",): 0.25},  # left and ends at that instant, of eight
        "payment_attempts_total": {
            ("succeeded", "EUR"): 2,
            ("failed", "EUR"): 2,
            ("succeeded", "USD"): 1,
            ("failed", "USD"): 0,
        },
        "payment_volume_total": {
            ("succeeded", "EUR"): 22.5,
            ("failed", "EUR"): 20,
            ("succeeded", "USD"): 12,
            ("failed", "USD"): 0,
        },
    }


async def test_an_instant_in_the_past_gives_the_figures_of_then(company: str) -> None:
    assert await figures(company, MARCH_1) == {
        "saas_mrr": {("basic", "EUR"): 70, ("pro", "EUR"): 20, ("free", "EUR"): 0, ("team", "USD"): 0},
        "saas_mrr_growth_ratio": {("EUR", "30d"): 0.5},  # 90 after 60: yearly and ends at that instant are new
        "saas_customers": {("active",): 8, ("trialing",): 1, ("churned",): 1},  # tried only is in its trial
        "saas_customer_churn_ratio": {("30d",): 0},
        "payment_attempts_total": {("succeeded", "EUR"): 2, ("failed", "EUR"): 0},  # one on the stroke, one just after
        "payment_volume_total": {("succeeded", "EUR"): 22.5, ("failed", "EUR"): 0},
    }


async def test_a_contract_that_is_not_mapped_gives_no_figures_rather_than_zeros(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(contract())
    assert [name for name, series in (await figures(database, MARCH_31)).items() if series] == []


async def test_days_do_not_depend_on_the_time_zone_of_the_server(company: str) -> None:
    """Thirty days before 31 March are 719 hours in Paris, where clocks go forward on the 29th."""
    with psycopg.connect(company, autocommit=True) as connection:
        connection.execute(f"alter database {connection.info.dbname} set timezone to 'Europe/Paris'")
        connection.execute(
            "insert into subscription (account_id, plan, currency, amount, interval_months, started_at)"
            " values ('half past midnight', 'basic', 'CHF', 10, 1, '2026-03-01 00:30Z')"
        )
    found = await figures(company, MARCH_31)
    assert found["saas_mrr"]["basic", "CHF"] == 10
    assert ("CHF", "30d") not in found["saas_mrr_growth_ratio"]
