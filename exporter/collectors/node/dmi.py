"""Maker, model and firmware of the host, as its firmware tells: /sys/class/dmi/id, read once.

Source: https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-class-dmi. Serial numbers are told to root only.
"""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

INFO = Metric(
    "node_dmi_info",
    "Always 1: maker, model and firmware of the host.",
    labels=(
        "bios_date", "bios_release", "bios_vendor", "bios_version", "board_asset_tag", "board_name", "board_serial",
        "board_vendor", "board_version", "chassis_asset_tag", "chassis_serial", "chassis_vendor", "chassis_version",
        "product_family", "product_name", "product_serial", "product_sku", "product_uuid", "product_version",
        "system_vendor",
    ),
)  # fmt: skip


class Identity(dict[str, str]):
    """The labels, as they were read first: they stay until the host is started anew."""


def samples(host: Host) -> Iterator[Sample]:
    identity = host.keep(Identity)
    if not identity and host.sys.names("class/dmi/id"):
        for label in INFO.labels:
            identity[label] = host.sys.line("class/dmi/id/" + label.replace("system_vendor", "sys_vendor"))
    if identity:
        yield INFO(1.0, **identity)
