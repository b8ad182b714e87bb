"""How the engine treats what a collector does: every fault is counted with its reason, and no other collector notices."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.errors import Denied, Malformed, Throttled, TimedOut, Unreachable
from exporter.job import Job
from exporter.metric import Sample
from exporter.scheduler import Scheduler
from exporter.snapshot import Snapshot
from tests.toy import EVENTS, LEVEL, Script, Toy, constant, in_turn

_PATIENCE = 5.0  # seconds until a test gives up on what it waits for


@asynccontextmanager
async def engine(*toys: Toy) -> AsyncIterator[tuple[Scheduler, Snapshot]]:
    snapshot = Snapshot()
    scheduler = Scheduler(toys, snapshot, randomness=random.Random(1))
    running = asyncio.create_task(scheduler.run())
    try:
        yield scheduler, snapshot
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(condition: Any) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def raising(error: BaseException) -> Script:
    async def step() -> Iterable[Sample]:
        raise error

    return in_turn(step)


async def gives(*samples: Sample) -> Iterable[Sample]:
    return samples


async def test_a_polled_collector_is_polled_again_and_again_and_the_page_shows_the_last_run() -> None:
    counts = iter(range(1000))

    async def script() -> AsyncGenerator[Sample, None]:
        yield EVENTS(next(counts))

    async with engine(Toy.of(script, every=0.1)) as (scheduler, snapshot):
        await until(lambda: scheduler.healths["toy"].polls >= 3)
        assert f"toy_events_total {scheduler.healths['toy'].polls - 1}.0" in snapshot.page().decode()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unreachable("no route"), "unreachable"),
        (Throttled("slow down"), "throttled"),
        (Denied("no"), "denied"),
        (Malformed("what?"), "malformed"),
        (TimedOut("too slow"), "timeout"),
        (ZeroDivisionError("oops"), "bug"),
        (KeyError("x"), "bug"),
        (SystemExit(3), "bug"),
        (asyncio.CancelledError(), "bug"),
    ],
)
async def test_a_failure_is_counted_by_its_reason_and_harms_no_other(error: BaseException, reason: str) -> None:
    bad, good = Toy.of(raising(error), name="bad"), Toy.of(constant(EVENTS(1)), name="good")
    async with engine(bad, good) as (scheduler, _):
        await until(lambda: scheduler.healths["bad"].polls and scheduler.healths["good"].polls >= 2)
        assert scheduler.healths["bad"].failures[reason] >= 1
        assert not scheduler.healths["bad"].up
        assert scheduler.healths["good"].up


async def test_a_run_that_hangs_ends_at_its_timeout() -> None:
    async def script() -> AsyncGenerator[Sample, None]:
        yield EVENTS(1)
        await asyncio.Event().wait()

    async with engine(Toy.of(script, timeout="100ms")) as (scheduler, snapshot):
        await until(lambda: scheduler.healths["toy"].failures["timeout"])
        assert snapshot.page() == b""  # all or nothing: what came before the hang is not shown


async def test_a_run_is_closed_when_it_is_cut_short() -> None:
    closed = asyncio.Event()

    async def script() -> AsyncGenerator[Sample, None]:
        try:
            yield EVENTS(1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with engine(Toy.of(script, timeout="50ms")):
        assert await asyncio.wait_for(closed.wait(), _PATIENCE)


async def test_after_a_failure_the_last_samples_stay_for_three_intervals_and_then_go() -> None:
    async def fails() -> Iterable[Sample]:
        raise Unreachable("gone")

    async with engine(Toy.of(in_turn(lambda: gives(EVENTS(7)), fails), every=0.1)) as (scheduler, snapshot):
        await until(lambda: scheduler.healths["toy"].failures["unreachable"])
        assert b"toy_events_total 7.0" in snapshot.page()
        last_success = scheduler.healths["toy"].last_success
        assert last_success is not None
        await until(lambda: snapshot.page() == b"")
        assert time.time() - last_success >= 0.3
        assert scheduler.healths["toy"].series == 0


async def test_max_age_decides_how_long_samples_outlive_a_failure() -> None:
    async def fails() -> Iterable[Sample]:
        raise Unreachable("gone")

    async with engine(Toy.of(in_turn(lambda: gives(EVENTS(7)), fails), every=0.1, max_age="1h")) as (scheduler, snapshot):
        await until(lambda: scheduler.healths["toy"].failures["unreachable"] >= 2)
        assert b"toy_events_total 7.0" in snapshot.page()


async def test_an_empty_result_drops_the_series_at_once() -> None:
    async with engine(Toy.of(in_turn(lambda: gives(EVENTS(7)), gives))) as (scheduler, snapshot):
        await until(lambda: scheduler.healths["toy"].polls >= 2)
        assert snapshot.page() == b""
        assert scheduler.healths["toy"].up


async def test_a_collector_that_recovers_shows_its_series_again() -> None:
    async def fails() -> Iterable[Sample]:
        raise Unreachable("gone")

    toy = Toy.of(in_turn(lambda: gives(EVENTS(1)), fails, lambda: gives(EVENTS(2))), every=0.1, max_age="1ms")
    async with engine(toy) as (scheduler, snapshot):
        await until(lambda: b"toy_events_total 2.0" in snapshot.page())
        assert scheduler.healths["toy"].up


async def test_a_change_of_state_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> Iterable[Sample]:
        raise Unreachable("no route to host")

    with caplog.at_level(logging.INFO, "exporter"):
        async with engine(Toy.of(in_turn(fails, fails, fails, lambda: gives(EVENTS(1))), every=0.1)) as (scheduler, _):
            await until(lambda: scheduler.healths["toy"].up)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["toy fails: unreachable: no route to host", "toy works again after 3 failed runs"]


async def test_a_bug_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async with engine(Toy.of(raising(ZeroDivisionError("oops")))) as (scheduler, _):
        await until(lambda: scheduler.healths["toy"].failures["bug"])
    assert caplog.records[0].exc_info is not None


def job_of(toy: Toy) -> Job:
    return Job(toy, Snapshot(), random.Random(7))


def test_waits_grow_with_failures_and_never_fall_below_the_interval() -> None:
    job, pauses = job_of(Toy.of(constant(), every="10s")), {}
    for failures in (0, 1, 3, 30):
        job._failed_in_a_row = failures
        pauses[failures] = [job.wait() for _ in range(500)]
    assert all(9.5 <= pause <= 10.5 for pause in pauses[0])
    assert all(10 <= pause <= 20 for pause in pauses[1])
    assert all(10 <= pause <= 80 for pause in pauses[3])
    assert max(pauses[3]) > 70
    assert all(10 <= pause <= 610 for pause in pauses[30])


async def test_a_target_that_says_when_to_come_back_is_obeyed() -> None:
    job = job_of(Toy.of(raising(Throttled("slow down", retry_after=3600)), every="10s"))
    await job.fly()
    assert job.wait() == 3600


async def test_a_target_that_asks_for_patience_without_saying_how_long_is_given_more_each_time_by_chance() -> None:
    job = job_of(Toy.of(raising(Throttled("slow down")), every="10s"))
    for longest in (20, 40, 80):
        await job.fly()
        pauses = {job.wait() for _ in range(500)}
        assert all(10 <= pause <= longest for pause in pauses)
        assert max(pauses) > longest * 0.9
        assert len(pauses) > 400


async def test_simultaneous_scrapes_share_one_run() -> None:
    runs = 0

    async def script() -> AsyncGenerator[Sample, None]:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0.05)
        yield EVENTS(runs)

    snapshot = Snapshot()
    scheduler = Scheduler([Toy.of(script, every="scrape")], snapshot)
    await asyncio.gather(*[scheduler.refresh(["toy"], 5) for _ in range(50)])
    assert (runs, b"toy_events_total 1.0" in snapshot.page()) == (1, True)


async def test_a_scrape_waits_no_longer_than_its_deadline_and_the_run_serves_the_next_one() -> None:
    go_on = asyncio.Event()

    async def script() -> AsyncGenerator[Sample, None]:
        await go_on.wait()
        yield EVENTS(1)

    snapshot = Snapshot()
    scheduler = Scheduler([Toy.of(script, every="scrape")], snapshot)
    await scheduler.refresh(["toy"], 0.02)
    assert snapshot.page() == b""
    go_on.set()
    await scheduler.refresh(["toy"], 5)
    assert b"toy_events_total 1.0" in snapshot.page()


async def test_a_scrape_never_runs_what_is_polled() -> None:
    toy = Toy.of(constant(EVENTS(1)), every="1h")
    scheduler = Scheduler([toy], Snapshot())
    await scheduler.refresh(["toy"], 5)
    assert scheduler.healths["toy"].polls == 0


async def test_it_is_ready_once_each_collector_has_had_a_turn_good_or_bad() -> None:
    go_on = asyncio.Event()

    async def slow() -> Iterable[Sample]:
        await go_on.wait()
        raise Unreachable("gone")

    async with engine(Toy.of(in_turn(slow), name="slow"), Toy.of(constant(), name="quick", every="scrape")) as (scheduler, _):
        await until(lambda: scheduler.healths["quick"].polls)
        assert not scheduler.ready
        go_on.set()
        await asyncio.wait_for(scheduler.first_turns(), _PATIENCE)
        assert scheduler.ready


async def test_collectors_give_back_what_they_hold_when_the_engine_stops() -> None:
    toy = Toy.of(constant(EVENTS(1)))
    async with engine(toy) as (scheduler, _):
        await until(lambda: scheduler.healths["toy"].polls)
    assert toy._closed


async def test_drops_are_counted_and_shown() -> None:
    samples = [LEVEL(n, place=str(n)) for n in range(5)]
    async with engine(Toy.of(constant(*samples), max_series=2)) as (scheduler, snapshot):
        await until(lambda: scheduler.healths["toy"].polls)
        await scheduler.refresh(["bellwether"], 1)
        polls = scheduler.healths["toy"].polls
        assert (
            f'bellwether_collector_dropped_series_total{{collector="toy",reason="budget"}} {3.0 * polls}'
            in snapshot.page().decode()
        )
        assert b'bellwether_collector_series{collector="toy"} 2.0' in snapshot.page()


async def test_a_flood_of_samples_leaves_others_their_turns() -> None:
    async def flood() -> AsyncGenerator[Sample, None]:
        for number in range(200_000):
            yield LEVEL(number, place=str(number))

    turns = 0
    async with engine(Toy.of(flood, every="1h", timeout="1m")) as (scheduler, _):
        await until(lambda: scheduler._jobs["toy"]._flight)
        while not scheduler.healths["toy"].polls:
            await asyncio.sleep(0)
            turns += 1
        assert scheduler.healths["toy"].dropped["budget"] == 190_000
    assert turns >= 100  # one for every thousand samples, and some more


async def test_a_collector_whose_settings_are_as_before_goes_on_undisturbed() -> None:
    first = Toy.of(constant(EVENTS(1)), every="1h")
    async with engine(first) as (scheduler, snapshot):
        await asyncio.wait_for(scheduler.first_turns(), _PATIENCE)
        scheduler.replace([Toy.of(constant(EVENTS(2)), every="1h")])
        await asyncio.sleep(0.6)
        assert (scheduler.healths["toy"].polls, first._closed) == (1, False)
        assert b"toy_events_total 1.0" in snapshot.page()


async def test_a_changed_collector_shows_its_old_series_until_the_new_ones_are_there() -> None:
    go_on = asyncio.Event()

    async def slow() -> Iterable[Sample]:
        await go_on.wait()
        return [EVENTS(2)]

    first = Toy.of(constant(EVENTS(1)), every="1h")
    async with engine(first) as (scheduler, snapshot):
        await asyncio.wait_for(scheduler.first_turns(), _PATIENCE)
        scheduler.replace([Toy.of(in_turn(slow), every="2h")])
        await until(lambda: first._closed)
        assert b"toy_events_total 1.0" in snapshot.page()
        go_on.set()
        await asyncio.wait_for(scheduler.first_turns(), _PATIENCE)
        assert b"toy_events_total 2.0" in snapshot.page()


async def test_a_changed_collector_that_fails_at_once_shows_nothing_of_the_old_one() -> None:
    async with engine(Toy.of(constant(EVENTS(1)), every="1h")) as (scheduler, snapshot):
        await asyncio.wait_for(scheduler.first_turns(), _PATIENCE)
        scheduler.replace([Toy.of(raising(Unreachable("gone")), every="2h")])
        await asyncio.wait_for(scheduler.first_turns(), _PATIENCE)
        assert snapshot.page() == b""


async def test_a_collector_that_is_gone_from_the_settings_is_gone_from_the_page_and_gives_back_what_it_held() -> None:
    gone, stays = Toy.of(constant(EVENTS(1)), name="gone"), Toy.of(constant(LEVEL(1, place="x")), name="stays")
    async with engine(gone, stays) as (scheduler, snapshot):
        await asyncio.wait_for(scheduler.first_turns(), _PATIENCE)
        scheduler.replace([stays])
        assert b"toy_events_total" not in snapshot.page()
        assert b"toy_level" in snapshot.page()
        await until(lambda: gone._closed)


async def test_a_run_that_ignores_its_cancellation_is_reported_and_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = asyncio.Event()

    async def script() -> AsyncGenerator[Sample, None]:
        while not stubborn.is_set():
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                continue
        yield EVENTS(1)

    monkeypatch.setattr("exporter.job._GRACE", 0.1)
    async with engine(Toy.of(script, name="stubborn", timeout="50ms"), Toy.of(constant(EVENTS(1)), name="good")) as (
        scheduler,
        _,
    ):
        await until(lambda: scheduler.healths["stubborn"].failures["timeout"] and scheduler.healths["good"].polls > 3)
        stubborn.set()


def test_a_schedule_is_kept_to_the_minute_and_a_failed_run_is_tried_again_before_its_next_time() -> None:
    daily = job_of(Toy.of(constant(), every="0 6 * * *"))
    now = datetime.now(UTC)
    due = now.replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=now.hour >= 6)
    assert daily.wait(elapsed=50) == pytest.approx((due - now).total_seconds(), abs=5)
    assert (daily.interval, daily.max_age) == (86400, 3 * 86400)
    daily._failed_in_a_row = 1
    assert daily.wait() <= 120


async def test_what_has_a_schedule_runs_once_at_the_start_too() -> None:
    async with engine(Toy.of(constant(EVENTS(1)), every="0 6 1 1 *")) as (scheduler, snapshot):
        await asyncio.wait_for(scheduler.first_turns(), _PATIENCE)
        assert b"toy_events_total 1.0" in snapshot.page()
        assert scheduler.healths["toy"].next_run is None or scheduler.healths["toy"].next_run > time.time()
