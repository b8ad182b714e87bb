"""Coming and going: visitors who look around and sometimes sign up, users at work, and the features that they use."""

import math
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import User, new_id, poisson

FEATURES = {  # name: core, day of release, share of users who take it up
    "dashboards": (True, None, 0.97),
    "reports": (True, None, 0.94),
    "exports": (True, None, 0.9),
    "sharing": (True, 60, 0.92),
    "integrations": (False, None, 0.74),
    "automations": (False, 150, 0.7),
    "forecasts": (False, 280, 0.66),
}
SIGN_UP = ("landing_viewed", "pricing_viewed", "cta_clicked", "signup_started", "signup_completed")
_GOES_ON = (0.42, 0.5, 0.55)  # share of visitors who take each next step but the last, which the story decides
_HABITS = ((0.05, 0.5), (0.4, 0.2), (0.92, 0.13))  # up to which share of users, and how likely each comes on a working day
_WEEKEND = 0.25  # of that on Saturdays and Sundays
_FIRST_DAYS = 0.4  # how likely a new user comes on the first day; by the e-th part less likely every three days
_USED = 0.7  # how likely somebody uses in a session of some length what he has taken up
_ROUTES = {  # source, medium, campaign: visits of a hundred
    (None, None, None): 30,
    ("google", "organic", None): 27,
    ("google", "cpc", "brand"): 12,
    ("google", "cpc", "competitors"): 9,
    ("linkedin", "social", "launch"): 8,
    ("newsletter", "email", "monthly"): 8,
    ("partner", "referral", None): 6,
}
_DEVICES = {"desktop": 66, "mobile": 27, "tablet": 5, None: 2}


def day(day: Day) -> Iterator[tuple[str, Row]]:
    begins = day.story.begins_at
    if day.start == begins:
        for name, (core, number, _) in FEATURES.items():
            yield "features", (name, core, None if number is None else begins + timedelta(days=number))
    yield from _visitors(day)
    opened = {account.account_id: account.created_at for account in day.story.accounts if account.created_at >= day.start}
    for user in day.users:
        if opened.get(user.account_id) == user.created_at:
            yield from _sign_up(day.random, user)
        there = user.deleted_at is None or user.deleted_at >= day.start + timedelta(days=1)
        if there and day.random.random() < _comes(user, day):
            yield from _at_work(day, user)


def trait(user: User, what: str) -> float:
    """What a user is like in some respect, 0 to 1, the same on every day."""
    return zlib.crc32(f"{user.user_id}:{what}".encode()) / 2**32


def _comes(user: User, day: Day) -> float:
    """How likely the user comes on the day."""
    habit = trait(user, "habit")
    weekend = _WEEKEND if day.start.weekday() >= 5 else 1.0
    usual = next((chance for share, chance in _HABITS if habit < share), 0.0)
    age = max(0.0, (day.start - user.created_at) / timedelta(days=1))
    return weekend * max(usual, _FIRST_DAYS * math.exp(-age / 3))


def _visitors(day: Day) -> Iterator[tuple[str, Row]]:
    """Those who look around and do not sign up."""
    random = day.random
    progress = (day.start - day.story.begins_at) / timedelta(days=400)
    weekend = 0.5 if day.start.weekday() >= 5 else 1.0
    for _ in range(poisson(random, (20 + 45 * progress) * weekend)):
        visitor, at = new_id(random, "brw"), day.at(random.triangular(0, 24, 15))
        steps = 1
        while steps <= len(_GOES_ON) and random.random() < _GOES_ON[steps - 1]:
            steps += 1
        yield from _visit(random, visitor, _steps_from(random, at, steps))


def _sign_up(random: Random, user: User) -> Iterator[tuple[str, Row]]:
    """How the first user of an account came: a visit or two before, then all steps up to the account."""
    visitor = _browser(user)
    if random.random() < 0.4:
        earlier = user.created_at - timedelta(days=random.expovariate(1 / 3), hours=1)
        yield from _visit(random, visitor, _steps_from(random, earlier, random.randint(1, 3)))
    lengths = [timedelta(seconds=random.expovariate(1 / 80) + 5) for _ in SIGN_UP[1:]]
    times = [user.created_at - sum(lengths[number:], timedelta()) for number in range(len(SIGN_UP))]
    yield from _visit(random, visitor, times, user)


def _steps_from(random: Random, at: datetime, steps: int) -> list[datetime]:
    times = [at]
    while len(times) < steps:
        times.append(times[-1] + timedelta(seconds=random.expovariate(1 / 60) + 3))
    return times


def _visit(random: Random, visitor: str, times: list[datetime], user: User | None = None) -> Iterator[tuple[str, Row]]:
    """A visit of somebody not signed in, with a step of the sign-up at each of the times."""
    [route] = random.choices(list(_ROUTES), list(_ROUTES.values()))
    [device] = random.choices(list(_DEVICES), list(_DEVICES.values()))
    pages = len(times) + (random.randint(1, 4) if random.random() < 0.2 else 0)
    ends = times[-1] + timedelta(seconds=random.expovariate(1 / 40))
    yield "sessions", (new_id(random, "ses"), visitor, None, times[0], ends, pages, device, *route)
    for name, at in zip(SIGN_UP, times, strict=False):
        known = user.user_id if user and name == SIGN_UP[-1] else None
        yield "events", (new_id(random, "evt"), visitor, known, at, name)


def _at_work(day: Day, user: User) -> Iterator[tuple[str, Row]]:
    """A session of somebody signed in, with what is done in it."""
    random = day.random
    at = max(day.at(random.triangular(5, 22, 10)), user.created_at + timedelta(minutes=2))
    [device] = random.choices(list(_DEVICES), list(_DEVICES.values()))
    if random.random() < 0.11:
        length, pages = random.uniform(2, 40), 1
    else:
        length = 20 + random.expovariate(1 / 700)
        pages = 2 + int(length / 90)
    route = ("newsletter", "email", "monthly") if random.random() < 0.05 else (None, None, None)
    ends = at + timedelta(seconds=length)
    yield "sessions", (new_id(random, "ses"), _browser(user), user.user_id, at, ends, pages, device, *route)
    number = (day.start - day.story.begins_at).days
    for name, (_, released, share) in FEATURES.items():
        if pages > 1 and (released or 0) <= number and trait(user, name) < share and random.random() < _USED:
            yield "feature_uses", (user.user_id, name, at + timedelta(seconds=length * random.random()))
            if name == "sharing" and random.random() < 0.3:
                yield "events", (new_id(random, "evt"), _browser(user), user.user_id, ends, "invitation_sent")


def _browser(user: User) -> str:
    return f"brw_{user.user_id.removeprefix('user_')}"
