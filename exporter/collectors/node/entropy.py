"""The kernel's random numbers: /proc/sys/kernel/random."""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

FILES = {
    "entropy_avail": Metric("node_entropy_available_bits", "Randomness that the kernel has gathered."),
    "poolsize": Metric("node_entropy_pool_size_bits", "Most randomness that the kernel gathers."),
}


def samples(host: Host) -> Iterator[Sample]:
    for file, metric in FILES.items():
        bits = host.proc.number(f"sys/kernel/random/{file}")
        if bits is not None:
            yield metric(bits)
