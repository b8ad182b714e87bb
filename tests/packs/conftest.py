"""One company for all tests of packs: its story at a fixed instant, told and loaded once, and only read."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.collector import declared_in
from exporter.collectors.sql import Sql
from exporter.demo import chapters
from exporter.demo.chapters import Row
from exporter.demo.company import Company
from exporter.demo.database import Server
from exporter.fields import Secret
from exporter.metric import Distribution
from exporter.packs import standing

NOW = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)
SEED = 1
OF_PACKS = list(declared_in(standing))

Labels = tuple[str, ...]
Figures = dict[str, dict[Labels, Any]]
Asking = Callable[..., Coroutine[Any, Any, Figures]]


@pytest.fixture(scope="session")
def told() -> Iterator[Company]:
    """The company as its story tells it up to NOW, on a server of its own."""
    with Server() as server:
        company = Company(server, seed=SEED, clock=lambda: NOW, living=False)
        asyncio.run(company.__aenter__())
        yield company
        asyncio.run(company.__aexit__())


@pytest.fixture(scope="session")
def chapter(told: Company) -> Callable[[str], dict[str, list[Row]]]:
    """The rows of a chapter by table, as told, without the database."""
    days = (NOW - told.story.begins_at) // timedelta(days=1) + 2
    return lambda name: chapters.tell(told.story, SEED, told.story.begins_at, days, [name])


async def ask(dsn: str, pack: str, as_of: datetime, **settings: Any) -> Figures:
    """What a pack says at an instant, by metric and then by labels without `source`; of a histogram, its parts."""
    collector = Sql(name="company", dsn=Secret(dsn), packs=(pack,), **{"count_from": "first_row", **settings})
    collector._as_of = as_of
    found: Figures = {metric.name: {} for metric in collector.declares() if metric not in OF_PACKS}
    try:
        async for sample in collector.collect():
            value = sample.value.parts if isinstance(sample.value, Distribution) else sample.value
            if sample.metric not in OF_PACKS:
                found[sample.metric.name][sample.labels[1:]] = value
        assert [each.why for each in collector._agenda.standings if each.error] == []
    finally:
        await collector.close()
    return found


@pytest.fixture
def asked(told: Company) -> Asking:
    """Asks a pack about the company: `await asked("support", as_of)`."""
    return lambda pack, as_of: ask(told.monitor_dsn, pack, as_of)
