"""How customers are won: campaigns that cost by the day, leads that sign up or do not, invitations, the newsletter.

Who came through a channel is the story's: leads and invitations that led to an account are told on the day of its sign-up.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import TRIAL, Account, Story, new_id, poisson, stream

CAMPAIGNS = {
    "paid_search": {"brand": 1, "competitors": 2},
    "paid_social": {"launch": 3, "retargeting": 2},
}
"""By channel, with their weights."""
_CENTS = {"brand": 1500, "competitors": 4200, "launch": 3400, "retargeting": 1900}  # spent a day when history begins
_SPEND_GROWTH, _LEAD_GROWTH = 2.6, 3.2  # from the first of 400 days to the last
_PARTNER_CENTS = 45_000  # a month, without a campaign
_SPEND_WEEKDAYS = (1.1, 1.15, 1.1, 1.05, 1.0, 0.75, 0.7)
_LEADS = {"organic": 0.9, "paid_search": 0.8, "paid_social": 0.9, "partner": 0.15, None: 0.15}  # a day that come to nothing
_WAS_LEAD = 0.55  # share of new accounts that asked to hear more before
_DEMOS = 0.25  # share of leads that book a demonstration
_INVITED = 0.003  # invitations a user and day that are not accepted
_NEWSLETTER, _NEWSLETTER_DAYS = 2.2, 420.0  # subscriptions a day at first, and how long they last on average


def day(day: Day) -> Iterator[tuple[str, Row]]:
    grown = (day.start - day.story.begins_at) / timedelta(days=400)
    yield from _spend(day, _SPEND_GROWTH**grown)
    for account in _signed_up(day.story, day.start):
        yield from _came(day, account)
    for account in _signed_up(day.story, day.start - TRIAL):
        yield from _bought(day, account)
    yield from _leads(day, _LEAD_GROWTH**grown)
    for _ in range(poisson(day.random, len(day.users) * _INVITED)):
        inviter = day.random.choice(day.users)
        yield "invitations", (new_id(day.random, "inv"), inviter.account_id, _noon(day), None)
    for _ in range(poisson(day.random, _NEWSLETTER * _LEAD_GROWTH**grown)):
        at = _noon(day)
        yield "newsletter_readers", (new_id(day.random, "news"), at, at + _about(day.random, _NEWSLETTER_DAYS))


def _spend(day: Day, grown: float) -> Iterator[tuple[str, Row]]:
    factor = grown * _SPEND_WEEKDAYS[day.start.weekday()]
    for channel, campaigns in CAMPAIGNS.items():
        for campaign in campaigns:
            cents = round(_CENTS[campaign] * factor * day.random.uniform(0.8, 1.2))
            yield "ad_spend", (day.start.date(), channel, campaign, "usd", cents)
    if day.start.day == 1:
        yield "ad_spend", (day.start.date(), "partner", None, "usd", _PARTNER_CENTS)


def _came(day: Day, account: Account) -> Iterator[tuple[str, Row]]:
    """What led to an account: an invitation, or perhaps a lead."""
    random, campaign = day.random, _campaign(account.channel, stream(0, "campaign", account.account_id))
    yield "campaign_goals", (new_id(random, "goal"), campaign, "signup", account.created_at, None, None)
    asked = max(day.story.begins_at, account.created_at - _about(random, 4))
    inviters = [user for user in day.users if user.created_at < asked]
    if account.channel == "referral" and inviters:
        inviter = random.choice(inviters)
        yield "invitations", (new_id(random, "inv"), inviter.account_id, asked, account.created_at)
    elif random.random() < _WAS_LEAD:
        yield from _lead(random, asked, account.channel, campaign, account.created_at)


def _bought(day: Day, account: Account) -> Iterator[tuple[str, Row]]:
    """Its first payment, where its trial has just ended and that succeeded at once."""
    payments = day.story.payments
    at = account.created_at + TRIAL
    campaign = _campaign(account.channel, stream(0, "campaign", account.account_id))
    for payment in payments[bisect_left(payments, at, key=lambda payment: payment.created_at) :]:
        if payment.created_at > at:
            break
        if payment.account_id == account.account_id and payment.outcome == "succeeded":
            identifier = new_id(day.random, "goal")
            yield "campaign_goals", (identifier, campaign, "purchase", at, payment.cents, payment.currency)


def _leads(day: Day, grown: float) -> Iterator[tuple[str, Row]]:
    for channel, mean in _LEADS.items():
        for _ in range(poisson(day.random, mean * grown)):
            yield from _lead(day.random, _noon(day), channel, _campaign(channel, day.random), None)


def _lead(
    random: Random, at: datetime, channel: str | None, campaign: str | None, converted_at: datetime | None
) -> Iterator[tuple[str, Row]]:
    yield "leads", (new_id(random, "lead"), channel, campaign, at, converted_at)
    if random.random() < _DEMOS:
        yield "campaign_goals", (new_id(random, "goal"), campaign, "demo_booked", at, None, None)


def _campaign(channel: str | None, random: Random) -> str | None:
    """One of the channel's, by chance; None where it has none."""
    campaigns = CAMPAIGNS.get(channel or "", {})
    return random.choices(list(campaigns), list(campaigns.values()))[0] if campaigns else None


def _signed_up(story: Story, start: datetime) -> Sequence[Account]:
    """Who signed up within the day that starts then."""
    first, last = (
        bisect_left(story.accounts, at, key=lambda account: account.created_at) for at in (start, start + timedelta(days=1))
    )
    return story.accounts[first:last]


def _noon(day: Day) -> datetime:
    """An instant of the day, early in the afternoon rather than at night."""
    return day.at(day.random.triangular(0, 24, 14))


def _about(random: Random, days: float) -> timedelta:
    """So many days on average."""
    return timedelta(days=random.expovariate(1 / days))
