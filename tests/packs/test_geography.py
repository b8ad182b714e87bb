"""The pack `geography`: against the story, and cases by hand."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from exporter.demo.company import Company
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.ledger import MONTH, contract_of, customers, ever_pays, exactly, monthly, mrr, paying_from, pays, subscribed


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_every_figure_is_that_of_the_story(as_of: datetime, told: Company, asked: Asking) -> None:
    story, found = told.story, await asked("geography", as_of)
    country = {account.account_id: account.country for account in story.accounts}
    revenue = {
        (country[row.account_id], row.plan, row.currency): Fraction() for row in story.subscriptions if row.started_at <= as_of
    }
    payers: dict[tuple[str, str], set[str]] = {}
    for row in story.subscriptions:
        if ever_pays(row) and paying_from(row) <= as_of:
            payers.setdefault((country[row.account_id], row.plan), set())
        if pays(row, as_of):
            revenue[country[row.account_id], row.plan, row.currency] += monthly(row)
            payers[country[row.account_id], row.plan].add(row.account_id)
    assert found["saas_country_mrr"] == exactly(revenue)
    assert len({place for place, *_ in revenue}) == 9
    assert found["saas_country_customers"] == {key: len(accounts) for key, accounts in payers.items()}

    arpa: dict[tuple[str, str], list[Fraction]] = defaultdict(list)
    for (account, currency), amount in mrr(story, as_of, "account_id", "currency").items():
        arpa[country[account], currency].append(amount)
    assert found["saas_country_arpa"] == exactly({key: sum(amounts) / len(amounts) for key, amounts in arpa.items()})

    then, now = customers(story, as_of - MONTH), customers(story, as_of)
    by_country, by_plan = defaultdict(set), defaultdict(set)
    for row in story.subscriptions:
        if pays(row, as_of - MONTH):
            by_country[country[row.account_id]].add(row.account_id)
            by_plan[row.plan].add(row.account_id)
    assert then - now
    for metric, groups in (("saas_country_customer_churn_ratio", by_country), ("saas_plan_customer_churn_ratio", by_plan)):
        expected = {(name, "30d"): Fraction(len(accounts - now), len(accounts)) for name, accounts in groups.items()}
        assert found[metric] == exactly(expected)


async def test_edges_by_hand(database: str) -> None:
    as_of = datetime(2026, 3, 31, tzinfo=UTC)
    rows = subscribed(
        "fr pro EUR 10/1 2026-01-01",
        "fr lite EUR 120/12 2026-03-05",
        "fr-too lite EUR 5/1 2026-01-01 - 2026-03-05",
        "moved lite EUR 5/1 2026-01-01 - 2026-03-05",
        "moved pro EUR 10/1 2026-03-05",
        "nowhere pro EUR 10/1 2026-03-31",
        "unplaced lite EUR 5/1 2026-01-01 - 2026-03-05",
        "unplaced-too lite EUR 5/1 2026-01-01",
        "ends-now pro EUR 10/1 2026-03-01 - 2026-03-31",
        "trying pro EUR 10/1 2026-03-20 2026-04-03",
        "tried pro EUR 10/1 2026-03-01 2026-03-15 2026-03-15",
        "free free EUR 0/1 2026-01-01",
        "returned lite EUR 5/1 2026-01-01 - 2026-03-05",
        "returned lite EUR 5/1 2026-03-25",
    )
    places = {
        "fr": "FR",
        "fr-too": "FR",
        "moved": "DE",
        "nowhere": None,
        "unplaced": None,
        "unplaced-too": None,
        "ends-now": "DE",
        "trying": "ES",
        "tried": "ES",
    }
    accounts = [{"account_id": name, "created_at": "2025-01-01", "country": place} for name, place in places.items()]
    accounts += [{"account_id": name, "created_at": "2025-01-01", "country": "NL"} for name in ("free", "returned")]
    found = await ask(contract_of(database, subscriptions=rows, accounts=accounts), "geography", as_of)
    assert found == {
        "saas_country_mrr": {
            ("FR", "pro", "EUR"): 10,
            ("FR", "lite", "EUR"): 10,
            ("DE", "lite", "EUR"): 0,
            ("DE", "pro", "EUR"): 10,
            ("unknown", "pro", "EUR"): 10,
            ("unknown", "lite", "EUR"): 5,
            ("ES", "pro", "EUR"): 0,
            ("NL", "free", "EUR"): 0,
            ("NL", "lite", "EUR"): 5,
        },
        "saas_country_arpa": {("FR", "EUR"): 20, ("DE", "EUR"): 10, ("unknown", "EUR"): 7.5, ("NL", "EUR"): 5},
        "saas_country_customers": {
            ("FR", "pro"): 1,
            ("FR", "lite"): 1,
            ("DE", "lite"): 0,
            ("DE", "pro"): 1,
            ("unknown", "pro"): 1,
            ("unknown", "lite"): 1,
            ("NL", "lite"): 1,
        },
        "saas_country_customer_churn_ratio": {
            ("FR", "30d"): 0.5,
            ("DE", "30d"): 0.5,
            ("NL", "30d"): 0,
            ("unknown", "30d"): 0.5,
        },
        "saas_plan_customer_churn_ratio": {("pro", "30d"): 0.5, ("lite", "30d"): 0.4},
    }
