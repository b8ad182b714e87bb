"""Neighbours on the network by IPv4: /proc/net/arp."""

from collections import Counter
from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

ENTRIES = Metric("node_arp_entries", "Neighbours known on an interface.", labels=("device",))


def samples(host: Host) -> Iterator[Sample]:
    rows = host.net.parsed("arp", proc.table)[1:]  # the first has the titles
    for device, count in Counter(row[-1] for row in rows).items():
        yield ENTRIES(float(count), device=device)
