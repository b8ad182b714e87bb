"""Part: the samples of some instants, and the text that they become.

A poll has all series at one instant; OpenMetrics wants all instants of one series together, all series of a metric under one
header. So a part is held until it is whole, a number for each sample, and a part has only so many.
"""

import heapq
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from exporter.exposition import Format, header, number
from exporter.metric import Metric

_FORMAT = Format.OPENMETRICS
_BOUND = ',le="'  # a quote inside a value is escaped, so no value holds this


@dataclass(slots=True)
class _Group:
    """One label set of a metric: of a histogram all lines, which OpenMetrics wants together at each instant."""

    times: "array[int]" = field(default_factory=lambda: array("q"))
    values: dict[str, "array[float]"] = field(default_factory=dict)
    """By series, as text: as many as there are times."""


class Part:
    """What is known of some instants, filled in order of time."""

    def __init__(self) -> None:
        self._families: dict[bytes, dict[str, _Group]] = {}
        self.samples = 0

    def add(self, instant: datetime, lines: Mapping[Metric, Iterable[str]]) -> None:
        """Take in the lines of one source at one instant, later than those before."""
        time = int(instant.timestamp())
        for metric, texts in lines.items():
            groups = self._families.setdefault(header(metric, _FORMAT), {})
            for line in texts:
                series, _, value = line.rpartition(" ")
                group = groups.setdefault(_labels(series), _Group())
                if not group.times or group.times[-1] != time:
                    group.times.append(time)
                group.values.setdefault(series, array("d")).append(float(value))
                self.samples += 1

    def text(self) -> Iterator[bytes]:
        """A page, in pieces; metrics and series are in the order of their text."""
        for head, groups in sorted(self._families.items(), key=lambda family: _family(family[0])):
            yield head
            for _, group in sorted(groups.items()):
                yield "".join(_lines(group)).encode()
        yield _FORMAT.end


def joined(files: Iterable[Path]) -> Iterator[bytes]:
    """One page of many, in pieces; the files are in order of time."""
    before = b""
    for family, _, head, lines in heapq.merge(*map(_read, files), key=lambda group: group[:2]):
        if family != before:
            yield head
            before = family
        yield lines
    yield _FORMAT.end


def _read(file: Path) -> Iterator[tuple[bytes, str, bytes, bytes]]:
    """The label sets of a page in order, each with its metric, what the labels are, the metric's header, and the lines."""
    head, labels, lines = b"", "", b""
    with file.open("rb") as page:
        for line in page:
            same = not line.startswith(b"#") and _labels(line.decode()) == labels
            if lines and not same:
                yield _family(head), labels, head, lines
                lines = b""
            if line.startswith(b"# TYPE"):
                head = line
            elif line.startswith(b"#"):
                head += line
            else:
                labels, lines = _labels(line.decode()), lines + line


def _labels(line: str) -> str:
    """What tells label sets apart in a line or series: labels as text, but for a bucket's bound."""
    inside = line[line.index("{") + 1 : line.rindex("}")]
    return inside.partition(_BOUND)[0]


def _family(head: bytes) -> bytes:
    return head.split(maxsplit=3)[2]


def _lines(group: _Group) -> Iterator[str]:
    for index, time in enumerate(group.times):
        for series, values in group.values.items():
            yield f"{series} {number(values[index])} {time}\n"
