"""Open files: /proc/sys/fs/file-nr."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

FILES_ALLOCATED = Metric("node_filefd_allocated", "Files open on the whole host.")
FILES_MAXIMUM = Metric("node_filefd_maximum", "Most files that may be open on the whole host.")


def samples(host: Host) -> Iterator[Sample]:
    numbers = host.proc.parsed("sys/fs/file-nr", proc.three_numbers)  # the second has been 0 since Linux 2.6
    for metric, count in zip((FILES_ALLOCATED, FILES_MAXIMUM), numbers[::2], strict=False):
        yield metric(count)
