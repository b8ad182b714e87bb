"""How fast pages and the API are, of a sample of visits and requests. Phones are slower, and so is the hour of most use.

A redesign after seven months made pages faster, and the layout steadier.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from random import Random

from exporter.demo.chapters import Day, Row
from exporter.demo.story import poisson

_VIEWS, _CALLS = 0.011, 0.06  # sampled, a user and day
_WEEKEND = 0.45
_PAGES = {"/": 30, "/pricing": 15, "/dashboard": 40, "/reports/{id}": 15}
_SLOWNESS = {"/": 1.0, "/pricing": 0.9, "/dashboard": 1.1, "/reports/{id}": 1.2}
_DEVICES = {"desktop": 60, "mobile": 32, "tablet": 6, None: 2}
_DRAG = {"desktop": 1.0, "mobile": 1.35, "tablet": 1.2, None: 1.2}
_MEDIANS = {"ttfb": 0.28, "fcp": 0.65, "lcp": 0.95, "inp": 0.09, "tti": 1.25, "load": 1.0}  # seconds, on a desktop
_SPREAD = 0.45
_REDESIGN, _FASTER = 210, 0.8  # days since the story's begin, and what is left of the time
_STEADY = 0.45  # share of views in which nothing moves at all
_ROUTES = {  # how often of a hundred, and the median seconds
    ("/groups/{id}", "GET"): (26, 0.035),
    ("/invoices", "GET"): (22, 0.06),
    ("/reports/{id}", "GET"): (12, 0.18),
    ("/payments", "POST"): (10, 0.24),
    ("/sessions", "POST"): (18, 0.09),
    ("/files", "POST"): (12, 0.14),
}
_STATUSES = {200: 9500, 201: 240, 304: 120, 404: 70, 422: 50, 429: 14, 500: 4, 503: 2}


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random = day.random
    busy = len(day.users) * (_WEEKEND if day.start.weekday() >= 5 else 1.0)
    pace = _FASTER if (day.start - day.story.begins_at).days >= _REDESIGN else 1.0
    for _ in range(poisson(random, busy * _VIEWS)):
        yield from _view(random, day.at(random.triangular(5, 24, 13)), pace)
    for _ in range(poisson(random, busy * _CALLS)):
        hour = random.triangular(5, 24, 13)
        crowded = 1 + 0.4 * max(0.0, 1 - abs(hour - 13) / 4)
        [((route, method), (_, median))] = random.choices(list(_ROUTES.items()), [weight for weight, _ in _ROUTES.values()])
        [status] = random.choices(list(_STATUSES), list(_STATUSES.values()))
        taken = median * crowded * random.lognormvariate(0, 0.6)
        yield "requests", (day.at(hour), route, method, status, _rounded(taken * 1000, 3))


def _view(random: Random, at: datetime, pace: float) -> Iterator[tuple[str, Row]]:
    [page] = random.choices(list(_PAGES), list(_PAGES.values()))
    [device] = random.choices(list(_DEVICES), list(_DEVICES.values()))
    slowness = pace * _SLOWNESS[page] * _DRAG[device] * random.lognormvariate(0, _SPREAD)
    for name, median in _MEDIANS.items():
        if name != "inp" or random.random() < 0.6:  # nobody touched the page
            value = _rounded(median * slowness * random.lognormvariate(0, 0.15), 4)
            yield "page_timings", (at, page, device, name, value)
    shift = 0.0 if random.random() < _STEADY else random.expovariate(1 / (0.06 * pace))
    yield "page_timings", (at, page, device, "cls", _rounded(shift, 4))


def _rounded(value: float, places: int) -> Decimal:
    return round(Decimal(value), places)
