"""What block devices have read, written and discarded, and which they are: /proc/diskstats, /run/udev/data, /sys/block.

Source of the meanings: https://www.kernel.org/doc/html/latest/admin-guide/iostats.html, udevadm(8)
"""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, MetricType, Sample


def _disk(name: str, help: str, type: MetricType = "counter") -> Metric:  # noqa: A002  # Metric's own names
    return Metric(f"node_disk_{name}", help, type, ("device",))


# In the order of the file's columns. The last four came with Linux 4.18, the last two with 5.5.
DISK = (
    _disk("reads_completed_total", "Reads done."),
    _disk("reads_merged_total", "Reads joined with a neighbouring one before they were done."),
    _disk("read_bytes_total", "Bytes read."),
    _disk("read_time_seconds_total", "Time spent on reads, each counted from queue to end."),
    _disk("writes_completed_total", "Writes done."),
    _disk("writes_merged_total", "Writes joined with a neighbouring one before they were done."),
    _disk("written_bytes_total", "Bytes written."),
    _disk("write_time_seconds_total", "Time spent on writes, each counted from queue to end."),
    _disk("io_now", "Requests being served or queued.", "gauge"),
    _disk("io_time_seconds_total", "Time in which at least one request was being served: its rate is how busy the disk is."),
    _disk("io_time_weighted_seconds_total", "Time spent on requests, each counted: its rate is the mean length of the queue."),
    _disk("discards_completed_total", "Discards done."),
    _disk("discards_merged_total", "Discards joined with a neighbouring one before they were done."),
    _disk("discarded_sectors_total", "Sectors of 512 bytes discarded."),
    _disk("discard_time_seconds_total", "Time spent on discards."),
    _disk("flush_requests_total", "Flushes of the disk's own cache done."),
    _disk("flush_requests_time_seconds_total", "Time spent on flushes."),
)

INFO = Metric(
    "node_disk_info",
    "Always 1: which device it is, as udev knows it, and whether it turns.",
    labels=("device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"),
)
FILESYSTEM_INFO = Metric(
    "node_disk_filesystem_info",
    "Always 1: the file system on a device, as udev knows it.",
    labels=("device", "type", "usage", "uuid", "version"),
)
DEVICE_MAPPER_INFO = Metric(
    "node_disk_device_mapper_info",
    "Always 1: the logical volume or the like that a device is.",
    labels=("device", "name", "uuid", "vg_name", "lv_name", "lv_layer"),
)
DEVICE_MAPPER_BACKING = Metric(
    "node_disk_device_mapper_backing_device_info",
    "Always 1: a device that a logical volume or the like lies on.",
    labels=("device", "backing_device"),
)
ATA = {
    "ID_ATA_WRITE_CACHE": Metric("node_disk_ata_write_cache", "1 when the disk has a write cache.", labels=("device",)),
    "ID_ATA_WRITE_CACHE_ENABLED": Metric(
        "node_disk_ata_write_cache_enabled", "1 when the disk's write cache is on.", labels=("device",)
    ),
    "ID_ATA_ROTATION_RATE_RPM": Metric(
        "node_disk_ata_rotation_rate_rpm", "Turns of the disk a minute; 0 when it does not turn.", labels=("device",)
    ),
}

_PER_UNIT = {"bytes": 1 / 512, "seconds": 1000.0}  # the file counts in sectors and milliseconds
_DIVISORS = tuple(_PER_UNIT.get(metric.unit, 1.0) for metric in DISK)


def samples(host: Host) -> Iterator[Sample]:
    for disk in host.proc.parsed("diskstats", proc.diskstats):
        if host.settings.disks_excluded.search(disk.name):
            continue
        for metric, divisor, figure in zip(DISK, _DIVISORS, disk.figures, strict=False):
            yield metric(figure / divisor, device=disk.name)
        yield from _identity(host, disk)


def _identity(host: Host, disk: proc.Disk) -> Iterator[Sample]:
    lines = host.udev.text(f"b{disk.major}:{disk.minor}").splitlines()
    known = proc.assignments(line[2:] for line in lines if line.startswith("E:"))

    def udev(*names: str) -> str:
        return next((known[name] for name in names if known.get(name)), "")

    device = disk.name
    yield INFO(
        1.0,
        device=device,
        major=disk.major,
        minor=disk.minor,
        path=udev("ID_PATH"),
        wwn=udev("ID_WWN"),
        model=udev("ID_MODEL"),
        serial=udev("SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"),
        revision=udev("ID_REVISION"),
        rotational=host.sys.line(f"block/{device}/queue/rotational"),
    )
    if kind := udev("ID_FS_TYPE"):
        yield FILESYSTEM_INFO(
            1.0,
            device=device,
            type=kind,
            usage=udev("ID_FS_USAGE"),
            uuid=udev("ID_FS_UUID"),
            version=udev("ID_FS_VERSION"),
        )
    if name := udev("DM_NAME"):
        yield DEVICE_MAPPER_INFO(
            1.0,
            device=device,
            name=name,
            uuid=udev("DM_UUID"),
            vg_name=udev("DM_VG_NAME"),
            lv_name=udev("DM_LV_NAME"),
            lv_layer=udev("DM_LV_LAYER"),
        )
        for backing in host.sys.names(f"block/{device}/slaves"):
            yield DEVICE_MAPPER_BACKING(1.0, device=device, backing_device=backing)
    if udev("ID_ATA"):
        for field, metric in ATA.items():
            if value := udev(field):
                yield metric(float(value), device=device)
