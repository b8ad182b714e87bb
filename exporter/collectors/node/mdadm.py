"""Software RAID: /proc/mdstat, and /sys/block for what that leaves out.

Source: https://docs.kernel.org/admin-guide/md.html, mdstat(5)
"""

from collections.abc import Iterator

from exporter.clients import mdstat
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

STATE = Metric("node_md_state", "1 for the state that an array is in, 0 for the others.", labels=("device", "state"))
DISKS = Metric("node_md_disks", "Disks of an array by state.", labels=("device", "state"))
REQUIRED = Metric("node_md_disks_required", "Disks that an array needs to be whole.", labels=("device",))
BLOCKS = Metric("node_md_blocks", "Size of an array in blocks of 1 KiB.", labels=("device",))
SYNCED = Metric(
    "node_md_blocks_synced",
    "Blocks of an array that are known to be right: as many as there are, unless it is at it now.",
    labels=("device",),
)
RAID_DISKS = Metric("node_md_raid_disks", "Disks that an array was made for.", labels=("device",))
DEGRADED = Metric("node_md_degraded", "Disks that an array lacks.", labels=("device",))


def samples(host: Host) -> Iterator[Sample]:
    for array in host.proc.parsed("mdstat", mdstat.parse):
        device = array.name
        for state in mdstat.STATES:
            yield STATE(float(state == array.state), device=device, state=state)
        for state, count in array.disks.items():
            yield DISKS(float(count), device=device, state=state)
        yield REQUIRED(float(array.required), device=device)
        yield BLOCKS(float(array.blocks), device=device)
        yield SYNCED(float(array.synced), device=device)
        for file, metric in (("raid_disks", RAID_DISKS), ("degraded", DEGRADED)):
            number = host.sys.parsed(f"block/{device}/md/{file}", _first_number)
            if number is not None:
                yield metric(number, device=device)


def _first_number(text: str) -> float | None:
    """The one that counts: while an array is being reshaped, its old one stands behind in brackets."""
    return float(text.split(maxsplit=1)[0]) if text else None
