"""The pack `flags`: every figure, against the same worked out from the chapter's rows; and the edges by hand."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.demo.chapters.flags import FLAGS
from exporter.packs import contract
from tests.packs.conftest import NOW, Asking, Figures, ask

START = datetime(2026, 5, 1, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Change(NamedTuple):
    """A row of shop.flag_changes."""

    flag: str
    enabled: bool
    ratio: float | None
    at: datetime


class Exposure(NamedTuple):
    """A row of shop.exposures."""

    subject: str
    variant: str
    user: str
    at: datetime


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=125), NOW - timedelta(days=375)])
async def test_every_figure_is_that_of_the_story(
    as_of: datetime, chapter: Callable[[str], dict[str, list[Row]]], asked: Asking
) -> None:
    rows = chapter("flags")
    changes = [Change(*row) for row in rows["flag_changes"] if Change(*row).at <= as_of]  # type: ignore[arg-type]
    latest = {change.flag: change for change in sorted(changes, key=lambda change: change.at)}
    exposures = [Exposure(*row) for row in rows["exposures"]]  # type: ignore[arg-type]
    met = [(row.subject, row.variant) for row in exposures if row.at <= as_of]
    found = await asked("flags", as_of)
    assert found == {
        "feature_flag_enabled": {(flag,): float(change.enabled) for flag, change in latest.items()},
        "feature_flag_rollout_ratio": {(flag,): change.ratio or 0 for flag, change in latest.items()},
        "feature_flag_changed_timestamp_seconds": {(flag,): change.at.timestamp() for flag, change in latest.items()},
        "feature_flag_exposures_total": {
            (flag, variant): met.count((flag, variant)) for flag in latest for variant in ("on", "off")
        },
    }
    assert len(met) > 100


async def test_shares_of_users_grow_with_the_rollout(asked: Asking) -> None:
    found = (await asked("flags", NOW))["feature_flag_exposures_total"]
    on, off = found["smart_search", "on"], found["smart_search", "off"]
    assert set(FLAGS) == {flag for flag, _ in found}
    assert 0.05 < on / (on + off) < 0.25  # a tenth for most of the time, then three tenths


async def test_before_the_first_flag_there_is_nothing(asked: Asking) -> None:
    found = await asked("flags", NOW - timedelta(days=1000))
    assert {name: series for name, series in found.items() if series} == {}


@pytest.fixture
def shop(database: str) -> Iterator[psycopg.Connection[Any]]:
    """The contract's views as empty tables, in an autocommit connection."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create schema bellwether")
        for name in ("flags", "exposures"):
            columns = ", ".join(f"{column.name} {column.type}" for column in contract.views()[name].columns)
            connection.execute(f"create table bellwether.{name} ({columns})".encode())
        yield connection


def stand(
    shop: psycopg.Connection[Any],
    flag: str,
    since: datetime,
    until: datetime | None = None,
    *,
    ratio: float = 0.5,
    on: bool = True,
) -> None:
    shop.execute("insert into bellwether.flags values (%s, %s, %s, %s, %s)", (flag, on, ratio, since, until))


def meet(shop: psycopg.Connection[Any], flag: str, variant: str, at: datetime) -> None:
    shop.execute("insert into bellwether.exposures values (%s, %s, 'user', %s)", (flag, variant, at))


async def figures(database: str, as_of: datetime) -> Figures:
    return await ask(database, "flags", as_of)


async def test_a_stretch_holds_from_its_first_instant_until_just_before_its_end(
    shop: psycopg.Connection[Any], database: str
) -> None:
    stand(shop, "dark", START, START + DAY, ratio=0.25)
    stand(shop, "dark", START + DAY, START + 2 * DAY, ratio=0.75, on=False)
    seen = []
    for offset in (-SECOND, 0 * DAY, DAY - SECOND, DAY, 2 * DAY):
        found = await figures(database, START + offset)
        seen.append((found["feature_flag_enabled"].get(("dark",)), found["feature_flag_rollout_ratio"].get(("dark",))))
    assert seen == [(None, None), (1, 0.25), (1, 0.25), (0, 0), (None, None)]  # off for all, whatever share it is set to


async def test_exposures_count_from_the_flags_first_stretch_on_and_start_at_zero(
    shop: psycopg.Connection[Any], database: str
) -> None:
    stand(shop, "dark", START)
    meet(shop, "dark", "on", START - SECOND)
    meet(shop, "no flag", "on", START)
    assert (await figures(database, START))["feature_flag_exposures_total"] == {("dark", "on"): 0, ("dark", "off"): 0}
    meet(shop, "dark", "on", START)
    meet(shop, "dark", "blue", START + DAY)
    meet(shop, "dark", "off", START + DAY + SECOND)
    assert (await figures(database, START + DAY))["feature_flag_exposures_total"] == {
        ("dark", "on"): 1,
        ("dark", "off"): 0,
        ("dark", "blue"): 1,
    }
