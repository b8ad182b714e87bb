"""Load, pressure, open files, clock and identity of the host."""

import os
import time
from collections.abc import Iterator

from exporter.clients import proc
from exporter.metric import Metric, Sample

LOAD = (
    Metric("node_load1", "Tasks running, ready to run or waiting for disks: mean of the last minute."),
    Metric("node_load5", "Tasks running, ready to run or waiting for disks: mean of the last 5 minutes."),
    Metric("node_load15", "Tasks running, ready to run or waiting for disks: mean of the last 15 minutes."),
)
FILES_ALLOCATED = Metric("node_filefd_allocated", "Files open on the whole host.")
FILES_MAXIMUM = Metric("node_filefd_maximum", "Most files that may be open on the whole host.")
TIME = Metric("node_time_seconds", "The host's clock, in Unix time.", unit="timestamp_seconds")
UNAME = Metric(
    "node_uname_info",
    "Always 1: the host's kernel and names.",
    labels=("sysname", "release", "version", "machine", "nodename", "domainname"),
)
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


def samples(kernel: proc.Kernel) -> Iterator[Sample]:
    for metric, load in zip(LOAD, kernel.proc("loadavg", proc.three_numbers), strict=False):
        yield metric(load)
    open_files = kernel.proc("sys/fs/file-nr", proc.three_numbers)  # the second has been 0 since Linux 2.6
    for metric, count in zip((FILES_ALLOCATED, FILES_MAXIMUM), open_files[::2], strict=False):
        yield metric(count)
    yield from _pressure(kernel)
    yield TIME(time.time())
    yield _uname(kernel)


def _pressure(kernel: proc.Kernel) -> Iterator[Sample]:
    for resource in ("cpu", "io", "memory", "irq"):
        for share, seconds in kernel.proc(f"pressure/{resource}", proc.pressure).items():
            if (resource, share) in PRESSURE:  # the kernel also has a line that says every task waits for a processor: 0
                yield PRESSURE[resource, share](seconds)


def _uname(kernel: proc.Kernel) -> Sample:
    uname = os.uname()
    return UNAME(
        1.0,
        sysname=uname.sysname,
        release=uname.release,
        version=uname.version,
        machine=uname.machine,
        nodename=uname.nodename,
        domainname=kernel.proc("sys/kernel/domainname", str.strip) or "(none)",
    )
