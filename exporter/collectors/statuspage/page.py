"""A status page as read, whichever product serves it, and the samples that it comes to."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from exporter.clients.api import Answer
from exporter.errors import Malformed
from exporter.metric import Sample
from exporter.roles.status import (
    COMPONENT,
    COMPONENTS,
    INCIDENTS,
    INDICATOR,
    INDICATORS,
    MAINTENANCES,
    STATES,
    STATUSES,
    UPDATED,
)

UNKNOWN = "unknown"
_WORST_FIRST = ("major_outage", "partial_outage", UNKNOWN, "degraded_performance", "under_maintenance", "operational")


class Component(NamedTuple):
    """A part of the service."""

    id: str
    name: str
    status: str
    """One of STATUSES."""
    group: str = ""

    @property
    def title(self) -> str:
        """Its name within its group: several groups may have a component of one name."""
        return f"{self.group} / {self.name}" if self.group else self.name


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says. None stands for what its format does not tell."""

    indicator: str
    """One of INDICATORS."""
    components: tuple[Component, ...] | None = None
    incidents: Counter[str] | None = None
    """By impact, one of INDICATORS."""
    maintenances: Counter[str] | None = None
    """By state, one of STATES."""
    updated: float | None = None

    def of(self, chosen: Sequence[str]) -> Self:
        """The page with these components alone, by id, name or title; one that it does not list any more is unknown."""
        if self.components is None or not chosen:
            return self
        found: list[Component] = []
        for text in chosen:
            fitting = [each for each in self.components if text in {each.id, each.name, each.title}]
            found += fitting or [Component(text, text, UNKNOWN)]
        return replace(self, components=tuple(dict.fromkeys(found)))

    def samples(self, source: str, most: int) -> Iterator[Sample]:
        """Its samples, with at most so many components by name."""
        for indicator in INDICATORS:
            yield INDICATOR(indicator == self.indicator, source=source, indicator=indicator)
        if self.components is not None:
            statuses = Counter(component.status for component in self.components)
            for status in STATUSES:
                yield COMPONENTS(statuses[status], source=source, status=status)
            for title, status in self._worst(most):
                yield COMPONENT(1, source=source, component=title, status=status)
        if self.incidents is not None:
            for impact in INDICATORS:
                yield INCIDENTS(self.incidents[impact], source=source, impact=impact)
        if self.maintenances is not None:
            for state in STATES:
                yield MAINTENANCES(self.maintenances[state], source=source, state=state)
        if self.updated is not None:
            yield UPDATED(self.updated, source=source)

    def _worst(self, most: int) -> list[tuple[str, str]]:
        """Titles and statuses, those in trouble first; of components with one title the worst."""
        by_title: dict[str, str] = {}
        for component in sorted(self.components or (), key=lambda each: _WORST_FIRST.index(each.status)):
            by_title.setdefault(component.title, component.status)
        return list(by_title.items())[:most]


def understood(answer: Answer, what: str, read: Callable[[Any], Page]) -> Page:
    """The page that an answer holds. Raises `Malformed`."""
    data = answer.data()
    try:
        return read(data)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise Malformed(f"{answer.place}: expected {what}, got other JSON; check url and format") from None


def text(value: object) -> str:
    """A text. Raises `TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return value


def word(words: Mapping[str, str], value: object) -> str:
    """What a page's word means; unknown where it is not among those known, whose keys are in small letters."""
    return words.get(text(value).strip().lower(), UNKNOWN)


def timestamp(value: object) -> float:
    """Unix time of a date as in ISO 8601, in UTC unless it says otherwise. Raises `ValueError`."""
    instant = datetime.fromisoformat(text(value))
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
