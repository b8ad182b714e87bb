"""Households within the accounts: who lives there, what they do together, and the meters that are read once a month."""

import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from exporter.demo.chapters import Day, Row
from exporter.demo.story import User, new_id, poisson

_FOUND_ONE = 0.7  # share of accounts
_JOIN_ANOTHER = 0.04  # share of users who also belong to the household of somebody else
_DAYS_IN = 400.0  # mean stay
_METERS = {"water": 0.95, "power": 0.93, "heat": 0.88}  # and the share of readings that come
_LATE, _REFUSED = 0.09, 0.025
_PER_USER = 0.03  # operations a user and working day
_WEEKEND = 1.3  # of that on Saturdays and Sundays: people are at home
_OPERATIONS = {"split_bill": 50, "invite": 15, "settle_up": 30, "rename": 5}
_FAILS = {"split_bill": 0.012, "invite": 0.03, "settle_up": 0.008, "rename": 0.002, "create": 0.01, "join": 0.02}
_DAYS = 28  # each household reads its meters on the same day of all months


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random = day.random
    households = [user.account_id for user in day.users if _number(user.account_id) < _FOUND_ONE]
    founded_at = {account.account_id: account.created_at for account in day.story.accounts}
    new = [user for user in day.users if user.created_at >= day.start]
    dissolved_at = _dissolutions(day) if new else {}
    for user in new:
        if user.account_id in households:
            if user.created_at == founded_at[user.account_id]:
                yield "households", (user.account_id, user.created_at, dissolved_at[user.account_id])
                yield from _operation(day, user, user.account_id, "create", user.created_at)
            yield from _stay(day, user, user.account_id, dissolved_at)
        if households and random.random() < _JOIN_ANOTHER and (other := random.choice(households)) != user.account_id:
            yield from _stay(day, user, other, dissolved_at)
    weekend = _WEEKEND if day.start.weekday() >= 5 else 1.0
    for _ in range(poisson(random, len(day.users) * _PER_USER * weekend)):
        user = random.choice(day.users)
        if _number(user.account_id) < _FOUND_ONE:
            [name] = random.choices(list(_OPERATIONS), list(_OPERATIONS.values()))
            yield from _operation(day, user, user.account_id, name, day.at(random.triangular(7, 24, 20)))
    for household in dict.fromkeys(households):
        if (
            founded_at[household] < day.start - timedelta(days=30)
            and zlib.crc32(household.encode()) % _DAYS + 1 == day.start.day
        ):
            yield from _readings(day, household)


def _stay(day: Day, user: User, household: str, dissolved_at: Mapping[str, datetime | None]) -> Iterator[tuple[str, Row]]:
    joined = user.created_at + timedelta(minutes=day.random.uniform(0, 5))
    ends = [joined + timedelta(days=day.random.expovariate(1 / _DAYS_IN)), user.deleted_at, dissolved_at[household]]
    left = min(end for end in ends if end is not None)
    if joined < left:
        yield "stays", (household, user.user_id, joined, left)
        yield from _operation(day, user, household, "join", joined)


def _operation(day: Day, user: User, household: str, name: str, at: datetime) -> Iterator[tuple[str, Row]]:
    """What was done, and now and then a try before it that failed; of one to found a household nothing came."""
    if day.random.random() < _FAILS[name]:
        before = at - timedelta(seconds=day.random.uniform(2, 90))
        yield "household_log", (None if name == "create" else household, user.user_id, before, name, False)
    yield "household_log", (household, user.user_id, at, name, True)


def _readings(day: Day, household: str) -> Iterator[tuple[str, Row]]:
    """What is due by the end of the day; most came during the two weeks before."""
    random, due = day.random, day.at(24)
    for medium, share in _METERS.items():
        chance, came, refused = random.random(), None, None
        if chance < share:
            came = due - timedelta(days=random.triangular(0, 14, 1))
            if chance < _LATE:
                came = due + timedelta(days=random.expovariate(1 / 3))
            if random.random() < _REFUSED:
                refused = came + timedelta(hours=random.expovariate(1 / 6))
        yield "readings", (new_id(random, "read"), household, medium, due, came, refused)


def _dissolutions(day: Day) -> Mapping[str, datetime | None]:
    """When each account left, and its household with it."""
    return {row.account_id: row.ended_at for row in day.story.subscriptions}


def _number(account_id: str) -> float:
    """From 0 to 1, always the same for an account."""
    return zlib.crc32(account_id.encode()[::-1]) / 2**32
