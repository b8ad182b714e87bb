"""Counts of the network protocols: /proc/net/snmp, /proc/net/netstat and /proc/net/snmp6.

Source of the meanings: https://www.kernel.org/doc/html/latest/networking/snmp_counter.html
"""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

# node_exporter leaves their type open, and so their names lack `_total`; all but Forwarding and CurrEstab only ever grow.
_HELP = {
    "Icmp": {
        "InErrors": "ICMP messages received broken.",
        "InMsgs": "ICMP messages received.",
        "OutMsgs": "ICMP messages sent.",
    },
    "Icmp6": {
        "InErrors": "ICMPv6 messages received broken.",
        "InMsgs": "ICMPv6 messages received.",
        "OutMsgs": "ICMPv6 messages sent.",
    },
    "Ip": {"Forwarding": "1 when the host passes packets on as a router does, 2 when not."},
    "IpExt": {"InOctets": "Bytes received over IPv4.", "OutOctets": "Bytes sent over IPv4."},
    "Ip6": {"InOctets": "Bytes received over IPv6.", "OutOctets": "Bytes sent over IPv6."},
    "Tcp": {
        "ActiveOpens": "TCP connections that the host began.",
        "CurrEstab": "TCP connections established now.",
        "InErrs": "TCP segments received broken.",
        "InSegs": "TCP segments received.",
        "OutRsts": "TCP segments sent to break a connection off.",
        "OutSegs": "TCP segments sent, without those sent again.",
        "PassiveOpens": "TCP connections that others began.",
        "RetransSegs": "TCP segments sent again.",
    },
    "TcpExt": {
        "ListenDrops": "TCP connections refused because a listener could not take them.",
        "ListenOverflows": "TCP connections refused because a listener's queue was full.",
        "SyncookiesFailed": "SYN cookies received that were wrong.",
        "SyncookiesRecv": "SYN cookies received.",
        "SyncookiesSent": "SYN cookies sent.",
        "TCPOFOQueue": "TCP segments received out of order and kept.",
        "TCPRcvQDrop": "TCP segments thrown away because the receive queue was full.",
        "TCPSynRetrans": "SYN and SYN/ACK segments sent again.",
        "TCPTimeouts": "Times a TCP timer for sending again ran out.",
    },
    **{
        protocol: {
            "InDatagrams": f"{title} datagrams delivered.",
            "InErrors": f"{title} datagrams that could not be delivered.",
            "NoPorts": f"{title} datagrams for a port where nothing listens.",
            "OutDatagrams": f"{title} datagrams sent.",
            "RcvbufErrors": f"{title} datagrams lost because a socket's receive buffer was full.",
            "SndbufErrors": f"{title} datagrams lost because a socket's send buffer was full.",
        }
        for protocol, title in (("Udp", "UDP"), ("Udp6", "UDP over IPv6"))
    },
    "UdpLite": {"InErrors": "UDP-Lite datagrams that could not be delivered."},
    "UdpLite6": {"InErrors": "UDP-Lite datagrams over IPv6 that could not be delivered."},
}
NETSTAT = {
    (protocol, name): Metric(f"node_netstat_{protocol}_{name}", help_, "unknown")
    for protocol, helps in _HELP.items()
    for name, help_ in helps.items()
}


def samples(host: Host) -> Iterator[Sample]:
    counts = host.net.parsed("snmp", proc.counters) | host.net.parsed("netstat", proc.counters)
    of_version_6 = host.net.parsed("snmp6", proc.table)
    together = {name: value for name, value, *_ in of_version_6}
    for (protocol, name), metric in NETSTAT.items():
        value = together.get(protocol + name) if protocol.endswith("6") else counts.get(protocol, {}).get(name)
        if value is not None:
            yield metric(float(value))
