"""Sockets in use: /proc/net/sockstat and /proc/net/sockstat6."""

import os
from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_HELP = {
    "sockets": {"used": "Sockets in use, of every kind."},
    "TCP": {
        "alloc": "TCP sockets that take memory, in whatever state.",
        "inuse": "TCP sockets in use, without those that wait for their end.",
        "mem": "Memory of TCP sockets, in pages.",
        "mem_bytes": "Memory of TCP sockets.",
        "orphan": "TCP sockets that no process has open any more.",
        "tw": "TCP connections that are over and wait for late segments (TIME_WAIT).",
    },
    "UDP": {
        "inuse": "UDP sockets in use.",
        "mem": "Memory of UDP sockets, in pages.",
        "mem_bytes": "Memory of UDP sockets.",
    },
    "UDPLITE": {"inuse": "UDP-Lite sockets in use."},
    "RAW": {"inuse": "Raw sockets in use."},
    "FRAG": {"inuse": "Packets of which fragments are missing.", "memory": "Bytes of fragments that wait for others."},
    "TCP6": {"inuse": "TCP sockets over IPv6 in use."},
    "UDP6": {"inuse": "UDP sockets over IPv6 in use."},
    "UDPLITE6": {"inuse": "UDP-Lite sockets over IPv6 in use."},
    "RAW6": {"inuse": "Raw sockets over IPv6 in use."},
    "FRAG6": {
        "inuse": "Packets over IPv6 of which fragments are missing.",
        "memory": "Bytes of fragments over IPv6 that wait for others.",
    },
}
SOCKSTAT = {
    (protocol, name): Metric(f"node_sockstat_{protocol}_{name}", help_)
    for protocol, helps in _HELP.items()
    for name, help_ in helps.items()
}

_PAGE = os.sysconf("SC_PAGE_SIZE")


def samples(host: Host) -> Iterator[Sample]:
    for file in ("sockstat", "sockstat6"):
        for protocol, values in host.net.parsed(file, proc.sockstat).items():
            for name, value in values.items():
                if (protocol, name) in SOCKSTAT:
                    yield SOCKSTAT[protocol, name](float(value))
                if name == "mem" and (protocol, "mem_bytes") in SOCKSTAT:
                    yield SOCKSTAT[protocol, "mem_bytes"](float(value) * _PAGE)
