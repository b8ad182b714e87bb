"""What the nightly job that deletes old rows reports, and requests of people about data of their own.

Now and then the job does not get through a set of data, and catches up in the night after.
"""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import new_id, poisson

_DATASETS = {  # how long rows are kept, and how many come a day
    "analytics": (timedelta(days=90), 5200),
    "performance": (timedelta(days=30), 8100),
    "application_logs": (timedelta(days=30), 41000),
    "audit_log": (timedelta(days=365), 70),
    "security_events": (timedelta(days=365), 3),
}
_NOT_DONE, _BEHIND = 0.02, timedelta(days=1)
_REQUESTS = 0.6  # a day
_KINDS = {"access": 30, "erasure": 45, "portability": 10, "opt_out": 15}
_ANSWER_DAYS = {"access": 16.0, "erasure": 10.0, "portability": 18.0, "opt_out": 3.0}  # at most
_OPT_OUT_WITHIN = timedelta(days=15)  # of the others, 30 days without saying so


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random = day.random
    for dataset, (keep, daily) in _DATASETS.items():
        reported = day.at(3) + timedelta(minutes=random.uniform(1, 40))
        behind = _BEHIND if random.random() < _NOT_DONE else timedelta()
        oldest = max(day.story.begins_at, reported - keep - behind)
        overdue = (reported - keep - oldest) / timedelta(days=1) * daily if oldest < reported - keep else 0
        yield "retention_reports", (dataset, reported, keep, oldest, round(overdue))
    for _ in range(poisson(random, _REQUESTS)):
        yield "data_requests", _request(random, day)


def _request(random: Random, day: Day) -> Row:
    [kind] = random.choices(list(_KINDS), list(_KINDS.values()))
    received = day.at(random.triangular(6, 23, 14))
    answered = received + timedelta(days=random.uniform(0.1, _ANSWER_DAYS[kind]))
    due = received + _OPT_OUT_WITHIN if kind == "opt_out" else None
    return new_id(random, "request"), kind, received, due, answered
