"""About 2,200 business series: the same SQL on the same PostgreSQL, polled in the background and scraped."""

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from exporter.demo.database import Server
from tests.bench import peers, shop
from tests.bench.compare import Effort, compare, progress, variant
from tests.bench.process import Process, cpu_of_family, python
from tests.bench.report import Section, Verdict
from tests.stack import until

_POLLS_A_MINUTE = 4  # an interval of 15 s
_OURS, _QUERY_EXPORTER = "Bellwether", "query-exporter"
Settings = Callable[[Server, Path, int], Process]


def measure(effort: Effort) -> Section:
    section = Section(
        "Scrape of 2,200 business series, polled every 15 s",
        (
            "server",
            "series",
            "p50 ms",
            "p99 ms",
            "CPU ms a scrape",
            "CPU ms a scrape, gzip",
            "CPU ms a minute of polls",
            "the same, inside PostgreSQL",
        ),
        remark="The last columns are four polls a minute, measured at an interval of 1 s without scrapes.",
    )
    with contextlib.ExitStack() as started, Server() as server, tempfile.TemporaryDirectory() as folder:
        shop.fill(server)
        running: dict[str, Process] = {}
        for name, start in EXPORTERS.items():
            try:
                running[name] = started.enter_context(start(server, Path(folder), 15))
            except peers.Missing as missing:
                section.remark += f" Missing: {missing}."
                continue
            until(lambda name=name: len(running[name].client().lines()) >= shop.QUERIES * 100)  # type: ignore[misc]
        variants = {(name, gzip): variant(process, gzip=gzip) for gzip in (False, True) for name, process in running.items()}
        compare("2,200 business series", variants.values(), effort)
        started.close()
        for name in running:
            plain, packed = variants[name, False], variants[name, True]
            progress(f"2,200 business series: polls of {name}")
            polls = _polls(EXPORTERS[name], server, Path(folder), 4 * effort.seconds + 2)
            section.rows.append(
                (name, plain.series, plain.latency_ms(50), plain.latency_ms(99), plain.cpu_ms, packed.cpu_ms, *polls)
            )
    ours, theirs = variants[_OURS, False], variants.get((_QUERY_EXPORTER, False))
    ratio = theirs.cpu_ms / ours.cpu_ms if theirs else "query-exporter is missing"
    section.verdicts = [
        Verdict("2,200 business series: p50", ours.latency_ms(50), 0.3, "ms"),
        Verdict("2,200 business series: CPU of query-exporter over ours", ratio, 50, "times", "at least"),
    ]
    return section


def _polls(start: Settings, server: Server, folder: Path, seconds: float) -> tuple[float, float]:
    """Processor milliseconds of a minute's polls: the exporter's, PostgreSQL's."""
    assert server.pid is not None
    with start(server, folder, 1) as process:
        time.sleep(2)  # past the first poll, which also connects
        own, database, began = process.cpu, cpu_of_family(server.pid), time.perf_counter()
        time.sleep(seconds)
        polls = time.perf_counter() - began
        each = [(process.cpu - own) / polls, (cpu_of_family(server.pid) - database) / polls]
    return each[0] * 1000 * _POLLS_A_MINUTE, each[1] * 1000 * _POLLS_A_MINUTE


def bellwether(server: Server, folder: Path, every: int) -> Process:
    """Bellwether on the shop's queries."""
    config = shop.bellwether(server, folder, f"{every}s")
    command = python("exporter", "run", f"--config={config}", "--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    return Process(_OURS, command, ready="/-/ready")


def query_exporter(server: Server, folder: Path, every: int) -> Process:
    """query-exporter on the same. Raises `Missing`."""
    config = shop.query_exporter(server, folder, every)
    return Process(
        _QUERY_EXPORTER,
        [peers.query_exporter(), "--host=127.0.0.1", "--port={port}", "--log-level=error", f"--config={config}"],
    )


def sql_exporter(server: Server, folder: Path, every: int) -> Process:
    """sql_exporter on the same. Raises `Missing`."""
    config = shop.sql_exporter(server, folder, f"{every}s")
    program = peers.debian("prometheus-sql-exporter")
    return Process("sql_exporter", [program, "-web.listen-address=127.0.0.1:{port}", f"-config.file={config}"])


EXPORTERS: dict[str, Settings] = {_OURS: bellwether, _QUERY_EXPORTER: query_exporter, "sql_exporter": sql_exporter}
