"""The pack `coaching`: every figure, against the same worked out from the story."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import product
from statistics import median
from typing import NamedTuple

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.windows import by_then, counted, edges, shown, spreads, within

DAY = timedelta(days=1)


class Booking(NamedTuple):
    """A row of shop.appointments."""

    id: str
    coach: str
    client: str
    kind: str
    booked: datetime
    starts: datetime
    completed: datetime | None
    cancelled: datetime | None
    stars: float | None

    def is_open(self, at: datetime) -> bool:
        return not by_then(self.completed, at) and not by_then(self.cancelled, at)


class Task(NamedTuple):
    """A row of shop.todos."""

    id: str
    user: str
    created: datetime
    due: datetime | None
    completed: datetime | None

    @property
    def timing(self) -> str:
        if self.due is None:
            return "any_time"
        return "in_time" if by_then(self.completed, self.due) else "late"


class Goal(NamedTuple):
    """A row of shop.objectives."""

    id: str
    user: str
    kind: str
    created: datetime
    completed: datetime | None
    abandoned: datetime | None


Chapter = Callable[[str], dict[str, list[Row]]]


@pytest.fixture
def bookings(chapter: Chapter) -> list[Booking]:
    return [Booking(*row) for row in chapter("coaching")["appointments"]]  # type: ignore[arg-type]


@pytest.fixture
def tasks(chapter: Chapter) -> list[Task]:
    return [Task(*row) for row in chapter("coaching")["todos"]]  # type: ignore[arg-type]


@pytest.fixture
def goals(chapter: Chapter) -> list[Goal]:
    return [Goal(*row) for row in chapter("coaching")["objectives"]]  # type: ignore[arg-type]


def last(instants: Iterable[datetime | None]) -> datetime:
    """The latest that is far enough back for a month to follow it."""
    return max(at for at in instants if at and at < NOW - 70 * DAY)


async def test_every_figure_of_appointments_is_that_of_the_story(bookings: list[Booking], asked: Asking) -> None:
    over, began = last(row.completed for row in bookings), last(row.starts for row in bookings)
    called_off, booked = last(row.cancelled for row in bookings), last(row.booked for row in bookings)
    moments = [*edges(over, 30), *edges(began, 30), *edges(called_off), *edges(booked)]
    for as_of in (NOW, NOW - 100 * DAY, *moments):
        found = await asked("coaching", as_of)
        known = [row for row in bookings if row.booked <= as_of]
        kinds = {row.kind for row in known}
        for step in ("booked", "completed", "cancelled"):
            done = ((row.kind,) for row in bookings if by_then(getattr(row, step), as_of))
            assert found[f"booking_{step}_total"] == counted(done, *((kind,) for kind in kinds))
        states = ((row.kind, "upcoming" if row.starts > as_of else "unfinished") for row in known if row.is_open(as_of))
        assert found["booking_open"] == counted(states, *product(kinds, ("upcoming", "unfinished")))
        planned = {kind: [row for row in known if row.kind == kind and within(row.starts, as_of, 30)] for kind in kinds}
        assert found["booking_completion_ratio"] == pytest.approx(
            {(kind, "30d"): share(by_then(row.completed, as_of) for row in rows) for kind, rows in planned.items()}
        )
        assert found["booking_cancellation_ratio"] == pytest.approx(
            {(kind, "30d"): share(by_then(row.cancelled, as_of) for row in rows) for kind, rows in planned.items()}
        )
        assert shown(found["booking_rating"]) == spreads(
            "coaching",
            "ratings",
            (((row.kind, "30d"), row.stars) for row in bookings if within(row.completed, as_of, 30)),
        )


async def test_every_figure_of_coaches_and_clients_is_that_of_the_story(bookings: list[Booking], asked: Asking) -> None:
    over = last(row.completed for row in bookings)
    for as_of in (NOW, NOW - 100 * DAY, *edges(over, 30, 60)):
        found = await asked("coaching", as_of)
        over_now = [row for row in bookings if within(row.completed, as_of, 30)]
        over_before = [row for row in bookings if within(row.completed, as_of - 30 * DAY, 30)]
        sessions = Counter(row.coach for row in over_now)
        seconds: dict[str, float] = dict.fromkeys(sessions, 0.0)
        for row in over_now:
            if row.completed:
                seconds[row.coach] += (row.completed - row.starts).total_seconds()
        assert found["booking_coaches"] == {("30d",): len(sessions)}
        assert found["booking_coach_sessions_median"] == {("30d",): median(sessions.values())}
        assert found["booking_coach_session_time_median_seconds"] == pytest.approx({("30d",): median(seconds.values())})
        assert shown(found["booking_coach_sessions"]) == spreads(
            "coaching", "coach_sessions", ((("30d",), number) for number in sessions.values())
        )
        clients, before = Counter(row.client for row in over_now), {row.client for row in over_before}
        assert found["booking_clients"] == {("30d",): len(clients)}
        assert found["booking_returning_clients_ratio"] == pytest.approx({("30d",): share(who in clients for who in before)})
        assert shown(found["booking_client_sessions"]) == spreads(
            "coaching", "client_sessions", ((("30d",), number) for number in clients.values())
        )
        assert len(sessions) > 5
        assert 0 < found["booking_returning_clients_ratio"]["30d",] < 1


async def test_every_figure_of_tasks_is_that_of_the_story(tasks: list[Task], asked: Asking) -> None:
    done, due = last(row.completed for row in tasks), last(row.due for row in tasks)
    created = last(row.created for row in tasks)
    for as_of in (NOW, NOW - 100 * DAY, *edges(done, 7), *edges(due, 30), *edges(created)):
        found = await asked("coaching", as_of)
        known = [row for row in tasks if row.created <= as_of]
        completed = [row for row in tasks if by_then(row.completed, as_of)]
        assert found["task_created_total"] == {(): len(known)}
        timings = [("in_time",), ("late",), ("any_time",)]
        assert found["task_completed_total"] == counted(((row.timing,) for row in completed), *timings)
        states = ["overdue" if row.due and row.due < as_of else "pending" for row in known if not by_then(row.completed, as_of)]
        assert found["task_open"] == {("pending",): states.count("pending"), ("overdue",): states.count("overdue")}
        fell_due = [row for row in tasks if within(row.due, as_of, 30)]
        assert found["task_in_time_ratio"] == pytest.approx({("30d",): share(row.timing == "in_time" for row in fell_due)})
        assert shown(found["task_completion_seconds"]) == spreads(
            "coaching",
            "task_times",
            [
                (("7d",), (row.completed - row.created).total_seconds())
                for row in completed
                if row.completed and within(row.completed, as_of, 7)
            ],
        )


async def test_every_figure_of_goals_is_that_of_the_story(goals: list[Goal], asked: Asking) -> None:
    reached, dropped = last(row.completed for row in goals), last(row.abandoned for row in goals)
    created = last(row.created for row in goals)
    for as_of in (NOW, NOW - 100 * DAY, *edges(reached, 7, 30), *edges(dropped, 30), *edges(created)):
        found = await asked("coaching", as_of)
        kinds = {row.kind for row in goals if row.created <= as_of}
        steps = {
            step: [row for row in goals if by_then(getattr(row, step), as_of)] for step in ("created", "completed", "abandoned")
        }
        for step, rows in steps.items():
            assert found[f"goal_{step}_total"] == counted(((row.kind,) for row in rows), *((kind,) for kind in kinds))
        ended = {row.id for row in (*steps["completed"], *steps["abandoned"])}
        still = ((row.kind,) for row in steps["created"] if row.id not in ended)
        assert found["goal_open"] == counted(still, *((kind,) for kind in kinds))
        success = {}
        for kind in kinds:
            won = sum(within(row.completed, as_of, 30) for row in goals if row.kind == kind)
            lost = sum(within(row.abandoned, as_of, 30) for row in goals if row.kind == kind)
            success[kind, "30d"] = won / (won + lost)
        assert found["goal_success_ratio"] == pytest.approx(success)
        assert shown(found["goal_completion_seconds"]) == spreads(
            "coaching",
            "goal_times",
            [
                ((row.kind, "7d"), (row.completed - row.created).total_seconds())
                for row in goals
                if within(row.completed, as_of, 7)
            ],
        )


def share(answers: Iterable[bool]) -> float:
    listed = list(answers)
    return sum(listed) / len(listed)


@pytest.fixture
def studio(database: str) -> str:
    """A database whose contract is mapped onto tables that hold the few rows below."""
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute(as_sql(["bookings", "tasks", "goals"]))
        connection.execute("create table booking (like bellwether.bookings)")
        connection.execute("create table task (like bellwether.tasks)")
        connection.execute("create or replace view bellwether.bookings as select * from booking")
        connection.execute("create or replace view bellwether.tasks as select * from task")
        connection.cursor().executemany(
            "insert into booking (booking_id, coach_id, client_id, kind, booked_at, starts_at, completed_at, rating)"
            " values (%s, %s, %s, 'session', '2026-01-01', %s, %s, %s)",
            [
                ("1", "ann", "x", "2026-02-01", "2026-02-01 01:00", 5),
                ("2", "ann", "x", "2026-03-01", "2026-03-01 01:00", 4.5),
                ("3", "ben", "x", "2026-03-02", "2026-03-02 01:00", None),
                ("4", "ben", "y", "2026-03-03", "2026-03-03 02:00", None),
                ("5", None, "z", "2026-03-04", "2026-03-04 01:00", 1),
            ],
        )
        connection.execute(
            "insert into booking (booking_id, coach_id, client_id, kind, booked_at, starts_at, cancelled_at) values"
            " ('called off late', 'ann', 'x', 'session', '2026-01-01', '2026-03-04 12:00', '2026-03-05'),"
            " ('noted afterwards', 'ann', 'x', 'session', '2026-03-05', '2026-03-04 12:00', null)"
        )
        connection.execute("insert into task (created_at, due_at) values ('2026-01-01', '2026-03-05'), ('2026-01-01', null)")
        connection.execute(
            "insert into task (created_at, due_at, completed_at) values ('2026-01-01', '2026-03-04 12:00', '2026-03-04 12:00')"
        )
    return database


async def test_who_coached_need_not_be_known_and_an_even_number_of_coaches_has_a_median(studio: str) -> None:
    found = await ask(studio, "coaching", datetime(2026, 3, 5, tzinfo=UTC))
    assert found["booking_coaches"] == {("30d",): 2}
    assert found["booking_coach_sessions_median"] == {("30d",): 1.5}
    assert found["booking_coach_session_time_median_seconds"] == {("30d",): 7200}  # of one hour and three
    assert found["booking_clients"] == {("30d",): 3}
    assert found["booking_returning_clients_ratio"] == {("30d",): 1}
    assert found["booking_rating"]["session", "30d"][-2:] == (("_sum", None, 5.5), ("_count", None, 2))
    assert found["task_open"] == {("pending",): 2, ("overdue",): 0}  # due at that very instant is not past it
    assert found["task_in_time_ratio"] == {("30d",): 0.5}  # done on the stroke is in time
    assert found["task_completed_total"] == {("in_time",): 1, ("late",): 0, ("any_time",): 0}
    late = await ask(studio, "coaching", datetime(2026, 3, 5, 0, 0, 1, tzinfo=UTC))
    assert late["task_open"] == {("pending",): 1, ("overdue",): 1}


async def test_an_appointment_over_at_that_instant_is_over_and_one_over_as_the_window_begins_is_before_it(studio: str) -> None:
    found = await ask(studio, "coaching", datetime(2026, 3, 5, tzinfo=UTC))
    assert found["booking_cancellation_ratio"] == pytest.approx({("session", "30d"): 1 / 6})
    assert found["booking_completion_ratio"] == pytest.approx({("session", "30d"): 4 / 6})
    assert found["booking_open"] == {("session", "upcoming"): 0, ("session", "unfinished"): 1}
    ending = await ask(studio, "coaching", datetime(2026, 3, 3, 2, tzinfo=UTC))
    assert ending["booking_coach_sessions_median"] == {("30d",): 1.5}
    assert ending["booking_clients"] == {("30d",): 2}
    beginning = await ask(studio, "coaching", datetime(2026, 3, 31, 1, tzinfo=UTC))
    assert beginning["booking_coaches"] == {("30d",): 1}
    between = await ask(studio, "coaching", datetime(2026, 3, 3, 1, tzinfo=UTC))
    assert between["booking_returning_clients_ratio"] == {("30d",): 1}
    assert (await ask(studio, "coaching", datetime(2026, 5, 3, 1, tzinfo=UTC)))["booking_clients"] == {}


async def test_clients_are_none_after_a_month_without_appointments_and_absent_after_two(studio: str) -> None:
    april = await ask(studio, "coaching", datetime(2026, 4, 10, tzinfo=UTC))
    assert april["booking_clients"] == {("30d",): 0}
    assert april["booking_returning_clients_ratio"] == {("30d",): 0}
    assert april["booking_coaches"] == april["booking_coach_sessions"] == april["booking_completion_ratio"] == {}
    june = await ask(studio, "coaching", datetime(2026, 6, 1, tzinfo=UTC))
    assert june["booking_clients"] == june["booking_returning_clients_ratio"] == june["task_in_time_ratio"] == {}


async def test_before_the_company_opened_there_is_nothing_but_zeros(asked: Asking) -> None:
    found = await asked("coaching", NOW - 1000 * DAY)
    assert {name for name, series in found.items() if series} == {"task_created_total", "task_completed_total"}
    assert not any(value for series in found.values() for value in series.values())
