"""The figures of the pack `revenue`: by hand from the thirteen accounts below, and against the story."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import psycopg
import pytest

from exporter.collectors.sql import Sql
from exporter.demo.company import Company
from exporter.fields import Secret
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.ledger import MONTH, contract_of, customers, ever_pays, exactly, mrr, paying_from, pays, subscribed

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
        connection.execute(as_sql())
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
    collector = Sql(name="shop", dsn=Secret(dsn), packs=("revenue",), count_from="first_row")
    collector._as_of = as_of
    found: dict[str, dict[tuple[str, ...], float]] = {
        metric.name: {} for metric in collector.declares() if not metric.name.startswith("bellwether_")
    }
    async for sample in collector.collect():
        if sample.metric.name not in found:  # of the pack, not of the company
            continue
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
        "saas_arr": {
            ("basic", "EUR"): 480,
            ("pro", "EUR"): 1140,
            ("basic", "USD"): 144,
            ("free", "EUR"): 0,
            ("team", "USD"): 0,
        },
        "saas_arpa": {("EUR",): 22.5, ("USD",): 12},  # 135 of six; who is free is not a customer
        "saas_mrr_growth_ratio": {("EUR", "30d"): 0.5},  # 135 after 90; no USD was paid thirty days before
        "saas_customers": {
            ("active",): 7,  # steady, yearly, upgraded, abroad, came back, converted, will leave
            ("trialing",): 1,  # trying
            ("churned",): 3,  # left, ends at that instant, left long ago
        },
        "saas_plan_customers": {
            ("basic", "active"): 5,  # steady, abroad, came back, converted, will leave
            ("basic", "trialing"): 0,
            ("pro", "active"): 2,
            ("pro", "trialing"): 1,
            ("team", "active"): 0,
            ("team", "trialing"): 0,
        },
        "saas_trials_ended": {
            ("basic", "converted", "30d"): 0,
            ("basic", "lost", "30d"): 0,
            ("pro", "converted", "30d"): 0,
            ("pro", "lost", "30d"): 1,  # tried only
        },
        "saas_trial_conversion_ratio": {("30d",): 0},
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
        "saas_arr": {("basic", "EUR"): 840, ("pro", "EUR"): 240, ("free", "EUR"): 0, ("team", "USD"): 0},
        "saas_arpa": {("EUR",): 11.25},
        "saas_plan_customers": {
            ("basic", "active"): 7,
            ("basic", "trialing"): 0,
            ("pro", "active"): 1,
            ("pro", "trialing"): 1,
            ("team", "active"): 0,
            ("team", "trialing"): 0,
        },
        "saas_trials_ended": {
            ("basic", "converted", "30d"): 0,
            ("basic", "lost", "30d"): 0,
            ("pro", "converted", "30d"): 0,
            ("pro", "lost", "30d"): 0,
        },
        "saas_trial_conversion_ratio": {},
        "saas_mrr_growth_ratio": {("EUR", "30d"): 0.5},  # 90 after 60: yearly and ends at that instant are new
        "saas_customers": {("active",): 8, ("trialing",): 1, ("churned",): 1},  # tried only is in its trial
        "saas_customer_churn_ratio": {("30d",): 0},
        "payment_attempts_total": {("succeeded", "EUR"): 2, ("failed", "EUR"): 0},  # one on the stroke, one just after
        "payment_volume_total": {("succeeded", "EUR"): 22.5, ("failed", "EUR"): 0},
    }


async def test_a_contract_that_is_not_mapped_gives_no_figures_rather_than_zeros(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(as_sql())
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


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100), NOW - timedelta(days=333)])
async def test_every_figure_is_that_of_the_story(as_of: datetime, told: Company, asked: Asking) -> None:
    story, found = told.story, await asked("revenue", as_of)
    begun = [row for row in story.subscriptions if row.started_at <= as_of]
    revenue = mrr(story, as_of, "plan", "currency")
    seen = {(row.plan, row.currency) for row in begun}
    assert found["saas_mrr"] == exactly({key: revenue.get(key, 0) for key in seen})
    assert found["saas_arr"] == exactly({key: 12 * revenue.get(key, 0) for key in seen})

    now, then = mrr(story, as_of, "currency"), mrr(story, as_of - MONTH, "currency")
    growth = {(currency, "30d"): now[currency,] / start - 1 for (currency,), start in then.items()}
    assert found["saas_mrr_growth_ratio"] == exactly(growth)
    payers = Counter(currency for _, currency in mrr(story, as_of, "account_id", "currency"))
    assert found["saas_arpa"] == exactly({(currency,): now[currency,] / number for currency, number in payers.items()})

    active, before = customers(story, as_of), customers(story, as_of - MONTH)
    ever = {row.account_id for row in begun if ever_pays(row) and paying_from(row) <= as_of}
    held = [row for row in begun if row.ended_at is None or row.ended_at > as_of]
    trying = {row.account_id for row in held} - active
    assert found["saas_customers"] == {
        ("active",): len(active),
        ("trialing",): len(trying),
        ("churned",): len(ever - active - trying),
    }
    assert found["saas_customer_churn_ratio"] == exactly(
        {("30d",): Fraction(len(before - active), len(before))} if before else {}
    )
    plans = Counter((row.plan, "active" if pays(row, as_of) else "trialing") for row in held)
    assert found["saas_plan_customers"] == {
        (plan, status): plans[plan, status] for plan in {row.plan for row in begun} for status in ("active", "trialing")
    }

    ended: Counter[tuple[str, str, str]] = Counter()
    for row in begun:
        if row.trial_ends_at:
            at = min(row.trial_ends_at, row.ended_at or row.trial_ends_at)
            if as_of - MONTH < at <= as_of:
                ended[row.plan, "converted" if ever_pays(row) else "lost", "30d"] += 1
    tried = {row.plan for row in begun if row.trial_ends_at}
    assert found["saas_trials_ended"] == {
        (plan, outcome, "30d"): ended[plan, outcome, "30d"] for plan in tried for outcome in ("converted", "lost")
    }
    converted = sum(number for (_, outcome, _), number in ended.items() if outcome == "converted")
    assert found["saas_trial_conversion_ratio"] == exactly({("30d",): Fraction(converted, ended.total())})

    attempts: dict[tuple[str, str], int] = defaultdict(int)
    volume: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for payment in story.payments:
        if payment.created_at <= as_of:
            attempts[payment.outcome, payment.currency] += 1
            volume[payment.outcome, payment.currency] += Fraction(payment.cents, 100)
    assert {key: value for key, value in found["payment_attempts_total"].items() if value} == attempts
    assert {key: value for key, value in found["payment_volume_total"].items() if value} == exactly(volume)


@pytest.mark.parametrize(
    ("rows", "converted", "lost"),
    [
        (["converts pro EUR 10/1 2026-03-01 2026-03-15"], 1, 0),
        (["lost pro EUR 10/1 2026-03-01 2026-03-15 2026-03-15"], 0, 1),
        (["lost-before pro EUR 10/1 2026-03-01 2026-03-15 2026-03-04"], 0, 1),
        (["lost-after pro EUR 10/1 2026-03-01 2026-03-15 2026-03-15T00:00:01Z"], 1, 0),
        (["lost-before-the-window pro EUR 10/1 2026-02-20 2026-03-06 2026-03-01T00:00Z"], 0, 0),
        (["ends-with-the-window-s-start pro EUR 10/1 2026-02-15 2026-03-01T00:00Z"], 0, 0),
        (["ends-just-after pro EUR 10/1 2026-02-15 2026-03-01T00:00:01Z"], 1, 0),
        (["ends-now pro EUR 10/1 2026-03-17 2026-03-31T00:00Z"], 1, 0),
        (["ends-later pro EUR 10/1 2026-03-17 2026-03-31T00:00:01Z"], 0, 0),
        (["will-be-lost pro EUR 10/1 2026-03-17 2026-04-20 2026-04-01"], 0, 0),
        (["without-trial pro EUR 10/1 2026-03-17"], 0, 0),
        (["trial-of-no-length pro EUR 10/1 2026-03-17 2026-03-17"], 0, 0),
        (["of-a-free-plan pro EUR 0/1 2026-03-01 2026-03-15"], 0, 0),
        (["changed pro EUR 10/1 2026-03-01 2026-03-15 2026-03-10", "changed pro EUR 20/1 2026-03-10 2026-03-15"], 1, 0),
        (["changed pro EUR 10/1 2026-03-01 2026-03-15 2026-03-10", "changed pro EUR 20/1 2026-03-10 2026-04-15"], 0, 0),
        (["changed pro EUR 10/1 2026-03-01 2026-03-15 2026-03-10", "changed pro EUR 20/1 2026-03-10"], 1, 0),
        (["as-it-ends pro EUR 10/1 2026-03-01 2026-03-15 2026-03-15", "as-it-ends pro EUR 20/1 2026-03-15"], 1, 0),
        (["back-later pro EUR 10/1 2026-03-01 2026-03-15 2026-03-15", "back-later pro EUR 20/1 2026-03-20"], 0, 1),
    ],
    ids=lambda value: value[0].split()[0] if isinstance(value, list) else "",
)
async def test_a_trial_converts_or_is_lost_once(database: str, rows: list[str], converted: int, lost: int) -> None:
    found = await ask(contract_of(database, subscriptions=subscribed(*rows)), "revenue", MARCH_31)
    outcomes = {key[1]: value for key, value in found["saas_trials_ended"].items() if value}
    assert outcomes == {name: number for name, number in (("converted", converted), ("lost", lost)) if number}
    conversion = {("30d",): converted / (converted + lost)} if converted + lost else {}
    assert found["saas_trial_conversion_ratio"] == conversion


async def test_who_begins_to_pay_at_the_instant_is_a_customer(database: str) -> None:
    rows = subscribed("now pro EUR 10/1 2026-03-31T00:00Z", "from-its-trial pro EUR 20/1 2026-03-01 2026-03-31T00:00Z")
    found = await ask(contract_of(database, subscriptions=rows), "revenue", MARCH_31)
    assert found["saas_mrr"] == {("pro", "EUR"): 30}
    assert found["saas_arpa"] == {("EUR",): 15}
    assert found["saas_customers"] == {("active",): 2, ("trialing",): 0, ("churned",): 0}
    assert found["saas_plan_customers"] == {("pro", "active"): 2, ("pro", "trialing"): 0}
