"""Fixtures for tests of collectors."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.collectors.sql import Sql
from exporter.fields import Secret
from tests.collectors.shop import Watch

Watching = Callable[..., Watch]


@pytest.fixture
def shop(database: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection to a database with an empty, indexed table of orders."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "create table orders (created_at timestamptz not null default now(), outcome text, shop text, amount numeric)"
        )
        connection.execute("create index on orders (created_at)")
        yield connection


@pytest.fixture
async def watching(database: str, shop: psycopg.Connection[Any], tmp_path: Path) -> AsyncIterator[Watching]:
    """Makes a `Watch` from the texts of packs, named pack0, pack1 and so on, and settings; counters have all rows."""
    made: list[Sql] = []

    def watch(*packs: str, **settings: Any) -> Watch:
        for number, text in enumerate(packs):
            (tmp_path / f"pack{number}.yaml").write_text(text)
        names = tuple(f"pack{number}" for number in range(len(packs)))
        given = {"name": "shop", "dsn": Secret(database), "packs": names, "packs_dir": tmp_path}
        made.append(Sql(**{**given, "count_from": "first_row", **settings}))
        return Watch(made[-1])

    yield watch
    for collector in made:
        await collector.close()
