"""What tests of packs say about time and spread: what lies in a window, and histograms by their labels."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from exporter.packs.load import shipped
from tests.packs.expected import Parts, histogram, rounded

Labels = tuple[str, ...]

LATE_BY = timedelta(minutes=5)
"""How late a row may appear, by default: where the two windows of a counter meet."""


def by_then(at: datetime | None, as_of: datetime) -> TypeGuard[datetime]:
    """Whether it had happened: on the instant itself it has."""
    return at is not None and at <= as_of


def within(at: datetime | None, as_of: datetime, days: float) -> TypeGuard[datetime]:
    """Whether it happened in the window that ends on the instant, itself inside, its start outside."""
    return by_then(at, as_of) and at > as_of - timedelta(days=days)


def edges(at: datetime, *days: float) -> list[datetime]:
    """The instants that tell whether something at that time lies in or out: itself, when the counters' older window ends on
    it, and when windows of so many days begin on it.
    """
    return [at, at + LATE_BY, *(at + timedelta(days=number) for number in days)]


def counted(seen: Iterable[Labels], *zeros: Labels) -> dict[Labels, int]:
    """How often each label set was seen, and 0 for those that were not."""
    return {**dict.fromkeys(zeros, 0), **Counter(seen)}


def spreads(pack: str, query: str, observations: Iterable[tuple[Labels, float | None]]) -> dict[Labels, Parts]:
    """The histograms that a query ought to make of these; what is None is no observation."""
    values: dict[Labels, list[float]] = defaultdict(list)
    for labels, value in observations:
        if value is not None:
            values[labels].append(float(value))
    bounds = shipped()[pack].queries[query].buckets
    return {labels: histogram(listed, bounds) for labels, listed in values.items()}


def shown(found: Mapping[Labels, Any]) -> dict[Labels, Parts]:
    """The histograms that were found, rounded as those of `spreads`."""
    return {labels: rounded(parts) for labels, parts in found.items()}
