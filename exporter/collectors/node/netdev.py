"""What network interfaces have received and transmitted: /proc/net/dev, and /sys for the one count that lacks there."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
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
NO_HANDLER = _traffic("receive_nohandler", "Packets received on an interface that takes none, as the idle one of a bond.")


def samples(host: Host) -> Iterator[Sample]:
    for device, figures in host.net.parsed("dev", proc.net_dev):
        if host.settings.networks_excluded.search(device):
            continue
        for metric, figure in zip(TRAFFIC, figures, strict=False):
            yield metric(figure, device=device)
        unhandled = host.sys.number(f"class/net/{device}/statistics/rx_nohandler")
        if unhandled is not None:
            yield NO_HANDLER(unhandled, device=device)
