"""Pack, Query, Measure: what a pack's file may say, and what the rows of its queries mean."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from exporter.errors import Malformed
from exporter.fields import Model
from exporter.metric import Metric
from exporter.packs.statement import contract_views, one_query, placeholders

SOURCE = "source"
"""The first label of every metric of a pack: the name of the collector that ran it."""

Figures = dict[tuple[Metric, tuple[str, ...]], Decimal]
"""Values by metric and label values, `source` left out; decimal, so that money added up for a year is still exact."""


def _metric_name(name: str) -> str:
    return Metric(name, "A name to be checked.").name


class Measure(Model):
    """One metric of a query."""

    help: str = Field(min_length=1)
    """What it means, in a sentence or two that an analyst would sign."""
    unit: str = ""
    """What it counts, where the name's suffix does not say it."""
    value: str = Field(min_length=1)
    """The column that holds its value. Where that is NULL, there is no sample."""


class Query(Model):
    """One query: each row is one label set, each measure one column of values."""

    type: Literal["gauge", "counter"] = "gauge"
    """`counter`: the query sums up what happened in the window that it is given, and Bellwether adds the windows up."""
    labels: tuple[str, ...] = ()
    """Columns that become labels, in this order. A row is one combination of them; NULL is refused."""
    known: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Labels with a closed set of values: any other value is refused, and counters start at 0 for each."""
    metrics: Annotated[dict[Annotated[str, AfterValidator(_metric_name)], Measure], Field(min_length=1)]
    sql: Annotated[str, AfterValidator(one_query)]

    _declared: dict[str, Metric] = PrivateAttr(default_factory=dict)

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
        for name, measure in self.metrics.items():
            if measure.value in self.labels:
                raise ValueError(f"{name}: the column {measure.value!r} is a label, so it cannot be the value")
            if name.endswith("_total") != (self.type == "counter"):
                raise ValueError(f"{name} is a {self.type}: a counter's name ends in _total, and no other's does")
            labels = (SOURCE, *self.labels)
            self._declared[name] = Metric(name, " ".join(measure.help.split()), self.type, labels, measure.unit)
        wanted = {"as_of", "since"} if self.type == "counter" else {"as_of"}
        if (bound := placeholders(self.sql)) != wanted:
            raise ValueError(
                f"sql: a {self.type}'s query uses {_listed(f'%({name})s' for name in wanted)}"
                f"; this one uses {_listed(f'%({name})s' for name in bound) or 'neither'}"
            )
        return self

    def declares(self) -> Mapping[str, Metric]:
        """Its metrics by name."""
        return self._declared

    def parameters(self, as_of: datetime, since: datetime | None = None) -> dict[str, datetime]:
        """What to bind: the instant, and for a counter the instant at which its window opens, itself outside."""
        return {"as_of": as_of} if since is None else {"as_of": as_of, "since": since}

    def figures(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Figures:
        """The values in a result. Raises `Malformed` when it is not the result that the pack declares."""
        for column in (*self.labels, *(measure.value for measure in self.metrics.values())):
            if columns.count(column) != 1:
                raise Malformed(f"expected one column {column!r}, got {_listed(columns)}")
        seen: set[tuple[str, ...]] = set()
        figures: Figures = {}
        for row in rows:
            labels = tuple([self._label(name, row[name]) for name in self.labels])
            if labels in seen:
                raise Malformed(f"two rows have the same {_listed(self.labels) or 'no labels'}: group by the labels")
            seen.add(labels)
            for name, measure in self.metrics.items():
                if (value := row[measure.value]) is not None:
                    figures[self._declared[name], labels] = self._value(measure.value, value)
        return figures

    def _label(self, name: str, value: object) -> str:
        if value is None:
            raise Malformed(f"the label {name!r} is NULL in a row; use coalesce({name}, 'unknown') or leave the row out")
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
        read = set[str]().union(*(contract_views(query.sql) for query in self.queries.values()))
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
