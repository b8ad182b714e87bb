"""How full the mounted file systems are, and which of them do not answer: /proc/1/mountinfo and statvfs(3)."""

import os
from collections.abc import Iterator
from pathlib import Path

from exporter.clients.mounts import Capacity, Mount, mountinfo
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_LABELS = ("device", "mountpoint", "fstype", "device_error")

DEVICE_ERROR = Metric(
    "node_filesystem_device_error", "1 when the file system did not say how full it is; the label says why.", labels=_LABELS
)
READONLY = Metric("node_filesystem_readonly", "1 when the file system is mounted read-only.", labels=_LABELS)
SIZE = Metric("node_filesystem_size_bytes", "Size of the file system.", labels=_LABELS)
FREE = Metric("node_filesystem_free_bytes", "Free space, with what is reserved for root.", labels=_LABELS)
AVAIL = Metric("node_filesystem_avail_bytes", "Free space, without what is reserved for root.", labels=_LABELS)
FILES = Metric("node_filesystem_files", "Inodes, used and free.", labels=_LABELS)
FILES_FREE = Metric("node_filesystem_files_free", "Free inodes.", labels=_LABELS)
MOUNT_INFO = Metric(
    "node_filesystem_mount_info",
    "Always 1: which block device a file system is on, by its numbers.",
    labels=("device", "major", "minor", "mountpoint"),
)


def samples(host: Host) -> Iterator[Sample]:
    """Samples of each mount with its capacity, or with the reason why it told none. A mount told twice counts once."""
    mounts: dict[tuple[str, str, str], Mount] = {}
    for mount in _mounts(host):
        mounts.setdefault((mount.device, mount.path, mount.fstype), mount)
    asked_at = [str(host.settings.rootfs / mount.path.lstrip("/")) for mount in mounts.values()]
    capacities = host.keep(Capacity).ask(asked_at, host.settings.mount_timeout)
    for mount, path in zip(mounts.values(), asked_at, strict=True):
        yield from _of_mount(mount, capacities[path])


def _mounts(host: Host) -> list[Mount]:
    """What is mounted on the host, as process 1 sees it, or as the exporter itself does where that is hidden."""
    found = host.proc.parsed("1/mountinfo", mountinfo) or host.proc.parsed("self/mountinfo", mountinfo)
    settings = host.settings
    return [
        mount
        for mount in (mount._replace(path=_without(settings.rootfs, mount.path)) for mount in found)
        if not settings.mount_points_excluded.search(mount.path) and not settings.fstypes_excluded.search(mount.fstype)
    ]


def _without(rootfs: Path, path: str) -> str:
    folder = str(rootfs).rstrip("/") + "/"
    return "/" + (path + "/").removeprefix(folder).rstrip("/") if (path + "/").startswith(folder) else path


def _of_mount(mount: Mount, capacity: os.statvfs_result | str) -> Iterator[Sample]:
    device, path = _text(mount.device), _text(mount.path)
    error = capacity if isinstance(capacity, str) else ""
    labels = {"device": device, "mountpoint": path, "fstype": mount.fstype, "device_error": error}
    yield DEVICE_ERROR(float(bool(error)), **labels)
    yield READONLY(float(mount.read_only), **labels)
    if isinstance(capacity, str):
        return
    block = float(capacity.f_frsize)
    yield SIZE(capacity.f_blocks * block, **labels)
    yield FREE(capacity.f_bfree * block, **labels)
    yield AVAIL(capacity.f_bavail * block, **labels)
    yield FILES(float(capacity.f_files), **labels)
    yield FILES_FREE(float(capacity.f_ffree), **labels)
    yield MOUNT_INFO(1.0, device=device, major=mount.major, minor=mount.minor, mountpoint=path)


def _text(name: str) -> str:
    """A file name as text: bytes in it that are no UTF-8 could not be served."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
