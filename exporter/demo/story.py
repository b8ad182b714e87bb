"""The demo company's past: who signed up, what they subscribed to, what they paid. The one source of its figures.

Pure: the same seed and the same instant give the same rows. Every account, and every day's sign-ups, draw from a random
stream of their own, so that more can be told about them without changing what is told already. Nobody in it has a name
or an address: ids are opaque. Money is in cents of the currency.
"""

import calendar
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from random import Random

TRIAL = timedelta(days=14)
CONVERSION = 0.52  # share of trials that become customers
YEARLY = 0.22  # share of customers who pay by the year, at ten months' price
CURRENCIES = {
    "US": "usd", "GB": "usd", "CA": "usd", "AU": "usd", "DE": "eur", "FR": "eur", "NL": "eur", "ES": "eur", "AT": "eur",
}  # fmt: skip
_COUNTRY_WEIGHTS = (34, 12, 7, 5, 16, 10, 7, 6, 3)
CHANNELS = {"organic": 38, "paid_search": 22, "paid_social": 14, "referral": 13, "partner": 7, None: 6}
"""Through which channel accounts come, by weight; of some it is not known."""
FEES = {"stripe": (0.029, 30), "paypal": (0.0349, 49)}
"""What each provider keeps of a payment: a share, and cents on top."""
_PAYPAL = 0.18  # share of accounts that pay through it
FAILURE_REASONS = ("insufficient_funds", "card_declined", "expired_card")
_REASON_WEIGHTS = (45, 40, 15)
_FAILS, _FAILS_AGAIN = 0.034, 0.35  # chance that a charge fails, and that its retry does: together 4 % of attempts
_RETRIES = (timedelta(), timedelta(days=1), timedelta(days=3), timedelta(days=6))  # after the due date; then it is over
_TOP_UPS = 1.2  # credits bought per customer and month, beside the subscription
_TOP_UP_CENTS = (500, 1000, 2000, 5000)
_COMES_BACK, _AWAY_DAYS = 0.5, 40.0  # share of lost customers who return, and after how long on average
_SEAT_DAYS = 1400.0  # how long a user stays on average while the account does
_ERASED, _ERASED_DAYS = 0.35, 25.0  # share of users deleted after their account has left, and how long after it
_FIRST_DAY, _LAST_DAY = 1.1, 3.9  # sign-ups a day when history begins and when it ends
_WEEKDAYS = (1.15, 1.25, 1.2, 1.1, 0.9, 0.45, 0.4)  # sign-ups by day of the week, Monday first
_MONTHS = (1.05, 1.0, 1.05, 1.0, 1.0, 0.95, 0.9, 0.8, 1.1, 1.1, 1.05, 0.8)  # and by month


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sold, and how its customers behave."""

    cents: dict[str, int]
    """Price of a month by currency."""
    weight: int
    """How many of a hundred trials are of this plan."""
    churn: float
    """Share of customers lost at a monthly renewal."""
    seats: tuple[int, int]
    """Fewest and most users of an account."""


PLANS = {
    "starter": Plan({"usd": 2900, "eur": 2700}, 58, 0.045, (1, 4)),
    "growth": Plan({"usd": 9900, "eur": 9200}, 32, 0.026, (3, 15)),
    "scale": Plan({"usd": 29900, "eur": 27900}, 10, 0.012, (10, 60)),
}
_YEARLY_CHURN = 0.15  # share of customers lost at a yearly renewal
_UPGRADE, _DOWNGRADE = 0.035, 0.02  # share of customers who change plan at a renewal


@dataclass(frozen=True, slots=True)
class Account:
    account_id: str
    created_at: datetime
    country: str
    channel: str | None


@dataclass(frozen=True, slots=True)
class User:
    user_id: str
    account_id: str
    created_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A stretch of unchanged price. A change of plan ends it and begins the next, of the same id, at the same instant.

    A customer who left and comes back has a subscription of a new id, without a trial.
    """

    subscription_id: str
    account_id: str
    plan: str
    currency: str
    cents: int
    """Price of one billing period."""
    interval_months: int
    started_at: datetime
    trial_ends_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to take money."""

    payment_id: str
    account_id: str
    created_at: datetime
    kind: str
    """`subscription` or `top_up`."""
    cents: int
    currency: str
    failure_reason: str | None
    provider: str
    fee_cents: int
    """What the provider keeps of it: nothing of what failed."""

    @property
    def outcome(self) -> str:
        """`succeeded` or `failed`."""
        return "succeeded" if self.failure_reason is None else "failed"


@dataclass(frozen=True, slots=True)
class Story:
    """What happened from `begins_at` to `until`, each kind in order of time."""

    begins_at: datetime
    until: datetime
    accounts: tuple[Account, ...]
    users: tuple[User, ...]
    subscriptions: tuple[Subscription, ...]
    payments: tuple[Payment, ...]


def tell(seed: int, until: datetime, days: int = 400) -> Story:
    """The story of a company that opened `days` days before `until`, at midnight UTC."""
    begins_at = datetime.combine((until - timedelta(days=days)).astimezone(UTC), time(), UTC)
    accounts = tuple(_sign_ups(seed, begins_at, until, days))
    users: list[User] = []
    subscriptions: list[Subscription] = []
    payments: list[Payment] = []
    for account in accounts:
        life = _Life(stream(seed, "life", account.account_id), account, until)
        subscriptions += life.subscriptions
        payments += life.payments
        users += _users(stream(seed, "users", account.account_id), account, life.subscriptions, until)
    return Story(
        begins_at,
        until,
        accounts,
        tuple(sorted(users, key=lambda user: (user.created_at, user.user_id))),
        tuple(sorted(subscriptions, key=lambda subscription: (subscription.started_at, subscription.subscription_id))),
        tuple(sorted(payments, key=lambda payment: (payment.created_at, payment.payment_id))),
    )


def stream(seed: int, *key: object) -> Random:
    """A source of chance for one purpose, independent of all others."""
    return Random(":".join(str(part) for part in (seed, *key)))  # noqa: S311 - chance, not secrecy


def new_id(random: Random, prefix: str) -> str:
    return f"{prefix}_{random.getrandbits(64):016x}"


def new_account(random: Random, created_at: datetime) -> Account:
    [country] = random.choices(list(CURRENCIES), _COUNTRY_WEIGHTS)
    [channel] = random.choices(list(CHANNELS), list(CHANNELS.values()))
    return Account(new_id(random, "acct"), created_at, country, channel)


def new_trial(random: Random, account: Account) -> Subscription:
    """What an account begins with: a plan and a billing period, free until the trial ends."""
    plan = random.choices(list(PLANS), [plan.weight for plan in PLANS.values()])[0]
    months = 12 if random.random() < YEARLY else 1
    currency = CURRENCIES[account.country]
    cents, began = _period_cents(plan, currency, months), account.created_at
    return Subscription(new_id(random, "sub"), account.account_id, plan, currency, cents, months, began, began + TRIAL)


def top_up_cents(random: Random) -> int:
    return random.choice(_TOP_UP_CENTS)


def provider_and_fee(account_id: str, cents: int, reason: str | None) -> tuple[str, int]:
    """Who takes a payment, always the same for an account, and the cents that he keeps: none when it fails."""
    provider = "paypal" if stream(0, "provider", account_id).random() < _PAYPAL else "stripe"
    share, fixed = FEES[provider]
    return provider, round(cents * share) + fixed if reason is None else 0


def failure_reason(random: Random, chance: float = _FAILS) -> str | None:
    """Why a charge fails, or None when it succeeds."""
    return random.choices(FAILURE_REASONS, _REASON_WEIGHTS)[0] if random.random() < chance else None


def poisson(random: Random, mean: float) -> int:
    """How often something happens that happens `mean` times on average. It takes as many draws."""
    if mean > 500:  # e to the power of minus that nears the smallest float
        return poisson(random, 500) + poisson(random, mean - 500)
    count, product, limit = 0, random.random(), math.exp(-mean)
    while product > limit:
        count, product = count + 1, product * random.random()
    return count


def months_later(instant: datetime, months: int) -> datetime:
    """The same day of a later month, or its last day when it is shorter."""
    year, month = divmod(instant.month - 1 + months, 12)
    year, month = instant.year + year, month + 1
    return instant.replace(year=year, month=month, day=min(instant.day, calendar.monthrange(year, month)[1]))


class _Life:
    """One account from its sign-up on: the trial, then renewal after renewal until it leaves, comes back, or the story ends."""

    def __init__(self, random: Random, account: Account, until: datetime) -> None:
        self._random, self._account, self._until = random, account, until
        self.subscriptions = [new_trial(random, account)]
        self.payments: list[Payment] = []
        trial_ends_at = account.created_at + TRIAL
        if random.random() < CONVERSION:
            left_at = self._renew_from(trial_ends_at)
            while left_at is not None:
                left_at = self._come_back(left_at)
        else:
            self._end(min(trial_ends_at, account.created_at + timedelta(days=random.uniform(3, 20))))

    def _come_back(self, left_at: datetime) -> datetime | None:
        """Subscribe again some time after having left, by chance. When it left again; None when it did not."""
        chance, days = self._random.random(), self._random.expovariate(1 / _AWAY_DAYS)
        at = left_at + timedelta(days=1 + days)
        if chance >= _COMES_BACK or at > self._until:
            return None
        again, new = replace(self.subscriptions[-1], trial_ends_at=None, ended_at=None), new_id(self._random, "sub")
        self.subscriptions.append(replace(again, subscription_id=new, started_at=at))
        return self._renew_from(at)

    def _renew_from(self, first: datetime) -> datetime | None:
        """Renew from the first due date on. When it left; None when it did not."""
        months = self.subscriptions[-1].interval_months
        due, renewals = first, 0
        while due <= self._until:
            if renewals and not self._stays(due):
                self._end(due)
                return due
            paid_at = self._charge(due)
            if paid_at is None:
                return due + _RETRIES[-1]
            renewals += 1
            following = months_later(first, renewals * months)
            self._buy_top_ups(paid_at, following, _TOP_UPS * months)
            due = following
        return None

    def _stays(self, due: datetime) -> bool:
        """Whether the customer renews. If so it may be with another plan."""
        current, chance = self.subscriptions[-1], self._random.random()
        churn = PLANS[current.plan].churn if current.interval_months == 1 else _YEARLY_CHURN
        if chance < churn:
            return False
        change = 1 if chance < churn + _UPGRADE else -1 if chance < churn + _UPGRADE + _DOWNGRADE else 0
        names = list(PLANS)
        position = names.index(current.plan) + change
        if change and 0 <= position < len(names):
            plan = names[position]
            cents = _period_cents(plan, current.currency, current.interval_months)
            self._end(due)
            self.subscriptions.append(replace(current, plan=plan, cents=cents, started_at=due, trial_ends_at=None))
        return True

    def _charge(self, due: datetime) -> datetime | None:
        """Try on the due date and some days after it. When it was paid; None when the last try failed or is yet to come."""
        chance = _FAILS
        for wait in _RETRIES:
            reason, attempt_at = failure_reason(self._random, chance), due + wait
            self._pay(attempt_at, "subscription", self.subscriptions[-1].cents, reason)
            if reason is None:
                return attempt_at
            chance = _FAILS_AGAIN
        self._end(due + _RETRIES[-1])
        return None

    def _buy_top_ups(self, begin: datetime, end: datetime, mean: float) -> None:
        for _ in range(poisson(self._random, mean)):
            at = begin + (end - begin) * self._random.random()
            self._pay(at, "top_up", top_up_cents(self._random), failure_reason(self._random))

    def _pay(self, at: datetime, kind: str, cents: int, reason: str | None) -> None:
        currency = self.subscriptions[-1].currency
        payer, taken = self._account.account_id, provider_and_fee(self._account.account_id, cents, reason)
        payment = Payment(new_id(self._random, "pay"), payer, at, kind, cents, currency, reason, *taken)
        if at <= self._until:
            self.payments.append(payment)

    def _end(self, at: datetime) -> None:
        if at <= self._until:
            self.subscriptions[-1] = replace(self.subscriptions[-1], ended_at=at)


def _period_cents(plan: str, currency: str, months: int) -> int:
    return PLANS[plan].cents[currency] * (10 if months == 12 else months)


def _sign_ups(seed: int, begins_at: datetime, until: datetime, days: int) -> Iterator[Account]:
    growth = (_LAST_DAY / _FIRST_DAY) ** (1 / 400)
    for number in range(days + 1):
        day, random = begins_at + timedelta(days=number), stream(seed, "sign-ups", number)
        mean = _FIRST_DAY * growth**number * _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1]
        hours = sorted(random.triangular(0, 24, 14) for _ in range(poisson(random, mean)))
        accounts = [new_account(random, day + timedelta(hours=hour)) for hour in hours]
        yield from (account for account in accounts if account.created_at <= until)


def _users(random: Random, account: Account, subscriptions: list[Subscription], until: datetime) -> Iterator[User]:
    """The first user signs up with the account and stays; others join at a slowing pace while it is there.

    Another is deleted when his time is over, or perhaps some time after the account has left, unless it is back by then.
    """
    seats = random.randint(*PLANS[subscriptions[0].plan].seats)
    joined = [account.created_at, *(account.created_at + timedelta(days=random.expovariate(1 / 45)) for _ in range(seats - 1))]
    left_at = next((row.ended_at for row in subscriptions if row.ended_at and not _held(subscriptions, row.ended_at)), None)
    for number, at in enumerate(joined):
        user_id, leaves_at = new_id(random, "user"), at + timedelta(days=random.expovariate(1 / _SEAT_DAYS))
        erased, wait = random.random() < _ERASED, timedelta(days=random.expovariate(1 / _ERASED_DAYS))
        if erased and left_at is not None and at < left_at and not _held(subscriptions, left_at + wait):
            leaves_at = min(leaves_at, left_at + wait)
        if at <= until and _held(subscriptions, at):
            yield User(user_id, account.account_id, at, leaves_at if number and leaves_at <= until else None)


def _held(subscriptions: list[Subscription], at: datetime) -> bool:
    """Whether one of them holds at that instant."""
    return any(row.started_at <= at and (row.ended_at is None or at < row.ended_at) for row in subscriptions)
