"""When each collector runs, and what becomes of a run: published, kept, dropped, counted, logged, tried again later."""

import asyncio
import logging
import random
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from exporter import health
from exporter.collector import Collector, declared_in
from exporter.errors import PollError, Throttled
from exporter.guard import Draft
from exporter.health import Health, Reload
from exporter.metric import Metric
from exporter.poll import poll
from exporter.snapshot import Snapshot

log = logging.getLogger(__name__)

_STARTUP_SPREAD = 0.5  # seconds over which first runs are spread: no burst, and yet ready within a second
_JITTER = 0.05  # of an interval, so that collectors of equal interval drift apart
_LONGEST_BACKOFF = 600.0  # seconds added to the interval of a collector that keeps failing
_NOMINAL_SCRAPE_INTERVAL = 15.0  # seconds; stands in for the interval of a collector that runs at the scrape
_INTERVALS_KEPT = 3  # for so long the samples of the last good run outlive it
_GRACE = 10.0  # seconds for a cancelled run to clean up behind itself, before that is a failure of its own
_OWN_METRICS = {metric.name: metric for metric in declared_in(health)}
_OWN_SERIES = 100_000


@dataclass(slots=True, eq=False)
class Job:
    """One collector, its state between runs, and the run under way."""

    collector: Collector
    health: Health = field(default_factory=Health)
    draft: Draft | None = None
    """The last run that was published."""
    flight: asyncio.Task[None] | None = None
    """The run under way: whoever wants another meanwhile waits for this one."""
    expiry: asyncio.TimerHandle | None = None
    """Drops the last samples when no run succeeds in time."""
    had_turn: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first run is over, good or bad."""
    failed_in_a_row: int = 0
    retry_after: float = 0.0
    """Seconds that a throttling target asked for."""
    declared: Mapping[str, Metric] = field(init=False)

    def __post_init__(self) -> None:
        self.declared = {metric.name: metric for metric in self.collector.declares()}

    @property
    def interval(self) -> float:
        """Seconds from one run to the next."""
        every = self.collector.every
        return _NOMINAL_SCRAPE_INTERVAL if every == "scrape" else every

    @property
    def max_age(self) -> float:
        """Seconds for which samples are shown after the last success."""
        return self.interval * _INTERVALS_KEPT if self.collector.max_age is None else self.collector.max_age


class Scheduler:
    """Runs collectors, each on its own account: what one does wrong or does not finish, no other notices."""

    def __init__(self, collectors: Iterable[Collector], snapshot: Snapshot, *, randomness: random.Random | None = None) -> None:
        self.jobs = {collector.name: Job(collector) for collector in collectors}
        self.reload = Reload(successful=True, time=time.time())
        self._snapshot = snapshot
        self._random = randomness or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._own: Draft | None = None

    async def run(self) -> None:
        """Poll in the background until cancelled, then give back what the collectors hold."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for job in self.jobs.values():
                    tasks.create_task(self._repeat(job), name=f"poll {job.collector.name}")
        finally:
            for job in self.jobs.values():
                await self._end(job)

    async def refresh(self, names: Collection[str], deadline: float) -> None:
        """Bring up to date what is collected at the scrape, of these collectors, waiting at most `deadline` seconds.

        Simultaneous calls share one run. A run that is not done in time goes on, and its samples are there for the next
        call; this one shows the last ones.
        """
        jobs = [self.jobs[name] for name in names if name in self.jobs]
        flights = [self._fly(job) for job in jobs if job.collector.every == "scrape"]
        if flights:
            await asyncio.wait(flights, timeout=deadline)
        if health.SOURCE in names:
            self._publish_own()

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each collector, by its name."""
        return {name: job.collector.kind for name, job in self.jobs.items()}

    @property
    def healths(self) -> dict[str, Health]:
        """How each collector fares, by its name."""
        return {name: job.health for name, job in self.jobs.items()}

    @property
    def ready(self) -> bool:
        """Whether every collector has had its first turn, good or bad."""
        return all(job.had_turn.is_set() for job in self.jobs.values())

    async def first_turns(self) -> None:
        """Wait until every collector has had its first turn."""
        for job in self.jobs.values():
            await job.had_turn.wait()

    async def _repeat(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._random.uniform(0, min(_STARTUP_SPREAD, job.interval)))
        while True:
            began = loop.time()
            flight = self._fly(job)
            _, late = await asyncio.wait([flight], timeout=job.collector.timeout + _GRACE)
            if late:
                self._failed(job, "timeout", "the run does not end, though it was cancelled")
            if job.collector.every == "scrape":
                return  # its first turn is over; scrapes bring the next ones
            wait = max(0.0, began + self._pause(job) - loop.time())
            job.health.next_run = time.time() + wait
            await asyncio.sleep(wait)

    def _pause(self, job: Job) -> float:
        """Seconds from the beginning of a run to that of the next; after failures, full jitter on top.

        Source: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        """
        if not job.failed_in_a_row:
            return job.interval * self._random.uniform(1 - _JITTER, 1 + _JITTER)
        longest = job.interval * (2 ** min(job.failed_in_a_row, 16) - 1)
        return max(job.retry_after, job.interval + self._random.uniform(0, min(longest, _LONGEST_BACKOFF)))

    def _fly(self, job: Job) -> asyncio.Task[None]:
        if job.flight is None or job.flight.done():
            job.flight = asyncio.create_task(self._run(job), name=f"run {job.collector.name}")
        return job.flight

    async def _run(self, job: Job) -> None:
        began = time.perf_counter()
        try:
            draft = await poll(job.collector, job.declared, job.draft)
        except PollError as error:
            self._failed(job, error.reason, str(error))
            if isinstance(error, Throttled) and error.retry_after is not None:
                job.retry_after = error.retry_after
        except TimeoutError:
            self._failed(job, "timeout", f"not done within {job.collector.timeout:g} s")
        except Exception as error:  # noqa: BLE001 - the boundary: a bug in one collector ends no other
            self._failed(job, "bug", f"{type(error).__name__}: {error}", error)
        else:
            self._succeeded(job, draft)
        job.health.polls += 1
        job.health.duration = time.perf_counter() - began
        job.had_turn.set()

    def _succeeded(self, job: Job, draft: Draft) -> None:
        state = job.health
        if state.failing:
            log.info("%s works again after %d failed runs", job.collector.name, job.failed_in_a_row)
        state.up, state.failing, state.last_success = True, "", time.time()
        state.series = len(draft.texts)
        state.dropped.update(draft.dropped)
        state.redacted += draft.redacted
        job.failed_in_a_row, job.retry_after, job.draft = 0, 0.0, draft
        if job.expiry is not None:
            job.expiry.cancel()
            job.expiry = None
        self._snapshot.publish(job.collector.name, draft.lines)

    def _failed(self, job: Job, reason: str, message: str, bug: Exception | None = None) -> None:
        state = job.health
        if not state.failing.startswith(f"{reason}:"):
            log.warning("%s fails: %s: %s", job.collector.name, reason, message, exc_info=bug)
        state.up, state.failing = False, f"{reason}: {message}"
        state.failures[reason] += 1
        job.failed_in_a_row += 1
        if job.expiry is None and job.draft is not None and state.last_success is not None:
            left = state.last_success + job.max_age - time.time()
            job.expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._expire, job)

    def _expire(self, job: Job) -> None:
        log.warning("%s: series dropped, the last success is %g s ago", job.collector.name, job.max_age)
        job.health.series, job.draft, job.expiry = 0, None, None
        self._snapshot.withdraw(job.collector.name)

    def _publish_own(self) -> None:
        own = Draft(_OWN_METRICS, _OWN_SERIES, self._own)
        for sample in health.samples(self.healths, self.reload):
            own.add(sample)
        self._own = own
        self._snapshot.publish(health.SOURCE, own.lines)

    async def _end(self, job: Job) -> None:
        if job.expiry is not None:
            job.expiry.cancel()
        if job.flight is not None and not job.flight.done():
            job.flight.cancel()
            await asyncio.wait([job.flight])
        try:
            await job.collector.close()
        except Exception:
            log.exception("%s could not give back what it held", job.collector.name)
