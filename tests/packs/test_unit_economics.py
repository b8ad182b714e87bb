"""The pack `unit_economics`: against the story, and cases by hand."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from exporter.demo.chapters import Row
from exporter.demo.company import Company
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.ledger import MONTH, contract_of, exactly, first_paid, monthly, pays, subscribed

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=47), NOW - timedelta(days=200)])
async def test_every_figure_is_that_of_the_story(
    as_of: datetime, told: Company, asked: Asking, chapter: Callable[[str], dict[str, list[Row]]]
) -> None:
    story, found = told.story, await asked("unit_economics", as_of)
    channel = {account.account_id: account.channel for account in story.accounts}
    then, now = defaultdict(set), defaultdict(set)
    revenue: dict[str, Fraction] = defaultdict(Fraction)
    for row in story.subscriptions:
        if pays(row, as_of - MONTH):
            then[row.currency].add(row.account_id)
        if pays(row, as_of):
            now[row.currency].add(row.account_id)
            revenue[row.currency] += monthly(row)
    arpa = {currency: revenue[currency] / len(now[currency]) for currency in now}
    lost = {currency: len(then[currency] - now[currency]) for currency in then}
    worth = {currency: arpa[currency] * len(then[currency]) / lost[currency] for currency in then if lost[currency]}
    assert worth
    assert found["saas_customer_lifetime_value"] == exactly({(currency,): value for currency, value in worth.items()})

    new = Counter(channel[account] for account, at in first_paid(story).items() if as_of - MONTH < at <= as_of)
    channels = {account.channel for account in story.accounts if account.created_at <= as_of}
    assert found["saas_new_customers"] == {(name or "unknown", "30d"): new[name] for name in channels}
    spent: dict[Any, Fraction] = defaultdict(Fraction)
    for day, name, _, currency, cents in chapter("acquisition")["ad_spend"]:
        midnight = datetime.combine(day, datetime.min.time(), UTC)  # type: ignore[arg-type]
        if as_of - MONTH < midnight <= as_of:
            spent[name, currency] += Fraction(cents, 100)  # type: ignore[call-overload]
    costs = {(*key, "30d"): amount / new[key[0]] for key, amount in spent.items() if new[key[0]]}
    assert len(costs) >= 2
    assert found["saas_customer_acquisition_cost"] == exactly(costs)
    blended = sum(spent.values()) / sum(new.values())
    assert {currency for _, currency in spent} == {"usd"}
    assert found["saas_blended_acquisition_cost"] == exactly({("usd", "30d"): blended})
    assert found["saas_acquisition_payback_months"] == exactly({("usd", "30d"): blended / arpa["usd"]})
    assert found["saas_ltv_to_cac_ratio"] == exactly({("usd", "30d"): worth["usd"] / blended} if "usd" in worth else {})


def account(name: str, channel: str | None) -> dict[str, Any]:
    return {"account_id": name, "created_at": "2025-01-01", "channel": channel}


def spend(channel: str, currency: str, amount: int, day: str) -> dict[str, Any]:
    return {"spent_at": f"{day}T00:00Z", "channel": channel, "currency": currency, "amount": amount}


async def test_who_is_a_new_customer(database: str) -> None:
    rows = {
        "in-the-window search": ["2026-03-05"],
        "with-its-start search": ["2026-03-01T00:00Z"],
        "just-after search": ["2026-03-01T00:00:01Z"],
        "at-its-end search": ["2026-03-31T00:00Z"],
        "later search": ["2026-03-31T00:00:01Z"],
        "trial-ended mail": ["2026-02-20 2026-03-06"],
        "in-trial mail": ["2026-03-20 2026-04-03"],
        "only-tried mail": ["2026-02-20 2026-03-06 2026-03-06"],
        "new-and-gone -": ["2026-03-05 - 2026-03-20"],
        "twice -": ["2026-03-05 - 2026-03-20", "2026-03-25"],
        "back mail": ["2026-01-05 - 2026-01-20", "2026-03-25"],
        "tried-long-ago mail": ["2026-01-05 2026-01-19 2026-01-19", "2026-03-25"],
        "upgraded mail": ["2026-01-05 - 2026-03-10", "2026-03-10"],
    }
    accounts = [account(name, None if channel == "-" else channel) for name, channel in (key.split() for key in rows)]
    subscriptions = subscribed(*(f"{key.split()[0]} pro EUR 10/1 {when}" for key, whens in rows.items() for when in whens))
    free = [*subscribed("free pro EUR 0/1 2026-03-05"), *subscribed("paid-after-free pro EUR 0/1 2026-01-05 - 2026-03-05")]
    now_paid = subscribed("paid-after-free pro EUR 10/1 2026-03-05")
    accounts += [account("free", "mail"), account("paid-after-free", "mail"), account("never", "fair")]
    contract_of(database, accounts=accounts, subscriptions=[*subscriptions, *free, *now_paid])
    found = await ask(database, "unit_economics", AS_OF)
    assert found["saas_new_customers"] == {
        ("search", "30d"): 3,  # in the window, just after its start, at its end
        ("mail", "30d"): 3,  # trial-ended, tried-long-ago, paid-after-free
        ("unknown", "30d"): 2,  # new-and-gone, twice
        ("fair", "30d"): 0,
    }


async def test_money_of_two_currencies_is_not_mixed(database: str) -> None:
    """Thirty of EUR and ten of USD won two customers: each part is a cost, and neither alone says what they are worth."""
    rows = subscribed(
        "won pro EUR 10/1 2026-03-05",
        "won-too pro USD 20/1 2026-03-05",
        "stays pro EUR 30/1 2026-01-05",
        "leaves pro EUR 30/1 2026-01-05 - 2026-03-05",
    )
    accounts = [account(name, "search") for name in ("won", "won-too", "stays", "leaves")]
    euros = [
        spend("search", "EUR", 20, "2026-03-02"),
        spend("search", "EUR", 1000, "2026-03-01"),  # as the window opens: outside
        spend("search", "EUR", 1000, "2026-04-01"),
        spend("fair", "EUR", 10, "2026-03-31"),
        spend("search", "GBP", 0, "2026-03-05"),
    ]
    contract_of(
        database, accounts=accounts, subscriptions=rows, marketing_spend=[*euros, spend("search", "USD", 10, "2026-03-20")]
    )
    found = await ask(database, "unit_economics", AS_OF)
    assert found["saas_customer_acquisition_cost"] == {("search", "EUR", "30d"): 10, ("search", "USD", "30d"): 5}
    assert found["saas_blended_acquisition_cost"] == {("EUR", "30d"): 15, ("USD", "30d"): 5}
    assert found["saas_ltv_to_cac_ratio"] == found["saas_acquisition_payback_months"] == {}
    assert found["saas_customer_lifetime_value"] == {("EUR",): 40}  # 20 a month, half of them lost in a month


async def test_money_of_one_currency_is_compared_with_what_its_customers_bring(database: str) -> None:
    rows = subscribed(
        "won pro EUR 10/1 2026-03-05", "stays pro EUR 30/1 2026-01-05", "leaves pro EUR 9/1 2026-01-05 - 2026-03-05"
    )
    contract_of(database, subscriptions=rows, marketing_spend=[spend("search", "EUR", 60, "2026-03-02")])
    found = await ask(database, "unit_economics", AS_OF)
    assert found["saas_blended_acquisition_cost"] == {("EUR", "30d"): 60}
    assert found["saas_ltv_to_cac_ratio"] == exactly({("EUR", "30d"): Fraction(40, 60)})
    assert found["saas_acquisition_payback_months"] == {("EUR", "30d"): 3}
    assert found["saas_customer_acquisition_cost"] == {}  # its account is not known, so nor is its channel


async def test_nothing_is_divided_by_nothing(database: str) -> None:
    contract_of(
        database,
        subscriptions=subscribed("stays pro EUR 30/1 2026-01-05"),
        marketing_spend=[spend("search", "EUR", 60, "2026-03-02")],
    )
    found = await ask(database, "unit_economics", AS_OF)
    assert {name: series for name, series in found.items() if series} == {}
