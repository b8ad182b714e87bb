"""One collector at work: its runs, and what becomes of each: published, kept, dropped, counted, logged, tried again later."""

import asyncio
import logging
import random
import time
from datetime import UTC, datetime

from exporter.collector import Collector
from exporter.errors import PollError, Throttled
from exporter.fields import Cron
from exporter.guard import Draft
from exporter.health import Health
from exporter.logs import redacted
from exporter.poll import poll
from exporter.snapshot import Snapshot

log = logging.getLogger(__name__)

_STARTUP_SPREAD = 0.5  # seconds over which first runs are spread: no burst, and yet ready within a second
_JITTER = 0.05  # of an interval, so that collectors of equal interval drift apart
_LONGEST_BACKOFF = 600.0  # seconds added to the interval of a collector that keeps failing
_NOMINAL_SCRAPE_INTERVAL = 15.0  # seconds; stands in for the interval of a collector that runs at the scrape
_CRON_RETRY = 60.0  # seconds after which a failed run of a schedule is tried again, without waiting for its next time
_INTERVALS_KEPT = 3  # for so long the samples of the last good run outlive it
_GRACE = 10.0  # seconds for a cancelled run to clean up behind itself, before that is a failure of its own


class Job:
    """Runs one collector, one run at a time, and puts its samples into the snapshot."""

    def __init__(self, collector: Collector, snapshot: Snapshot, randomness: random.Random) -> None:
        self.collector, self._snapshot, self._random = collector, snapshot, randomness
        self.health = Health()
        self.had_turn = asyncio.Event()
        """Set once the first run is over, good or bad."""
        self._declared = {metric.name: metric for metric in collector.declares()}
        self._draft: Draft | None = None
        """The last run that was published."""
        self._flight: asyncio.Task[None] | None = None
        """The run under way: whoever wants another meanwhile waits for this one."""
        self._expiry: asyncio.TimerHandle | None = None
        """Drops the last samples when no run succeeds in time."""
        self._last_success = 0.0
        """By the clock that never jumps."""
        self._failed_in_a_row = 0
        self._retry_after = 0.0
        """Seconds that a throttling target asked for."""

    @property
    def at_scrape(self) -> bool:
        """Whether it runs at each scrape, rather than by itself."""
        return self.collector.every == "scrape"

    @property
    def interval(self) -> float:
        """Seconds from one run to the next."""
        every = self.collector.every
        if isinstance(every, Cron):
            due = every.due(datetime.now(UTC))
            first, second = next(due), next(due)
            return (second - first).total_seconds()
        return _NOMINAL_SCRAPE_INTERVAL if every == "scrape" else every

    @property
    def max_age(self) -> float:
        """Seconds for which samples are shown after the last success."""
        return self.interval * _INTERVALS_KEPT if self.collector.max_age is None else self.collector.max_age

    async def repeat(self) -> None:
        """Run again and again, until cancelled; what runs at the scrape has its first turn alone."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._random.uniform(0, min(_STARTUP_SPREAD, self.interval)))
        while True:
            began = loop.time()
            _, late = await asyncio.wait([self.fly()], timeout=self.collector.timeout + _GRACE)
            if late:
                self._failed("timeout", "the run does not end, though it was cancelled")
            if self.at_scrape:
                return
            wait = self.wait(loop.time() - began)
            self.health.next_run = time.time() + wait
            await asyncio.sleep(wait)

    def fly(self) -> asyncio.Task[None]:
        """The run under way, or a new one. It goes on whether or not anybody waits for it."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._run(), name=f"run {self.collector.name}")
        return self._flight

    def wait(self, elapsed: float = 0.0) -> float:
        """Seconds until the next run, when the last one began `elapsed` seconds ago; after failures, full jitter on top.

        Source: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        """
        every = self.collector.every
        if isinstance(every, Cron):
            now = datetime.now(UTC)
            due = (next(every.due(now)) - now).total_seconds()
            return min(due, self._backoff(_CRON_RETRY)) if self._failed_in_a_row else due
        if self._failed_in_a_row:
            return max(0.0, self._backoff(self.interval) - elapsed)
        return max(0.0, self.interval * self._random.uniform(1 - _JITTER, 1 + _JITTER) - elapsed)

    def _backoff(self, interval: float) -> float:
        longest = interval * (2 ** min(self._failed_in_a_row, 16) - 1)
        return max(self._retry_after, interval + self._random.uniform(0, min(longest, _LONGEST_BACKOFF)))

    async def end(self) -> None:
        """Stop the run under way, and give back what the collector holds. The samples stay where they are."""
        if self._expiry is not None:
            self._expiry.cancel()
        if self._flight is not None and not self._flight.done():
            self._flight.cancel()
            await asyncio.wait([self._flight], timeout=_GRACE)
        try:
            await self.collector.close()
        except Exception:  # the boundary, here too: the others are yet to be closed
            log.exception("%s could not give back what it held", self.collector.name)

    async def _run(self) -> None:
        began = time.perf_counter()
        try:
            draft = await poll(self.collector, self._declared, self._draft)
        except PollError as error:
            self._retry_after = (error.retry_after or 0.0) if isinstance(error, Throttled) else 0.0
            self._failed(error.reason, str(error))
        except TimeoutError:
            self._failed("timeout", f"not done within {self.collector.timeout:g} s")
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # the boundary: no bug of a collector goes further
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # nobody's bug: the run was told to end
            self._failed("bug", f"{type(error).__name__}: {error}", error)
        else:
            self._succeeded(draft)
        self.health.polls += 1
        self.health.duration = time.perf_counter() - began
        self.had_turn.set()

    def _succeeded(self, draft: Draft) -> None:
        state = self.health
        if state.failing:
            log.info("%s works again after %d failed runs", self.collector.name, self._failed_in_a_row)
        state.up, state.failing, state.last_success = True, "", time.time()
        self._last_success = time.monotonic()
        state.redacted += draft.redacted
        self._failed_in_a_row, self._retry_after, self._draft = 0, 0.0, draft
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        refused = self._snapshot.publish(self.collector.name, draft.lines, polled=not self.at_scrape)
        state.series = len(draft.texts) - refused.total()
        state.dropped.update(draft.dropped + refused)
        draft.trim()

    def _failed(self, reason: str, message: str, bug: BaseException | None = None) -> None:
        state, message = self.health, redacted(message)
        if not state.failing.startswith(f"{reason}:"):
            log.warning("%s fails: %s: %s", self.collector.name, reason, message, exc_info=bug)
        state.up, state.failing = False, f"{reason}: {message}"
        state.failures[reason] += 1
        self._failed_in_a_row += 1
        if self._draft is None:  # nothing of its own to keep; what a predecessor of this name left behind goes
            self._snapshot.withdraw(self.collector.name)
        elif self._expiry is None:
            left = self._last_success + self.max_age - time.monotonic()
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._expire)

    def _expire(self) -> None:
        log.warning("%s: series dropped, the last success is %g s ago", self.collector.name, self.max_age)
        self.health.series, self._draft, self._expiry = 0, None, None
        self._snapshot.withdraw(self.collector.name)
