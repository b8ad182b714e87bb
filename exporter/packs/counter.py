"""Tally: how a counter grows by windows of time, so that no poll counts the whole table again.

A row is dated by its transaction's start and seen only once that commits, so rows may appear behind an instant already
counted. Hence two windows at each poll: what is older than the allowance is counted for good, what is younger is counted
afresh every time. A row that appears within the allowance is counted exactly once; a later one never.

What was there before the first poll is counted too, to know every label set, and shown or not as the settings want it.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, Self

from exporter.metric import Metric
from exporter.packs.pack import Amounts, Query

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Before the first row: the year 1, the earliest instant that Python and PostgreSQL both know."""

CountFrom = Literal["first_run", "first_row"]
"""What a counter is shown to have counted: what came after the exporter's first run, or all there is."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one query has counted. Immutable: a poll that fails midway keeps the old one and has lost nothing."""

    settled_to: datetime = BEGINNING
    """Rows dated up to here are in `settled` and are not read again."""
    settled: Amounts = field(default_factory=dict)
    counted: Amounts = field(default_factory=dict)
    """All there has been. It never falls, even when rows are deleted or the server's clock is set back."""
    first: Amounts | None = None
    """What the first poll counted; None before it."""
    new: frozenset[tuple[Metric, tuple[str, ...]]] = frozenset()
    """Label sets that the last poll found, and no poll before it."""

    def border(self, as_of: datetime, allowance: timedelta) -> datetime:
        """Where the two windows of a poll meet: settling is (settled_to, border], fresh is (border, as_of]."""
        return max(self.settled_to, as_of - allowance)

    def grown(self, query: Query, border: datetime, settling: Amounts, fresh: Amounts) -> Self:
        """The tally after a poll that found these amounts in the two windows."""
        settled = _summed(self.settled, settling)
        current = _zeros(query, settled.keys() | fresh.keys()) | _summed(settled, fresh)
        counted = {key: max(value, self.counted.get(key, value)) for key, value in (self.counted | current).items()}
        if self.first is None:
            return type(self)(border, settled, counted, first=counted)
        return type(self)(border, settled, counted, self.first, frozenset(counted.keys() - self.counted.keys()))

    def exposed(self, count_from: CountFrom) -> Amounts:
        """The counters themselves. A label set that is new is at 0 for one poll: Prometheus sees growth, not a first value."""
        before = (self.first or {}) if count_from == "first_run" else {}
        return {
            key: Decimal(0) if key in self.new else value - before.get(key, Decimal(0)) for key, value in self.counted.items()
        }


def _summed(one: Amounts, other: Amounts) -> Amounts:
    return one | {key: one.get(key, 0) + value for key, value in other.items()}


def _zeros(query: Query, seen: Iterable[tuple[object, tuple[str, ...]]]) -> Amounts:
    """A 0 for each known value of the closed labels, with each combination of the open ones that has been seen."""
    open_labels = [index for index, name in enumerate(query.labels) if name not in query.known]
    combinations = {tuple([labels[index] for index in open_labels]) for _, labels in seen}
    if not open_labels:
        combinations = {()}
    zeros: Amounts = {}
    for combination in combinations:
        given = iter(combination)
        choices = [query.known[name] if name in query.known else (next(given),) for name in query.labels]
        for labels in itertools.product(*choices):
            zeros |= {(metric, labels): Decimal(0) for metric in query.declares().values()}
    return zeros
