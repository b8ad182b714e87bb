"""Variants measured in turns, round by round: a machine has slow minutes, and all variants are to have the same ones."""

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.bench.client import Client
from tests.bench.process import Process


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done for a figure."""

    rounds: int
    seconds: float
    """For one variant in one round."""
    largest: int
    """Series, in the table of cost growth."""


QUICK = Effort(rounds=2, seconds=0.25, largest=100_000)
FULL = Effort(rounds=5, seconds=1.0, largest=1_000_000)
_FEWEST = 2  # scrapes in a round, however long they take


@dataclass(slots=True)
class Variant:
    """One thing to be measured, and what was measured: an entry in each list per round, but for the latencies."""

    name: str
    client: Client
    cpu: Callable[[], float]
    """Processor seconds used so far."""
    cpus: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    series: int = 0
    size: int = 0

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time a scrape: the median of the rounds."""
        return statistics.median(self.cpus) * 1000

    def latency_ms(self, percentile: int) -> float:
        """Milliseconds until the whole page is there."""
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percentile - 1] * 1000

    def round(self, seconds: float) -> None:
        """Scrape for so long."""
        before, deadline, count = self.cpu(), time.perf_counter() + seconds, 0
        while count < _FEWEST or time.perf_counter() < deadline:
            began = time.perf_counter()
            self.client.scrape()
            self.latencies.append(time.perf_counter() - began)
            count += 1
        self.cpus.append((self.cpu() - before) / count)


def variant(process: Process, path: str = "/metrics", *, gzip: bool = False) -> Variant:
    """Scrapes of a server, and its own processor time."""
    return Variant(f"{process.name}, {'gzip' if gzip else 'identity'}", process.client(path, gzip=gzip), lambda: process.cpu)


def compare(title: str, variants: Iterable[Variant], effort: Effort) -> None:
    """Measure all variants."""
    variants = list(variants)
    for variant in variants:
        variant.series = len(variant.client.lines())
        variant.size = len(variant.client.scrape())
    for number in range(effort.rounds):
        for variant in variants:
            progress(f"{title}: round {number + 1} of {effort.rounds}, {variant.name}")
            variant.round(effort.seconds)


def progress(text: str) -> None:
    """Say what is under way: in one line on a terminal, else a line each."""
    before, after = ("\r\x1b[K", "") if sys.stderr.isatty() else ("", "\n")
    print(before + text, end=after, file=sys.stderr, flush=True)  # noqa: T201
