"""The pack `users`: every figure, against the same worked out from the story; and by hand at the edges."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.demo.company import Company
from exporter.packs.contract import as_sql
from exporter.packs.load import shipped
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.expected import histogram, rounded

DAY = timedelta(days=1)
WINDOWS = {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
DEVICES = ("desktop", "mobile", "tablet", "unknown")


class Session(NamedTuple):
    """A row of shop.sessions."""

    id: str
    visitor: str
    user: str | None
    began: datetime
    ended: datetime
    pages: int
    device: str | None
    source: str | None
    medium: str | None
    campaign: str | None


@pytest.fixture
def sessions(chapter: Callable[[str], dict[str, list[Row]]]) -> list[Session]:
    """Those of somebody signed in; of no device where it is not known."""
    rows = [Session(*row) for row in chapter("activity")["sessions"]]  # type: ignore[arg-type]
    return [row._replace(device=row.device or "unknown") for row in rows if row.user]


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=150, hours=7)])
async def test_every_figure_is_that_of_the_story(
    as_of: datetime, sessions: list[Session], told: Company, asked: Asking
) -> None:
    found = await asked("users", as_of)
    registered = [user for user in told.story.users if user.created_at <= as_of]
    gone = [user for user in registered if user.deleted_at and user.deleted_at <= as_of]
    begun = [row for row in sessions if row.began <= as_of]
    within = {name: [row for row in begun if row.began > as_of - length] for name, length in WINDOWS.items()}
    active = {name: len({row.user for row in rows}) for name, rows in within.items()}
    still = [row for row in begun if row.ended > as_of]
    assert len(begun) > 5000
    assert all(active.values())

    def bounces(rows: list[Session]) -> float | None:
        over = [row for row in rows if row.ended <= as_of]
        return sum(row.pages <= 1 for row in over) / len(over) if over else None

    of_device = {
        (device, name): [row for row in within[name] if row.device == device] for device in DEVICES for name in WINDOWS
    }
    assert found["saas_users"] == {(): len(registered) - len(gone)}
    assert found["saas_users_registered_total"] == {(): len(registered)}
    assert found["saas_users_deleted_total"] == {(): len(gone)}
    assert found["saas_new_users"] == {
        (name,): sum(user.created_at > as_of - length for user in registered) for name, length in WINDOWS.items()
    }
    assert found["saas_active_users"] == {(name,): count for name, count in active.items()}
    assert found["saas_stickiness_ratio"] == pytest.approx(
        {(name,): active[name] / active["30d"] for name in ("1d", "7d")}, abs=1e-12
    )
    assert found["saas_open_sessions"] == {(): len(still)}
    assert found["saas_online_users"] == {(): len({row.user for row in still})}
    assert found["saas_sessions"] == {labels: len(rows) for labels, rows in of_device.items()}
    assert found["saas_session_bounce_ratio"] == pytest.approx(
        {labels: share for labels, rows in of_device.items() if (share := bounces(rows)) is not None}, abs=1e-12
    )
    assert found["saas_sessions_started_total"] == {(device,): sum(row.device == device for row in begun) for device in DEVICES}
    ended = [row for row in sessions if as_of - DAY < row.ended <= as_of]
    assert {labels: rounded(parts) for labels, parts in found["saas_session_duration_seconds"].items()} == {
        (device, "1d"): histogram(lengths, shipped()["users"].queries["durations"].buckets)
        for device in DEVICES
        if (lengths := [(row.ended - row.began).total_seconds() for row in ended if row.device == device])
    }


async def test_before_the_first_user_there_is_nothing_but_counters_at_zero(asked: Asking) -> None:
    found = await asked("users", NOW - timedelta(days=1000))
    assert {name: series for name, series in found.items() if series} == {
        "saas_users_registered_total": {(): 0},
        "saas_users_deleted_total": {(): 0},
        "saas_sessions_started_total": {(device,): 0 for device in DEVICES},
    }


async def test_windows_are_open_at_their_start_and_what_is_not_known_does_not_count(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(as_sql(["users", "sessions"]))
        connection.execute("create table person (like bellwether.users)")
        connection.execute("create table visit (like bellwether.sessions)")
        connection.execute("create or replace view bellwether.users as select * from person")
        connection.execute("create or replace view bellwether.sessions as select * from visit")
        connection.cursor().executemany(
            "insert into person values (%s, 'a', %s, %s)",
            [
                ("one", NOW, None),
                ("two", NOW - DAY, NOW),  # deleted just now
                ("three", NOW - 7 * DAY, NOW + DAY),
                ("not yet", NOW + DAY, None),
            ],
        )
        second = timedelta(seconds=1)
        connection.cursor().executemany(
            "insert into visit (user_id, started_at, ended_at, page_views, device) values (%s, %s, %s, %s, %s)",
            [
                ("one", NOW, None, 1, "tablet"),  # goes on: open, and no bounce yet
                ("one", NOW - DAY, NOW, 1, "desktop"),  # a day ago is not within the day; ended now is not open
                ("two", NOW - DAY + second, NOW + second, 0, "desktop"),  # neither over nor a bounce
                ("not in a month", NOW - 30 * DAY, NOW - 30 * DAY, 1, "desktop"),
                ("two", NOW - DAY / 2, NOW, 3, "mobile"),  # over at this instant
                ("three", NOW - 30 * DAY + second, None, None, "television"),  # never ended: lost
                ("one", NOW - 2 * DAY, NOW - 2 * DAY, None, None),
                (None, NOW, None, 1, "mobile"),
                ("one", NOW + second, None, 1, "mobile"),
            ],
        )
    found = await ask(database, "users", NOW)
    assert found["saas_users"] == {(): 2}
    assert found["saas_new_users"] == {("1d",): 1, ("7d",): 2, ("30d",): 3}
    assert found["saas_active_users"] == {("1d",): 2, ("7d",): 2, ("30d",): 3}
    assert found["saas_stickiness_ratio"] == pytest.approx({("1d",): 2 / 3, ("7d",): 2 / 3})
    assert found["saas_open_sessions"] == found["saas_online_users"] == {(): 2}
    assert {labels: count for labels, count in found["saas_sessions"].items() if count} == {
        ("tablet", "1d"): 1, ("tablet", "7d"): 1, ("tablet", "30d"): 1,
        ("desktop", "1d"): 1, ("desktop", "7d"): 2, ("desktop", "30d"): 2,
        ("mobile", "1d"): 1, ("mobile", "7d"): 1, ("mobile", "30d"): 1,
        ("unknown", "7d"): 1, ("unknown", "30d"): 2,
    }  # fmt: skip
    assert found["saas_session_bounce_ratio"] == {
        ("desktop", "7d"): 1, ("desktop", "30d"): 1, ("mobile", "1d"): 0, ("mobile", "7d"): 0, ("mobile", "30d"): 0,
    }  # fmt: skip
    assert found["saas_users_deleted_total"] == {(): 1}


async def test_nobody_active_in_a_month_is_no_stickiness(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(as_sql(["users", "sessions"]))
        connection.execute("create table visit (like bellwether.sessions)")
        connection.execute("create or replace view bellwether.sessions as select * from visit")
        connection.execute("insert into visit (user_id, started_at) values ('one', %s)", [NOW - 30 * DAY])
    found = await ask(database, "users", NOW)
    assert found["saas_active_users"] == {("1d",): 0, ("7d",): 0, ("30d",): 0}
    assert found["saas_stickiness_ratio"] == {}
    assert found["saas_new_users"] == {}
