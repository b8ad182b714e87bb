"""The pack `onboarding`: every figure, against the same worked out from the story; and by hand at the edges."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.demo.chapters.onboarding import STEPS
from exporter.demo.company import Company
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.rows import fill

DAY = timedelta(days=1)
MONTH = 30 * DAY
KINDS = ("hint", "reengagement")


class Step(NamedTuple):
    """A row of shop.introduction_steps."""

    user: str
    step: str
    place: int
    begun: datetime
    done: datetime | None
    given_up: datetime | None

    def state(self, at: datetime) -> str:
        if self.done and self.done <= at:
            return "completed"
        return "abandoned" if self.given_up and self.given_up <= at else "underway"


class Prompt(NamedTuple):
    """A row of shop.nudges."""

    user: str
    kind: str
    shown: datetime
    followed: datetime | None
    closed: datetime | None


def past(instants: Iterable[tuple[str, datetime | None]], as_of: datetime) -> Counter[tuple[str]]:
    """How many by label lie at or before an instant."""
    return Counter((label,) for label, at in instants if at and at <= as_of)


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=120, hours=5)])
async def test_every_figure_is_that_of_the_story(
    as_of: datetime, chapter: Callable[[str], dict[str, list[Row]]], told: Company, asked: Asking
) -> None:
    tables = chapter("onboarding")
    steps = [Step(*row) for row in tables["introduction_steps"]]  # type: ignore[arg-type]
    prompts = [Prompt(*row) for row in tables["nudges"]]  # type: ignore[arg-type]
    found = await asked("onboarding", as_of)
    recent = [row for row in steps if as_of - MONTH < row.begun <= as_of]

    people = defaultdict(list)
    for row in recent:
        people[row.user].append(row)
    ends = Counter[str]()
    for rows in people.values():
        if any(row.place == 1 for row in rows):
            done = any(row.place == len(STEPS) and row.state(as_of) == "completed" for row in rows)
            gone = any(row.given_up and row.given_up <= as_of for row in rows)
            ends["completed" if done else "abandoned" if gone else "underway"] += 1
    assert min(ends.values()) > 3
    assert found["onboarding_users"] == {(state, "30d"): count for state, count in ends.items()}
    assert found["onboarding_outcome_ratio"] == pytest.approx(
        {(state, "30d"): count / ends.total() for state, count in ends.items()}, abs=1e-12
    )
    assert found["onboarding_step_users"] == {
        (step, str(place), state, "30d"): sum(row.step == step and row.state(as_of) == state for row in recent)
        for place, step in enumerate(STEPS, 1)
        for state in ("completed", "abandoned", "underway")
    }
    times = {}
    for step in STEPS:
        completed = [row for row in steps if row.step == step and row.done and as_of - MONTH < row.done <= as_of]
        lengths = sorted(math.ceil((row.done - row.begun).total_seconds()) for row in completed if row.done)
        for percentile in (50, 90):
            times[step, str(percentile), "30d"] = lengths[math.ceil(percentile * len(lengths) / 100) - 1]
    assert found["onboarding_step_seconds"] == times

    uses = defaultdict(list)
    for user, _, at in chapter("activity")["feature_uses"]:
        uses[user].append(at)
    newcomers = [user for user in told.story.users if as_of - 37 * DAY < user.created_at <= as_of - 7 * DAY]
    active = [
        user
        for user in newcomers
        if sum(user.created_at <= at < user.created_at + 7 * DAY for at in uses[user.user_id]) >= 3  # type: ignore[operator]
    ]
    assert 0 < len(active) < len(newcomers)
    assert found["onboarding_activation_ratio"] == pytest.approx({("30d",): len(active) / len(newcomers)}, abs=1e-12)

    for kind in KINDS:
        shown = [row for row in prompts if row.kind == kind and as_of - MONTH < row.shown <= as_of]
        followed = sum(row.followed is not None and row.followed <= as_of for row in shown)
        assert 0 < followed < len(shown)
        assert found["onboarding_prompt_followed_ratio"][kind, "30d"] == pytest.approx(followed / len(shown), abs=1e-12)
    for name, column in (("started", "begun"), ("completed", "done"), ("abandoned", "given_up")):
        instants = [(row.step, getattr(row, column)) for row in steps]
        assert found[f"onboarding_steps_{name}_total"] == past(instants, as_of)
    for name, column in (("shown", "shown"), ("followed", "followed"), ("dismissed", "closed")):
        instants = [(row.kind, getattr(row, column)) for row in prompts]
        assert found[f"onboarding_prompts_{name}_total"] == past(instants, as_of)


async def test_before_the_first_user_there_is_nothing_but_counters_at_zero(asked: Asking) -> None:
    found = await asked("onboarding", NOW - timedelta(days=1000))
    assert {name: series for name, series in found.items() if series} == {
        f"onboarding_prompts_{name}_total": {(kind,): 0 for kind in KINDS} for name in ("shown", "followed", "dismissed")
    }


async def test_edges(database: str) -> None:
    second = timedelta(seconds=1)
    with psycopg.connect(database) as connection:
        views = {"users": "person", "feature_uses": "uses", "onboarding_steps": "step", "onboarding_prompts": "prompt"}
        connection.execute(as_sql(list(views)))
        for view, table in views.items():
            connection.execute(f"create table {table} (like bellwether.{view})")
            connection.execute(f"create or replace view bellwether.{view} as select * from {table}")
        connection.cursor().executemany(
            "insert into step values (%s, %s, %s, %s, %s, %s)",
            [
                ("done", "one", 1, NOW - MONTH + second, NOW, None),
                ("done", "two", 2, NOW, NOW, None),
                ("before", "one", 1, NOW - MONTH, None, None),  # began before the window,
                ("before", "two", 2, NOW - DAY, NOW, None),  # so what came then is of the step alone
                ("gave up first", "one", 1, NOW - DAY, NOW, NOW - DAY),
                ("gave up first", "two", 2, NOW - DAY, NOW - 0.4 * second, NOW - second),
                ("will give up", "one", 1, NOW - DAY, None, NOW + second),
                ("gives up", "one", 1, NOW - DAY, None, NOW),
                ("not yet", "three", 3, NOW + second, None, None),
            ],
        )
        registered = {"three": 7 * DAY, "two": 37 * DAY - second, "late": 7 * DAY, "old": 37 * DAY, "new": 7 * DAY - second}
        connection.cursor().executemany(
            "insert into person values (%s, 'a', %s)", [(user, NOW - age) for user, age in registered.items()]
        )
        uses = {
            "three": (7 * DAY, 6 * DAY, second),
            "two": (36 * DAY, 36 * DAY),
            "late": (7 * DAY, DAY, 0 * DAY),
            "old": [DAY] * 3,
        }
        connection.cursor().executemany(
            "insert into uses values (%s, 'search', %s)", [(user, NOW - ago) for user, agos in uses.items() for ago in agos]
        )
        connection.cursor().executemany(
            "insert into prompt values ('any', 'hint', %s, %s, %s)",
            [(NOW, NOW, None), (NOW - DAY, NOW + second, None), (NOW - MONTH, NOW - MONTH, None), (NOW - DAY, None, NOW)],
        )
    found = await ask(database, "onboarding", NOW)
    assert found["onboarding_users"] == {("completed", "30d"): 2, ("abandoned", "30d"): 1, ("underway", "30d"): 1}
    assert found["onboarding_outcome_ratio"] == {
        ("completed", "30d"): 0.5,
        ("abandoned", "30d"): 0.25,
        ("underway", "30d"): 0.25,
    }
    assert found["onboarding_step_users"] == {
        ("one", "1", "completed", "30d"): 2, ("one", "1", "abandoned", "30d"): 1, ("one", "1", "underway", "30d"): 1,
        ("two", "2", "completed", "30d"): 3, ("two", "2", "abandoned", "30d"): 0, ("two", "2", "underway", "30d"): 0,
    }  # fmt: skip
    day = 86400
    assert found["onboarding_step_seconds"] == {
        ("one", "50", "30d"): day, ("one", "90", "30d"): 30 * day - 1,
        ("two", "50", "30d"): day, ("two", "90", "30d"): day,
    }  # fmt: skip
    assert found["onboarding_activation_ratio"] == pytest.approx({("30d",): 1 / 3})  # three, of three, two and late
    assert found["onboarding_prompt_followed_ratio"] == pytest.approx({("hint", "30d"): 1 / 3})
    assert found["onboarding_steps_abandoned_total"] == {("one",): 2, ("two",): 1}
    assert found["onboarding_prompts_dismissed_total"] == {("hint",): 1, ("reengagement",): 0}
    later = await ask(database, "onboarding", NOW + 60 * DAY)
    assert later["onboarding_users"] == {("completed", "30d"): 0, ("abandoned", "30d"): 0, ("underway", "30d"): 0}
    assert later["onboarding_outcome_ratio"] == later["onboarding_activation_ratio"] == later["onboarding_step_seconds"] == {}


@pytest.mark.parametrize(("ago", "completed"), [(365 * DAY - timedelta(seconds=1), 0), (365 * DAY, 1)])
async def test_nobody_is_through_who_has_not_done_the_last_step_that_anybody_came_to_in_a_year(
    database: str, ago: timedelta, completed: int
) -> None:
    steps = [
        {"user_id": "long ago", "step": "three", "position": 3, "started_at": NOW - ago},
        {"user_id": "new", "step": "one", "position": 1, "started_at": NOW - DAY, "completed_at": NOW},
        {"user_id": "new", "step": "two", "position": 2, "started_at": NOW - DAY, "completed_at": NOW},
    ]
    fill(database, {"onboarding_steps": steps, "onboarding_prompts": [], "users": [], "feature_uses": []})
    found = await ask(database, "onboarding", NOW)
    assert found["onboarding_users"] == {
        ("completed", "30d"): completed,
        ("abandoned", "30d"): 0,
        ("underway", "30d"): 1 - completed,
    }
