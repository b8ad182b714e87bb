"""Scraping 100,000 series that were polled before: what a scrape itself costs."""

import contextlib
import tempfile
from pathlib import Path

from tests.bench.compare import Effort, compare, variant
from tests.bench.process import Process, python
from tests.bench.report import Section, Verdict

SERIES = 100_000


def measure(effort: Effort) -> Section:
    with contextlib.ExitStack() as started, tempfile.TemporaryDirectory() as folder:
        ours = started.enter_context(
            Process("Bellwether", python("tests.bench.serve", "bellwether", "{port}", f"bench:{SERIES}:3600"), ready="/-/ready")
        )
        client = started.enter_context(
            Process("prometheus_client", python("tests.bench.serve", "client", "{port}", f"{SERIES}"))
        )
        files = []
        for encoding in ("identity", "gzip"):
            files.append(Path(folder, encoding))
            files[-1].write_bytes(ours.client(gzip=encoding == "gzip").scrape())
        bare = started.enter_context(
            Process("same bytes, bare ASGI", python("tests.bench.serve", "bare", "{port}", *map(str, files)))
        )
        variants = {
            (process.name, gzip): variant(process, "/gzip" if gzip and process is bare else "/metrics", gzip=gzip)
            for gzip in (False, True)
            for process in (ours, client, bare)
        }
        compare("scrape of 100,000 polled series", variants.values(), effort)
    section = Section(
        "Scrape of 100,000 polled series",
        ("server", "series", "bytes", "CPU ms a scrape", "p50 ms", "p99 ms"),
        [(v.name, v.series, v.size, v.cpu_ms, v.latency_ms(50), v.latency_ms(99)) for v in variants.values()],
    )
    for gzip, target in ((False, 300), (True, 1000)):
        mine, theirs, floor = (variants[name, gzip].cpu_ms for name in (ours.name, client.name, bare.name))
        way = "gzip" if gzip else "identity"
        section.verdicts += [
            Verdict(
                f"100,000 polled series, {way}: CPU of prometheus_client over ours", theirs / mine, target, "times", "at least"
            ),
            Verdict(f"100,000 polled series, {way}: CPU over the same bytes from a bare server", mine / floor, 1.3, "times"),
        ]
    return section
