"""What the kernel counts since the host started: /proc/stat."""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

TOTALS = {
    "btime": Metric("node_boot_time_seconds", "When the host started, in Unix time.", unit="timestamp_seconds"),
    "ctxt": Metric("node_context_switches_total", "Times a processor changed from one task to another.", "counter"),
    "intr": Metric("node_intr_total", "Interrupts served.", "counter"),
    "processes": Metric("node_forks_total", "Processes and threads started.", "counter"),
    "procs_running": Metric("node_procs_running", "Tasks running, or ready to run."),
    "procs_blocked": Metric("node_procs_blocked", "Tasks waiting for a disk or the like."),
}


def samples(host: Host) -> Iterator[Sample]:
    for name, metric in TOTALS.items():
        if name in host.stat.totals:
            yield metric(host.stat.totals[name])
