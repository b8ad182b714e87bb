"""One run of a collector, from its first sample to a draft that may be published."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

from exporter.collector import Collector
from exporter.guard import Draft
from exporter.metric import Metric

_BREATH = 1000  # samples taken before others get a turn: about 2 ms


async def poll(collector: Collector, declared: Mapping[str, Metric], known: Draft | None = None) -> Draft:
    """Gather what a collector yields, all or nothing. `known` is the draft of the run before.

    Raises whatever the collector raises, and `TimeoutError` when it takes longer than its timeout.
    """
    draft, count = Draft(declared, collector.max_series, known), 0
    async with asyncio.timeout(collector.timeout), aclosing(collector.collect()) as samples:
        async for sample in samples:
            draft.add(sample)
            count += 1
            if count % _BREATH == 0:
                await asyncio.sleep(0)
    return draft
