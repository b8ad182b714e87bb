"""Host figures under the names, types, labels and units of node_exporter 1.12, so that its dashboards and alerts work.

One file of this package per subject, named as node_exporter names its collector: the metrics it declares, and a function
`samples` that makes their samples. Whatever file has that function is a subject. `ON = False` in it leaves it to the user; with
`OPTIONAL = True` a host that has no such thing is a success, where node_exporter sees it so.
Source: https://www.kernel.org/doc/html/latest/filesystems/proc.html,
https://github.com/prometheus/node_exporter/tree/v1.12.0/collector
"""

import asyncio
import difflib
import importlib
import logging
import pkgutil
import platform
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter  # not the module: the subject of that name takes its place here
from typing import Any, Protocol

from pydantic import Field, PrivateAttr, field_validator

from exporter import __version__
from exporter.collector import Collector, Duration, Every, Sample, Samples, declared_in
from exporter.collectors.node.host import Host
from exporter.errors import PollError, TimedOut, Unreachable
from exporter.metric import Metric

log = logging.getLogger(__name__)

SUCCESS = Metric(
    "node_scrape_collector_success",
    "1 when a subject could be read in this run; 0 when it failed, or the host has no such thing.",
    labels=("collector",),
)
DURATION = Metric(
    "node_scrape_collector_duration_seconds", "How long reading a subject took in this run.", labels=("collector",)
)
BUILD_INFO = Metric(
    "node_exporter_build_info",
    "Always 1: which program serves the node metrics of this host. The version is Bellwether's.",
    labels=("version", "revision", "branch", "goversion", "goos", "goarch", "tags"),
)

_MOUNT_POINTS = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
_FSTYPES = (
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|"
    r"procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$"
)
_DISKS = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
_GO_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class _Subject(Protocol):
    def samples(self, host: Host) -> Iterable[Sample]: ...


def _subjects() -> Iterator[tuple[str, Any]]:
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        if hasattr(module, "samples"):
            yield file.name, module


class Node(Collector, kind="node"):
    """Processors, memory, file systems, disks, network, sensors and kernel of the host that the exporter runs on."""

    every: Every = "scrape"
    """How often it runs: a duration, or `scrape` for at each scrape."""
    subjects: dict[str, bool] = Field(default_factory=dict)
    """Subjects to read (`true`) or not (`false`), by node_exporter's name of its collector, such as `processes: true`."""
    procfs: Path = Path("/proc")
    """Where the host's /proc is; in a container, wherever it is mounted there."""
    sysfs: Path = Path("/sys")
    """Where the host's /sys is."""
    rootfs: Path = Path("/")
    """Where the host's / is: file systems are asked under this path, and shown without it."""
    udev: Path = Path("/run/udev/data")
    """Where the host's /run/udev/data is: models, serial numbers and file systems of disks."""
    textfile_directories: tuple[Path, ...] = ()
    """Folders with files `*.prom` to serve as they are, for what other programs measure."""
    cpu_info: bool = False
    """Whether to show `node_cpu_info`: model and revision of each processor."""
    mount_points_excluded: re.Pattern[str] = re.compile(_MOUNT_POINTS)
    """File systems mounted at a path that this expression matches are left out."""
    fstypes_excluded: re.Pattern[str] = re.compile(_FSTYPES)
    """File systems of a type that this expression matches are left out."""
    disks_excluded: re.Pattern[str] = re.compile(_DISKS)
    """Disks with a name that this expression matches are left out: as a rule, partitions and memory disks."""
    networks_excluded: re.Pattern[str] = re.compile(r"^$")
    """Network interfaces with a name that this expression matches are left out."""
    mount_timeout: Duration = 1.0
    """How long a file system may take to say how full it is, before it is shown with `node_filesystem_device_error` 1."""

    _memory: dict[Any, Any] = PrivateAttr(default_factory=dict)
    _failing: dict[str, str] = PrivateAttr(default_factory=dict)
    """What was logged, by subject."""
    _turn: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @field_validator("subjects")
    @classmethod
    def _exist(cls, subjects: dict[str, bool]) -> dict[str, bool]:
        for name in subjects:
            if name not in _SUBJECTS:
                near = difflib.get_close_matches(name, _SUBJECTS, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"no subject is called {name}{hint}; there are {', '.join(_SUBJECTS)}")
        return subjects

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of every subject, also of those that are not read unless asked for."""
        yield from (SUCCESS, DURATION, BUILD_INFO)
        for subject in _SUBJECTS.values():
            yield from declared_in(subject)

    async def collect(self) -> Samples:
        for sample in await asyncio.to_thread(self._read):
            yield sample

    def _read(self) -> list[Sample]:
        if not self._turn.acquire(blocking=False):  # a thread that the kernel holds cannot be ended: one is enough
            raise TimedOut("the run before has not come back: some file of the host does not answer")
        try:
            host = Host(self, self._memory)
            if not host.stat.totals:
                raise Unreachable(
                    f"{self.procfs / 'stat'} cannot be read; the setting procfs must be where the host's /proc is"
                )
            samples = [_build_info()]
            for name, subject in _SUBJECTS.items():
                if self.subjects.get(name, getattr(subject, "ON", True)):
                    samples += self._of_subject(name, subject, host)
            return samples
        finally:
            self._turn.release()

    def _of_subject(self, name: str, subject: _Subject, host: Host) -> list[Sample]:
        """Its samples and how it went: one that fails takes nothing from the others."""
        host.found()
        started, samples, failure = perf_counter(), [], ""
        try:
            samples = list(subject.samples(host))
        except PollError as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001 - a file nobody has seen yet may be parsed wrong, and costs only its subject
            failure = f"{type(error).__name__}: {error}"
        if failure and self._failing.get(name) != failure:  # here and not by the scheduler, for which the run succeeded
            log.warning("%s: the subject %s gives no figures: %s", self.name, name, failure)
        self._failing[name] = failure
        lacking = not samples and not host.found() and not getattr(subject, "OPTIONAL", False)
        success = not failure and not lacking
        samples.append(SUCCESS(float(success), collector=name))
        samples.append(DURATION(perf_counter() - started, collector=name))
        return samples


def _build_info() -> Sample:
    machine = platform.machine()
    return BUILD_INFO(
        1.0,
        version=f"{__version__}+bellwether",
        revision="",
        branch="",
        goversion="",  # there is none, and an empty label is as good as absent
        goos="linux",
        goarch=_GO_MACHINES.get(machine, machine),
        tags="",
    )


_SUBJECTS: dict[str, Any] = dict(_subjects())
