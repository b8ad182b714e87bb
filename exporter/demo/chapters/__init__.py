"""What happens at the company beside subscribing and paying, one file per domain, told day by day.

A chapter is a module with `day(day)`, which yields what happens on that day as pairs of a table and its row, and beside it an
SQL file of the same name that creates those tables in schema `shop` and maps them onto views of the contract. A day draws
from chance of its own, so any day can be told without the others. Rows may be dated later than the day, and even later than
now: whoever reads as of an instant does not see what comes after it, so tomorrow can be told today.
"""

import importlib
import importlib.resources
import pkgutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol, cast

from exporter.demo.story import Story, User, stream

Row = tuple[object, ...]
"""The values of a row, in the order of its table's columns."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day at the company, as a chapter sees it."""

    story: Story
    start: datetime
    """Midnight, UTC."""
    random: Random
    """Chance for this chapter on this day alone."""
    users: Sequence[User]
    """Who is registered by the day's end, and whose account has not left by its start; in order of registration."""

    def at(self, hour: float) -> datetime:
        """An instant of the day."""
        return self.start + timedelta(hours=hour)


class Chapter(Protocol):
    """What a module of this package has to offer."""

    def day(self, day: Day, /) -> Iterator[tuple[str, Row]]:
        """What happens on the day: the table, without its schema, and the row."""


def chapters() -> Mapping[str, Chapter]:
    """All there are, by name."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: cast("Chapter", importlib.import_module(f"{__name__}.{name}")) for name in found}


def schema(name: str) -> bytes:
    """The SQL that makes the tables and views of a chapter."""
    return importlib.resources.files(__name__).joinpath(f"{name}.sql").read_bytes()


def tell(story: Story, seed: int, first: datetime, days: int, names: Iterable[str] | None = None) -> dict[str, list[Row]]:
    """The rows of so many days from midnight `first` on, by table, in the order in which the chapters tell them."""
    tables: dict[str, list[Row]] = defaultdict(list)
    chosen = {name: chapter for name, chapter in chapters().items() if names is None or name in names}
    left_at = _departures(story)
    for number in range(days):
        start = first + timedelta(days=number)
        end = start + timedelta(days=1)
        users = [user for user in story.users if user.created_at < end and left_at[user.account_id] > start]
        for name, chapter in chosen.items():
            for table, row in chapter.day(Day(story, start, stream(seed, name, start.date()), users)):
                tables[table].append(row)
    return dict(tables)


def _departures(story: Story) -> Mapping[str, datetime]:
    """When each account left; the end of time for those that have not."""
    forever = datetime.max.replace(tzinfo=story.until.tzinfo)
    return {row.account_id: row.ended_at or forever for row in story.subscriptions}
