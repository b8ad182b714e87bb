"""Programs under measurement: started, known by their process id, ended; and what processor time and memory they take."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import psutil

from tests.bench.client import Client
from tests.stack import ROOT, free_port, until

_PATIENCE = 60.0  # seconds until a server answers; registering a million series takes half of it
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A server on a port of its own, as a context manager. `{port}` in its arguments is replaced."""

    def __init__(
        self, name: str, command: Iterable[str | Path], *, ready: str = "/metrics", env: Mapping[str, str] | None = None
    ):
        self.name, self.port, self._ready = name, free_port(), ready
        self._command = [str(word).replace("{port}", str(self.port)) for word in command]
        self._env = {**os.environ, **(env or {})}

    def __enter__(self) -> Self:
        self.started = time.perf_counter()
        # No pipe: a server that says something at each scrape would fill it, and stop.
        self._said = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._command, env=self._env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=self._said)
        try:
            until(self._answers, _PATIENCE, pause=0.005)
        except BaseException:
            self.__exit__()
            raise
        self.seconds_to_start = time.perf_counter() - self.started
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._said.close()

    def client(self, path: str = "/metrics", *, gzip: bool = False) -> Client:
        return Client(self.port, path, gzip=gzip)

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    @property
    def cpu(self) -> float:
        """Processor seconds used so far, user and system, of all threads, those that ended too."""
        return cpu_of(self._process.pid)

    @property
    def memory(self) -> float:
        """Resident memory, in MB."""
        return float(psutil.Process(self._process.pid).memory_info().rss) / 1e6

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            self._said.seek(0)
            raise RuntimeError(f"{self.name} ended: {self._said.read()[-2000:]}")
        with contextlib.closing(self.client(self._ready)) as client, contextlib.suppress(OSError):
            return client.status() == 200
        return False


def cpu_of(pid: int) -> float:
    """Processor seconds of a process, to the nanosecond: /proc counts in hundredths of a second.

    Source of the clock's number: CPUCLOCK_SCHED in the kernel's include/linux/posix-timers_types.h
    """
    return time.clock_gettime((~pid << 3) | 2)


def cpu_of_family(pid: int) -> float:
    """Processor seconds of a process, its children that live, and those that it has seen end."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / _TICKS
    return cpu_of(pid) + ended + sum(cpu_of(child.pid) for child in psutil.Process(pid).children(recursive=True))


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of the benchmark in a process of its own."""
    return [sys.executable, "-m", module, *arguments]


def default_bellwether() -> Process:
    """Bellwether as it is without a settings file: this host alone."""
    command = python("exporter", "run", "--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    return Process("Bellwether", command, ready="/-/ready")
