"""Realtime connections: most are WebSockets, a few networks allow only polling, and each Tuesday's release cuts all at once."""

from collections.abc import Iterator
from datetime import timedelta

from exporter.demo.chapters import Day, Row
from exporter.demo.story import new_id, poisson

_PER_USER = 0.045  # attempts a user and working day
_WEEKEND = 0.4  # of that on Saturdays and Sundays
_TRANSPORTS = {"websocket": 86, "sse": 7, "polling": 7}
_LATENCY = {"websocket": 0.045, "sse": 0.07, "polling": 0.3}  # median round trip
_BY_CHOICE = 0.2  # of those that poll
_FAILS, _ERRORS = 0.01, {"timeout": 50, "handshake_refused": 30, "unauthorized": 20}
_BAD_DAY, _WORSE = 0.02, 3  # chance that something is wrong, and how much more fails then
_MINUTES = 45.0  # mean duration
_REASONS = {"closed": 80, "timeout": 12, "network_changed": 8}
_RELEASE_DAY, _RELEASE_HOUR = 1, 13.5  # Tuesdays
_NO_REASON, _NOT_MEASURED = 0.03, 0.1


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random, weekend = day.random, _WEEKEND if day.start.weekday() >= 5 else 1.0
    fails = _FAILS * (_WORSE if random.random() < _BAD_DAY else 1)
    release = day.at(_RELEASE_HOUR) if day.start.weekday() == _RELEASE_DAY else None
    for _ in range(poisson(random, len(day.users) * _PER_USER * weekend)):
        [transport] = random.choices(list(_TRANSPORTS), list(_TRANSPORTS.values()))
        fell_back = transport == "polling" and random.random() >= _BY_CHOICE
        tried = day.at(random.triangular(6, 23, 14))
        key = new_id(random, "conn")
        if random.random() < fails:
            failed = tried + timedelta(seconds=random.uniform(0.2, 10))
            [error] = random.choices(list(_ERRORS), list(_ERRORS.values()))
            yield "sockets", (key, transport, tried, None, failed, error, None, None, fell_back, None, None)
            continue
        stood = tried + timedelta(seconds=random.expovariate(1 / (2.5 if fell_back else 0.25)))
        minutes = random.expovariate(1 / _MINUTES)
        ended = stood + timedelta(minutes=minutes)
        [reason] = random.choices(list(_REASONS), list(_REASONS.values()))
        if release is not None and stood < release < ended:
            ended, reason = release + timedelta(seconds=random.uniform(0, 5)), "server_restart"
        told = reason if random.random() >= _NO_REASON else None
        latency = round(_LATENCY[transport] * random.lognormvariate(0, 0.5), 6) if random.random() >= _NOT_MEASURED else None
        messages = int(minutes * random.uniform(0.5, 4)) if transport != "sse" else None
        yield "sockets", (key, transport, tried, stood, None, None, ended, told, fell_back, latency, messages)
