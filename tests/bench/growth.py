"""How costs grow: with what changed, and not with what did not."""

import gzip
import re
import time

from tests.bench.compare import Effort, compare, progress, variant
from tests.bench.process import Process, python
from tests.bench.report import Section, Verdict
from tests.stack import until

_PERCENT = 100  # a source of one per cent of the series beside one of all others
_FREE = "0.1"  # seconds from run to run: the shortest that settings allow
_NEVER = "86400"


def measure(effort: Effort) -> Section:
    section = Section(
        "Cost by number of series",
        (
            "series",
            "publish all changed, ms",
            "µs a series",
            "publish 1 % changed, ms",
            "scrape, identity, ms",
            "scrape, gzip, ms",
            "MB resident",
        ),
        remark="Processor time of the whole process. 1 % is a source of its own, beside a source of the other 99 % that rests.",
    )
    size = 1000
    while size <= effort.largest:
        section.rows.append(_row(size, effort))
        size *= 10
    first, last = section.rows[0], section.rows[-1]
    growth = float(last[2] or 0) / float(first[2] or 1)
    section.verdicts = [
        Verdict(f"cost growth: µs a changed series at {last[0]:,} series over that at 1,000", growth, 2, "times")
    ]
    return section


def _row(size: int, effort: Effort) -> tuple[float, ...]:
    progress(f"cost growth: {size} series")
    with _bellwether(f"all:{size}:{_FREE}") as process:
        everything, memory = _cpu_of_run(process, "all", effort), process.memory
    small = size // _PERCENT
    with _bellwether(f"rest:{size - small}:{_NEVER}", f"few:{small}:{_FREE}") as process:
        few = _cpu_of_run(process, "few", effort)
    with _bellwether(f"rest:{size}:{_NEVER}") as process:
        scrapes = [variant(process, gzip=packed) for packed in (False, True)]
        compare("cost growth", scrapes, effort)
    return size, everything * 1000, everything / size * 1e6, few * 1000, *(each.cpu_ms for each in scrapes), memory


def _bellwether(*collectors: str) -> Process:
    return Process("Bellwether", python("tests.bench.serve", "bellwether", "{port}", *collectors), ready="/-/ready")


def _cpu_of_run(process: Process, collector: str, effort: Effort) -> float:
    """Processor seconds of a run, from its first sample to its publication; the first run, which is dearer, left out."""
    client = process.client("/metrics/bellwether", gzip=True)  # so that publications make what Prometheus asks for

    def runs() -> int:
        found = re.search(rf'polls_total{{collector="{collector}"}} (\d+)', gzip.decompress(client.scrape()).decode())
        return int(found[1]) if found else 0

    until(lambda: runs() > 1, pause=0.05)
    before, cpu, began = runs(), process.cpu, time.perf_counter()
    time.sleep(effort.seconds)
    until(lambda: runs() > before and time.perf_counter() - began > effort.seconds, pause=0.05)
    return (process.cpu - cpu) / (runs() - before)
