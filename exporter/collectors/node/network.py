"""What network interfaces have received and transmitted, and which are up: /proc/net/dev and /sys/class/net."""

import re
from collections.abc import Iterator

from exporter.clients import proc
from exporter.metric import Metric, Sample


def _traffic(name: str, help: str) -> Metric:  # noqa: A002  # Metric's own name
    return Metric(f"node_network_{name}_total", help, "counter", ("device",))


# In the order of the file's columns.
TRAFFIC = (
    _traffic("receive_bytes", "Bytes received."),
    _traffic("receive_packets", "Packets received."),
    _traffic("receive_errs", "Packets received broken."),
    _traffic("receive_drop", "Packets received and thrown away, as for want of room or of a reader."),
    _traffic("receive_fifo", "Packets lost because the interface's buffer was full."),
    _traffic("receive_frame", "Packets received with a wrong length, checksum or frame."),
    _traffic("receive_compressed", "Compressed packets received."),
    _traffic("receive_multicast", "Multicast packets received."),
    _traffic("transmit_bytes", "Bytes transmitted."),
    _traffic("transmit_packets", "Packets transmitted."),
    _traffic("transmit_errs", "Packets that could not be transmitted."),
    _traffic("transmit_drop", "Packets thrown away instead of transmitted."),
    _traffic("transmit_fifo", "Packets not transmitted because of the interface's buffer."),
    _traffic("transmit_colls", "Collisions while transmitting."),
    _traffic("transmit_carrier", "Packets not transmitted because the line was lost or the attempt was given up."),
    _traffic("transmit_compressed", "Compressed packets transmitted."),
)
UP = Metric(
    "node_network_up", "1 when the interface's operational state is up; loopback has none, and tells 0.", labels=("device",)
)


def samples(kernel: proc.Kernel, excluded: re.Pattern[str]) -> Iterator[Sample]:
    for device, figures in kernel.proc("net/dev", proc.net_dev):
        if excluded.search(device):
            continue
        for metric, figure in zip(TRAFFIC, figures, strict=False):
            yield metric(figure, device=device)
    for device, state in kernel.interfaces():
        if not excluded.search(device):
            yield UP(float(state == "up"), device=device)
