"""Snapshot histograms: how what is there now is spread over buckets, counted by the database rather than row by row here.

Source of the format: https://prometheus.io/docs/specs/om/open_metrics_spec/#histogram
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

BUCKET, COUNT, SUM = "bellwether_bucket", "bellwether_count", "bellwether_sum"
"""Columns of a counted query: the place of the bucket, from 0 to one past the last bound; observations in it; their sum."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The observations of one label set."""

    counts: tuple[int, ...]
    """How many lie in each bucket, and last in the one above all bounds."""
    sum: Decimal

    def cumulative(self, bounds: Sequence[float]) -> list[tuple[float, float]]:
        """How many lie at or below each bound, and infinity."""
        return list(zip((*bounds, float("inf")), itertools.accumulate(map(float, self.counts)), strict=True))


def counted(sql: str, labels: Iterable[str], value: str, bounds: Sequence[float]) -> str:
    """The query that counts the observations which `sql` gives, a row each, by labels and bucket. NULL is no observation."""
    names = [f'"{label}"' for label in labels]
    place = " + ".join(f'("{value}" > {bound!r})::int' for bound in bounds)
    columns = ", ".join([*names, f"{place} as {BUCKET}", f"count(*) as {COUNT}", f'sum("{value}") as {SUM}'])
    groups = ", ".join([*names, place])
    # Names and bounds are those of a pack that was checked: a label's name, a column's without quotes, numbers.
    return f'select {columns} from (\n{sql}\n) as observations where "{value}" is not null group by {groups}'  # noqa: S608


def spread(found: Iterable[tuple[int, int, Decimal]], bounds: Sequence[float]) -> Spread:
    """The buckets of one label set, from the rows that a counted query gave for it: place, count and sum."""
    counts, total = [0] * (len(bounds) + 1), Decimal(0)
    for place, count, sum_ in found:
        counts[place] = count
        total += sum_
    return Spread(tuple(counts), total)
