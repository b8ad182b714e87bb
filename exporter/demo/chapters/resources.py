"""The library and the users' files: articles skimmed, videos watched in the evening, a little shared, less thrown away."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import new_id, poisson

_ACTIONS_PER_USER = 0.045  # a user and working day
_UPLOADS_PER_USER = 0.012
_WEEKEND = 0.45  # of that on Saturdays and Sundays
_TYPES = {"article": 50, "video": 25, "template": 15, "report": 10}
_ACTIONS = {"viewed": 70, "searched": 12, "downloaded": 8, "rated": 4, "shared": 3, "created": 2, "deleted": 1}
_VIEW_SECONDS = {"article": 140, "video": 420, "template": 45, "report": 200}  # mean of a view
_KINDS = {"document": 50, "image": 35, "audio": 5, "archive": 10}
_BYTES = {"document": 4e5, "image": 2e6, "audio": 9e6, "archive": 2.5e7}  # median size
_NOT_TIMED = 0.06
_DELETED, _KEPT_DAYS = 0.25, 60.0


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random, weekend = day.random, _WEEKEND if day.start.weekday() >= 5 else 1.0
    for _ in range(poisson(random, len(day.users) * _ACTIONS_PER_USER * weekend)):
        user = random.choice(day.users)
        [what] = random.choices(list(_TYPES), list(_TYPES.values()))
        [action] = random.choices(list(_ACTIONS), list(_ACTIONS.values()))
        at = day.at(random.triangular(6, 24, 20 if what == "video" else 10))
        yield "library_actions", (user.user_id, at, what, action, *_details(random, what, action))
    for _ in range(poisson(random, len(day.users) * _UPLOADS_PER_USER * weekend)):
        [kind] = random.choices(list(_KINDS), list(_KINDS.values()))
        at = day.at(random.triangular(7, 22, 14))
        removed = at + timedelta(days=random.expovariate(1 / _KEPT_DAYS)) if random.random() < _DELETED else None
        yield "uploads", (new_id(random, "file"), kind, int(_BYTES[kind] * random.lognormvariate(0, 1)) + 1, at, removed)


def _details(random: Random, what: str, action: str) -> tuple[float | None, int | None, int | None]:
    """Seconds viewed, per cent scrolled, stars given."""
    if action == "rated":
        return None, None, random.choices((1, 2, 3, 4, 5), (2, 4, 14, 40, 40))[0]
    if action != "viewed":
        return None, None, None
    seconds = round(random.expovariate(1 / _VIEW_SECONDS[what]), 1) if random.random() >= _NOT_TIMED else None
    return seconds, None if what == "video" else min(100, int(random.triangular(0, 130, 60))), None
