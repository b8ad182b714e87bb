"""NVMe disks and their namespaces: /sys/class/nvme. Their temperature is among the sensors of hwmon."""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_NAMESPACE = ("device", "nsid")

INFO = Metric(
    "node_nvme_info",
    "Always 1: which NVMe disk it is, and its state.",
    labels=("device", "firmware_revision", "model", "serial", "state", "cntlid"),
)
NAMESPACE_INFO = Metric(
    "node_nvme_namespace_info",
    "Always 1: a namespace of an NVMe disk, and the state of the path to it.",
    labels=("device", "nsid", "ana_state"),
)
CAPACITY = Metric("node_nvme_namespace_capacity_bytes", "Size of a namespace.", labels=_NAMESPACE)
SIZE = Metric("node_nvme_namespace_size_bytes", "Size of a namespace; the same as its capacity.", labels=_NAMESPACE)
USED = Metric("node_nvme_namespace_used_bytes", "Space of a namespace in use.", labels=_NAMESPACE)
BLOCK_SIZE = Metric("node_nvme_namespace_logical_block_size_bytes", "Size of a namespace's blocks.", labels=_NAMESPACE)

_SECTOR = 512  # bytes


def samples(host: Host) -> Iterator[Sample]:
    for device in host.sys.names("class/nvme", "nvme"):
        folder = f"class/nvme/{device}"
        yield INFO(
            1.0,
            device=device,
            firmware_revision=host.sys.line(f"{folder}/firmware_rev"),
            model=host.sys.line(f"{folder}/model"),
            serial=host.sys.line(f"{folder}/serial"),
            state=host.sys.line(f"{folder}/state"),
            cntlid=host.sys.line(f"{folder}/cntlid"),
        )
        for name in host.sys.names(folder, "nvme"):
            _, found, number = name.rpartition("n")
            if found and number.isdigit():
                yield from _of_namespace(host, f"{folder}/{name}", device, number)


def _of_namespace(host: Host, folder: str, device: str, number: str) -> Iterator[Sample]:
    yield NAMESPACE_INFO(1.0, device=device, nsid=number, ana_state=host.sys.line(f"{folder}/ana_state") or "unknown")
    size, block = host.sys.number(f"{folder}/size"), host.sys.number(f"{folder}/queue/logical_block_size")
    if size is not None:
        yield CAPACITY(size * _SECTOR, device=device, nsid=number)
        yield SIZE(size * _SECTOR, device=device, nsid=number)
    if block is None:
        return
    yield BLOCK_SIZE(block, device=device, nsid=number)
    used = host.sys.number(f"{folder}/nuse")  # in blocks; came with Linux 6.8
    if used is not None:
        yield USED(used * block, device=device, nsid=number)
