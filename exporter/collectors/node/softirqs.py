"""Software interrupts by processor and kind: /proc/softirqs. Many series on a big host."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

ON = False

SOFTIRQS = Metric("node_softirqs_functions_total", "Software interrupts that a processor served.", "counter", ("cpu", "type"))


def samples(host: Host) -> Iterator[Sample]:
    titles, *rows = host.proc.parsed("softirqs", proc.table) or [[]]
    for kind, *counts in rows:
        for title, count in zip(titles, counts, strict=True):
            yield SOFTIRQS(float(count), cpu=title.removeprefix("CPU"), type=kind.removesuffix(":"))
