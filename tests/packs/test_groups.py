"""The pack `groups`: every figure, against the same worked out from the story."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import NamedTuple

import psycopg
import pytest

from exporter.demo import chapters
from exporter.demo.company import Company
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, SEED, Asking, ask
from tests.packs.windows import by_then, counted, edges, shown, spreads, within

DAY = timedelta(days=1)
MEDIA = ("water", "power", "heat")


class Household(NamedTuple):
    """A row of shop.households."""

    id: str
    founded: datetime
    dissolved: datetime | None


class Stay(NamedTuple):
    """A row of shop.stays."""

    household: str
    user: str
    joined: datetime
    left: datetime | None


class Operation(NamedTuple):
    """A row of shop.household_log."""

    household: str | None
    user: str
    at: datetime
    name: str
    done: bool


class Reading(NamedTuple):
    """A row of shop.readings."""

    id: str
    household: str
    medium: str
    due: datetime
    came: datetime | None
    refused: datetime | None

    def is_valid(self, at: datetime) -> bool:
        return by_then(self.came, at) and not by_then(self.refused, at)

    @property
    def timing(self) -> str:
        return "in_time" if by_then(self.came, self.due) else "late"


class Town(NamedTuple):
    """All rows of the chapter."""

    households: list[Household]
    stays: list[Stay]
    log: list[Operation]
    readings: list[Reading]

    def open(self, at: datetime) -> set[str]:
        return {row.id for row in self.households if row.founded <= at and not by_then(row.dissolved, at)}

    def here(self, at: datetime) -> list[Stay]:
        """The stays under way in households that are not dissolved."""
        open_ = self.open(at)
        return [row for row in self.stays if row.household in open_ and row.joined <= at and not by_then(row.left, at)]


@pytest.fixture(scope="module")
def town(told: Company) -> Town:
    """Told two weeks further than the other chapters are: readings come before the day on which they are due."""
    days = (NOW - told.story.begins_at) // DAY + 15
    tables = chapters.tell(told.story, SEED, told.story.begins_at, days, ["groups"])
    return Town(
        [Household(*row) for row in tables["households"]],  # type: ignore[arg-type]
        [Stay(*row) for row in tables["stays"]],  # type: ignore[arg-type]
        [Operation(*row) for row in tables["household_log"]],  # type: ignore[arg-type]
        [Reading(*row) for row in tables["readings"]],  # type: ignore[arg-type]
    )


def last(instants: Iterable[datetime | None]) -> datetime:
    """The latest that is far enough back for a month to follow it."""
    return max(at for at in instants if at and at < NOW - 31 * DAY)


async def test_every_figure_of_groups_is_that_of_the_story(town: Town, told: Company, asked: Asking) -> None:
    dissolved, left = last(row.dissolved for row in town.households), last(row.left for row in town.stays)
    founded, joined = last(row.founded for row in town.households), last(row.joined for row in town.stays)
    for as_of in (NOW, NOW - 100 * DAY, *(moment for at in (dissolved, left, founded, joined) for moment in edges(at))):
        found = await asked("groups", as_of)
        open_, here = town.open(as_of), town.here(as_of)
        assert found["group_open"] == {(): len(open_)}
        members = {row.user for row in here}
        assert found["group_members"] == {(): len(members)}
        registered = sum(row.created_at <= as_of and not by_then(row.deleted_at, as_of) for row in told.story.users)
        assert found["group_membership_ratio"] == pytest.approx({(): len(members) / registered})
        sizes = Counter(row.household for row in here)
        assert shown(found["group_size"]) == spreads("groups", "sizes", (((), sizes[household]) for household in open_))
        assert found["group_created_total"] == {(): sum(row.founded <= as_of for row in town.households)}
        assert found["group_closed_total"] == {(): sum(by_then(row.dissolved, as_of) for row in town.households)}
        assert found["group_joins_total"] == {(): sum(row.joined <= as_of for row in town.stays)}
        assert found["group_leaves_total"] == {(): sum(by_then(row.left, as_of) for row in town.stays)}
        assert len(members) < len(here) < registered
        assert min(sizes[household] for household in open_) == 0


async def test_every_figure_of_operations_is_that_of_the_story(town: Town, asked: Asking) -> None:
    at = last(row.at for row in town.log if row.done)
    for as_of in (NOW, NOW - 100 * DAY, *edges(at, 30)):
        found = await asked("groups", as_of)
        log = [row for row in town.log if row.at <= as_of]
        assert found["group_operations_total"] == counted(
            ((row.name, "succeeded" if row.done else "failed") for row in log),
            *product({row.name for row in log}, ("succeeded", "failed")),
        )
        recent = [row for row in log if row.done and within(row.at, as_of, 30)]
        doers, open_, here = {(row.household, row.user) for row in recent}, town.open(as_of), town.here(as_of)
        active = {row.household for row in recent} & open_
        assert found["group_active_ratio"] == pytest.approx({("30d",): len(active) / len(open_)})
        taking_part = [row for row in here if (row.household, row.user) in doers]
        assert found["group_participation_ratio"] == pytest.approx({("30d",): len(taking_part) / len(here)})
        assert 0 < len(taking_part) < len(here)
        assert 0 < len(active) < len(open_)


async def test_every_figure_of_meters_is_that_of_the_story(town: Town, asked: Asking) -> None:
    due, came = last(row.due for row in town.readings), last(row.came for row in town.readings if row.timing == "late")
    refused = last(row.refused for row in town.readings)
    for as_of in (NOW, NOW - 100 * DAY, *edges(due, 30), *edges(came, 7), *edges(refused)):
        found = await asked("groups", as_of)
        submitted = [row for row in town.readings if by_then(row.came, as_of)]
        timings = list(product(MEDIA, ("in_time", "late")))
        assert found["meter_reading_submissions_total"] == counted(((row.medium, row.timing) for row in submitted), *timings)
        assert found["meter_reading_rejections_total"] == counted(
            ((row.medium, row.timing) for row in submitted if by_then(row.refused, as_of)), *timings
        )
        fell_due = [row for row in town.readings if row.due <= as_of]
        assert found["meter_reading_deadlines_total"] == counted(
            ((row.medium, "in_time" if row.is_valid(row.due) else "missed") for row in fell_due),
            *product(MEDIA, ("in_time", "missed")),
        )
        recent = [row for row in fell_due if within(row.due, as_of, 30)]
        for medium in MEDIA:
            rows = [row for row in recent if row.medium == medium]
            valid = [row for row in rows if row.is_valid(as_of)]
            assert found["meter_readings_due"][medium, "30d"] == len(rows)
            assert found["meter_readings_overdue"][medium, "30d"] == len(rows) - len(valid)
            in_time = sum(row.timing == "in_time" for row in valid)
            assert found["meter_reading_compliance_ratio"][medium, "30d"] == pytest.approx(in_time / len(rows))
            assert found["meter_reading_completion_ratio"][medium, "30d"] == pytest.approx(len(valid) / len(rows))
        failing = {row.household for row in recent if row.timing == "late" or not row.is_valid(as_of)}
        owing = {row.household for row in recent}
        assert found["meter_complying_groups_ratio"] == pytest.approx({("30d",): 1 - len(failing) / len(owing)})
        assert shown(found["meter_reading_delay_seconds"]) == spreads(
            "groups",
            "delays",
            [
                ((row.medium, "7d"), (row.came - row.due).total_seconds())
                for row in submitted
                if row.timing == "late" and within(row.came, as_of, 7)
            ],
        )
        assert found["meter_reading_delay_seconds"]


@pytest.fixture
def street(database: str) -> str:
    """A database whose contract is mapped onto tables that hold the few rows below."""
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute(as_sql())
        for view in ("groups", "group_members", "group_operations", "meter_readings"):
            connection.execute(f'create table "its_{view}" (like bellwether.{view})')
            connection.execute(f'create or replace view bellwether.{view} as select * from "its_{view}"')
        connection.cursor().executemany(
            "insert into its_groups values (%s, '2026-01-01', %s)", [("a", None), ("b", None), ("gone", "2026-02-01")]
        )
        connection.cursor().executemany(
            "insert into its_group_members values (%s, %s, '2026-01-01', %s)",
            [("a", "x", None), ("a", "y", None), ("b", "x", None), ("gone", "z", None), ("b", "w", "2026-03-01")],
        )
        connection.cursor().executemany(
            "insert into its_group_operations values (%s, %s, %s, 'invite', %s)",
            [
                ("a", "x", "2026-02-20", "succeeded"),
                ("a", "x", "2026-02-21", "succeeded"),
                ("b", "x", "2026-02-20", "failed"),
                ("b", None, "2026-02-20", "succeeded"),
                (None, "y", "2026-02-20", "failed"),
                (None, "y", "2026-02-20", "succeeded"),
            ],
        )
        connection.cursor().executemany(
            "insert into its_meter_readings values (%s, %s, 'water', '2026-02-28', %s, %s)",
            [
                ("on the stroke", "a", "2026-02-28", "2026-03-05"),
                ("too late", "b", "2026-02-28 00:00:00.000001", None),
                ("refused on the stroke", "a", "2026-02-20", "2026-02-28"),
                ("refused since", None, "2026-02-20", "2026-03-01"),
                ("never", "b", None, None),
            ],
        )
    return database


async def test_stays_end_with_their_group_and_users_count_once(street: str) -> None:
    found = await ask(street, "groups", datetime(2026, 3, 1, tzinfo=UTC))
    assert found["group_open"] == {(): 2}
    assert found["group_members"] == {(): 2}  # x in both, y; z's is dissolved, w has left on that very instant
    assert found["group_membership_ratio"] == {}  # nobody is registered
    assert found["group_size"][()][-2:] == (("_sum", None, 3), ("_count", None, 2))
    assert found["group_active_ratio"] == {("30d",): 1}
    assert found["group_participation_ratio"] == pytest.approx({("30d",): 1 / 3})  # x in a, neither x in b nor y in a


async def test_a_group_dissolved_at_that_instant_is_no_more_and_what_was_done_as_the_window_begins_lies_before_it(
    street: str,
) -> None:
    february = await ask(street, "groups", datetime(2026, 2, 1, tzinfo=UTC))
    assert february["group_members"] == {(): 3}  # x, y and w: z's group has just been dissolved
    assert february["group_active_ratio"] == february["group_participation_ratio"] == {}
    march = await ask(street, "groups", datetime(2026, 3, 23, tzinfo=UTC))
    assert march["group_active_ratio"] == march["group_participation_ratio"] == {("30d",): 0}
    with psycopg.connect(street, options="-c TimeZone=UTC") as connection:
        connection.execute("update its_groups set closed_at = '2026-03-10' where group_id = 'b'")
    smaller = await ask(street, "groups", datetime(2026, 3, 10, tzinfo=UTC))
    assert smaller["group_participation_ratio"] == {("30d",): 0.5}


async def test_a_reading_is_in_time_on_the_stroke_and_counts_as_things_stood_when_it_was_due(street: str) -> None:
    due = datetime(2026, 2, 28, tzinfo=UTC)
    before = await ask(street, "groups", due - timedelta(microseconds=1))
    assert (
        before["meter_reading_deadlines_total"] == before["meter_readings_due"] == before["meter_complying_groups_ratio"] == {}
    )
    found = await ask(street, "groups", due)
    assert found["meter_reading_deadlines_total"] == {("water", "in_time"): 2, ("water", "missed"): 3}
    assert found["meter_reading_compliance_ratio"] == {("water", "30d"): 0.4}
    assert found["meter_complying_groups_ratio"] == {("30d",): 0}  # of a and b, one reading each has not come or was refused
    assert found["meter_reading_delay_seconds"] == {}
    later = await ask(street, "groups", due + 2 * DAY)
    assert later["meter_reading_deadlines_total"] == found["meter_reading_deadlines_total"]
    assert later["meter_reading_compliance_ratio"] == {("water", "30d"): 0.2}
    assert later["meter_reading_completion_ratio"] == {("water", "30d"): 0.4}
    assert later["meter_readings_overdue"] == {("water", "30d"): 3}
    assert later["meter_reading_submissions_total"] == {("water", "in_time"): 3, ("water", "late"): 1}
    assert later["meter_reading_rejections_total"] == {("water", "in_time"): 2, ("water", "late"): 0}
    end = await ask(street, "groups", due + 30 * DAY)
    assert end["meter_readings_due"] == {}
    assert end["meter_reading_rejections_total"] == {("water", "in_time"): 3, ("water", "late"): 0}


async def test_before_the_company_opened_there_is_nothing_but_zeros(asked: Asking) -> None:
    found = await asked("groups", NOW - 1000 * DAY)
    assert {name for name, series in found.items() if series} == {
        "group_created_total",
        "group_closed_total",
        "group_joins_total",
        "group_leaves_total",
    }
    assert not any(value for series in found.values() for value in series.values())
