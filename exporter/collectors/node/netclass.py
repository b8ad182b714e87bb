"""State and properties of network interfaces: /sys/class/net.

Source of the meanings: https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-class-net
"""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

UP = Metric(
    "node_network_up", "1 when the interface's operational state is up; loopback has none, and tells 0.", labels=("device",)
)
INFO = Metric(
    "node_network_info",
    "Always 1: what of an interface is no number. adminstate is what was asked of it, operstate what it is.",
    labels=("device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"),
)


def _property(name: str, help: str) -> Metric:  # noqa: A002 - Metric's own name
    type_ = "counter" if name.endswith("_total") else "gauge"
    return Metric(f"node_network_{name}", help, type_, ("device",))  # type: ignore[arg-type] # one of two literals


PROPERTIES = {
    "addr_assign_type": _property("address_assign_type", "Where the address is from: 0 built in, 1 random, 2 stolen, 3 set."),
    "carrier": _property("carrier", "1 when there is a line."),
    "carrier_changes": _property("carrier_changes_total", "Times the line came or went."),
    "carrier_up_count": _property("carrier_up_changes_total", "Times the line came."),
    "carrier_down_count": _property("carrier_down_changes_total", "Times the line went."),
    "dev_id": _property("device_id", "Tells interfaces that share one address apart."),
    "dormant": _property("dormant", "1 when the interface waits for something, such as 802.1X, before it can be used."),
    "flags": _property("flags", "The interface's flags, as a number: 1 is up, 2 broadcast, 8 loopback, 256 promiscuous."),
    "ifindex": _property("iface_id", "The interface's number."),
    "iflink": _property("iface_link", "The number of the interface that this one lies on; as a rule its own."),
    "link_mode": _property("iface_link_mode", "1 when user space decides when the interface is up."),
    "mtu": _property("mtu_bytes", "Largest packet."),
    "name_assign_type": _property("name_assign_type", "Who named it: 1 the kernel, 2 by its place, 3 and 4 user space."),
    "netdev_group": _property("net_dev_group", "The group of interfaces that it is in."),
    "speed": _property("speed_bytes", "Speed of the line in bytes a second; below 0 when it is not known."),
    "tx_queue_len": _property("transmit_queue_length", "Packets that may wait to be transmitted."),
    "type": _property("protocol_type", "The kind of interface, as a number: 1 is Ethernet, 772 loopback."),
}

_MEGABIT = 1_000_000 / 8  # bytes: the speed is written in megabits a second
_UP = 1
_FILES = (*PROPERTIES, "operstate", "address", "broadcast", "duplex", "ifalias")


def samples(host: Host) -> Iterator[Sample]:
    for device in host.sys.names("class/net"):
        if host.settings.networks_excluded.search(device):
            continue
        told = host.sys.lines(f"class/net/{device}", _FILES)
        if "operstate" not in told:  # beside the interfaces there are files, such as bonding_masters
            continue
        numbers = {file: int(told[file], 0) for file in PROPERTIES if told.get(file)}  # some are written as 0x1003
        for file, number in numbers.items():
            yield PROPERTIES[file](number * _MEGABIT if file == "speed" else float(number), device=device)
        yield UP(float(told["operstate"] == "up"), device=device)
        yield INFO(
            1.0,
            device=device,
            address=told.get("address", ""),
            broadcast=told.get("broadcast", ""),
            duplex=told.get("duplex", ""),
            operstate=told["operstate"],
            adminstate="up" if numbers.get("flags", 0) & _UP else "down",
            ifalias=told.get("ifalias", ""),
        )
