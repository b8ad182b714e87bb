"""Messages to users: one by one as things happen, a digest each Monday, a reminder each Thursday, and what becomes of them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import User, new_id, poisson

_PER_USER = 0.02  # single messages a user and working day
_WEEKEND = 0.5  # of that on Saturdays and Sundays
_TYPES = {"mention": 45, "invoice": 15, "security": 10, "reminder": 30}
_CHANNELS = {"push": 45, "email": 30, "in_app": 20, "sms": 5}
_BATCHES = {0: ("email", "digest", 0.03, 8.0), 3: ("push", "reminder", 0.02, 17.0)}  # by weekday: share of users, hour
_SECONDS = {"push": 1.5, "email": 20.0, "in_app": 0.3, "sms": 6.0}  # mean time to arrive
_FAILS = {"push": 0.04, "email": 0.02, "in_app": 0.002, "sms": 0.03}
_REASONS = {"push": ("token_expired", "unreachable"), "email": ("bounced", "mailbox_full"), "sms": ("unreachable", "blocked")}
_CLICKED = {"push": 0.14, "email": 0.09, "in_app": 0.35, "sms": 0.2}
_CLICK_HOURS = {"push": 0.8, "email": 9.0, "in_app": 0.2, "sms": 0.5}  # mean time to the click
_NO_REASON, _LOST = 0.05, 0.004  # of failures; of messages: never heard of again
_BAD_DAY, _WORSE = 0.02, 8  # chance that a provider has trouble, and how much more fails then
_ANSWERED, _GRANTED = 0.8, {"push": 0.6, "email": 0.85}
_CHANGES_PER_USER = 0.0012  # settings changed of their own accord, a user and day


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random, weekend = day.random, _WEEKEND if day.start.weekday() >= 5 else 1.0
    worse = _WORSE if random.random() < _BAD_DAY else 1
    for _ in range(poisson(random, len(day.users) * _PER_USER * weekend)):
        [kind] = random.choices(list(_TYPES), list(_TYPES.values()))
        [channel] = random.choices(list(_CHANNELS), list(_CHANNELS.values()))
        sent = day.at(random.triangular(6, 23, 15))
        user = random.choice(day.users)
        yield "messages", _message(random, user, sent, worse, batch=None, channel=channel, kind=kind)
    if day.start.weekday() in _BATCHES:
        channel, kind, share, hour = _BATCHES[day.start.weekday()]
        batch = new_id(random, "batch")
        for number, user in enumerate(random.sample(day.users, round(len(day.users) * share))):
            sent = day.at(hour) + timedelta(seconds=number / 10)
            yield "messages", _message(random, user, sent, worse, batch=batch, channel=channel, kind=kind)
    yield from _choices(day)


def _message(random: Random, user: User, sent: datetime, worse: int, *, batch: str | None, channel: str, kind: str) -> Row:
    delivered = displayed = clicked = dismissed = failed = reason = None
    if random.random() < _FAILS[channel] * worse:
        failed = sent + timedelta(seconds=random.expovariate(1 / 30))
        reason = random.choice(_REASONS.get(channel, ("expired",))) if random.random() >= _NO_REASON else None
    elif random.random() >= _LOST:
        delivered = sent + timedelta(seconds=random.expovariate(1 / _SECONDS[channel]))
        if channel in ("push", "in_app"):
            displayed = delivered + timedelta(seconds=random.uniform(0.1, 3))
        chance, later = random.random(), timedelta(hours=random.expovariate(1 / _CLICK_HOURS[channel]))
        if chance < _CLICKED[channel]:
            clicked = (displayed or delivered) + later
        elif displayed and chance < _CLICKED[channel] + 0.4:
            dismissed = displayed + later
    times = (sent, delivered, displayed, clicked, dismissed, failed)
    return (new_id(random, "msg"), user.user_id, batch, channel, kind, *times, reason)


def _choices(day: Day) -> Iterator[tuple[str, Row]]:
    """New users are asked at once; the others change their minds now and then."""
    random = day.random
    for user in day.users:
        if user.created_at >= day.start:
            for channel, granted in _GRANTED.items():
                asked = user.created_at + timedelta(minutes=random.uniform(1, 20))
                answer = "granted" if random.random() < granted else "denied"
                decided = asked + timedelta(seconds=random.uniform(1, 30))
                answered = random.random() < _ANSWERED
                yield "consents", (user.user_id, channel, asked, decided if answered else None, answer if answered else None)
    for _ in range(poisson(random, len(day.users) * _CHANGES_PER_USER)):
        channel = random.choice(list(_GRANTED))
        choice = random.choices(("opted_out", "granted"), (70, 30))[0]
        yield "consents", (random.choice(day.users).user_id, channel, None, day.at(random.triangular(6, 23, 15)), choice)
