"""How much work there is: /proc/loadavg."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

LOAD = (
    Metric("node_load1", "Tasks running, ready to run or waiting for disks: mean of the last minute."),
    Metric("node_load5", "Tasks running, ready to run or waiting for disks: mean of the last 5 minutes."),
    Metric("node_load15", "Tasks running, ready to run or waiting for disks: mean of the last 15 minutes."),
)


def samples(host: Host) -> Iterator[Sample]:
    for metric, load in zip(LOAD, host.proc.parsed("loadavg", proc.three_numbers), strict=False):
        yield metric(load)
