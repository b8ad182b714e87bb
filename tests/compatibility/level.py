"""The families of each original at the level that Bellwether follows, as data: `level/NAME.txt`.

Sources: https://github.com/prometheus/node_exporter, https://github.com/prometheus-community/postgres_exporter,
https://github.com/prometheus/blackbox_exporter, https://github.com/google/cadvisor,
https://github.com/prometheus-community/pgbouncer_exporter
"""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "level"


class Declared(NamedTuple):
    """A family, or several that a pattern stands for."""

    name: str
    type: str
    """`*` for several."""
    labels: frozenset[str] | None
    """None for any."""
    collector: str
    default: bool
    """Whether the original has it without being told."""

    def is_called(self, name: str) -> bool:
        return fnmatchcase(name, self.name)


def families(original: str) -> list[Declared]:
    """The level of one original, in the order of its file."""
    lines = (FOLDER / f"{original}.txt").read_text().splitlines()
    return [_declared(*line.split()) for line in lines if not line.startswith("#")]


def _declared(name: str, type_: str, labels: str, collector: str) -> Declared:
    names = None if labels == "*" else frozenset() if labels == "-" else frozenset(labels.split(","))
    return Declared(name, type_, names, collector.removesuffix("(off)"), not collector.endswith("(off)"))
