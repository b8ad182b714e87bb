"""What the kernel tells about the host in text files, under /proc and /sys. Reading is apart from parsing.

A file that this kernel does not have, or keeps from us, reads as empty, and parses to nothing: absent is not zero.
Source of the formats: https://www.kernel.org/doc/html/latest/filesystems/proc.html, and proc(5)
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from exporter.errors import Malformed

T = TypeVar("T")

_TICKS = os.sysconf("SC_CLK_TCK")  # per second: the unit of processor time in /proc/stat
_PAGE = 4096  # bytes: as much as fits the most of these files
_PIECE = 65536  # bytes asked for at once after that; the kernel gives what it likes


class Tree:
    """The files under one folder, wherever the host's is mounted. `setting` is what the user calls it.

    Those of /sys are `short`, a page at most, and given whole at the first read.
    """

    __slots__ = ("_folder", "_short", "found", "path", "setting")

    def __init__(self, path: Path, setting: str, *, short: bool = False) -> None:
        self.path = path
        self.setting = setting
        self._short = short
        self._folder = str(path).rstrip("/") + "/"
        self.found = False
        """Whether anything asked for was there."""

    def text(self, name: str) -> str:
        """What is written in a file; empty when it is not there or may not be read."""
        try:
            text = read(self._folder + name, short=self._short)
        except OSError:
            return ""
        self.found = True
        return text

    def line(self, name: str) -> str:
        """The same, without the blanks around it: most files of /sys hold one word."""
        return self.text(name).strip()

    def lines(self, folder: str, names: Iterable[str]) -> dict[str, str]:
        """The same of several files of one folder, by name, as far as there are any: the way there is walked once."""
        try:
            place = os.open(self._folder + folder, os.O_PATH)
        except OSError:
            return {}
        lines = {}
        try:
            for name in names:
                with contextlib.suppress(OSError):
                    lines[name] = read(name, short=self._short, place=place).strip()
        finally:
            os.close(place)
        self.found = True
        return lines

    def parsed(self, name: str, parse: Callable[[str], T]) -> T:
        """What `parse` makes of a file, be it empty. Raises `Malformed` when it can make nothing of it."""
        text = self.text(name)
        try:
            return parse(text)
        except (ValueError, IndexError) as error:
            raise Malformed(
                f"{self._folder}{name} is not written as the kernel's documents say ({error}); "
                f"is the setting {self.setting} the host's own folder?"
            ) from error

    def number(self, name: str) -> float | None:
        """The number that a file holds; None when there is no such file, or nothing in it. Raises `Malformed`."""
        return self.parsed(name, _number)

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """What is in a folder, in order; nothing when that is not there or may not be read."""
        try:
            names = os.listdir(self._folder + folder)  # noqa: PTH208 - of names, not paths: this runs at every scrape
        except OSError:
            return []
        self.found = True
        return sorted(name for name in names if name.startswith(prefix))


def read(path: str, *, short: bool = False, place: int | None = None) -> str:
    """The text of a file, seen from an open folder where one is given. Raises `OSError`."""
    file = os.open(path, os.O_RDONLY, dir_fd=place)
    try:
        content = os.read(file, _PAGE)
        if not (short and len(content) < _PAGE):
            pieces = [content]
            while pieces[-1]:
                pieces.append(os.read(file, _PIECE))
            content = b"".join(pieces)
    finally:
        os.close(file)
    return os.fsdecode(content)


def _number(text: str) -> float | None:
    return float(text) if text and not text.isspace() else None


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


class Disk(NamedTuple):
    """A line of /proc/diskstats."""

    major: str
    minor: str
    name: str
    figures: list[float]
    """11 of them, 15 from Linux 4.18, 17 from 5.5. Sectors of 512 bytes, milliseconds."""


def diskstats(text: str) -> list[Disk]:
    """The block devices and their figures."""
    rows = [line.split() for line in text.splitlines()]
    return [Disk(row[0], row[1], row[2], [float(value) for value in row[3:]]) for row in rows]


def net_dev(text: str) -> list[tuple[str, list[float]]]:
    """Each network interface and its 16 figures: 8 received, 8 transmitted."""
    rows = [line.rpartition(":") for line in text.splitlines()[2:]]
    return [(device.strip(), [float(value) for value in values.split()]) for device, _, values in rows]


def counters(text: str) -> dict[str, dict[str, str]]:
    """Pairs of lines, names above values, by the word before the colon: /proc/net/snmp and /proc/net/netstat."""
    lines = iter(text.splitlines())
    groups = {}
    for names, values in zip(lines, lines, strict=True):
        protocol, _, rest = names.partition(":")
        of, _, numbers = values.partition(":")
        if of != protocol:
            raise ValueError(f"expected the values of {protocol}, got those of {of}")
        groups[protocol] = dict(zip(rest.split(), numbers.split(), strict=True))
    return groups


def sockstat(text: str) -> dict[str, dict[str, str]]:
    """Names and values that follow each other, by the word before the colon: /proc/net/sockstat."""
    groups = {}
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        groups[protocol] = dict(zip(words[::2], words[1::2], strict=True))
    return groups


def pressure(text: str) -> dict[str, float]:
    """Seconds lost in all, by `some` (some tasks waited) and `full` (all of them did)."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: float(row[-1].removeprefix("total=")) / 1_000_000 for row in rows}


def three_numbers(text: str) -> list[float]:
    """The first three numbers of a file: the loads of /proc/loadavg, the counts of /proc/sys/fs/file-nr."""
    return [float(word) for word in text.split()[:3]]


def table(text: str) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in text.splitlines()]


def number_list(text: str) -> list[int]:
    """The numbers of a list such as `0-3,8`, the way /sys writes which processors it means."""
    numbers: list[int] = []
    for part in text.strip().split(",") if text.strip() else []:
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def assignments(lines: Iterable[str], separator: str = "=") -> dict[str, str]:
    """Lines of a name, a separator and a value, without the blanks around them; other lines are left out."""
    split = (line.partition(separator) for line in lines)
    return {name.strip(): value.strip() for name, found, value in split if found}
