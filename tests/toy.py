"""Collectors for tests of the engine: real ones, that do as they are told."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, ClassVar

from pydantic import PrivateAttr

from exporter.collector import Collector, Every, Samples
from exporter.metric import Metric, Sample

LEVEL = Metric("toy_level", "A level that a test chose.", labels=("place",))
EVENTS = Metric("toy_events_total", "Events that a test chose.", "counter")
LITERAL = Metric("toy_literal_count", "A counter under a name without the usual ending.", "counter", ("place",))
METRICS = (LEVEL, EVENTS, LITERAL)

Script = Callable[[], AsyncGenerator[Sample, None]]


class Toy(Collector):
    """Yields what `script` yields, run by run."""

    kind: ClassVar[str] = "toy"
    every: Every = 0.1

    _script: Script = PrivateAttr()
    _closed: bool = PrivateAttr(default=False)

    @classmethod
    def of(cls, script: Script, **settings: Any) -> "Toy":
        toy = cls.model_validate({"name": "toy", **settings})
        toy._script = script
        return toy

    def declares(self) -> Iterable[Metric]:
        return METRICS

    async def collect(self) -> Samples:
        async for sample in self._script():
            yield sample

    async def close(self) -> None:
        self._closed = True


def constant(*samples: Sample) -> Script:
    """A script that yields the same at each run."""

    async def script() -> AsyncGenerator[Sample, None]:
        for sample in samples:
            yield sample

    return script


def in_turn(*steps: Callable[[], Awaitable[Iterable[Sample]]]) -> Script:
    """A script whose first run awaits the first step, and so on; the last step serves all further runs."""
    left = list(steps)

    async def script() -> AsyncGenerator[Sample, None]:
        step = left.pop(0) if len(left) > 1 else left[0]
        for sample in await step():
            yield sample

    return script
