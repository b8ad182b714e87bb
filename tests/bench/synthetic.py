"""Collectors for measurements of the engine: as many series as are asked for, with new values at each run."""

import gc
import itertools
import random
from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import PrivateAttr

from exporter.collector import Collector, Every, Samples
from exporter.metric import Metric, Sample

CHILDREN = 1000  # series of a metric, at most
LABELS = ("region", "place", "shard")


def label_values(series: int) -> Iterator[tuple[str, ...]]:
    """The label values of so many series: of three labels each."""
    for number in range(series):
        yield f"region-{number % 7}", f"place-{number}", f"shard-{number % 31:02}"


def values() -> Iterator[float]:
    """Figures as measurements have them: some whole, most not, small and large."""
    draw = random.Random(11)
    return itertools.cycle(
        [draw.choice((float(draw.randrange(10**9)), draw.random(), draw.uniform(1, 10**6))) for _ in range(9973)]
    )


class Synthetic(Collector):
    """So many gauges of three labels, all with a new value at each run."""

    kind: ClassVar[str] = "synthetic"
    every: Every = 3600.0
    timeout: float = 600.0
    series: int
    churn: int = 0
    """Series beside those, that are others at each run."""
    max_series: int = 10_000_000

    _groups: list[tuple[Metric, list[tuple[str, ...]]]] = PrivateAttr(default_factory=list)
    _values: Iterator[float] = PrivateAttr(default_factory=values)
    _runs: int = PrivateAttr(default=0)

    def declares(self) -> Iterable[Metric]:
        for number in range(len(self._groups) * CHILDREN, self.series, CHILDREN):
            metric = Metric(f"{self.name}_level_{number // CHILDREN}", "A level that was made up.", labels=LABELS)
            self._groups.append((metric, list(label_values(min(CHILDREN, self.series - number)))))
        return [metric for metric, _ in self._groups]

    async def collect(self) -> Samples:
        for metric, children in self._groups:
            for labels, value in zip(children, self._values, strict=False):
                yield Sample(metric, labels, value)
        self._runs += 1
        for number in range(self.churn):
            yield Sample(self._groups[0][0], ("new", f"place-{number}", f"run-{self._runs}"), 1.0)


OBJECTS = Metric("soak_objects", "Objects that Python's garbage collector knows, after a collection.")


class Objects(Collector):
    """How many objects the process holds."""

    kind: ClassVar[str] = "objects"
    every: Every = 1.0

    def declares(self) -> Iterable[Metric]:
        return [OBJECTS]

    async def collect(self) -> Samples:
        gc.collect()
        yield OBJECTS(len(gc.get_objects()))
