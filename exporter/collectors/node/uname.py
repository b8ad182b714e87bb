"""The host's kernel and names: uname(2)."""

import os
from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

UNAME = Metric(
    "node_uname_info",
    "Always 1: the host's kernel and names.",
    labels=("sysname", "release", "version", "machine", "nodename", "domainname"),
)


def samples(host: Host) -> Iterator[Sample]:
    uname = os.uname()
    yield UNAME(
        1.0,
        sysname=uname.sysname,
        release=uname.release,
        version=uname.version,
        machine=uname.machine,
        nodename=uname.nodename,
        domainname=host.proc.line("sys/kernel/domainname") or "(none)",
    )
