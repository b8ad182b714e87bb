"""The server's own figures: `postgres`, polled, beside postgres_exporter, which asks at each scrape."""

import contextlib
import tempfile
import time
from pathlib import Path

from exporter.demo.database import Server
from tests.bench import peers, shop
from tests.bench.compare import Effort, Variant, compare, progress, variant
from tests.bench.process import Process, cpu_of_family, python
from tests.bench.report import Section

_SCRAPES_A_MINUTE = 4  # and as many polls: 15 s is Bellwether's interval here, and Prometheus'


def measure(effort: Effort) -> Section:
    section = Section(
        "`postgres`, every 15 s",
        (
            "server",
            "series",
            "p50 ms",
            "CPU ms a scrape",
            "PostgreSQL's CPU ms a scrape",
            "CPU ms a minute, scrapes and polls",
            "the same, inside PostgreSQL",
        ),
        remark="A minute is four scrapes by one Prometheus; Bellwether's polls are four a minute however many scrape.",
    )
    with contextlib.ExitStack() as started, Server() as server, tempfile.TemporaryDirectory() as folder:
        shop.fill(server)
        pid = server.pid
        assert pid is not None
        processes = {"Bellwether": started.enter_context(_bellwether(server, Path(folder), "1h"))}
        try:
            program = peers.debian("prometheus-postgres-exporter")
            processes["postgres_exporter"] = started.enter_context(
                Process(
                    "postgres_exporter",
                    [program, "--web.listen-address=127.0.0.1:{port}"],
                    env={"DATA_SOURCE_NAME": shop.url(server, options="&sslmode=disable")},
                )
            )
        except peers.Missing as missing:
            section.remark += f" Missing: {missing}."
        own = {name: variant(process) for name, process in processes.items()}
        compare("postgres", own.values(), effort)
        inside = {
            name: Variant(f"{name}, inside PostgreSQL", process.client(), lambda: cpu_of_family(pid))
            for name, process in processes.items()
        }
        compare("postgres", inside.values(), effort)
        progress("postgres: polls of Bellwether")
        polls = _polls(server, Path(folder), 4 * effort.seconds + 2)
    for name, each in own.items():
        scrapes = [figure * _SCRAPES_A_MINUTE for figure in (each.cpu_ms, inside[name].cpu_ms)]
        if name == "Bellwether":
            scrapes = [scrapes[0] + polls[0], polls[1]]
        section.rows.append((name, each.series, each.latency_ms(50), each.cpu_ms, inside[name].cpu_ms, *scrapes))
    return section


def _bellwether(server: Server, folder: Path, every: str) -> Process:
    config = folder / f"postgres-{every}.yml"
    config.write_text(f"collectors:\n  - kind: postgres\n    dsn: {server.dsn()}\n    every: {every}\n")
    command = python("exporter", "run", f"--config={config}", "--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    return Process("Bellwether", command, ready="/-/ready")


def _polls(server: Server, folder: Path, seconds: float) -> tuple[float, float]:
    """Processor milliseconds of four polls: Bellwether's, PostgreSQL's."""
    assert server.pid is not None
    with _bellwether(server, folder, "1s") as process:
        time.sleep(1)
        own, inside, began = process.cpu, cpu_of_family(server.pid), time.perf_counter()
        time.sleep(seconds)
        polls = (time.perf_counter() - began) / 1000 / _SCRAPES_A_MINUTE
        return (process.cpu - own) / polls, (cpu_of_family(server.pid) - inside) / polls
