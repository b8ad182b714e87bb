"""The collector `funnel` against a real server: whom it counts, by another algorithm and by hand, and what it refuses."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from exporter.collectors.funnel import Declared, Funnel
from exporter.errors import Denied, Malformed, TimedOut
from exporter.fields import Secret
from exporter.packs.contract import as_sql

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
BUYING = {"name": "buying", "steps": ["seen", "carted", "paid"]}

Figures = dict[str, dict[tuple[str, ...], float]]
Events = Iterable[tuple[str, datetime, str]]
"""Who, when, what."""


async def ask(dsn: str, as_of: datetime, *funnels: Mapping[str, Any], **settings: Any) -> Figures:
    """The values at an instant, by metric without its prefix, then by labels without `source`."""
    collector = Funnel.model_validate({"name": "shop", "dsn": Secret(dsn), "funnels": funnels, **settings})
    try:
        return await run(collector, as_of)
    finally:
        await collector.close()


async def run(collector: Funnel, as_of: datetime) -> Figures:
    """As `ask`, of a collector that may have run before."""
    collector._as_of = as_of
    found: Figures = {metric.name.removeprefix("saas_funnel_"): {} for metric in collector.declares()}
    async for sample in collector.collect():
        assert sample.labels[0] == "shop"
        found[sample.metric.name.removeprefix("saas_funnel_")][sample.labels[1:]] = sample.value
    return found


def tried(events: Events, funnel: Declared, as_of: datetime) -> tuple[list[int], list[float]]:
    """How many came to each step, and the lengths of the shortest ways through: try by try, from every first step on."""
    by_person = defaultdict(list)
    for who, at, name in events:
        if as_of - timedelta(seconds=funnel.window) < at <= as_of:
            by_person[who].append((at, name))
    users, lengths = [0] * len(funnel.steps), []
    for done in by_person.values():
        furthest, shortest = 0, []
        for began in (at for at, name in done if name == funnel.steps[0]):
            place, at = 1, began
            for name in funnel.steps[1:]:
                following = [other for other, what in done if what == name and at < other]
                if not following or min(following) > began + timedelta(seconds=funnel.within):
                    break
                place, at = place + 1, min(following)
            furthest = max(furthest, place)
            if place == len(funnel.steps):
                shortest.append((at - began).total_seconds())
        for place in range(furthest):
            users[place] += 1
        lengths += [min(shortest)] if shortest else []
    return users, sorted(lengths)


def agrees(found: Figures, events: Events, funnel: Declared, as_of: datetime) -> None:
    users, lengths = tried(events, funnel, as_of)
    whole, window = funnel.name, funnel.shown_window
    keys = [(whole, name, str(position), window) for position, name in enumerate(funnel.steps, 1)]
    assert [found["step_users"][key] for key in keys] == users
    for before, (count, key) in zip(users, list(zip(users, keys, strict=True))[1:], strict=False):
        assert found["step_conversion_ratio"].get(key) == (count / before if before else None)
        assert found["step_drop_off_ratio"].get(key) == (pytest.approx((before - count) / before) if before else None)
    assert keys[0] not in found["step_conversion_ratio"]
    assert found["conversion_ratio"].get((whole, window)) == (users[-1] / users[0] if users[0] else None)
    for percentile in (50, 90):
        place = -(-percentile * len(lengths) // 100) - 1
        expected = pytest.approx(lengths[place], abs=1e-5) if lengths else None
        assert found["conversion_seconds"].get((whole, str(percentile), window)) == expected


@pytest.fixture
def events(database: str) -> Callable[[Sequence[tuple[str | None, str | None, datetime, str]]], None]:
    """Puts rows into the contract's view: user, visitor, when, what."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(as_sql(["events"]))
        connection.execute("create table event (like bellwether.events)")
        connection.execute("create or replace view bellwether.events as select * from event")

    def insert(rows: Sequence[tuple[str | None, str | None, datetime, str]]) -> None:
        with psycopg.connect(database) as connection:
            connection.cursor().executemany(
                "insert into event (user_id, visitor_id, occurred_at, name) values (%s, %s, %s, %s)", rows
            )

    return insert


@pytest.mark.parametrize("seed", range(12))
async def test_any_tangle_of_events_is_counted_as_when_every_try_is_followed(
    seed: int, database: str, events: Callable[..., None]
) -> None:
    """Few people, few instants and steps that occur twice, so that ties, repeats and late steps abound."""
    chance = random.Random(seed)
    people, names = [f"p{number}" for number in range(40)], ["a", "b", "c", "d"]
    instants = [NOW - chance.randrange(0, 60) * SECOND for _ in range(25)]
    done = [(chance.choice(people), chance.choice(instants), chance.choice(names)) for _ in range(600)]
    events([(who, None, at, name) for who, at, name in done])
    ways = (["a", "b", "c"], ["a", "b", "a", "b"], ["a", "a"], ["d", "c", "b", "a", "b", "c", "d"])
    for steps in ways:
        within = chance.choice([5, 20, 60])
        declared = {"name": "any", "steps": steps, "within": within, "window": chance.choice([30, 50])}
        agrees(await ask(database, NOW, declared), done, Declared.model_validate(declared), NOW)


@pytest.mark.parametrize("seed", range(6))
async def test_later_runs_say_what_a_first_one_would(seed: int, database: str, events: Callable[..., None]) -> None:
    """People come, go on and fall out of the window while it runs; events appear late, up to the allowance; runs pause."""
    chance = random.Random(seed)
    done = [
        (f"p{chance.randrange(30)}", NOW + chance.randrange(0, 600) * SECOND / 10, chance.choice(["a", "b", "c"]))
        for _ in range(500)
    ]
    appears = {place: at + chance.choice([0, 0, 1, 5]) * SECOND for place, (_, at, _) in enumerate(done)}
    declared = {"name": "any", "steps": ["a", "b", "a", "c"], "within": 9, "window": 20}
    collector = Funnel.model_validate({"name": "shop", "dsn": Secret(database), "funnels": [declared], "late_by": 5})
    shown: set[int] = set()
    for second in (3, 4, 8, 9, 15, 16, 18, 22, 23, 50, 52, 55, 60, 70, 90):
        as_of = NOW + second * SECOND
        new = [place for place, instant in appears.items() if instant <= as_of and place not in shown]
        shown |= set(new)
        events([(done[place][0], None, done[place][1], done[place][2]) for place in new])
        agrees(await run(collector, as_of), [done[place] for place in shown], Declared.model_validate(declared), as_of)
    earlier = NOW + 30 * SECOND  # the server's clock was set back
    agrees(await run(collector, earlier), done, Declared.model_validate(declared), earlier)
    await collector.close()


async def test_whom_it_has_counted_it_does_not_look_for_again(database: str, events: Callable[..., None]) -> None:
    """Until something of theirs falls out of the window, or comes into it, or it is time to count everybody anew."""
    ago = 10 * timedelta(minutes=1)
    events([(who, None, NOW - ago, "seen") for who in ("ann", "bob")])
    collector = Funnel.model_validate({"name": "shop", "dsn": Secret(database), "funnels": [BUYING], "recount_every": "1d"})
    assert list((await run(collector, NOW))["step_users"].values()) == [2, 0, 0]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("delete from event")
    events([("carl", None, NOW + SECOND, "seen")])
    assert list((await run(collector, NOW + DAY - SECOND))["step_users"].values()) == [3, 0, 0]
    assert list((await run(collector, NOW + DAY))["step_users"].values()) == [1, 0, 0]
    await collector.close()


async def test_windows_are_open_at_their_start_and_order_is_strict(database: str, events: Callable[..., None]) -> None:
    week, month = 7 * DAY, 30 * DAY
    people = {
        "all": [(NOW - DAY, "seen"), (NOW - DAY + SECOND, "carted"), (NOW, "paid")],
        "too early to count": [(NOW - month, "seen"), (NOW - month + SECOND, "carted")],
        "on the stroke": [(NOW - 9 * DAY, "seen"), (NOW - 8 * DAY, "carted"), (NOW - 9 * DAY + week, "paid")],
        "a moment late": [(NOW - 9 * DAY, "seen"), (NOW - 8 * DAY, "carted"), (NOW - 9 * DAY + week + SECOND, "paid")],
        "second try": [
            (NOW - 20 * DAY, "seen"), (NOW - 19 * DAY, "carted"),
            (NOW - 10 * DAY, "seen"), (NOW - 9 * DAY, "carted"), (NOW - 8 * DAY, "paid"),
        ],
        "first try went further": [(NOW - 9 * DAY, "seen"), (NOW - 8 * DAY, "carted"), (NOW - 7 * DAY, "seen")],
        "at once": [(NOW - DAY, "seen"), (NOW - DAY, "carted"), (NOW - DAY, "paid")],
        "backwards": [(NOW - 3 * DAY, "paid"), (NOW - 2 * DAY, "carted"), (NOW - DAY, "seen")],
        "paid alone": [(NOW - DAY, "paid")],
        "left out a step": [(NOW - DAY, "seen"), (NOW, "paid")],
        "not yet": [(NOW + SECOND, "seen")],
        "between": [(NOW - DAY, "seen"), (NOW - DAY + SECOND, "yawned"), (NOW, "carted")],
    }  # fmt: skip
    events([(who, None, at, name) for who, done in people.items() for at, name in done])
    found = await ask(database, NOW, BUYING)
    assert list(found["step_users"].values()) == [9, 6, 3]  # all, on the stroke and second try came through
    assert found["step_conversion_ratio"]["buying", "carted", "2", "30d"] == 6 / 9
    assert found["step_drop_off_ratio"]["buying", "paid", "3", "30d"] == 1 - 3 / 6
    assert found["conversion_ratio"] == {("buying", "30d"): 3 / 9}
    assert found["conversion_seconds"] == {
        ("buying", "50", "30d"): 2 * DAY.total_seconds(),
        ("buying", "90", "30d"): week.total_seconds(),
    }


async def test_who_is_one_and_the_same(database: str, events: Callable[..., None]) -> None:
    events(
        [
            (None, "phone", NOW - 3 * SECOND, "seen"),
            ("ann", "phone", NOW - 2 * SECOND, "carted"),
            ("bob", "phone", NOW - 2 * SECOND, "seen"),
            ("bob", "laptop", NOW - SECOND, "carted"),
            ("bob", None, NOW, "paid"),
            (None, None, NOW - SECOND, "seen"),
            (None, None, NOW, "carted"),
        ]
    )
    found = await ask(database, NOW, BUYING, {**BUYING, "name": "devices", "by": "visitor"})
    by_name = defaultdict(list)
    for (name, *_), users in found["step_users"].items():
        by_name[name].append(users)
    assert by_name == {"buying": [2, 1, 1], "devices": [1, 1, 0]}


async def test_where_nobody_came_counts_are_zero_and_shares_absent(database: str, events: Callable[..., None]) -> None:
    found = await ask(database, NOW, BUYING)
    assert found["step_users"] == {("buying", step, str(place), "30d"): 0 for place, step in enumerate(BUYING["steps"], 1)}
    assert {name for name, series in found.items() if series} == {"step_users"}
    events([("ann", None, NOW, "seen")])
    found = await ask(database, NOW, BUYING)
    assert found["conversion_ratio"] == {("buying", "30d"): 0}
    assert found["step_conversion_ratio"] == {("buying", "carted", "2", "30d"): 0}
    assert found["step_drop_off_ratio"] == {("buying", "carted", "2", "30d"): 1}


async def test_polling_goes_by_the_clock_of_the_server(database: str, events: Callable[..., None]) -> None:
    events([("ann", None, datetime.now(UTC) - timedelta(minutes=1), "seen")])
    collector = Funnel.model_validate({"dsn": database, "funnels": [BUYING]})
    found = {sample.labels: sample.value async for sample in collector.collect() if sample.metric.name.endswith("step_users")}
    await collector.close()
    assert found["funnel", "buying", "seen", "1", "30d"] == 1


async def test_a_day_is_24_hours_in_any_time_zone(database: str, events: Callable[..., None]) -> None:
    """The clocks of Paris are put forward within the window, on 29 March."""
    as_of = datetime(2026, 3, 31, tzinfo=UTC)
    events([("ann", None, as_of - 30 * DAY, "seen"), ("bob", None, as_of - 30 * DAY + SECOND, "seen")])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"alter database {connection.info.dbname} set timezone to 'Europe/Paris'")
    assert list((await ask(database, as_of, BUYING))["step_users"].values()) == [1, 0, 0]


async def test_what_goes_wrong_names_the_funnel(database: str, events: Callable[..., None]) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("alter view bellwether.events rename to happenings")
        with pytest.raises(Malformed, match=r'funnel buying: relation "bellwether.events" does not exist'):
            await ask(database, NOW, BUYING)
        events([("ann", None, NOW, "seen")])
        connection.execute("create view bellwether.events as select h.* from bellwether.happenings h, pg_sleep(1)")
        with pytest.raises(TimedOut, match="funnel buying: canceling statement due to statement timeout"):
            await ask(database, NOW, BUYING, statement_timeout="100ms")
        connection.execute("create role passer_by login")
        try:
            with pytest.raises(Denied, match="funnel buying: permission denied for schema bellwether"):
                await ask(f"{database} options='-c role=passer_by'", NOW, BUYING)
        finally:
            connection.execute("drop role passer_by")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": ["seen"]}, "at least 2 items"),
        ({"steps": ["seen", ""]}, "at least 1 character"),
        ({"name": ""}, "at least 1 character"),
        ({"window": 0}, "window and within: expected more than 0"),
        ({"within": 0}, "window and within: expected more than 0"),
        ({"by": "device"}, "Input should be 'user' or 'visitor'"),
    ],
)
def test_a_funnel_that_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Funnel.model_validate({"dsn": "dbname=shop", "funnels": [{**BUYING, **change}]})


def test_one_name_stands_once_for_each_window() -> None:
    day = {**BUYING, "window": "1d"}
    Funnel.model_validate({"dsn": "dbname=shop", "funnels": [BUYING, day]})
    with pytest.raises(ValidationError, match="funnels: 'buying' is declared twice with the window 1d"):
        Funnel.model_validate({"dsn": "dbname=shop", "funnels": [BUYING, day, {**day, "window": "24h"}]})


@pytest.mark.parametrize(
    ("window", "shown"), [("30d", "30d"), ("4w", "28d"), ("36h", "36h"), ("24h", "1d"), ("90s", "90s"), ("1500ms", "1500ms")]
)
def test_windows_are_shown_in_one_unit(window: str, shown: str) -> None:
    assert Declared.model_validate({**BUYING, "window": window}).shown_window == shown
