"""Standing: how one query fares at one database, from poll to poll.

Source of the error codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from dataclasses import dataclass, field
from typing import Any

from psycopg import errors

from exporter.errors import Denied, Malformed, PollError, TimedOut, Unreachable
from exporter.metric import Sample

RETRY = 900.0
"""Seconds after which what a server refused is asked for again: until then, its log has one line of it and no more."""

_FIRST_PAUSE = 60.0  # seconds after a first statement that took too long; twice as long after each further one
_NEARLY = 0.9  # of its interval: a poll that comes a moment early asks rather than to leave it to the next
_KEPT = 3  # times its interval: for so long the last samples of a query outlive it when it fails
_MISSING = (errors.UndefinedFunction, errors.UndefinedTable, errors.UndefinedColumn, errors.FeatureNotSupported)
_OBSTACLES = ("right", "unsupported", "timeout", "failed", "unreachable", "extension", "role", "version")
_ERRORS = {
    "right": Denied.reason,
    "timeout": TimedOut.reason,
    "failed": Malformed.reason,
    "unreachable": Unreachable.reason,
}


@dataclass(slots=True)
class Standing:
    """What a query gave, or why it gives nothing."""

    samples: list[Sample] = field(default_factory=list)
    at: float = float("-inf")
    """When it was last answered, by the clock that never jumps."""
    reason: str = ""
    """Why it gives nothing; empty once it was answered."""
    retry_at: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)
    """What the query itself remembers."""
    _too_long: int = 0
    """How many times in a row it took too long."""

    @property
    def is_known(self) -> bool:
        """Whether it was answered or given up at all so far."""
        return bool(self.reason) or self.at > float("-inf")

    def is_due(self, now: float, every: float) -> bool:
        """Whether it is to be asked: its interval, or the pause after a failure, is over."""
        return now >= self.retry_at and (bool(self.reason) or now >= self.at + _NEARLY * every)

    def answered(self, samples: list[Sample], now: float) -> None:
        """Take new samples."""
        self.samples, self.at, self.reason, self.retry_at, self._too_long = samples, now, "", 0.0, 0

    def refused(self, reason: str) -> None:
        """It is not even asked: its samples are of no use any more."""
        self.samples, self.reason, self.retry_at = [], reason, 0.0

    def failed(self, error: PollError, now: float, every: float) -> None:
        """Note why, and when to try again. Samples that were to be kept anyway stay a while longer."""
        cause = error.__cause__
        if isinstance(cause, errors.LockNotAvailable):  # somebody else's lock: over as soon as it is released
            self.reason, self.retry_at = "timeout", 0.0
        elif isinstance(error, Unreachable):
            self.reason, self.retry_at = "unreachable", 0.0
        elif isinstance(error, TimedOut):
            self.reason, self.retry_at = "timeout", now + min(RETRY, _FIRST_PAUSE * 2**self._too_long)
            self._too_long += 1
        else:
            missing = "unsupported" if isinstance(cause, _MISSING) else "failed"
            self.reason, self.retry_at = "right" if isinstance(error, Denied) else missing, now + RETRY
        if now > self.at + _KEPT * every:
            self.samples = []


def worst(reasons: list[str]) -> str:
    """Of the standings of one query: empty when one of them was answered, else the reason that a person can do most about."""
    return "" if "" in reasons else min(reasons, key=_OBSTACLES.index)


def error_of(reason: str) -> str:
    """The reason of an error that is worth a person's attention; empty where nothing is wrong."""
    return _ERRORS.get(reason, "")
