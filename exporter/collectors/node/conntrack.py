"""Connections that the firewall keeps track of: /proc/sys/net/netfilter and /proc/net/stat/nf_conntrack."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

ENTRIES = Metric("node_nf_conntrack_entries", "Connections that the firewall keeps track of.")
LIMIT = Metric("node_nf_conntrack_entries_limit", "Most connections that it can keep track of; beyond that, packets are lost.")
# They only ever grow; node_exporter declares them as gauges.
STAT = {
    "found": Metric("node_nf_conntrack_stat_found", "Connections looked for and found."),
    "invalid": Metric("node_nf_conntrack_stat_invalid", "Packets that belong to no connection that could be kept track of."),
    "ignore": Metric("node_nf_conntrack_stat_ignore", "Packets of connections that are not to be kept track of."),
    "insert": Metric("node_nf_conntrack_stat_insert", "Connections entered."),
    "insert_failed": Metric("node_nf_conntrack_stat_insert_failed", "Connections that were entered already by another packet."),
    "drop": Metric("node_nf_conntrack_stat_drop", "Packets lost because their connection could not be kept track of."),
    "early_drop": Metric("node_nf_conntrack_stat_early_drop", "Connections forgotten to make room for new ones."),
    "search_restart": Metric(
        "node_nf_conntrack_stat_search_restart", "Times looking for a connection began anew since the table was resized."
    ),
}


def samples(host: Host) -> Iterator[Sample]:
    for file, metric in (("count", ENTRIES), ("max", LIMIT)):
        count = host.proc.number(f"sys/net/netfilter/nf_conntrack_{file}")
        if count is None:  # the kernel has no firewall, or not this part of it
            return
        yield metric(count)
    sums = host.net.parsed("stat/nf_conntrack", _sums)
    for name, metric in STAT.items():
        if name in sums:
            yield metric(sums[name])


def _sums(text: str) -> dict[str, float]:
    """The columns' sums: there is a line per processor, in hexadecimal."""
    names, *rows = proc.table(text) or [[]]
    return {name: float(sum(int(value, 16) for value in column)) for name, *column in zip(names, *rows, strict=True)}
