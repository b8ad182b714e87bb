"""What block devices have read, written and discarded: /proc/diskstats.

Source of the meanings: https://www.kernel.org/doc/html/latest/admin-guide/iostats.html
"""

import re
from collections.abc import Iterator

from exporter.clients import proc
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

_PER_UNIT = {"bytes": 1 / 512, "seconds": 1000.0}  # the file counts in sectors and milliseconds
_DIVISORS = tuple(_PER_UNIT.get(metric.unit, 1.0) for metric in DISK)


def samples(kernel: proc.Kernel, excluded: re.Pattern[str]) -> Iterator[Sample]:
    for device, figures in kernel.proc("diskstats", proc.diskstats):
        if excluded.search(device):
            continue
        for metric, divisor, figure in zip(DISK, _DIVISORS, figures, strict=False):
            yield metric(figure / divisor, device=device)
