"""All collectors at work, side by side: what one does wrong or does not finish, no other notices."""

import asyncio
import logging
import random
import time
from collections.abc import Collection, Iterable

from exporter import health
from exporter.collector import Collector, declared_in
from exporter.guard import Draft
from exporter.health import Health, Reload
from exporter.job import Job
from exporter.metric import Sample
from exporter.snapshot import Snapshot

log = logging.getLogger(__name__)

_OWN_METRICS = {metric.name: metric for metric in declared_in(health)}
_OWN_SERIES = 100_000


class Scheduler:
    """Runs collectors until told otherwise, and replaces them while they run."""

    def __init__(self, collectors: Iterable[Collector], snapshot: Snapshot, *, randomness: random.Random | None = None) -> None:
        self._snapshot = snapshot
        self._random = randomness or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._jobs = {collector.name: self._job(collector) for collector in collectors}
        self._reserve()
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._own: Draft | None = None
        self._told: list[Sample] = []
        """What the exporter last said of its collectors."""
        self.reload = Reload(successful=True, time=time.time())

    async def run(self) -> None:
        """Poll in the background until cancelled, then give back what the collectors hold."""
        try:
            for job in self._jobs.values():
                self._start(job)
            await asyncio.Event().wait()
        finally:
            for job in self._jobs.values():
                self._end(job)
            while self._ending:
                await asyncio.wait(self._ending)

    def replace(self, collectors: Iterable[Collector]) -> None:
        """Run these collectors from now on. One whose settings are as before goes on undisturbed, with all it knows.

        The series of one whose settings changed stay until its successor's first run is over.
        """
        before = self._jobs
        self._jobs = {}
        for collector in collectors:
            job = before.get(collector.name)
            kept = job is not None and job.collector.same_as(collector)
            self._jobs[collector.name] = job if job is not None and kept else self._job(collector)
        self._reserve()
        for name, job in before.items():
            if self._jobs.get(name) is not job:
                self._end(job)
            if name not in self._jobs:
                self._snapshot.withdraw(name)
        for job in self._jobs.values():
            if job not in self._tasks:
                self._start(job)

    async def refresh(self, names: Collection[str], deadline: float) -> None:
        """Bring up to date what is collected at the scrape, of these collectors, waiting at most `deadline` seconds.

        Simultaneous calls share one run. A run that is not done in time goes on, and its samples are there for the next
        call; this one shows the last ones.
        """
        jobs = [self._jobs[name] for name in names if name in self._jobs]
        flights = [job.fly() for job in jobs if job.at_scrape]
        if flights:
            await asyncio.wait(flights, timeout=deadline)
        if health.SOURCE in names:
            self._publish_own()

    @property
    def collectors(self) -> list[Collector]:
        """The collectors that run."""
        return [job.collector for job in self._jobs.values()]

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each collector, by its name."""
        return {name: job.collector.kind for name, job in self._jobs.items()}

    @property
    def healths(self) -> dict[str, Health]:
        """How each collector fares, by its name."""
        return {name: job.health for name, job in self._jobs.items()}

    @property
    def ready(self) -> bool:
        """Whether every collector has had its first turn, good or bad."""
        return all(job.had_turn.is_set() for job in self._jobs.values())

    async def first_turns(self) -> None:
        """Wait until every collector has had its first turn."""
        for job in list(self._jobs.values()):
            await job.had_turn.wait()

    def _reserve(self) -> None:
        declared = [metric for job in self._jobs.values() for metric in job.collector.declares() if not metric.found]
        self._snapshot.reserve([*declared, *_OWN_METRICS.values()])

    def _job(self, collector: Collector) -> Job:
        return Job(collector, self._snapshot, self._random)

    def _start(self, job: Job) -> None:
        task = self._tasks[job] = asyncio.create_task(job.repeat(), name=f"poll {job.collector.name}")
        task.add_done_callback(_report)

    def _end(self, job: Job) -> None:
        self._tasks.pop(job).cancel()
        task = asyncio.create_task(job.end(), name=f"end {job.collector.name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _publish_own(self) -> None:
        told = list(health.samples(self.healths, self.reload))
        if told != self._told:  # a run ended, or the settings were read
            self._own, self._told = Draft(_OWN_METRICS, _OWN_SERIES, self._own), told
            for sample in told:
                self._own.add(sample)
            self._snapshot.publish(health.SOURCE, self._own.lines, polled=True)
        self._snapshot.publish(health.PROCESS_SOURCE, health.process_lines())


def _report(task: asyncio.Task[None]) -> None:
    """Say that a collector's loop itself broke: a bug of ours, which nobody would notice otherwise."""
    if not task.cancelled() and (error := task.exception()):
        log.error("%s stopped", task.get_name(), exc_info=error)
