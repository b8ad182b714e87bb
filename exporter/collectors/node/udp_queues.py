"""What waits in the queues of UDP sockets: /proc/net/udp and /proc/net/udp6."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

QUEUES = Metric("node_udp_queues", "Bytes that wait in the queues of all UDP sockets.", labels=("queue", "ip"))

_FILES = {"v4": "udp", "v6": "udp6"}
_COLUMN = 4  # tx_queue:rx_queue


def samples(host: Host) -> Iterator[Sample]:
    for version, file in _FILES.items():
        sockets = host.net.parsed(file, proc.table)
        if not sockets:  # not even the titles: the kernel does without IPv6
            continue
        queues = [row[_COLUMN].partition(":") for row in sockets[1:]]
        yield QUEUES(float(sum(int(transmit, 16) for transmit, _, _ in queues)), queue="tx", ip=version)
        yield QUEUES(float(sum(int(receive, 16) for _, _, receive in queues)), queue="rx", ip=version)
