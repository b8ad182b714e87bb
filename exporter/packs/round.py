"""Round: a query that is asked part by part, one a run, so that none keeps the database busy for long.

All parts answer for the instant at which the round began, and their rows together are what the whole query would have given
for it. Until the last has come, the figures of the round before stay.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

WORTH_IT = 0.25
"""Seconds. A query that takes no longer is asked whole, although it has parts."""


@dataclass(slots=True)
class Round:
    """The parts of one query, from the first on."""

    as_of: datetime
    """The instant that all of them answer for."""
    parts: int
    part: int | None = 0
    """The one to be asked next. None: the whole at once."""
    columns: Sequence[str] = ()
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    """Of the parts that were asked."""

    def take(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bool:
        """Take what the part gave; whether it was the last."""
        self.columns = columns
        self.rows.extend(rows)
        if self.part is None or self.part + 1 == self.parts:
            return True
        self.part += 1
        return False
