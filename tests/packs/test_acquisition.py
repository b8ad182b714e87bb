"""The pack `acquisition`: every figure, against the same worked out from the story, and cases by hand."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from exporter.demo.chapters import Row
from exporter.demo.company import Company
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.ledger import MONTH, contract_of, exactly, first_paid

AS_OF = datetime(2026, 3, 31, 12, tzinfo=UTC)
WINDOWS = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": MONTH}


class Spend(NamedTuple):
    """A row of shop.ad_spend."""

    day: date
    channel: str
    campaign: str | None
    currency: str
    cents: int

    @property
    def at(self) -> datetime:
        return datetime.combine(self.day, time(), UTC)


class Lead(NamedTuple):
    """A row of shop.leads."""

    id: str
    channel: str | None
    campaign: str | None
    at: datetime
    signed_up: datetime | None

    def has_signed_up(self, by: datetime) -> bool:
        return self.signed_up is not None and self.signed_up <= by


class Goal(NamedTuple):
    """A row of shop.campaign_goals."""

    id: str
    campaign: str | None
    goal: str
    at: datetime
    cents: int | None
    currency: str | None


@pytest.fixture
def rows(chapter: Callable[[str], dict[str, list[Row]]]) -> dict[str, list[Row]]:
    return chapter("acquisition")


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100), NOW - timedelta(days=333)])
async def test_every_figure_is_that_of_the_story(as_of: datetime, rows: dict[str, list[Row]], asked: Asking) -> None:
    found = await asked("acquisition", as_of)
    spends = [spend for spend in (Spend(*row) for row in rows["ad_spend"]) if spend.at <= as_of]  # type: ignore[arg-type]
    leads = [Lead(*row) for row in rows["leads"]]  # type: ignore[arg-type]
    goals = [goal for goal in (Goal(*row) for row in rows["campaign_goals"]) if goal.at <= as_of]  # type: ignore[arg-type]

    spent = {(row.channel, row.campaign or "none", row.currency, name): Fraction() for row in spends for name in WINDOWS}
    by_channel: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for row in spends:
        for name, length in WINDOWS.items():
            if row.at > as_of - length:
                spent[row.channel, row.campaign or "none", row.currency, name] += Fraction(row.cents, 100)
        if row.at > as_of - MONTH:
            by_channel[row.channel, row.currency] += Fraction(row.cents, 100)
    assert found["marketing_spend"] == exactly(spent)
    assert ("partner", "none", "usd", "30d") in spent

    def places(chosen: list[Lead]) -> Counter[tuple[str, str]]:
        return Counter((lead.channel or "unknown", lead.campaign or "none") for lead in chosen)

    assert found["marketing_leads_total"] == places([lead for lead in leads if lead.at <= as_of])
    assert found["marketing_leads_converted_total"] == places([lead for lead in leads if lead.has_signed_up(as_of)])
    recent = [lead for lead in leads if as_of - MONTH < lead.at <= as_of]
    came = Counter(lead.channel for lead in recent)
    converted = Counter(lead.channel for lead in recent if lead.has_signed_up(as_of))
    assert found["marketing_lead_conversion_ratio"] == exactly(
        {(channel or "unknown", "30d"): Fraction(converted[channel], number) for channel, number in came.items()}
    )
    assert found["marketing_cost_per_lead"] == exactly(
        {(*key, "30d"): amount / came[key[0]] for key, amount in by_channel.items() if came[key[0]]}
    )

    assert found["marketing_conversions_total"] == Counter((row.campaign or "none", row.goal) for row in goals)
    worth: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
    for goal in goals:
        if goal.cents is not None and goal.currency is not None:
            worth[goal.campaign or "none", goal.goal, goal.currency] += Fraction(goal.cents, 100)
    assert found["marketing_conversion_value_total"] == exactly(worth)
    assert {goal for _, goal, _ in worth} == {"purchase"}

    invitations: list[Any] = [(sent, accepted) for _, _, sent, accepted in rows["invitations"]]
    sent = [pair for pair in invitations if pair[0] <= as_of]
    latest = [pair for pair in sent if pair[0] > as_of - MONTH]
    accepted = sum(pair[1] is not None and pair[1] <= as_of for pair in sent)
    assert found["marketing_referrals_sent_total"] == {(): len(sent)}
    assert found["marketing_referrals_accepted_total"] == {(): accepted}
    so_far = sum(pair[1] is not None and pair[1] <= as_of for pair in latest)
    assert found["marketing_referral_acceptance_ratio"] == exactly({("30d",): Fraction(so_far, len(latest))})

    readers: list[Any] = [(joined, left) for _, joined, left in rows["newsletter_readers"]]
    joined = sum(pair[0] <= as_of for pair in readers)
    left = sum(pair[1] <= as_of for pair in readers)
    assert found["marketing_newsletter_subscribed_total"] == {(): joined}
    assert found["marketing_newsletter_unsubscribed_total"] == {(): left}
    assert found["marketing_newsletter_subscribers"] == {(): joined - left}


def test_who_was_won_is_whom_the_story_knows(told: Company, rows: dict[str, list[Row]]) -> None:
    """A sign-up for each account; leads and invitations that led to one; first payments."""
    opened = Counter(account.created_at for account in told.story.accounts)
    goals = [Goal(*row) for row in rows["campaign_goals"]]  # type: ignore[arg-type]
    leads = [Lead(*row) for row in rows["leads"]]  # type: ignore[arg-type]
    assert Counter(goal.at for goal in goals if goal.goal == "signup") == opened
    channel = {account.created_at: account.channel for account in told.story.accounts}
    for lead in leads:
        if lead.signed_up is not None:
            assert lead.at <= lead.signed_up
            assert channel[lead.signed_up] == lead.channel
    referred = {account.created_at for account in told.story.accounts if account.channel == "referral"}
    accepted = {row[3] for row in rows["invitations"]} - {None}
    assert accepted <= referred
    assert len(accepted) > 0.8 * len(referred)
    bought = sum(goal.goal == "purchase" for goal in goals)
    assert 0.85 < bought / len(first_paid(told.story)) <= 1


async def test_edges_by_hand(database: str) -> None:
    spend = [
        {"spent_at": f"{day}T00:00Z", "channel": "search", "campaign": campaign, "currency": currency, "amount": amount}
        for day, campaign, currency, amount in (
            ("2026-03-31", "a", "EUR", 8),
            ("2026-03-30", "a", "EUR", 4),
            ("2026-03-24", "a", "EUR", 1000),
            ("2026-03-01", None, "EUR", 1000),
            ("2026-04-01", "a", "EUR", 1000),
            ("2026-03-31", "a", "USD", 0),
        )
    ]
    leads = [
        {"created_at": created, "channel": channel, "campaign": None, "converted_at": converted}
        for created, channel, converted in (
            ("2026-03-01T12:00Z", "search", None),
            ("2026-03-01T12:00:01Z", "search", "2026-03-31T12:00Z"),
            ("2026-03-31T12:00Z", "search", "2026-03-31T12:00:01Z"),
            ("2026-03-31T12:00:01Z", "search", None),
            ("2026-03-15", None, None),
        )
    ]
    conversions: list[dict[str, Any]] = [
        {"occurred_at": "2026-03-15", "campaign": None, "goal": "signup", "value": 5, "currency": None},
        {"occurred_at": "2026-03-15", "campaign": "a", "goal": "signup", "value": None, "currency": "EUR"},
        {"occurred_at": "2026-03-31T12:00Z", "campaign": "a", "goal": "signup", "value": 2.5, "currency": "EUR"},
        {"occurred_at": "2026-03-31T12:00:01Z", "campaign": "a", "goal": "signup", "value": 2.5, "currency": "EUR"},
    ]
    newsletter: list[dict[str, Any]] = [
        {"subscribed_at": "2026-03-31T12:00Z", "unsubscribed_at": None},
        {"subscribed_at": "2026-03-01", "unsubscribed_at": "2026-03-31T12:00Z"},
        {"subscribed_at": "2026-03-01", "unsubscribed_at": "2026-03-31T12:00:01Z"},
        {"subscribed_at": "2026-03-31T12:00:01Z", "unsubscribed_at": None},
    ]
    contract_of(database, marketing_spend=spend, leads=leads, conversions=conversions, newsletter=newsletter)
    found = await ask(database, "acquisition", AS_OF)
    assert found["marketing_spend"] == {
        ("search", "a", "EUR", "1d"): 8,
        ("search", "a", "EUR", "7d"): 12,
        ("search", "a", "EUR", "30d"): 1012,
        ("search", "none", "EUR", "1d"): 0,
        ("search", "none", "EUR", "7d"): 0,
        ("search", "none", "EUR", "30d"): 0,
        ("search", "a", "USD", "1d"): 0,
        ("search", "a", "USD", "7d"): 0,
        ("search", "a", "USD", "30d"): 0,
    }
    assert found["marketing_leads_total"] == {("search", "none"): 3, ("unknown", "none"): 1}
    assert found["marketing_leads_converted_total"] == {("search", "none"): 1}
    assert found["marketing_lead_conversion_ratio"] == {("search", "30d"): 0.5, ("unknown", "30d"): 0}
    assert found["marketing_cost_per_lead"] == {("search", "EUR", "30d"): 506}
    assert found["marketing_conversions_total"] == {("none", "signup"): 1, ("a", "signup"): 2}
    assert found["marketing_conversion_value_total"] == {("a", "signup", "EUR"): 2.5}
    assert found["marketing_newsletter_subscribers"] == {(): 2}
    assert found["marketing_referral_acceptance_ratio"] == {}


async def test_of_nothing_there_is_nothing_but_counters_at_0(database: str) -> None:
    found = await ask(contract_of(database), "acquisition", AS_OF)
    assert {name for name, series in found.items() if series and not name.endswith("_total")} == set()
    assert {value for series in found.values() for value in series.values()} == {0}


async def test_what_lies_where_the_windows_of_a_counter_meet_counts_once(database: str) -> None:
    border = AS_OF - timedelta(minutes=5)  # the allowance for late rows
    contract_of(
        database,
        leads=[{"created_at": border, "converted_at": border}],
        conversions=[{"occurred_at": border, "goal": "signup", "value": 1, "currency": "EUR"}],
        referrals=[{"created_at": border, "accepted_at": border}],
        newsletter=[{"subscribed_at": border, "unsubscribed_at": border}],
    )
    found = await ask(database, "acquisition", AS_OF)
    counters = {name: sum(series.values()) for name, series in found.items() if name.endswith("_total")}
    assert len(counters) == 8
    assert set(counters.values()) == {1}


async def test_a_day_s_spend_counts_from_its_first_instant(database: str) -> None:
    midnight = AS_OF.replace(hour=0)
    spend = {"spent_at": midnight, "channel": "search", "currency": "EUR", "amount": 8}
    contract_of(database, marketing_spend=[spend])
    found = await ask(database, "acquisition", midnight)
    assert set(found["marketing_spend"].values()) == {8}
    assert (await ask(database, "acquisition", midnight - timedelta(seconds=1)))["marketing_spend"] == {}
