"""The host's mounted file systems, and how full they are, without ever being held up by one that does not answer.

Source of the format: proc_pid_mountinfo(5)
"""

import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

_ESCAPE = re.compile(r"\\([0-7]{3})")  # the kernel writes blanks and backslashes so


class Mount(NamedTuple):
    """One mount of a host, with names as the file system has them: they may hold bytes that are no text."""

    device: str
    path: str
    fstype: str
    read_only: bool
    major: str
    minor: str


def mountinfo(text: str) -> list[Mount]:
    """The mounts of /proc/PID/mountinfo, in its order. Raises `ValueError` or `IndexError` for anything else."""
    return [_mount(line.split(" ")) for line in text.splitlines()]


def _mount(fields: list[str]) -> Mount:
    optional_end = fields.index("-", 6)  # optional fields, such as shared:1, end with a dash
    fstype, device, super_options = fields[optional_end + 1 : optional_end + 4]
    major, _, minor = fields[2].partition(":")
    read_only = "ro" in fields[5].split(",") or "ro" in super_options.split(",")
    return Mount(_unescaped(device), _unescaped(fields[4]), fstype, read_only, major, minor)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text) if "\\" in text else text


class Capacity:
    """Asks file systems how full they are.

    One whose server is gone may hold the call for days, so each call is made in a thread that nobody has to wait for.
    Whoever does not answer in time is not asked again until that call has come back: one thread at most hangs on a path.
    """

    def __init__(self, statvfs: Callable[[str], os.statvfs_result] = os.statvfs) -> None:
        self._statvfs = statvfs
        self._turn = threading.Lock()
        self._asked: set[str] = set()

    def ask(self, paths: Iterable[str], patience: float) -> dict[str, os.statvfs_result | str]:
        """The answer of the file system at each path, or in a few words why there is none. Takes twice `patience` at most."""
        with self._turn:
            paths = list(dict.fromkeys(paths))
            answers: dict[str, os.statvfs_result | str] = {}
            queue = deque(path for path in paths if path not in self._asked)
            # As a rule one thread is done with all in no time. If it is not, each path left gets a thread of its own.
            threads = [self._thread(queue, answers)]
            threads[0].join(patience)
            threads += [self._thread(queue, answers) for _ in range(len(queue))]
            deadline = time.monotonic() + patience
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            return {path: answers.get(path, "mountpoint timeout") for path in paths}

    def _thread(self, queue: deque[str], answers: dict[str, os.statvfs_result | str]) -> threading.Thread:
        thread = threading.Thread(target=self._work, args=(queue, answers), name="bellwether-statvfs", daemon=True)
        thread.start()
        return thread

    def _work(self, queue: deque[str], answers: dict[str, os.statvfs_result | str]) -> None:
        while True:
            try:
                path = queue.popleft()
            except IndexError:  # all are taken, perhaps by another thread
                return
            self._asked.add(path)
            try:
                answers[path] = self._statvfs(path)
            except OSError as error:
                answers[path] = (error.strerror or type(error).__name__).lower()
            finally:
                self._asked.discard(path)
