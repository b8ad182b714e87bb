"""Pack, Query, Measure: what a pack's file may say, and what the rows of its queries mean."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from exporter.errors import Malformed
from exporter.fields import Duration, Model
from exporter.metric import Metric, Sample
from exporter.packs import contract, histogram
from exporter.packs.origin import Origin
from exporter.packs.statement import contract_views, one_query, placeholders, renamed
from exporter.packs.unit import known_unit, refuse_contradiction

SOURCE = "source"
"""The first label of every metric of a pack: the name of the collector that ran it."""

Figure = Decimal | histogram.Spread
Figures = dict[tuple[Metric, tuple[str, ...]], Figure]
"""Values by metric and label values, `source` left out; decimal, so that money added up for a year is still exact."""
Amounts = dict[tuple[Metric, tuple[str, ...]], Decimal]
"""Figures of counters and gauges."""


def _metric_name(name: str) -> str:
    return Metric(name, "A name to be checked.").name


class Measure(Model):
    """One metric of a query."""

    help: str = Field(min_length=1)
    """What it means, in a sentence or two that an analyst would sign."""
    unit: Annotated[str, AfterValidator(known_unit)] = ""
    """What it counts, where the name's suffix does not say it."""
    value: str = Field(min_length=1, pattern=r'^[^"]*$')
    """The column that holds its value. Where that is NULL, there is no sample, unless `nulls` says otherwise."""


class Query(Model):
    """One query: each row is one label set, each measure one column of values."""

    type: Literal["gauge", "counter", "histogram"] = "gauge"
    """`counter`: the query sums up what happened in the window that it is given, and Bellwether adds the windows up.
    `histogram`: each row is one observation, and the database counts them by bucket.
    """
    labels: tuple[str, ...] = ()
    """Columns that become labels, in this order. A row is one combination of them; NULL is refused."""
    known: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Labels with a closed set of values: any other value is refused, and counters start at 0 for each."""
    nulls: dict[str, str | Decimal] = Field(default_factory=dict)
    """What stands for NULL, by column: a text for a label, a number for a value."""
    buckets: tuple[float, ...] = ()
    """The upper bounds of a histogram's buckets, ascending; infinity is added by itself."""
    every: Duration = 0.0
    """How often it is asked, when it need not be at each run; its figures stay in between. Counters are asked at each."""
    parts: int = Field(default=1, ge=1, le=100)
    """In how many parts it is asked, one a run, where the whole takes long: it binds the number of the part, NULL for all."""
    past: bool = True
    """Whether it can be asked about the past, as `bellwether backfill` does; false where only the present is known."""
    max_series: int = Field(default=2000, ge=1)
    """The most series it may give; with more it fails, since part of them would be no answer."""
    metrics: Annotated[dict[Annotated[str, AfterValidator(_metric_name)], Measure], Field(min_length=1)]
    sql: Annotated[str, AfterValidator(one_query)]

    _declared: dict[str, Metric] = PrivateAttr(default_factory=dict)
    _origin: Origin | None = PrivateAttr(default=None)

    @field_validator("labels")
    @classmethod
    def _label_names(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if SOURCE in labels:
            raise ValueError("the label source is added by itself: leave it out")
        Metric("labels", "Labels to be checked.", labels=labels)
        return labels

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if unlabelled := self.known.keys() - set(self.labels):
            raise ValueError(f"known: {min(unlabelled)!r} is not one of the labels ({', '.join(self.labels) or 'none'})")
        if self.every and self.type == "counter":
            raise ValueError("every: a counter is asked at each run, where it reads only what is new")
        self._check_identifiers()
        self._check_nulls()
        self._check_buckets()
        for name, measure in self.metrics.items():
            if measure.value in self.labels:
                raise ValueError(f"{name}: the column {measure.value!r} is a label, so it cannot be the value")
            if name.endswith("_total") != (self.type == "counter"):
                raise ValueError(f"{name} is a {self.type}: a counter's name ends in _total, and no other's does")
            refuse_contradiction(name, measure.unit)
            self._declared[name] = Metric(
                name,
                " ".join(measure.help.split()),
                self.type,
                (SOURCE, *self.labels),
                measure.unit,
                open=frozenset(self.labels) - self.known.keys(),
            )
        if self.parts > 1 and self.type != "gauge":
            raise ValueError("parts: only a gauge is asked in parts")
        wanted = {"as_of"} | ({"since"} if self.type == "counter" else set()) | ({"part"} if self.parts > 1 else set())
        if (bound := placeholders(self.sql)) != wanted:
            raise ValueError(
                f"sql: a {self.type}'s query{' in parts' * (self.parts > 1)} uses {_listed(f'%({name})s' for name in wanted)}"
                f"; this one uses {_listed(f'%({name})s' for name in bound) or 'neither'}"
            )
        return self

    def _check_identifiers(self) -> None:
        identifiers = contract.identifiers(self.reads)
        for label in self.labels:
            if taken := identifiers & {label.lower(), *renamed(self.sql, label)}:
                raise ValueError(f"labels: {label!r} would show {min(taken)}, which the contract says is never exported")

    def _check_nulls(self) -> None:
        values = {measure.value for measure in self.metrics.values()}
        for column, stand_in in self.nulls.items():
            if column not in values and column not in self.labels:
                raise ValueError(f"nulls: {column!r} is neither a label nor a value")
            if isinstance(stand_in, str) == (column in values):
                raise ValueError(
                    f"nulls: {column!r} is a {'value: expected a number' if column in values else 'label: expected a text'}"
                )

    def _check_buckets(self) -> None:
        if (self.type == "histogram") != bool(self.buckets):
            raise ValueError("buckets: a histogram has bounds, and nothing else does")
        if self.buckets and (len(self.metrics) > 1 or self.nulls):
            raise ValueError("a histogram's query has one metric, and a NULL in it is no observation: it takes no nulls")
        if any(not lower < upper for lower, upper in pairwise((*self.buckets, math.inf))):
            raise ValueError("buckets: expected finite bounds, each above the one before it")

    def declares(self) -> Mapping[str, Metric]:
        """Its metrics by name."""
        return self._declared

    @property
    def origin(self) -> Origin | None:
        """Where its SQL stands; None unless its pack came from a file."""
        return self._origin

    def stands_at(self, origin: Origin) -> None:
        """Say where its SQL stands."""
        self._origin = origin

    @property
    def reads(self) -> set[str]:
        """The views of the contract that it names."""
        return contract_views(self.sql)

    @property
    def lead(self) -> int:
        """How many characters of the statement stand before its SQL."""
        return self.statement.index(self.sql)

    @property
    def statement(self) -> str:
        """What the database is asked."""
        if self.type != "histogram":
            return self.sql
        (measure,) = self.metrics.values()
        return histogram.counted(self.sql, self.labels, measure.value, self.buckets)

    def parameters(self, as_of: datetime, since: datetime | None = None, part: int | None = None) -> dict[str, Any]:
        """What to bind: the instant; for a counter that at which its window opens, itself outside; of one in parts, which."""
        parameters: dict[str, Any] = {"as_of": as_of}
        if since is not None:
            parameters["since"] = since
        if self.parts > 1:
            parameters["part"] = part
        return parameters

    def figures(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Figures:
        """The values in a result. Raises `Malformed` when it is not the result that the pack declares."""
        figures: Figures = self._spreads(rows) if self.type == "histogram" else {**self.amounts(columns, rows)}
        self.refuse_flood(self.series(figures))
        return figures

    def series(self, figures: Mapping[Any, Any]) -> int:
        """How many series figures of it make."""
        return len(figures) * (len(self.buckets) + 3 if self.type == "histogram" else 1)

    def refuse_flood(self, series: int) -> None:
        """Raise `Malformed` when so many series, or rows, are more than it may give."""
        if series > self.max_series:
            raise Malformed(f"{series} series, more than the {self.max_series} of max_series: which label has so many values?")

    def amounts(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Amounts:
        """As `figures`, of a counter or gauge."""
        for column in (*self.labels, *(measure.value for measure in self.metrics.values())):
            if columns.count(column) != 1:
                raise Malformed(f"expected one column {column!r}, got {_listed(columns)}")
        seen: set[tuple[str, ...]] = set()
        amounts: Amounts = {}
        for row in rows:
            labels = tuple([self._label(name, row[name]) for name in self.labels])
            if labels in seen:
                raise Malformed(f"two rows have the same {_listed(self.labels) or 'no labels'}: group by the labels")
            seen.add(labels)
            for name, measure in self.metrics.items():
                value = self.nulls.get(measure.value) if row[measure.value] is None else row[measure.value]
                if value is not None:
                    amounts[self._declared[name], labels] = self._value(measure.value, value)
        return amounts

    def sample(self, metric: Metric, labels: tuple[str, ...], figure: Figure, source: str) -> Sample:
        """A figure as the collector of that name shows it."""
        named = dict(zip(metric.labels, (source, *labels), strict=True))
        if isinstance(figure, histogram.Spread):
            sum_ = None if self.buckets[0] < 0 else float(figure.sum)  # one that may fall is not shown
            return metric.histogram(figure.cumulative(self.buckets), sum=sum_, count=None, **named)
        return metric(float(figure), **named)

    def _spreads(self, rows: Iterable[Mapping[str, Any]]) -> Figures:
        found: dict[tuple[str, ...], list[tuple[int, int, Decimal]]] = {}
        for row in rows:
            labels = tuple([self._label(name, row[name]) for name in self.labels])
            sum_ = self._value(histogram.SUM, row[histogram.SUM])
            found.setdefault(labels, []).append((row[histogram.BUCKET], row[histogram.COUNT], sum_))
        (metric,) = self._declared.values()
        return {(metric, labels): histogram.spread(parts, self.buckets) for labels, parts in found.items()}

    def _label(self, name: str, value: object) -> str:
        value = self.nulls.get(name) if value is None else value
        if value is None:
            raise Malformed(f"the label {name!r} is NULL in a row; say in nulls what stands for it, or leave the row out")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if name in self.known and text not in self.known[name]:
            raise Malformed(f"the label {name!r} has a value other than {_listed(self.known[name])}")
        return text

    def _value(self, column: str, value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise Malformed(f"the column {column!r} holds a {type(value).__name__}, not a number")
        if not math.isfinite(value):
            raise Malformed(f"the column {column!r} holds {value}, not a finite number")
        if self.type == "counter" and value < 0:
            raise Malformed(f"the column {column!r} of a counter is negative; a counter only grows")
        return Decimal(value)


class Pack(Model):
    """Queries that belong together. Its name is its file's."""

    description: str = Field(min_length=1)
    reads: tuple[str, ...] = ()
    """The views of the contract that its queries read; none for a pack over tables of the user's own."""
    queries: Annotated[dict[str, Query], Field(min_length=1)]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        read = set[str]().union(*(query.reads for query in self.queries.values()))
        if read != set(self.reads):
            expected, came = (_listed(sorted(views)) or "none" for views in (read, self.reads))
            raise ValueError(f"reads: expected the views of the contract that the queries name ({expected}), got {came}")
        names = Counter(name for query in self.queries.values() for name in query.metrics)
        if twice := [name for name, times in names.items() if times > 1]:
            raise ValueError(f"queries: {twice[0]} is declared by two queries")
        return self

    def declares(self) -> Iterable[Metric]:
        """The metrics of all its queries."""
        for query in self.queries.values():
            yield from query.declares().values()


def _listed(names: Iterable[str]) -> str:
    ordered = names if isinstance(names, tuple | list) else sorted(names)
    return ", ".join(ordered)
