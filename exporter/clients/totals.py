"""Totals: what people add up to as of an instant, brought up to date by those for whom something happened since.

The database gives a change: of everybody with a row dated between two instants, what they count for at the later one, less what
they counted for at the earlier. So a run looks at few, whatever the table's size, and only sums are kept: nobody is known here.

A row is dated by its transaction's start and seen only once that commits. Hence two changes at each run, as counters have two
windows: what is older than the allowance is settled, what is younger is worked out afresh every time.

Where a row comes later than that, or is changed or deleted, what its owner counted for before is no longer what was added. So
everybody is counted anew from time to time.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, Self

Sums = Mapping[tuple[Any, ...], tuple[Decimal, ...]]
"""By what they are sums of. The first of each counts people, and where that is 0 there is nothing."""
Change = Callable[[datetime | None, datetime], Awaitable[Sums]]
"""Gives the change from one instant to a later one; from None: all there is at the later one."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Pace(NamedTuple):
    """How far totals are trusted."""

    late_by: timedelta
    """How much later than its own date a row may be seen."""
    recount_every: timedelta
    """After how long everybody is counted anew."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums as of an instant. Immutable: a run that fails midway keeps the old ones and has lost nothing."""

    settled_to: datetime | None = None
    """Rows dated up to here are in `settled`, if they were seen in time."""
    anew_from: datetime = _LONG_AGO
    """From this instant on everybody is counted anew."""
    settled: Sums = field(default_factory=dict)

    async def at(self, as_of: datetime, now: datetime, pace: Pace, change: Change) -> tuple[Self, Sums]:
        """The totals to go on from, and the sums as of an instant. One before what is settled is worked out from nothing.

        `now` is that instant too, or a later one, when what is counted has ended.
        """
        goes_on = self.settled_to is not None and self.settled_to <= as_of and now < self.anew_from
        since, settled = (self.settled_to, self.settled) if goes_on else (None, {})
        anew_from = self.anew_from if goes_on else now + pace.recount_every
        border = max(since or as_of - pace.late_by, as_of - pace.late_by)
        if since != border:
            settled = _summed(settled, await change(since, border))
        fresh = await change(border, as_of) if border != as_of else {}
        return type(self)(border, anew_from, settled), _summed(settled, fresh)


def _summed(sums: Sums, change: Sums) -> Sums:
    found = dict(sums)
    for key, moved in change.items():
        found[key] = tuple([one + other for one, other in zip(found[key], moved, strict=True)]) if key in found else moved
        if not found[key][0]:
            del found[key]
    return found
