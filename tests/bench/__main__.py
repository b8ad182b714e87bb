"""`python -m tests.bench`: measures, prints the tables, and writes them into docs/performance.md."""

import argparse
import os
import platform
import re
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench import (
    anomalies,
    business,
    database,
    growth,
    node,
    packs,
    peers,
    polled,
    rendering,
    report,
    size,
    soak,
    vendors,
)
from tests.bench.compare import FULL, QUICK, Effort, progress
from tests.stack import ROOT

PAGE = ROOT / "docs/performance.md"
MEASUREMENTS = {
    "rendering": rendering, "polled": polled, "business": business, "node": node,
    "postgres": database, "size": size, "growth": growth, "vendors": vendors,
}  # fmt: skip
_SOAK = 600.0  # seconds
_ANOMALIES = ROOT / "docs/anomalies.md"
_TABLE = re.compile(r"(?<=<!-- table begins -->\n).*(?=<!-- table ends -->)", re.DOTALL)
_TABLES = re.compile(r"(?<=<!-- tables begin -->\n).*(?=<!-- tables end -->)", re.DOTALL)
_LIBRARIES = ("prometheus-client", "uvicorn", "httptools", "isal", "psycopg")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Bellwether beside its peers, in one run.")
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"some of {', '.join(MEASUREMENTS)}; all unless given")
    parser.add_argument(
        "--seconds", type=float, default=_SOAK, help="how long `soak` lasts; it, `packs` and `anomalies` run when named alone"
    )
    parser.add_argument("--quick", action="store_true", help="a first look, in about two minutes; not written to the page")
    options = parser.parse_args()
    if options.only == ["soak"]:
        print(soak.measure(options.seconds).markdown())  # noqa: T201
        return
    if options.only == ["packs"]:
        section = packs.measure(packs.SMALL if options.quick else packs.LARGE)
        print(report.summary([section]), section.markdown(), sep="\n")  # noqa: T201
        return
    if options.only == ["anomalies"]:
        section = anomalies.measure(anomalies.SMALL if options.quick else anomalies.LARGE)
        print(report.summary([section]), section.markdown(), sep="\n")  # noqa: T201
        if not options.quick:
            tables = f"{report.summary([section])}\n{report.markdown_table(section.columns, section.rows)}"
            _ANOMALIES.write_text(_TABLE.sub(lambda _: tables, _ANOMALIES.read_text()))
        return
    if unknown := set(options.only) - MEASUREMENTS.keys():
        parser.error(f"no measurement is named {', '.join(sorted(unknown))}; expected some of {', '.join(MEASUREMENTS)}")
    tables = run(options.only or list(MEASUREMENTS), QUICK if options.quick else FULL)
    progress("")
    print(tables)  # noqa: T201
    if not options.quick and not options.only:
        PAGE.write_text(_TABLES.sub(lambda _: f"\n{tables}\n", PAGE.read_text()))
        print(f"written to {PAGE.relative_to(ROOT)}", file=sys.stderr)  # noqa: T201


def run(names: list[str], effort: Effort) -> str:
    """The tables of some measurements, and under what circumstances they were made."""
    began = time.perf_counter()
    sections = [MEASUREMENTS[name].measure(effort) for name in names]
    circumstances = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {(time.perf_counter() - began) / 60:.0f} minutes, {effort.rounds} rounds of "
        f"{effort.seconds:g} s. {_machine()}. "
        f"Bellwether {version('bellwether-exporter')}, CPython {platform.python_version()}, "
        f"{', '.join(f'{name} {version(name)}' for name in _LIBRARIES)}. Peers: {', '.join(peers.versions())}.\n"
    )
    return "\n".join([circumstances, report.summary(sections), *(section.markdown() for section in sections)])


def _machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} processors ({model[1] if model else platform.machine()}), Linux {platform.release()}"


if __name__ == "__main__":
    main()
