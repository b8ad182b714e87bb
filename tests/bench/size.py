"""Resident memory after 1,000 scrapes, and the time from start to the first complete page."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from exporter.demo.database import Server
from tests.bench import business, peers, shop
from tests.bench.compare import Effort, progress
from tests.bench.process import Process, default_bellwether
from tests.bench.report import Section, Verdict
from tests.stack import until

_SCRAPES = 1000


def measure(effort: Effort) -> Section:
    section = Section("Memory and start", ("server", "series", "MB after 1,000 scrapes", "s to the first complete page"))
    with Server() as server, tempfile.TemporaryDirectory() as path:
        shop.fill(server)
        folder = Path(path)
        starts: dict[str, Callable[[], tuple[Process, int]]] = {
            "Bellwether, default configuration (this host)": lambda: (default_bellwether(), 1),
            "Bellwether, 22 queries": lambda: (business.bellwether(server, folder, 15), shop.QUERIES * 100),
            "query-exporter, 22 queries": lambda: (business.query_exporter(server, folder, 15), shop.QUERIES * 100),
            "node_exporter": lambda: (_node_exporter(), 1),
        }
        measured: dict[str, list[tuple[int, float, float]]] = {}
        for number in range(effort.rounds):
            for name, start in starts.items():
                progress(f"memory and start: round {number + 1} of {effort.rounds}, {name}")
                try:
                    measured.setdefault(name, []).append(_one(*start()))
                except peers.Missing as missing:
                    section.remark = f"Missing: {missing}."
    for name, each in measured.items():
        if each:
            section.rows.append(
                (name, each[0][0], *(statistics.median(figures) for figures in list(zip(*each, strict=True))[1:]))
            )
    ours = section.rows[0]
    section.verdicts = [
        Verdict("resident memory, default configuration, after 1,000 scrapes", float(ours[2] or 0), 50, "MB"),
        Verdict("start to first complete scrape, default configuration", float(ours[3] or 0), 1, "s"),
        Verdict("start to first complete scrape, 22 queries", float(section.rows[1][3] or 0), 1, "s"),
    ]
    return section


def _one(program: Process, complete: int) -> tuple[int, float, float]:
    """Series, megabytes, seconds."""
    with program as process:
        client = process.client()
        until(lambda: len(client.lines()) >= complete, pause=0.005)
        seconds = time.perf_counter() - process.started
        for _ in range(_SCRAPES // 2):
            client.scrape()
        packed = process.client(gzip=True)
        for _ in range(_SCRAPES // 2):
            packed.scrape()
        return len(client.lines()), process.memory, seconds


def _node_exporter() -> Process:
    return Process("node_exporter", [peers.debian("prometheus-node-exporter"), "--web.listen-address=127.0.0.1:{port}"])
