"""A healthy day is quiet: over 24 hours of the company, no alert fires but the one that always does.

What is simulated, and how, says `day`: the figures. Real are the rules as they are rendered now, and Prometheus, which works
out records and alerts over these figures at each minute (or each five, where rules are evaluated so often). Of what Prometheus
does with an alert only the delay is done here: it fires when its expression has held for as long as `for` says. The weeks
before that day have the figures of anomalies alone, and nothing in them was out of the ordinary.
"""

import re
from collections.abc import Iterator

import pytest

from tests.end_to_end import day
from tests.end_to_end.shelf import Series, Shelf
from tests.rules.promtool import seconds
from tests.rules.rendered import GROUPS, RECORDS, RULES, Rule
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.xdist_group("with history")]

_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_REMEMBERED = {"anomaly:learned": {"anomaly:level"}, "anomaly:level": set[str]()}
"""Records that read what they and others were before, and what they are made of while nothing is out of the ordinary."""
_STEPS = {
    rule.get("record") or rule["alert"]: max(day.STEP, seconds(group.get("interval", "0s")))
    for group in GROUPS
    for rule in group["rules"]
}


def words(rules: list[Rule]) -> set[str]:
    return {word for rule in rules for word in _WORD.findall(rule["expr"])}


def in_order() -> Iterator[list[str]]:
    """The records, in such groups that each reads only of groups before its own."""
    reads = {name: _REMEMBERED.get(name, words(rules) & RECORDS.keys()) for name, rules in RECORDS.items()}
    known = set[str]()
    while group := [name for name in reads if name not in known and reads[name] <= known]:
        yield group
        known |= set(group)
    assert known == reads.keys()


def recorded(shelf: Shelf, name: str, end: int) -> Iterator[Series]:
    """A record over the day, and over the weeks before where it is to be remembered."""
    weeks = range(day.WEEKS_BEFORE, -1, -1) if name in _REMEMBERED else [0]
    for week in weeks:
        until = end - week * day.WEEK
        for rule in RECORDS[name]:
            for series in shelf.ask(rule["expr"], until - day.SECONDS, until + (3600 if week else 0), _STEPS[name]):
                yield Series({**series.labels, **rule.get("labels", {}), "__name__": name}, series.points)


@pytest.fixture(scope="module")
def shelf(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shelf, int]]:
    """What there is of the day, and when it ends."""
    folder = tmp_path_factory.mktemp("day")
    shelf = Shelf(folder / "shelf")
    names = words([*RULES.values(), *(rule for rules in RECORDS.values() for rule in rules)]) - RECORDS.keys() - {"ALERTS"}
    end = day.put_on(shelf, stack, names, folder)
    for group in in_order():
        with shelf.open():
            found = [series for name in group for series in recorded(shelf, name, end)]
        shelf.put_series(found)
    with shelf.open():
        yield shelf, end


def firing(shelf: Shelf, end: int, rule: Rule) -> list[str]:
    """What fires of an alert in the course of the day: its labels, from when on, in hours, and how often it held."""
    step, delay = _STEPS[rule["alert"]], seconds(rule.get("for", "0s"))
    found = []
    for series in shelf.ask(rule["expr"], end - day.SECONDS, end, step):
        since = before = float("-inf")
        for at, value in series.points:
            since = since if at - before <= step else at
            before = at
            if at - since >= delay:
                hours = (at - end + day.SECONDS) / 3600
                found.append(f"{dict(series.labels)} at {hours:.2f} h, {value}; it held {len(series.points)} times")
                break
    return found


def test_no_alert_fires_on_a_healthy_day(shelf: tuple[Shelf, int]) -> None:
    fires = {name: firing(*shelf, rule) for name, rule in RULES.items()}
    assert fires.pop("Watchdog") != []
    assert {name: found for name, found in fires.items() if found} == {}


def test_the_day_has_what_alerts_look_at(shelf: tuple[Shelf, int]) -> None:
    prometheus, end = shelf
    known = {series.labels["__name__"] for series in prometheus.ask('count by (__name__) ({__name__!=""})', end, end, 1)}
    blind = {name for name, rule in RULES.items() if not read(rule) & known}
    assert {name for name in blind if not re.match(NOTHING_TO_SEE, name)} == set()


NOTHING_TO_SEE = (
    "CollectorFailing|Container|Database(Damaged|ReplicationSlot)|Log|NetworkLatency|SeriesDropped|TooManyAlerts"
    "|VendorCredentials|WebsiteDown"
)
"""Alerts on what the demo has not, or what is not there while nothing is wrong."""


def read(rule: Rule) -> set[str]:
    """The metrics and records that an alert reads, but for those that only say whether figures are fresh."""
    return words([rule]) - {"bellwether_collector_up", "bellwether_collector_last_success_timestamp_seconds"}


@pytest.mark.parametrize(
    ("name", "limit", "other", "at_hours"),
    [
        pytest.param("RetentionLow", "< 0.85", "< 0.99", 0, id="the company's figures, by the day"),
        pytest.param("HostMemoryHigh", "> 0.8", "> 0.001", 10 / 60, id="a record, after its delay"),
        pytest.param("WebsiteSlow", "> 2)", "> 0)", 5 / 60, id="what is scraped"),
        pytest.param("AnomalyEngagementDrop", "!= 0", "== 0", 5 / 60, id="what is learnt of the weeks before"),
    ],
)
def test_with_a_limit_that_the_day_passes_it_would_not_be_quiet(
    shelf: tuple[Shelf, int], name: str, limit: str, other: str, at_hours: float
) -> None:
    rule = RULES[name]
    assert limit in rule["expr"]
    found = firing(*shelf, {**rule, "expr": rule["expr"].replace(limit, other)})
    assert found
    assert all(f" at {at_hours:.2f} h" in each for each in found)
