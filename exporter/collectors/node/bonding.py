"""Bonds of network interfaces, and how many of theirs work: /sys/class/net/bonding_masters.

Source: https://docs.kernel.org/networking/bonding.html
"""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

SLAVES = Metric("node_bonding_slaves", "Interfaces that a bond is made of.", labels=("master",))
ACTIVE = Metric("node_bonding_active", "Interfaces of a bond that have a line.", labels=("master",))


def samples(host: Host) -> Iterator[Sample]:
    for bond in host.sys.text("class/net/bonding_masters").split():
        folder = f"class/net/{bond}"
        slaves = host.sys.text(f"{folder}/bonding/slaves").split()
        states = [
            host.sys.line(f"{folder}/lower_{slave}/bonding_slave/mii_status")
            or host.sys.line(f"{folder}/slave_{slave}/bonding_slave/mii_status")  # before Linux 3.13
            for slave in slaves
        ]
        yield SLAVES(float(len(slaves)), master=bond)
        yield ACTIVE(float(states.count("up")), master=bond)
