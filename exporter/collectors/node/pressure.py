"""Time lost to waiting for processors, memory, disks and interrupts: /proc/pressure.

Source of the meanings: https://docs.kernel.org/accounting/psi.html
"""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

PRESSURE = {
    ("cpu", "some"): Metric(
        "node_pressure_cpu_waiting_seconds_total", "Time in which some task waited for a processor.", "counter"
    ),
    ("io", "some"): Metric("node_pressure_io_waiting_seconds_total", "Time in which some task waited for I/O.", "counter"),
    ("io", "full"): Metric(
        "node_pressure_io_stalled_seconds_total", "Time in which every task with work to do waited for I/O.", "counter"
    ),
    ("memory", "some"): Metric(
        "node_pressure_memory_waiting_seconds_total", "Time in which some task waited for memory.", "counter"
    ),
    ("memory", "full"): Metric(
        "node_pressure_memory_stalled_seconds_total", "Time in which every task with work to do waited for memory.", "counter"
    ),
    ("irq", "full"): Metric(
        "node_pressure_irq_stalled_seconds_total", "Time in which interrupts kept every task from its work.", "counter"
    ),
}


def samples(host: Host) -> Iterator[Sample]:
    for resource in ("cpu", "io", "memory", "irq"):
        for share, seconds in host.proc.parsed(f"pressure/{resource}", proc.pressure).items():
            if (resource, share) in PRESSURE:  # the kernel also has a line that says every task waits for a processor: 0
                yield PRESSURE[resource, share](seconds)
