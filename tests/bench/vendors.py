"""All vendors at once at their default intervals: what asking them costs of a processor.

The simulators run in a thread of their own, whose time is not counted. Of each vendor the first poll, which asks for
everything, is measured with connections and certificates at hand, and divided by its requests; an hour at the defaults has
as many as the vendor's case says.
"""

import asyncio
import time
from random import Random

from exporter.collector import Collector
from exporter.demo.company import Company
from exporter.demo.database import Server
from exporter.job import Job
from exporter.poll import poll
from exporter.snapshot import Snapshot
from tests.bench.compare import Effort, progress
from tests.bench.report import Section, Verdict
from tests.packs.conftest import NOW, SEED
from tests.vendors import faulty
from tests.vendors.case import Case, cases
from tests.vendors.conftest import Simulators

_HOUR = 3600.0
_ROUNDS = 5


def measure(effort: Effort) -> Section:
    """The same whatever the effort: it takes a minute."""
    del effort
    section = Section("All vendors at once", ("vendor", "calls an hour", "CPU ms a call", "CPU of a core, %"))
    for name, calls, seconds in _figures():
        section.rows.append((name, calls, seconds * 1000, 100 * calls * seconds / _HOUR))
    shares = [float(row[3]) for row in section.rows if isinstance(row[3], float)]
    number = len(section.rows)
    section.rows.append(("together", None, None, sum(shares)))
    section.remark = "Over HTTP without TLS, from the request to the series on the page."
    # Twenty of the kind that there are.
    section.verdicts = [Verdict("20 vendors at default intervals: CPU of a core", sum(shares) / number * 20, 1, "%")]
    return section


def _figures() -> list[tuple[str, float, float]]:
    """Name, calls an hour and CPU seconds of a call."""
    with Server() as server:
        company = Company(server, seed=SEED, clock=lambda: NOW, living=False)
        asyncio.run(company.__aenter__())
        simulators = Simulators(company.application_dsn)
        try:
            return [(case.name, *asyncio.run(_cost(case, simulators.url(case.simulator)))) for case in cases()]
        finally:
            simulators.close()
            asyncio.run(company.__aexit__())


async def _cost(case: Case, url: str) -> tuple[float, float]:
    progress(f"vendors: {case.name}")
    async with faulty.faulty(url) as proxy:
        collector = case.collector(proxy.url, timeout=60)
        await _poll(collector)
        calls = proxy.requests
        await collector.close()
    collectors = [case.collector(url, timeout=60) for _ in range(_ROUNDS)]
    spent = 0.0
    for collector in collectors:
        for api in (value for value in (collector.__pydantic_private__ or {}).values() if hasattr(value, "_open")):
            await api._open()
        began = time.thread_time()
        await _poll(collector)
        spent += time.thread_time() - began
        await collector.close()
    interval = Job(collector, Snapshot(), Random(1)).interval
    return case.requests_per_hour or calls * _HOUR / interval, spent / _ROUNDS / calls


async def _poll(collector: Collector) -> None:
    await poll(collector, {metric.name: metric for metric in collector.declares()})
