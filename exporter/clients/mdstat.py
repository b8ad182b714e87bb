"""The software RAID arrays of /proc/mdstat.

Source of the format: mdstat(5), and md_seq_show in https://github.com/torvalds/linux/blob/master/drivers/md/md.c
"""

import re
from typing import NamedTuple

STATES = ("active", "inactive", "recovering", "resync", "check")

_BLOCKS = re.compile(r"(\d+) blocks")
_DISKS = re.compile(r"\[(\d+)/(\d+)\] \[([U_.]+)\]")
_PROGRESS = re.compile(r"(recovery|resync|check|reshape)\s*=.*?\((\d+)/\d+\)")
_DELAYED = re.compile(r"(recovery|resync|check|reshape)\s*=\s*(?:DELAYED|PENDING)")
_ACTIONS = {"recovery": "recovering", "reshape": "recovering"}


class Array(NamedTuple):
    """One array."""

    name: str
    state: str
    """One of `STATES`."""
    disks: dict[str, int]
    """How many there are by state: active, failed, spare, down."""
    required: int
    blocks: int
    """Of 1 KiB."""
    synced: int


def parse(text: str) -> list[Array]:
    """The arrays, in the file's order. Raises `ValueError` or `IndexError` for what is no mdstat."""
    sections: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith((" ", "\t")):
            if sections:
                sections[-1].append(line)
        elif line and not line.startswith(("Personalities", "unused", "read_ahead")):
            sections.append([line])
    return [_array(title, "\n".join(lines)) for title, *lines in sections]


def _array(title: str, details: str) -> Array:
    words = title.split()
    if len(words) < 3 or words[1] != ":":
        raise ValueError(f"expected the name of an array, a colon and its state, got {title!r}")
    members = [word for word in words if "[" in word]
    failed, spare = (sum(f"({mark})" in member for member in members) for mark in "FS")
    found = _BLOCKS.search(details)
    blocks = int(found[1]) if found else 0
    if raid := _DISKS.search(details):
        required, active, down = int(raid[1]), int(raid[2]), raid[3].count("_")
    else:  # of a level that does without spare disks: linear or raid0
        required = active = len(members) if words[2] == "active" else 0
        down = 0
    state, synced = words[2], blocks
    if progress := _PROGRESS.search(details):
        state, synced = _ACTIONS.get(progress[1], progress[1]), int(progress[2])
    elif delayed := _DELAYED.search(details):
        state, synced = _ACTIONS.get(delayed[1], delayed[1]), 0
    return Array(
        name=words[0],
        state=state,
        disks={"active": active, "failed": failed, "spare": spare, "down": down},
        required=required,
        blocks=blocks,
        synced=synced,
    )
