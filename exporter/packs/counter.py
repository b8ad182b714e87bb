"""Tally: how a counter grows by windows of time, so that no poll counts the whole table again.

A row is dated by its transaction's start and seen only once that commits, so rows may appear behind an instant already
counted. Hence two windows at each poll: what is older than the allowance is counted for good, what is younger is counted
afresh every time. A row that appears within the allowance is counted exactly once; a later one never.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Self

from exporter.packs.pack import Amounts, Query

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Before the first row: the year 1, the earliest instant that Python and PostgreSQL both know."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one query has counted. Immutable: a poll that fails midway keeps the old one and has lost nothing."""

    settled_to: datetime = BEGINNING
    """Rows dated up to here are in `settled` and are not read again."""
    settled: Amounts = field(default_factory=dict)
    exposed: Amounts = field(default_factory=dict)
    """The counters themselves. They never fall, even when rows are deleted or the server's clock is set back."""

    def border(self, as_of: datetime, allowance: timedelta) -> datetime:
        """Where the two windows of a poll meet: settling is (settled_to, border], fresh is (border, as_of]."""
        return max(self.settled_to, as_of - allowance)

    def grown(self, query: Query, border: datetime, settling: Amounts, fresh: Amounts) -> Self:
        """The tally after a poll that found these amounts in the two windows."""
        settled = _summed(self.settled, settling)
        current = _zeros(query, settled.keys() | fresh.keys()) | _summed(settled, fresh)
        exposed = {key: max(value, self.exposed.get(key, value)) for key, value in (self.exposed | current).items()}
        return type(self)(border, settled, exposed)


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
