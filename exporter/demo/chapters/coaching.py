"""The coaches' calendar, and what clients take home from it: tasks to do until the next time, and goals of weeks and months."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import User, new_id, poisson

_FIRST_COACHES, _DAYS_A_COACH = 6, 45  # how many there are at first, and how many days until one more is hired
_BOOKINGS_PER_USER = 0.012  # a user and working day
_TASKS_PER_USER = 0.008
_GOALS_PER_USER = 0.003
_WEEKEND = 0.3  # of that on Saturdays and Sundays
_MINUTES = {"introduction": 30, "session": 50, "review": 20}
_WEIGHTS = (15, 70, 15)
_CANCELLED, _MISSED = 0.11, 0.05
_RATED, _STARS = 0.6, {2: 2, 3: 8, 4: 30, 4.5: 15, 5: 45}
_DONE, _TASK_DAYS, _UNDATED = 0.85, 4.0, 0.25
_GOALS = {"habit": (21, 0.5), "milestone": (45, 0.6), "skill": (80, 0.45)}  # mean days until reached, and how many are
_ABANDONED = 0.25


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random, weekend = day.random, _WEEKEND if day.start.weekday() >= 5 else 1.0
    coaches = _FIRST_COACHES + (day.start - day.story.begins_at).days // _DAYS_A_COACH
    for _ in range(poisson(random, len(day.users) * _BOOKINGS_PER_USER * weekend)):
        yield "appointments", _appointment(random, coaches, _regular(day), day.at(random.triangular(7, 22, 18)))
    for _ in range(poisson(random, len(day.users) * _TASKS_PER_USER * weekend)):
        set_at = day.at(random.triangular(8, 20, 16))
        due = day.at(24.0 * random.randint(2, 14)) if random.random() >= _UNDATED else None
        done = set_at + timedelta(days=random.expovariate(1 / _TASK_DAYS)) if random.random() < _DONE else None
        yield "todos", (new_id(random, "todo"), _regular(day).user_id, set_at, due, done)
    for _ in range(poisson(random, len(day.users) * _GOALS_PER_USER * weekend)):
        kind = random.choice(list(_GOALS))
        days, reached = _GOALS[kind]
        set_at, chance = day.at(random.triangular(8, 22, 19)), random.random()
        ended = set_at + timedelta(days=random.expovariate(1 / days))
        done, dropped = ended if chance < reached else None, ended if reached <= chance < reached + _ABANDONED else None
        yield "objectives", (new_id(random, "goal"), _regular(day).user_id, kind, set_at, done, dropped)


def _regular(day: Day) -> User:
    """A client: of the fifth that has been there longest, and of them the first most often."""
    return day.users[int(len(day.users) * 0.2 * day.random.random() ** 1.5)]


def _appointment(random: Random, coaches: int, client: User, booked: datetime) -> Row:
    coach = f"coach_{int(coaches * random.random() ** 1.5)}"  # some are more in demand
    [kind] = random.choices(list(_MINUTES), _WEIGHTS)
    midnight = booked.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = midnight + timedelta(days=random.randint(1, 14), hours=random.randint(8, 19))
    ended = cancelled = stars = None
    chance = random.random()
    if chance < _CANCELLED:
        cancelled = booked + (starts - booked) * random.random()
    elif chance >= _CANCELLED + _MISSED:
        ended = starts + timedelta(minutes=_MINUTES[kind] * random.uniform(0.8, 1.3))
        stars = random.choices(list(_STARS), list(_STARS.values()))[0] if random.random() < _RATED else None
    return (new_id(random, "appt"), coach, client.user_id, kind, booked, starts, ended, cancelled, stars)
