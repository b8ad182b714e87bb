"""Metric and Sample: what a collector declares and what it yields. The leaf that everything else imports."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

MetricType = Literal["gauge", "counter", "unknown"]

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_UNIT_SUFFIXES = ("timestamp_seconds", "seconds", "bytes", "ratio", "celsius", "bits")


class Sample(NamedTuple):
    """One value of one series. Only a `Metric` makes one, so its labels are always those declared."""

    metric: "Metric"
    labels: tuple[str, ...]
    """Label values, in the order of `metric.labels`."""
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A declared family of series: `Metric("node_load1", "1m load average.")(0.4)` makes a sample of it.

    `type` is that of the text exposition format; a counter keeps a well-known name even where that name lacks `_total`.
    Raises `ValueError` when the declaration itself is wrong, `TypeError` when a sample is given other labels.
    """

    name: str
    help: str
    type: MetricType = "gauge"
    labels: tuple[str, ...] = ()
    unit: str = ""
    """What the value counts, where the name's suffix does not say it: `currency`, `seconds`, `bytes`, `ratio`."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a metric name: letters, digits, '_' and ':', not starting with a digit")
        for label in self.labels:
            if not _LABEL.fullmatch(label):
                raise ValueError(f"{self.name}: {label!r} is not a label name")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"{self.name}: a label is declared twice: {', '.join(self.labels)}")
        if not self.help.strip():
            raise ValueError(f"{self.name}: a help text is required")
        if not self.unit:
            object.__setattr__(self, "unit", self._unit_of_name())

    def __call__(self, value: float, /, **labels: str) -> Sample:
        try:
            values = tuple([labels[name] for name in self.labels])
        except KeyError:
            raise self._wrong_labels(labels) from None
        if len(labels) != len(values):
            raise self._wrong_labels(labels)
        return Sample(self, values, value)

    def same_as(self, other: "Metric") -> bool:
        """Whether two declarations of one name agree, so that their series can stand under one header."""
        return (self.name, self.help, self.type, self.labels) == (other.name, other.help, other.type, other.labels)

    def _unit_of_name(self) -> str:
        stem = self.name.removesuffix("_total")
        return next((unit for unit in _UNIT_SUFFIXES if stem.endswith("_" + unit)), "")

    def _wrong_labels(self, given: dict[str, str]) -> TypeError:
        return TypeError(f"{self.name} takes labels {self.labels}, got {tuple(given)}")
