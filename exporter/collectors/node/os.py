"""Which distribution the host runs: os-release, read again only when it changes.

Source: https://www.freedesktop.org/software/systemd/man/latest/os-release.html
"""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_FIELDS = (
    "id", "id_like", "name", "pretty_name", "version", "version_id", "version_codename",
    "build_id", "image_id", "image_version", "variant", "variant_id",
)  # fmt: skip

INFO = Metric("node_os_info", "Always 1: the host's distribution and version.", labels=_FIELDS)
VERSION = Metric(
    "node_os_version", "The distribution's version as a number, such as 12 or 24.04.", labels=("id", "id_like", "name")
)
SUPPORT_END = Metric(
    "node_os_support_end_timestamp_seconds", "When the distribution's support ends, in Unix time, where it says so."
)

_FILES = ("etc/os-release", "usr/lib/os-release")
_NUMBER = re.compile(r"\d+(\.\d+)?")


class Release:
    """What the file said when it last changed."""

    def __init__(self) -> None:
        self._read: tuple[str, int] | None = None
        self.fields: dict[str, str] = {}

    def update(self, host: Host) -> None:
        """Read the first of the files that there is, if it is not the one known."""
        for name in _FILES:
            try:
                known = (name, (host.root.path / name).stat().st_mtime_ns)
            except OSError:
                continue
            if known != self._read:
                self.fields = host.root.parsed(name, _unquoted)
                self._read = known
            return
        self.fields = {}


def samples(host: Host) -> Iterator[Sample]:
    release = host.keep(Release)
    release.update(host)
    fields = {label: release.fields.get(label.upper(), "") for label in _FIELDS}
    if not release.fields:
        return
    yield INFO(1.0, **fields)
    if number := _NUMBER.match(fields["version_id"]):
        yield VERSION(float(number[0]), id=fields["id"], id_like=fields["id_like"], name=fields["name"])
    if end := release.fields.get("SUPPORT_END"):
        yield SUPPORT_END(datetime.combine(date.fromisoformat(end), time(), UTC).timestamp())


def _unquoted(text: str) -> dict[str, str]:
    """The assignments, whose values are quoted as in a shell."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: "".join(shlex.split(value)) for name, value in proc.assignments(lines).items()}
