"""How full the mounted file systems are, and which of them do not answer."""

import os
from collections.abc import Iterable, Iterator

from exporter.clients.mounts import Mount
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


def samples(mounts: Iterable[tuple[Mount, os.statvfs_result | str]]) -> Iterator[Sample]:
    """Samples of each mount with its capacity, or with the reason why it told none. A mount told twice counts once."""
    seen: set[tuple[str, str, str]] = set()
    for mount, capacity in mounts:
        key = (mount.device, mount.path, mount.fstype)
        if key not in seen:
            seen.add(key)
            yield from _of_mount(mount, capacity)


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
