"""Metric and Sample: what a collector declares and what it yields. The leaf that everything else imports.

Source of the types: https://prometheus.io/docs/specs/om/open_metrics_spec/#metric-types
"""

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple, Self

MetricType = Literal["gauge", "counter", "histogram", "summary", "info", "stateset", "unknown"]
Pairs = Mapping[float, float] | Mapping[int, float] | Iterable[tuple[float, float]]

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_UNIT_SUFFIXES = ("timestamp_seconds", "seconds", "bytes", "ratio", "celsius", "bits")
_RESERVED_LABELS = {"histogram": {"le", "sum", "count"}, "summary": {"quantile", "sum", "count"}}
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "summary": ("_sum", "_count", "_created"),
}


class Distribution(float):
    """The value of a histogram or summary. As a number: how many observations there were, NaN where that is not known."""

    __slots__ = ("parts",)

    parts: tuple[tuple[str, float | None, float], ...]
    """Its lines: the suffix of the name, the value of `le` or `quantile` where there is one, and the line's own value."""

    @classmethod
    def of_buckets(cls, buckets: Pairs, sum_: float | None, count: float | None) -> Self:
        """See `Metric.histogram`. Raises `ValueError`."""
        pairs = _cumulative(_ascending(buckets), count)
        lowest, count = pairs[0][0], pairs[-1][1]
        if sum_ is not None and lowest < 0:
            raise ValueError(f"expected sum=None beside a bucket below zero ({lowest}), since such a sum may fall; got {sum_}")
        return cls._of([("_bucket", bound, number) for bound, number in pairs], sum_, None if sum_ is None else count)

    @classmethod
    def of_quantiles(cls, quantiles: Pairs, sum_: float | None, count: float | None) -> Self:
        """See `Metric.summary`. Raises `ValueError`."""
        pairs = _ascending(quantiles)
        for quantile, value in pairs:
            if not 0 <= quantile <= 1:
                raise ValueError(f"expected quantiles from 0 to 1, got {quantile}")
            if value < 0:
                raise ValueError(f"expected no value below 0, got {value} at quantile {quantile}")
        return cls._of([("", quantile, value) for quantile, value in pairs], sum_, count)

    @classmethod
    def _of(cls, spread: list[tuple[str, float | None, float]], sum_: float | None, count: float | None) -> Self:
        if sum_ is not None and not sum_ >= 0:
            raise ValueError(f"expected a sum of at least 0, since it grows as a counter does, or None; got {sum_}")
        if count is not None and not (count >= 0 and float(count).is_integer()):
            raise ValueError(f"expected a whole number of observations, got {count}")
        distribution = cls(math.nan if count is None else count)
        totals = (("_sum", sum_), ("_count", count))
        distribution.parts = (*spread, *((suffix, None, value) for suffix, value in totals if value is not None))
        if not distribution.parts:
            raise ValueError("expected quantiles, a sum or a count, got none of them")
        return distribution


class Sample(NamedTuple):
    """One value of one series. Only a `Metric` makes one, so its labels are always those declared."""

    metric: "Metric"
    labels: tuple[str, ...]
    """Label values, in the order of `metric.labels`."""
    value: float
    """Of a histogram or summary: a `Distribution`, so that all lines of one label set come and go together."""


_new = tuple.__new__  # a Sample in half the time that its own constructor takes


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A declared family of series: `Metric("node_load1", "1m load average.")(0.4)` makes a sample of it.

    `type` is that of the exposition formats; a counter keeps a well-known name even where that name lacks `_total`.
    Raises `ValueError` when the declaration itself is wrong, `TypeError` when a sample is given other labels.
    """

    name: str
    help: str
    type: MetricType = "gauge"
    labels: tuple[str, ...] = ()
    unit: str = ""
    """What the value counts, where the name's suffix does not say it: `currency`, `seconds`, `bytes`, `ratio`."""
    found: bool = False
    """Whether a poll came upon it, so that its collector could not declare it: true only of what foreign code exposes."""
    open: frozenset[str] = frozenset()
    """Labels that show whatever stands in a user's table: an id or a sentence found there is replaced, too."""
    least: float = field(init=False, repr=False)
    """The least finite value that a sample may have: 0 for a counter."""
    _called_with: tuple[str, ...] | None = field(init=False, repr=False)
    """The labels that a call takes; None where samples are made by `histogram` or `summary`."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a metric name: letters, digits, '_' and ':', not starting with a digit")
        for label in self.labels:
            if not _LABEL.fullmatch(label):
                raise ValueError(f"{self.name}: {label!r} is not a label name")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"{self.name}: a label is declared twice: {', '.join(self.labels)}")
        reserved = _RESERVED_LABELS.get(self.type, set())
        if taken := reserved.intersection(self.labels):
            raise ValueError(f"{self.name}: a {self.type} has no label named {min(taken)}: that has a meaning of its own there")
        if self.type == "info" and not self.name.endswith("_info"):
            raise ValueError(f"{self.name}: the name of an info ends in _info")
        if not self.help.strip():
            raise ValueError(f"{self.name}: a help text is required")
        if not self.unit:
            object.__setattr__(self, "unit", self._unit_of_name())
        object.__setattr__(self, "least", 0.0 if self.type == "counter" else -sys.float_info.max)
        object.__setattr__(self, "_called_with", None if reserved else self.labels)

    def __call__(self, value: float, /, **labels: str) -> Sample:
        if tuple(labels) == self._called_with:
            return _new(Sample, (self, tuple(labels.values()), value))
        if self._called_with is None:
            raise TypeError(f"{self.name} is a {self.type}: make its samples with {self.type}()")
        return Sample(self, self._ordered(labels), value)

    def histogram(
        self,
        buckets: Pairs,
        /,
        *,
        sum: float | None,  # noqa: A002 - the format's own word
        count: float | None = None,
        **labels: str,
    ) -> Sample:
        """One label set of a histogram.

        `buckets` holds for each upper bound how many observations were at most that. `count` is how many there were in
        all, where no bound is infinite. `sum` is theirs, or None where it is not known or may fall, since observations
        can be negative. Raises `ValueError` when the figures contradict each other.
        """
        self._require("histogram")
        return Sample(self, self._ordered(labels), self._named(Distribution.of_buckets, buckets, sum, count))

    def summary(
        self,
        quantiles: Pairs = (),
        /,
        *,
        count: float | None,
        sum: float | None,  # noqa: A002 - the format's own word
        **labels: str,
    ) -> Sample:
        """One label set of a summary: the value of each quantile (0 to 1), how many observations there were, and their sum.

        None stands for what is not known. Raises `ValueError` when the figures cannot be right.
        """
        self._require("summary")
        return Sample(self, self._ordered(labels), self._named(Distribution.of_quantiles, quantiles, sum, count))

    @property
    def names(self) -> frozenset[str]:
        """All names that it takes up on a page: what another metric of the page is called may not be among them.

        For OpenMetrics a counter's own name is the one without `_total`; one that lacks it is no counter there.
        """
        suffixes = _SUFFIXES.get(self.type, ())
        family = self.name
        if self.type == "counter":
            family = self.name.removesuffix("_total")
            suffixes = suffixes if family != self.name else ()
        return frozenset((family, *(family + suffix for suffix in suffixes)))

    def same_as(self, other: "Metric") -> bool:
        """Whether two declarations of one name agree, so that their series can stand under one header.

        Each source may say in its own words how it comes by the figure.
        """
        return (self.name, self.type, self.labels) == (other.name, other.type, other.labels)

    def agrees_with(self, other: "Metric") -> bool:
        """Whether two declarations of one name mean one thing: the same, counted in one unit."""
        return self is other or (self.same_as(other) and self.unit == other.unit)

    @property
    def described(self) -> str:
        """Its type, unit and labels in words, for messages."""
        unit = f" of {self.unit}" if self.unit else ""
        labels = f"the labels {', '.join(self.labels)}" if self.labels else "no labels"
        return f"a {self.type}{unit} with {labels}"

    def _unit_of_name(self) -> str:
        stem = self.name.removesuffix("_total")
        return next((unit for unit in _UNIT_SUFFIXES if stem.endswith("_" + unit)), "")

    def _require(self, type_: MetricType) -> None:
        if self.type != type_:
            raise TypeError(f"{self.name} is a {self.type}, not a {type_}")

    def _named(self, make: Callable[..., Distribution], *figures: object) -> Distribution:
        try:
            return make(*figures)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None

    def _ordered(self, labels: dict[str, str]) -> tuple[str, ...]:
        if len(labels) != len(self.labels) or not labels.keys() >= set(self.labels):
            raise TypeError(f"{self.name} takes labels {self.labels}, got {tuple(labels)}")
        return tuple([labels[name] for name in self.labels])


def _ascending(pairs: Pairs) -> list[tuple[float, float]]:
    """As numbers, by bound or quantile. Raises `ValueError` for one that is given twice or has no place in the order."""
    ordered = sorted((float(at), float(value)) for at, value in (pairs.items() if isinstance(pairs, Mapping) else pairs))
    if any(math.isnan(at) for at, _ in ordered):
        raise ValueError("expected numbers as bounds or quantiles, got NaN")
    for (at, _), (following, _) in pairwise(ordered):
        if at == following:
            raise ValueError(f"{at} is given twice")
    return ordered


def _cumulative(pairs: list[tuple[float, float]], count: float | None) -> list[tuple[float, float]]:
    """Buckets with an infinite one at their end. Raises `ValueError` when they hold no cumulative counts."""
    if not pairs or pairs[-1][0] != math.inf:
        if count is None:
            raise ValueError("expected a bucket for +Inf, or count: how many observations there were in all")
        pairs.append((math.inf, float(count)))
    elif count is not None and count != pairs[-1][1]:
        raise ValueError(f"count is {count}, but the bucket +Inf holds {pairs[-1][1]}")
    below = 0.0
    for bound, number in pairs:
        if not number >= below:
            raise ValueError(f"expected cumulative counts, got {number} up to {bound} after {below}")
        if not number.is_integer():
            raise ValueError(f"expected whole numbers of observations, got {number} up to {bound}")
        below = number
    return pairs
