"""Cursor: which entries of a growing list are new, when some become visible late and a page may show one again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

_OVERLAP = 300  # seconds in which what was there already is asked for once more
_LONGEST_GAP = 86400  # seconds; after a longer failure what is older stays uncounted, since reading it all could take too long


class Dated(Protocol):
    """What a list holds: the latest first."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> int: ...


D = TypeVar("D", bound=Dated)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where a list was read, by the dates of its entries: the clock of this machine plays no part. Immutable."""

    begins: int
    """Entries up to then are older than the exporter, and not counted."""
    newest: int
    seen: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    """The entries of the overlap, with their dates."""

    @classmethod
    def after(cls, entries: Iterable[Dated], now: float) -> Self:
        """A cursor that counts what comes after these, or after now where there are none."""
        newest = max((entry.created for entry in entries), default=int(now))
        return cls(newest, newest)

    def reads_from(self, now: float) -> int:
        """The date of the first entry to ask for."""
        return max(self.newest - _OVERLAP, self.begins + 1, int(now) - _LONGEST_GAP)

    def advanced(self, entries: Iterable[D], count: Callable[[D], None]) -> "Cursor":
        """The cursor after these entries; those that are new are counted, the oldest first."""
        entries = sorted(entries, key=lambda entry: entry.created)
        seen = set(self.seen)
        for entry in entries:
            key = (entry.id, entry.created)
            if key not in seen and entry.created > self.begins:
                seen.add(key)
                count(entry)
        newest = max((self.newest, *(entry.created for entry in entries)))
        kept = frozenset(key for key in seen if key[1] >= newest - _OVERLAP)
        return Cursor(self.begins, newest, kept)
