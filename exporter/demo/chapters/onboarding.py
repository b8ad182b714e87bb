"""The introduction that every new user is led through, with hints on the way, and a message to those who stop halfway."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from exporter.demo.chapters import Day, Row
from exporter.demo.story import User

STEPS = {  # mean seconds that it takes, share who complete it, share of the others who say that they give up
    "profile": (70, 0.96, 0.3),
    "workspace": (150, 0.91, 0.4),
    "import": (620, 0.78, 0.6),
    "invite": (110, 0.86, 0.7),
    "first_report": (380, 0.9, 0.5),
}
_PAUSE = 0.15  # share of steps begun on a later day
_HINT = 0.35  # share of steps with a hint
_COMES_BACK = 0.22  # share of messages that are followed


def day(day: Day) -> Iterator[tuple[str, Row]]:
    for user in day.users:
        if user.created_at >= day.start:
            yield from _introduction(day, user)


def _introduction(day: Day, user: User) -> Iterator[tuple[str, Row]]:
    random = day.random
    at = user.created_at + timedelta(seconds=random.expovariate(1 / 90))
    for place, (step, (mean, completes, gives_up)) in enumerate(STEPS.items(), 1):
        if place > 1 and random.random() < _PAUSE:
            at += timedelta(days=random.expovariate(1 / 2))
        ends = at + timedelta(seconds=4 + random.gammavariate(2, mean / 2))
        done = random.random() < completes
        gone = not done and random.random() < gives_up
        yield "introduction_steps", (user.user_id, step, place, at, ends if done else None, ends if gone else None)
        if random.random() < _HINT:
            yield "nudges", _nudge(day, user, "hint", at + timedelta(seconds=3), follows=0.4, closes=0.7, minutes=1)
        if not done:
            later = at + timedelta(days=random.uniform(2, 9))
            yield "nudges", _nudge(day, user, "reengagement", later, follows=_COMES_BACK, closes=0.1, minutes=600)
            return
        at = ends + timedelta(seconds=random.expovariate(1 / 20))


def _nudge(day: Day, user: User, kind: str, at: datetime, *, follows: float, closes: float, minutes: float) -> Row:
    chance, wait = day.random.random(), timedelta(minutes=day.random.expovariate(1 / minutes))
    followed = at + wait if chance < follows else None
    closed = at + wait if follows <= chance < follows + (1 - follows) * closes else None
    return user.user_id, kind, at, followed, closed
