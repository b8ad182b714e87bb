"""What the kernel tells about the host in text files, under /proc and /sys. Reading is apart from parsing.

A file that this kernel does not have, or keeps from us, reads as empty, and parses to nothing: absent is not zero.
Source of the formats: https://www.kernel.org/doc/html/latest/filesystems/proc.html, and proc(5)
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from exporter.errors import Malformed

T = TypeVar("T")

_TICKS = os.sysconf("SC_CLK_TCK")  # per second: the unit of processor time in /proc/stat


@dataclass(frozen=True, slots=True)
class Kernel:
    """The files of one kernel, wherever its /proc and /sys are mounted."""

    procfs: Path
    sysfs: Path

    def proc(self, name: str, parse: Callable[[str], T]) -> T:
        """What `parse` makes of a file under /proc. Raises `Malformed` when it can make nothing of it."""
        path = self.procfs / name
        try:
            return parse(read(path))
        except (ValueError, IndexError) as error:
            raise Malformed(f"{path} is not written as proc(5) says ({error}); is procfs the host's /proc?") from error

    def interfaces(self) -> Iterator[tuple[str, str]]:
        """Each network interface and its operational state: `up`, `down`, `unknown`, ... (RFC 2863)."""
        folder = self.sysfs / "class/net"
        try:
            devices = sorted(os.listdir(folder))  # noqa: PTH208  # of names, not paths: this runs at every scrape
        except OSError:
            return
        for device in devices:
            state = read(folder / device / "operstate").strip()
            if state:  # beside the interfaces there are files, such as bonding_masters
                yield device, state


def read(path: Path) -> str:
    """The text of a kernel's file; empty when it is not there or may not be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return os.fsdecode(file.read())
    except OSError:
        return ""


class Stat(NamedTuple):
    """/proc/stat."""

    processors: dict[str, list[float]]
    """Seconds by processor number: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice."""
    totals: dict[str, float]
    """The other lines: intr, ctxt, btime, processes, procs_running, procs_blocked, softirq."""


def stat(text: str) -> Stat:
    """Processor times and kernel totals."""
    result = Stat({}, {})
    for line in text.splitlines():
        name, *values = line.split(maxsplit=11)  # the line of interrupts goes on for thousands of numbers
        if not name.startswith("cpu"):
            result.totals[name] = float(values[0])
        elif name != "cpu":
            result.processors[name.removeprefix("cpu")] = [float(ticks) / _TICKS for ticks in values[:10]]
    return result


def meminfo(text: str) -> dict[str, float]:
    """Bytes by field; pages for the fields without a unit."""
    fields = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        amount, *unit = rest.split()
        fields[name] = float(amount) * 1024 if unit else float(amount)
    return fields


def pairs(text: str) -> dict[str, str]:
    """Lines of a name and a value, such as /proc/vmstat."""
    return {name: value for name, _, value in (line.partition(" ") for line in text.splitlines())}


def diskstats(text: str) -> list[tuple[str, list[float]]]:
    """Each block device and its figures: 11 of them, 15 from Linux 4.18, 17 from 5.5. Sectors of 512 bytes, milliseconds."""
    rows = [line.split() for line in text.splitlines()]
    return [(row[2], [float(value) for value in row[3:]]) for row in rows]


def net_dev(text: str) -> list[tuple[str, list[float]]]:
    """Each network interface and its 16 figures: 8 received, 8 transmitted."""
    rows = [line.rpartition(":") for line in text.splitlines()[2:]]
    return [(device.strip(), [float(value) for value in values.split()]) for device, _, values in rows]


def pressure(text: str) -> dict[str, float]:
    """Seconds lost in all, by `some` (some tasks waited) and `full` (all of them did)."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: float(row[-1].removeprefix("total=")) / 1_000_000 for row in rows}


def three_numbers(text: str) -> list[float]:
    """The first three numbers of a file: the loads of /proc/loadavg, the counts of /proc/sys/fs/file-nr."""
    return [float(word) for word in text.split()[:3]]
