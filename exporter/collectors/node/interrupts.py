"""Interrupts by processor and source: /proc/interrupts. Many series on a big host."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

ON = False

INTERRUPTS = Metric(
    "node_interrupts_total", "Interrupts that a processor served.", "counter", ("cpu", "type", "info", "devices")
)


def samples(host: Host) -> Iterator[Sample]:
    titles, *rows = host.proc.parsed("interrupts", proc.table) or [[]]
    processors = [title.removeprefix("CPU") for title in titles]
    for source, *words in rows:
        counts, about = words[: len(processors)], words[len(processors) :]
        if len(counts) < len(processors):  # errors, which no processor counts
            continue
        type_ = source.removesuffix(":")
        described = 1 if type_.isdigit() else len(about)  # a numbered one tells its controller, then its devices
        info, devices = " ".join(about[:described]), " ".join(about[described:])
        for processor, count in zip(processors, counts, strict=True):
            yield INTERRUPTS(float(count), cpu=processor, type=type_, info=info, devices=devices)
