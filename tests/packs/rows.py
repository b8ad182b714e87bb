"""Rows for the contract's views, by hand where the story does not reach, and what counters make of rows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import psycopg
from psycopg import sql

from exporter.packs import contract

Labels = tuple[str, ...]


def counted(seen: Iterable[Labels], *known: Sequence[str] | None) -> dict[Labels, float]:
    """How many there are of each label set; 0 for each known value of a label, in each combination of the others seen.

    `known` has the closed set of each label, None for an open one.
    """
    number = Counter(seen)
    found = [[labels[place] for place, closed in enumerate(known) if closed is None] for labels in number]
    everything: dict[Labels, float] = {}
    for combination in found if None in known else [[]]:
        given = iter(combination)
        for labels in product(*(closed if closed is not None else (next(given),) for closed in known)):
            everything[labels] = number[labels]
    return everything


def fill(dsn: str, views: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
    """Create these views of the contract over tables that hold these rows; columns left out are NULL."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(contract.as_sql(views))
        for view, rows in views.items():
            name, columns = sql.Identifier(view), sorted(set[str]().union(*rows))
            cursor.execute(sql.SQL("create table public.{0} as table bellwether.{0}").format(name))
            cursor.execute(sql.SQL("create or replace view bellwether.{0} as table public.{0}").format(name))
            listed = sql.SQL(", ").join(map(sql.Identifier, columns))
            values = sql.SQL(", ").join(map(sql.Placeholder, columns))
            insert = sql.SQL("insert into public.{} ({}) values ({})").format(name, listed, values)
            cursor.executemany(insert, [dict.fromkeys(columns) | dict(row) for row in rows])
