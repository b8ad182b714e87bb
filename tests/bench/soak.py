"""Everything at once for a long time, and what the process holds meanwhile.

Scrapes of both encodings one after the other, scrapes that are aborted midway, series that change ten times a second, reloads
that replace a collector. Whoever holds on to one object a scrape is found out in a minute.
"""

import contextlib
import re
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from tests.bench.compare import progress
from tests.bench.process import Process, python
from tests.bench.report import Cell, Section

_RELOAD_EVERY = 2.0  # seconds
_ABORT_EVERY = 0.02
_LOOKS = 120  # at most, in the whole time


@dataclass(frozen=True, slots=True)
class Look:
    """What the process held at one time."""

    second: float
    scrapes: int
    aborted: int
    reloads: int
    megabytes: float
    objects: int
    descriptors: int


class Soak:
    """A server under load. `looks` tells what it held, in thirds: while it warmed up, then, and at the end."""

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.failures: list[str] = []
        self._done = {"scrapes": 0, "aborted": 0, "reloads": 0}
        self._over = threading.Event()

    def run(self, seconds: float) -> None:
        """Load the server for so long."""
        command = python("tests.bench.serve", "soak", "{port}")
        with contextlib.ExitStack() as started, Process("Bellwether", command, ready="/-/ready") as server:
            clients = [server.client(path, gzip=gzip) for path in ("/metrics", "/metrics/fresh") for gzip in (False, True)]
            for client in clients:
                started.callback(client.close)
            loads = (
                self._load("scrapes", lambda: [client.scrape() for client in clients]),
                self._load("aborted", lambda: _abort(server.port), _ABORT_EVERY),
                self._load("reloads", lambda: server.signal(signal.SIGHUP), _RELOAD_EVERY),
            )
            began = time.monotonic()
            try:
                while (now := time.monotonic() - began) < seconds:
                    self._over.wait(seconds / _LOOKS if seconds > _LOOKS else 1)
                    self._look(server, now)
                    progress(f"soak: {now:.0f} of {seconds:.0f} s, {self.looks[-1]}")
            finally:
                self._over.set()
                for load in loads:
                    load.join()

    def growth(self, what: str) -> float:
        """By how much the last third's median is above that of the middle one."""
        third = len(self.looks) // 3
        held = [float(getattr(look, what)) for look in self.looks]
        return statistics.median(held[2 * third :]) - statistics.median(held[third : 2 * third])

    def _look(self, server: Process, now: float) -> None:
        with contextlib.closing(server.client("/metrics/objects")) as client:
            page = client.scrape().decode()
        found = re.search(r"^soak_objects (\S+)", page, re.MULTILINE)
        process = psutil.Process(server.pid)
        objects = int(float(found[1])) if found else 0
        self.looks.append(Look(now, **self._done, megabytes=server.memory, objects=objects, descriptors=process.num_fds()))

    def _load(self, name: str, act: Callable[[], object], pause: float = 0) -> threading.Thread:
        def work() -> None:
            while not self._over.wait(pause):
                try:
                    act()
                except (OSError, RuntimeError) as error:
                    self.failures.append(f"{name}: {error!r}")
                    return
                self._done[name] += 1

        thread = threading.Thread(target=work, name=name)
        thread.start()
        return thread


def _abort(port: int) -> None:
    """Ask for the page, and leave when it begins to come."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(100)


def measure(seconds: float) -> Section:
    soak = Soak()
    soak.run(seconds)
    columns = ("second", "pages", "aborted scrapes", "reloads", "MB resident", "objects", "descriptors")
    rows: list[Sequence[Cell]] = [
        (look.second, 4 * look.scrapes, look.aborted, look.reloads, look.megabytes, look.objects, look.descriptors)
        for look in soak.looks[:: max(1, len(soak.looks) // 10)]
    ]
    growth = f"{soak.growth('megabytes'):+.2g} MB, {soak.growth('objects'):+.0f} objects"
    remark = f"The last third beside the middle one, by medians: {growth}. Failures: {', '.join(soak.failures) or 'none'}."
    return Section("Soak", columns, rows, remark=remark)
