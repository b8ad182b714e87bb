"""Who uses the application: real requests to its address, more of them in office hours than at night and on Sundays."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Collection
from datetime import datetime
from random import Random

import httpx

from exporter.demo.application import ROUTES, Route

_BUSIEST = 4.0  # requests a second, on a working day at three in the afternoon
_NIGHT, _WEEKEND, _DROPPED = 0.35, 0.6, 0.1  # what is left of it at night, on Saturdays and Sundays, and of a drop
_GUESSES = 2.0  # guesses of passwords a second, while somebody makes any
_AT_ONCE = 20  # requests under way; those beyond are not made
_MISTYPED = {"/api/login": 0.05, "/api/mfa": 0.03}  # share of requests with wrong credentials


class Traffic:
    """Visitors of the application at an address."""

    def __init__(self, url: str, clock: Callable[[], datetime], going_on: Callable[[], Collection[str]], seed: int = 1) -> None:
        self._url, self._clock, self._going_on = url, clock, going_on
        self._random = Random(seed)  # noqa: S311 - chance, not secrecy
        self._weights = [route.weight for route in ROUTES]

    def rate(self, now: datetime) -> float:
        """Requests a second at an instant."""
        hour = now.hour + now.minute / 60
        day = _NIGHT + (1 - _NIGHT) * (1 + math.cos((hour - 15) / 12 * math.pi)) / 2
        rate = _BUSIEST * day * (_WEEKEND if now.weekday() >= 5 else 1)
        return rate * _DROPPED if "traffic-drop" in self._going_on() else rate

    async def run(self) -> None:
        """Make requests until cancelled."""
        limits = httpx.Limits(max_connections=_AT_ONCE)
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, limits=limits, timeout=10) as browser:
            requests: set[asyncio.Task[None]] = set()
            try:
                while True:
                    guesses = _GUESSES if "brute-force" in self._going_on() else 0.0
                    rate = self.rate(self._clock())
                    await asyncio.sleep(self._random.expovariate(rate + guesses))
                    guessed = self._random.random() < guesses / (rate + guesses)
                    route = next(each for each in ROUTES if each.template == "/api/login") if guessed else self._any()
                    wrong = guessed or self._random.random() < _MISTYPED.get(route.template, 0)
                    if len(requests) < _AT_ONCE:
                        request = asyncio.create_task(self._ask(browser, route, wrong=wrong))
                        requests.add(request)
                        request.add_done_callback(requests.discard)
            finally:
                for request in requests:
                    request.cancel()
                await asyncio.gather(*requests, return_exceptions=True)

    def _any(self) -> Route:
        return self._random.choices(ROUTES, self._weights)[0]

    async def _ask(self, browser: httpx.AsyncClient, route: Route, *, wrong: bool) -> None:
        path = route.template.replace("{id}", str(self._random.randint(1, 40)))
        headers = {"authorization": "Basic guest"} if wrong else {}
        with contextlib.suppress(httpx.TransportError):  # visitors of a site that is down go away
            await browser.request(route.method, path, headers=headers)
