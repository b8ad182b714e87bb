"""Cadence: what a collector asks for less often than it runs. In between, the samples of the last time stand."""

import time
from collections.abc import AsyncIterator, Callable

from exporter.metric import Sample


class Cadence:
    """Samples that are asked for once in so many seconds: `for sample in await cadence.samples(self._breakdowns): ...`."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._asked_at: float | None = None
        self._samples: tuple[Sample, ...] = ()

    async def samples(self, ask: Callable[[], AsyncIterator[Sample]]) -> tuple[Sample, ...]:
        """The samples, asked for anew when it is time. A failure passes on, keeps what there was, and is not waited for."""
        now = time.monotonic()
        if self._asked_at is None or now - self._asked_at >= self._every:
            self._samples = tuple([sample async for sample in ask()])
            self._asked_at = now
        return self._samples
