"""Control groups, version 2: the kernel's own accounts of containers, read from its files.

A file that this kernel does not have, or keeps from us, is absent from what is read.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import contextlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from exporter.errors import Malformed

T = TypeVar("T")

_CONTAINER = re.compile(r"(?:^|[-/])([0-9a-f]{64})(?:\.scope)?$")
"""What engines call a container's group: `docker-ID.scope`, `docker/ID`, `libpod-ID`, `cri-containerd-ID.scope`, ..."""
_MONITOR = "conmon"  # Podman's watcher of a container, in a group that has the container's id in its name as well


class Cgroups:
    """The groups of one machine, wherever their file system, /sys and /proc are mounted."""

    def __init__(self, root: Path, procfs: Path, sysfs: Path) -> None:
        hybrid = root / "unified"  # beside version 1: accounts of processor time and pressure, no more
        self.root = hybrid if not (root / "cgroup.controllers").exists() and hybrid.is_dir() else root
        self._procfs, self._sysfs = procfs, sysfs
        self._devices: dict[str, str] = {}

    @property
    def usable(self) -> bool:
        """Whether groups of version 2 can be seen at all."""
        return (self.root / "cgroup.controllers").exists()

    def has(self, path: str | None) -> bool:
        """Whether there is a group of that path."""
        return path is not None and (self.root / path.lstrip("/")).is_dir()

    def containers(self) -> dict[str, str]:
        """The paths, as the kernel shows them, of all groups that hold a living container, by the container's id."""
        found = {}
        for folder, below, _ in os.walk(self.root):
            path = folder.removeprefix(str(self.root)) or "/"
            if (match := _CONTAINER.search(path)) and _MONITOR not in path.rpartition("/")[2]:
                below.clear()  # what is inside is the container's own
                if self.read(path, "cgroup.events", numbers).get("populated"):
                    found[match[1]] = path
        return found

    def read(self, path: str, name: str, parse: Callable[[str], T]) -> T:
        """What `parse` makes of one file of a group. Raises `Malformed` when it can make nothing of it."""
        file = self.root / path.lstrip("/") / name
        try:
            return parse(_text(file))
        except (ValueError, IndexError) as error:
            raise Malformed(
                f"{file} is not written as the kernel does ({error}); is cgroupfs a file system of cgroups?"
            ) from None

    def process(self, path: str) -> int:
        """Any process of a group; 0 when none can be seen. Podman keeps them one group further down."""
        for name in ("cgroup.procs", "container/cgroup.procs"):
            if processes := self.read(path, name, str.split):
                return int(processes[0])
        return 0

    def device(self, number: str) -> str:
        """The path of a block device, by `major:minor`; that number where /sys does not know it."""
        if number not in self._devices:
            name = ""
            with contextlib.suppress(OSError):
                name = (self._sysfs / "dev/block" / number).readlink().name
            self._devices[number] = f"/dev/{name}" if name else number
        return self._devices[number]

    def interfaces(self, process: int, container: str) -> Mapping[str, list[float]]:
        """The network interfaces that a container's process sees, without `lo`, and the 16 figures of each.

        Nothing when it cannot be told that the process of that number is the container's: numbers differ from namespace
        to namespace, and are used again.
        """
        folder = self._procfs / str(process)
        if process <= 0 or container not in _text(folder / "cgroup"):
            return {}
        rows = [line.rpartition(":") for line in _text(folder / "net/dev").splitlines()[2:]]
        figures = {device.strip(): [float(value) for value in values.split()] for device, _, values in rows}
        return {device: values for device, values in figures.items() if device != "lo" and len(values) == 16}

    def own_network(self, process: int) -> bool:
        """Whether a process has another network than the machine's first process; False where that cannot be told."""
        try:
            return (self._procfs / str(process) / "ns/net").readlink() != (self._procfs / "1/ns/net").readlink()
        except OSError:
            return False


def _text(path: Path) -> str:
    try:
        with path.open("rb", buffering=0) as file:
            return os.fsdecode(file.read())
    except OSError:
        return ""


def number(text: str) -> float | None:
    """A file of one number, where `max` stands for no limit: 0. None for an empty file."""
    word = text.strip()
    return None if not word else 0.0 if word == "max" else float(word)


def numbers(text: str) -> dict[str, float]:
    """Lines of a key and a number: cpu.stat, memory.stat, memory.events."""
    return {key: float(value) for key, _, value in (line.partition(" ") for line in text.splitlines())}


def devices(text: str) -> dict[str, dict[str, float]]:
    """io.stat: for each `major:minor`, its pairs: rbytes, wbytes, rios, wios, dbytes, dios."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: {key: float(value) for key, _, value in (pair.partition("=") for pair in row[1:])} for row in rows if row}


def quota(text: str) -> tuple[float | None, float] | None:
    """cpu.max: microseconds of processor time, None for no limit, in each period of so many. None for an empty file."""
    words = text.split()
    return (None if words[0] == "max" else float(words[0]), float(words[1])) if words else None
