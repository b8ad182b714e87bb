"""The pack `retention`: every figure, against the same worked out from the story; and by hand where calendars bite."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.demo.company import Company
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, Asking, Figures, ask
from tests.packs.test_users import Session

MONTH = timedelta(days=30)
Visits = Iterable[tuple[str, datetime]]


def month_of(at: datetime) -> tuple[int, str]:
    """The number of a calendar month, one more than the month before; and its name."""
    return at.year * 12 + at.month, f"{at.year}-{at.month:02}"


def week_of(at: datetime) -> tuple[int, str]:
    """As `month_of`, of an ISO week."""
    year, week, day = at.isocalendar()
    return (at.date().toordinal() - day) // 7, f"{year}-W{week:02}"


def expected(registered: Visits, visits: Visits, as_of: datetime) -> Figures:
    """Cohorts and their retention, user by user and period by period."""
    sizes: dict[tuple[str, ...], float] = {}
    retention: dict[tuple[str, ...], float] = {}
    for interval, of in (("month", month_of), ("week", week_of)):
        current = of(as_of)[0]
        periods = defaultdict(set)
        for user, at in visits:
            periods[user].add(of(at)[0])
        cohorts = defaultdict(list)
        for user, at in registered:
            cohorts[of(at)].append(user)
        for (first, name), users in cohorts.items():
            if not current - 12 <= first < current:
                continue
            sizes[interval, name] = len(users)
            for period in range(current - first):
                back = sum(first + period in periods[user] for user in users)
                retention[interval, name, str(period)] = back / len(users)
    return {"saas_cohort_users": sizes, "saas_cohort_retention_ratio": retention}


# the month begins on a Friday amid a week; the turn of a year of 53 weeks; a leap day's; on the stroke of both; the 31st
@pytest.mark.parametrize(
    "as_of",
    [
        NOW,
        datetime(2026, 5, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 1, 2, 12, tzinfo=UTC),
        datetime(2026, 6, 1, tzinfo=UTC),
        datetime(2026, 5, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
async def test_every_figure_is_that_of_the_story(
    as_of: datetime, chapter: Callable[[str], dict[str, list[Row]]], told: Company, asked: Asking
) -> None:
    sessions = [Session(*row) for row in chapter("activity")["sessions"]]  # type: ignore[arg-type]
    visits = [(row.user, row.began) for row in sessions if row.user and row.began <= as_of]
    registered = [(user.user_id, user.created_at) for user in told.story.users if user.created_at <= as_of]
    found = await asked("retention", as_of)
    for name, series in expected(registered, visits, as_of).items():
        assert series
        assert found[name] == pytest.approx(series, abs=1e-12)
    before = {user for user, at in visits if as_of - 2 * MONTH < at <= as_of - MONTH}
    after = {user for user, at in visits if at > as_of - MONTH}
    assert found["saas_user_retention_ratio"] == pytest.approx({("30d",): len(before & after) / len(before)}, abs=1e-12)


async def test_at_most_twelve_cohorts_of_twelve_periods(asked: Asking) -> None:
    found = await asked("retention", NOW)
    for interval in ("month", "week"):
        assert sum(labels[0] == interval for labels in found["saas_cohort_users"]) == 12
        assert sum(labels[0] == interval for labels in found["saas_cohort_retention_ratio"]) == 78
    later = await asked("retention", NOW + timedelta(days=14))
    gone = {labels[1] for labels in found["saas_cohort_users"]} - {labels[1] for labels in later["saas_cohort_users"]}
    assert gone == {"2026-W26", "2026-W27"}


async def test_before_the_first_user_there_is_nothing(asked: Asking) -> None:
    found = await asked("retention", NOW - timedelta(days=1000))
    assert {name: series for name, series in found.items() if series} == {}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
async def test_borders_of_months_weeks_and_windows(database: str, zone: str) -> None:
    """A leap year; weeks of the ISO calendar, in which 31 December 2024 is in the first week of 2025. In UTC everywhere."""
    as_of = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday at midnight: the week before has just ended
    instant = timedelta(microseconds=1)
    users = [
        ("leap", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("march", datetime(2024, 3, 1, tzinfo=UTC)),
        ("old", datetime(2024, 1, 1, tzinfo=UTC) - instant),
        ("first", datetime(2024, 1, 1, tzinfo=UTC)),
        ("eve", datetime(2024, 12, 31, tzinfo=UTC)),
        ("sunday", as_of - instant),
        ("now", as_of),
    ]
    visits = [
        ("leap", datetime(2024, 3, 1, tzinfo=UTC)),
        ("march", datetime(2024, 4, 1, tzinfo=UTC) - instant),
        ("first", datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("eve", datetime(2025, 1, 5, 23, 59, 59, tzinfo=UTC)),
        ("now", as_of),
        ("march", as_of - 2 * MONTH),  # too old
        ("leap", as_of - MONTH),  # before the window, and not back
        ("first", as_of - MONTH - instant),  # and back
        ("eve", as_of + timedelta(days=1)),
    ]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(as_sql(["users", "sessions"]))
        connection.execute("create table person (like bellwether.users)")
        connection.execute("create table visit (like bellwether.sessions)")
        connection.execute("create or replace view bellwether.users as select * from person")
        connection.execute("create or replace view bellwether.sessions as select * from visit")
        connection.cursor().executemany("insert into person values (%s, 'a', %s, null)", users)
        connection.cursor().executemany("insert into visit (user_id, started_at) values (%s, %s)", [*visits, (None, as_of)])
        connection.execute(f"alter database {connection.info.dbname} set timezone to '{zone}'")
    found = await ask(database, "retention", as_of)
    assert found["saas_cohort_users"] == {
        ("month", "2024-01"): 1, ("month", "2024-02"): 1, ("month", "2024-03"): 1, ("month", "2024-12"): 1,
        ("week", "2025-W01"): 2,
    }  # fmt: skip
    assert found["saas_cohort_retention_ratio"]["month", "2024-02", "1"] == 1
    assert found["saas_cohort_retention_ratio"]["month", "2024-03", "0"] == 1
    assert found["saas_cohort_retention_ratio"]["month", "2024-01", "11"] == 1
    assert found["saas_cohort_retention_ratio"]["week", "2025-W01", "0"] == 0.5
    assert found["saas_user_retention_ratio"] == {("30d",): 0.5}
    seen = [visit for visit in visits if visit[1] <= as_of]
    assert found["saas_cohort_retention_ratio"] == expected(users, seen, as_of)["saas_cohort_retention_ratio"]
