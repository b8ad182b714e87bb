"""Pace: requests spread so that a documented limit is never met.

A bucket of tokens (https://en.wikipedia.org/wiki/Token_bucket) that refills with time. In no stretch of the limit's length,
wherever it begins, do more requests go out than nine tenths of the limit, or one where that is less.
"""

import time
from collections.abc import Callable

_AT_ONCE, _SUSTAINED = 0.4, 0.5  # shares of the limit: what a full bucket holds, and what flows in over the limit's length


class Pace:
    """A budget for a limit of so many calls in so many seconds. One client has one: the keys of two are counted apart."""

    def __init__(self, calls: float, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._per_second = max(1.0, calls * _AT_ONCE), calls * _SUSTAINED / seconds
        self._clock = clock
        self._tokens, self._at = self._most, clock()

    def claim(self, longest: float) -> float:
        """Seconds until the turn that the caller now has. Where that is more than `longest`, it has none."""
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        wait = max(0.0, 1 - self._tokens) / self._per_second
        if wait <= longest:
            self._tokens -= 1
        return wait
