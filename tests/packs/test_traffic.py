"""The pack `traffic`: every figure, against the same worked out from the story."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
import pytest

from exporter.collectors.funnel import Declared
from exporter.demo.chapters import Row
from exporter.demo.chapters.activity import SIGN_UP
from exporter.demo.company import Company
from exporter.packs.contract import as_sql
from tests.collectors.test_funnel import agrees
from tests.collectors.test_funnel import ask as funnels
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.test_users import DAY, WINDOWS, Session


class Event(NamedTuple):
    """A row of shop.events."""

    id: str
    visitor: str
    user: str | None
    at: datetime
    name: str


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=200, hours=3)])
async def test_every_figure_is_that_of_the_story(
    as_of: datetime, chapter: Callable[[str], dict[str, list[Row]]], asked: Asking
) -> None:
    tables = chapter("activity")
    begun = [row for row in (Session(*row) for row in tables["sessions"]) if row.began <= as_of]  # type: ignore[arg-type]
    events = [row for row in (Event(*row) for row in tables["events"]) if row.at <= as_of]  # type: ignore[arg-type]
    found = await asked("traffic", as_of)
    for name, length in WINDOWS.items():
        rows = [row for row in begun if row.began > as_of - length]
        over = [row for row in rows if row.ended <= as_of]
        seconds = sum((row.ended - row.began).total_seconds() for row in over)
        assert len(over) > 10
        assert found["web_visits"][name,] == len(rows)
        assert found["web_visitors"][name,] == len({row.visitor for row in rows})
        assert found["web_page_views"][name,] == sum(row.pages for row in rows)
        assert found["web_bounce_ratio"][name,] == pytest.approx(sum(row.pages <= 1 for row in over) / len(over), abs=1e-12)
        assert found["web_visit_duration_seconds"][name,] == pytest.approx(seconds / len(over), abs=1e-5)
    recent = {row.visitor for row in begun if row.began > as_of - DAY and row.ended > as_of - timedelta(minutes=5)}
    assert found["web_current_visitors"] == {(): len(recent)}
    assert found["web_landings_total"] == Counter(
        (row.source or "direct", row.medium or "none", row.campaign or "none") for row in begun
    )
    assert found["web_events_total"] == Counter((row.name,) for row in events)
    assert found["web_events_total"]["signup_completed",] > 100


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=90, hours=4)])
async def test_the_sign_up_as_a_funnel_is_that_of_the_story(
    as_of: datetime, told: Company, chapter: Callable[[str], dict[str, list[Row]]]
) -> None:
    done = [(row.visitor, row.at, row.name) for row in (Event(*row) for row in chapter("activity")["events"])]  # type: ignore[arg-type]
    month = {"name": "sign-up", "steps": list(SIGN_UP), "by": "visitor"}
    day = {**month, "window": "1d", "within": "1h"}
    found = await funnels(told.monitor_dsn, as_of, month, day)
    for declared in (month, day):
        agrees(found, done, Declared.model_validate(declared), as_of)
    everybody = [found["step_users"]["sign-up", name, str(place), "30d"] for place, name in enumerate(SIGN_UP, 1)]
    assert everybody == sorted(everybody, reverse=True)
    assert everybody[-1] > 50


def test_the_sign_ups_seen_are_the_accounts_opened(chapter: Callable[[str], dict[str, list[Row]]]) -> None:
    """One story: who completes the sign-up is the first user of an account, at that instant."""
    events = [Event(*row) for row in chapter("activity")["events"]]  # type: ignore[arg-type]
    completed = {(row.user, row.at) for row in events if row.name == "signup_completed"}
    introduced = {row[0] for row in chapter("onboarding")["introduction_steps"]}
    assert {user for user, _ in completed} <= introduced
    assert len(completed) > 500


async def test_before_the_first_visit_there_is_nothing(asked: Asking) -> None:
    found = await asked("traffic", NOW - timedelta(days=1000))
    assert {name: series for name, series in found.items() if series} == {}


async def test_what_is_not_known_does_not_count_and_one_that_says_so_itself_is_the_same(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(as_sql(["events", "sessions"]))
        connection.execute("create table visit (like bellwether.sessions)")
        connection.execute("create or replace view bellwether.sessions as select * from visit")
        connection.cursor().executemany(
            "insert into visit (visitor_id, started_at, ended_at, page_views, source) values (%s, %s, %s, %s, %s)",
            [
                ("a", NOW, None, None, None),
                (None, NOW - timedelta(minutes=9), NOW - timedelta(minutes=5), 2, "direct"),
                ("b", NOW - timedelta(hours=1), NOW - timedelta(minutes=5), 1, None),  # five minutes ago is no longer now
                ("c", NOW - 7 * DAY, NOW - 7 * DAY, 1, "partner"),
            ],
        )
    found = await ask(database, "traffic", NOW)
    assert found["web_visits"] == {("1d",): 3, ("7d",): 3, ("30d",): 4}
    assert found["web_visitors"] == {("1d",): 2, ("7d",): 2, ("30d",): 3}
    assert found["web_page_views"] == {("1d",): 3, ("7d",): 3, ("30d",): 4}
    assert found["web_bounce_ratio"] == pytest.approx({("1d",): 1 / 2, ("7d",): 1 / 2, ("30d",): 2 / 3})
    assert found["web_current_visitors"] == {(): 1}
    assert found["web_landings_total"] == {("direct", "none", "none"): 3, ("partner", "none", "none"): 1}
    later = await ask(database, "traffic", NOW + 60 * DAY)
    assert later["web_visits"] == later["web_visitors"] == later["web_page_views"] == {(name,): 0 for name in WINDOWS}
    assert later["web_bounce_ratio"] == later["web_visit_duration_seconds"] == {}
