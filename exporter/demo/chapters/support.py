"""The support desk: customers write in office hours, the urgent are answered first, and some wait over the weekend."""

from collections.abc import Iterator
from datetime import timedelta

from exporter.demo.chapters import Day, Row
from exporter.demo.story import new_id, poisson

_PER_USER = 0.012  # tickets a user and working day
_WEEKEND = 0.35  # of that on Saturdays and Sundays
_CHANNELS = {"email": 55, "chat": 35, "phone": 10}
_PRIORITIES = {"urgent": 4, "high": 16, "normal": 60, "low": 20}
_ANSWER_HOURS = {"high": 0.4, "normal": 0.7, "low": 2.5}  # mean time to a first answer
_URGENT_MINUTES = 10  # within which whoever is on call answers what is urgent, also at weekends
_SOLVE_HOURS = {"urgent": 5.0, "high": 14.0, "normal": 30.0, "low": 80.0}  # and from there to the solution
_NEVER_ANSWERED = 0.02  # of what is not urgent


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random = day.random
    weekend = _WEEKEND if day.start.weekday() >= 5 else 1.0
    for _ in range(poisson(random, len(day.users) * _PER_USER * weekend)):
        user = random.choice(day.users)
        [channel] = random.choices(list(_CHANNELS), list(_CHANNELS.values()))
        [priority] = random.choices(list(_PRIORITIES), list(_PRIORITIES.values()))
        opened = day.at(random.triangular(6, 22, 11))
        answered = solved = None
        if priority == "urgent":
            answered = opened + timedelta(minutes=random.uniform(1, _URGENT_MINUTES))
        elif random.random() >= _NEVER_ANSWERED:
            answered = opened + timedelta(hours=random.expovariate(1 / _ANSWER_HOURS[priority]) / weekend)
        if answered is not None:
            solved = answered + timedelta(hours=random.expovariate(1 / _SOLVE_HOURS[priority]))
        yield "tickets", (new_id(random, "tick"), user.account_id, channel, priority, opened, answered, solved)
