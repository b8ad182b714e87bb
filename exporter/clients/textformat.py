"""Files in Prometheus' text format, as programs leave them for node_exporter's textfile collector.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from exporter.errors import Malformed

_LARGEST = 16 * 1024 * 1024  # bytes: what is longer was not written by a script that reports figures
_COUNTER = re.compile(r"^[ \t]*#[ \t]*TYPE[ \t]+(\S+)[ \t]+counter[ \t]*$", re.MULTILINE)
_TYPES = {"counter", "gauge", "histogram", "summary"}


@dataclass(slots=True)
class Family:
    """One metric of a file."""

    name: str
    type: str
    """`counter`, `gauge`, `histogram`, `summary` or `unknown`."""
    help: str
    """Empty when the file has none."""
    rows: list[tuple[str, dict[str, str], float]] = field(default_factory=list)
    """What follows the name on a line (`_bucket`, `_sum`, `_count` or nothing), labels and value."""


def read(path: Path, size: int, mode: int) -> list[Family]:
    """The families of a file. Raises `Malformed`, naming the file, when it cannot be served as a whole."""
    if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
        raise Malformed(f"{path}: expected a file")
    if size > _LARGEST:
        raise Malformed(f"{path}: expected at most {_LARGEST} bytes, got {size}")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Malformed(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from None
    except UnicodeDecodeError as error:
        raise Malformed(f"{path}: expected UTF-8 text: {error}") from None
    try:
        return parse(text)
    except Exception as error:  # noqa: BLE001 - the parser does not say what else than ValueError it may raise
        raise Malformed(f"{path}: {type(error).__name__}: {error}") from None


def parse(text: str) -> list[Family]:
    """The families of a text, each once. Raises `ValueError`, and what else the parser does, where it has a mistake."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - heavy, and few have such files

    # The parser appends _total to the name of a counter that lacks it, but the name is the user's.
    bare = {name for name in _COUNTER.findall(text) if not name.endswith("_total")}
    families: dict[str, Family] = {}
    for given in text_string_to_metric_families(text):
        type_ = given.type if given.type in _TYPES else "unknown"
        for sample in given.samples:
            if sample.timestamp is not None:
                raise ValueError(f"{sample.name} has a timestamp; expected none, since Prometheus takes the scrape's")
            base = given.name if type_ in ("histogram", "summary") else sample.name
            if type_ == "counter" and base.removesuffix("_total") in bare:
                base = base.removesuffix("_total")
            family = families.setdefault(base, Family(base, type_, given.documentation))
            if family.type != type_:
                raise ValueError(f"{base} is declared both {family.type} and {type_}")
            suffix = sample.name[len(base) :] if type_ in ("histogram", "summary") else ""
            family.rows.append((suffix, sample.labels, float(sample.value)))
    return list(families.values())
