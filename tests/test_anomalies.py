"""What is usual is learnt, and what is not is seen: the rules over weeks, in promtool. Their alerts one by one: tests/rules."""

import pytest

from exporter.bundle.jsonnet import evaluate
from exporter.errors import BundleError
from tests.bench.anomalies import DAY, HOUR, ROOT, WEEK, Scenario, delays, false_alarms, firing, scenarios, shipped

LEARNT, WEEKS = 2, 4  # weeks
pytestmark = pytest.mark.timeout(600)  # four weeks are told once, for the slow ones
WEDNESDAY, TEN = 2 * DAY, 10 * HOUR


@pytest.fixture(scope="module")
def stories() -> dict[str, Scenario]:
    """Two ordinary weeks and two in which something happens, by name; one has the same outage in three weeks."""
    told = {story.kind: story for story in scenarios(600, WEEKS, LEARNT)}
    ordinary = told["nothing"].counts
    begins = [week * WEEK + WEDNESDAY + TEN for week in (LEARNT, LEARNT + 1)]
    out = {step for begin in (begins[0] - WEEK, *begins) for step in range(begin, begin + 4 * HOUR)}
    twice = [0 if step in out else count for step, count in enumerate(ordinary)]
    return told | {
        "the same hour again": Scenario("the same hour again", "drop", twice, begins),
        "more is no harm": Scenario(
            "more is no harm", "nothing", [3 * count if step in out else count for step, count in enumerate(ordinary)]
        ),
    }


@pytest.fixture(scope="module")
def alarms(stories: dict[str, Scenario]) -> dict[str, set[int]]:
    """The steps at which the alert of each fired."""
    chosen = [stories[kind] for kind in ("nothing", "drop 100 %", "drop 50 %", "the same hour again", "more is no harm")]
    found = firing(chosen, shipped({story.name: "down" for story in chosen}), LEARNT * WEEK)
    return {
        story.kind if story.name.endswith("of 600") else story.name: found.get(("shipped", story.name), set())
        for story in chosen
    }


@pytest.mark.slow
def test_an_ordinary_week_raises_hardly_an_alarm(stories: dict[str, Scenario], alarms: dict[str, set[int]]) -> None:
    """After two weeks of learning at most one a week; after four there are fewer, as docs/anomalies.md shows."""
    assert false_alarms(stories["nothing"], alarms["nothing"]) <= WEEKS - LEARNT


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "within"), [("drop 100 %", 30), ("drop 50 %", 60)])
def test_a_drop_is_seen_within_the_hour(
    kind: str, within: int, stories: dict[str, Scenario], alarms: dict[str, set[int]]
) -> None:
    seen = delays(stories[kind], alarms[kind])
    assert seen
    assert all(minutes is not None and minutes <= within for minutes in seen)


@pytest.mark.slow
def test_an_outage_is_not_the_next_weeks_usual(stories: dict[str, Scenario], alarms: dict[str, set[int]]) -> None:
    """The second and the third of three at one hour: were they learnt, half of the usual would be expected, then nothing."""
    seen = delays(stories["the same hour again"], alarms["the same hour again"])
    assert len(seen) == 2
    assert all(minutes is not None and minutes <= 30 for minutes in seen)


@pytest.mark.slow
def test_a_rise_is_no_alarm_where_only_a_drop_does_harm(stories: dict[str, Scenario], alarms: dict[str, set[int]]) -> None:
    risen = {step for step, count in enumerate(stories["more is no harm"].counts) if count != stories["nothing"].counts[step]}
    assert risen
    assert not risen & alarms["more is no harm"]


def table(changes: str) -> dict[str, dict[str, object]]:
    """The rows of alerts/anomalies.jsonnet with changes, as a configuration gives them."""
    program = f"""
        local bundle = mixin {{ _config+:: {{ anomalies: {changes} }} }};
        local rows = (import 'alerts/anomalies.jsonnet')(bundle.lib).anomalies;
        local shown(row) = {{ priority: row.priority, sensitivity: row.sensitivity }};
        {{ [name]: shown(rows[name]) for name in std.objectFields(rows) }}
    """
    rows: dict[str, dict[str, object]] = evaluate(ROOT, program)
    return rows


def test_an_anomaly_is_changed_and_left_out_by_name() -> None:
    rows = table("{ cpu: null, traffic: { sensitivity: 6, priority: 'P3' } }")
    assert rows.keys() == table("{}").keys() - {"cpu"}
    assert rows["traffic"] == {"priority": "P3", "sensitivity": 6}


def test_an_anomaly_is_added_by_name() -> None:
    added = (
        "{ exports: { of: 'sum(increase(exports_total[1h]))', direction: 'down', help: '', says: '', impact: '', action: '' } }"
    )
    assert table(added)["exports"] == {"priority": "P2", "sensitivity": 4}


def test_an_anomaly_wakes_nobody() -> None:
    assert {row["priority"] for row in table("{}").values()} <= {"P2", "P3"}
    with pytest.raises(BundleError, match="wakes nobody"):
        table("{ cpu: { priority: 'P0' } }")


def test_an_anomaly_of_what_nothing_feeds_is_left_out() -> None:
    program = "std.objectFields((import 'alerts/anomalies.jsonnet')((mixin { _config+:: { absent: ['%s'] } }).lib).anomalies)"
    names = evaluate(ROOT, program % "realtime_disconnects_total")
    assert "disconnects" not in names
    assert "cpu" in names
