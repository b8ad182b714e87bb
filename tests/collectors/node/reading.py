"""The node collector run on some host, and what it said."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.clients.mounts import Capacity
from exporter.collector import Sample
from exporter.collectors.node import Node

RECORDED = Path(__file__).parent.parent.parent / "recorded" / "proc"
FULL = os.statvfs_result((4096, 1024, 1000, 400, 300, 5000, 4000, 3900, 0, 255))

Key = tuple[str, tuple[str, ...]]


async def collected(node: Node) -> list[Sample]:
    return [sample async for sample in node.collect()]


def figures(samples: list[Sample], prefix: str | tuple[str, ...] = "node_") -> dict[Key, float]:
    wanted = [sample for sample in samples if sample.metric.name.startswith(prefix)]
    values = {(sample.metric.name, sample.labels): sample.value for sample in wanted}
    assert len(values) == len(wanted)  # no series is told twice
    return values


def on(procfs: Path, sysfs: Path, statvfs: Callable[[str], os.statvfs_result] = lambda _: FULL, **settings: Any) -> Node:
    node = Node.model_validate({"procfs": procfs, "sysfs": sysfs, **settings})
    node._memory[Capacity] = Capacity(statvfs)
    return node


def write(folder: Path, files: dict[str, str]) -> None:
    """Files under a folder, by path."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
