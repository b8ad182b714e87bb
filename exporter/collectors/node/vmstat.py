"""Paging and out-of-memory counts: /proc/vmstat."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

# What these count only ever grows, but node_exporter leaves their type open, and so their names lack `_total`.
VMSTAT = {
    "oom_kill": Metric("node_vmstat_oom_kill", "Processes the kernel killed for want of memory.", "unknown"),
    "pgfault": Metric("node_vmstat_pgfault", "Page faults, minor and major.", "unknown"),
    "pgmajfault": Metric("node_vmstat_pgmajfault", "Page faults that had to read from disk.", "unknown"),
    "pgpgin": Metric("node_vmstat_pgpgin", "KiB read from block devices.", "unknown"),
    "pgpgout": Metric("node_vmstat_pgpgout", "KiB written to block devices.", "unknown"),
    "pswpin": Metric("node_vmstat_pswpin", "Pages read from swap.", "unknown"),
    "pswpout": Metric("node_vmstat_pswpout", "Pages written to swap.", "unknown"),
}


def samples(host: Host) -> Iterator[Sample]:
    counts = host.proc.parsed("vmstat", proc.pairs)
    for field, metric in VMSTAT.items():
        if field in counts:
            yield metric(float(counts[field]))
