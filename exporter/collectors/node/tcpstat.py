"""TCP sockets by state: /proc/net/tcp and /proc/net/tcp6. Costs more the more sockets there are."""

from collections import Counter
from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

ON = False

STATES = Metric(
    "node_tcp_connection_states",
    "TCP sockets by state; the states rx_queued_bytes and tx_queued_bytes tell the bytes in their queues.",
    labels=("state",),
)

_NAMES = {  # of include/net/tcp_states.h in the kernel's source
    1: "established",
    2: "syn_sent",
    3: "syn_recv",
    4: "fin_wait1",
    5: "fin_wait2",
    6: "time_wait",
    7: "close",
    8: "close_wait",
    9: "last_ack",
    10: "listen",
    11: "closing",
    12: "syn_recv",  # of a connection that no socket stands behind yet
}


def samples(host: Host) -> Iterator[Sample]:
    counts = Counter({"tx_queued_bytes": 0, "rx_queued_bytes": 0})
    for file in ("tcp", "tcp6"):
        for _, _, _, state, queues, *_ in host.net.parsed(file, proc.table)[1:]:
            transmit, _, receive = queues.partition(":")
            counts["tx_queued_bytes"] += int(transmit, 16)
            counts["rx_queued_bytes"] += int(receive, 16)
            counts[_NAMES.get(int(state, 16), "unknown")] += 1
    if host.net.found:
        for name, count in counts.items():
            yield STATES(float(count), state=name)
