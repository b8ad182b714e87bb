"""Host figures under the names, types, labels and units of node_exporter 1.12, so that its dashboards and alerts work.

One file of this package per subject: the metrics it declares, and a function that makes their samples.
Source: https://www.kernel.org/doc/html/latest/filesystems/proc.html,
https://github.com/prometheus/node_exporter/tree/v1.12.0/collector
"""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import PrivateAttr

from exporter.clients import mounts, proc
from exporter.collector import Collector, Duration, Every, Sample, Samples, declared_in
from exporter.collectors.node import cpu, disks, filesystems, memory, network, system
from exporter.errors import Unreachable
from exporter.metric import Metric

_SUBJECTS = (cpu, memory, filesystems, disks, network, system)

_MOUNT_POINTS = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
_FSTYPES = (
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|"
    r"procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$"
)
_DISKS = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"


class Node(Collector, kind="node"):
    """Processors, memory, file systems, disks, network and kernel of the host that the exporter runs on."""

    every: Every = "scrape"
    """How often it runs: a duration, or `scrape` for at each scrape."""
    procfs: Path = Path("/proc")
    """Where the host's /proc is; in a container, wherever it is mounted there."""
    sysfs: Path = Path("/sys")
    """Where the host's /sys is."""
    rootfs: Path = Path("/")
    """Where the host's / is: file systems are asked under this path, and shown without it."""
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

    _processors: cpu.Processors = PrivateAttr(default_factory=cpu.Processors)
    _capacity: mounts.Capacity = PrivateAttr(default_factory=mounts.Capacity)

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of every subject."""
        for subject in _SUBJECTS:
            yield from declared_in(subject)

    async def collect(self) -> Samples:
        for sample in await asyncio.to_thread(self._read):
            yield sample

    def _read(self) -> list[Sample]:
        kernel = proc.Kernel(self.procfs, self.sysfs)
        stat = kernel.proc("stat", proc.stat)
        if not stat.totals:
            raise Unreachable(f"{self.procfs / 'stat'} cannot be read; the setting procfs must be where the host's /proc is")
        mounted = self._mounts(kernel)
        capacities = self._capacity.ask([self._asked_at(mount) for mount in mounted], self.mount_timeout)
        return [
            *cpu.samples(stat, self._processors),
            *memory.samples(kernel),
            *filesystems.samples((mount, capacities[self._asked_at(mount)]) for mount in mounted),
            *disks.samples(kernel, self.disks_excluded),
            *network.samples(kernel, self.networks_excluded),
            *system.samples(kernel),
        ]

    def _mounts(self, kernel: proc.Kernel) -> list[mounts.Mount]:
        """What is mounted on the host, as process 1 sees it, or as the exporter itself does where that is hidden."""
        found = kernel.proc("1/mountinfo", mounts.mountinfo) or kernel.proc("self/mountinfo", mounts.mountinfo)
        shown = [mount._replace(path=self._without_rootfs(mount.path)) for mount in found]
        return [
            mount
            for mount in shown
            if not self.mount_points_excluded.search(mount.path) and not self.fstypes_excluded.search(mount.fstype)
        ]

    def _without_rootfs(self, path: str) -> str:
        return path.removeprefix(str(self.rootfs)) or "/" if self.rootfs != Path("/") else path

    def _asked_at(self, mount: mounts.Mount) -> str:
        return str(self.rootfs / mount.path.lstrip("/"))
