"""How much, how many and how slowly: what keeps one client from harming the others."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may do to a connection. A scraper comes near none of these."""

    head: int = 16 * 1024
    """Bytes of a request line and headers together."""
    body: int = 64 * 1024
    """Bytes of a request's body; no page asks for one."""
    receive: float = 10.0
    """Seconds from a connection or a request's first byte to its last, and for a TLS handshake."""
    send: float = 60.0
    """Seconds for a client to take an answer."""
    idle: int = 120
    """Seconds that a connection is kept for a next request: more than the usual pause between scrapes, which then need no
    new TLS handshake."""
    connections: int = 512
    """Open at once; with two descriptors to spare for each it is what the usual 1,024 of a process allow."""
    sweep: float = 1.0
    """Seconds between two looks at all connections and at the web configuration."""
    drain: float = 5.0
    """Seconds that requests under way are given at the end."""


class Bucket:
    """Tokens that requests take: `burst` at first and at most, one more every `interval` seconds."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval, self._burst, self._clock = interval, burst, clock
        self._tokens, self._time = float(burst), clock()

    def take(self) -> bool:
        """Whether there was a token to take."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._time) / self._interval)
        self._time = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
