"""Agenda: which queries take turns on a large database, and what is made anew of figures that are the old ones."""

from datetime import UTC, datetime, timedelta

import pytest

from exporter.packs.agenda import Agenda
from exporter.packs.load import Choice
from exporter.packs.pack import Measure, Pack, Query
from exporter.packs.standing import Standing

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
EVERY = timedelta(seconds=30)  # so that there are 2 s for queries asked again


def agenda(*names: str, counters: tuple[str, ...] = (), every: float | None = 30.0) -> Agenda:
    queries = {}
    for name in names:
        is_counter = name in counters
        queries[name] = Query(
            type="counter" if is_counter else "gauge",
            metrics={f"shop_{name}_total" if is_counter else f"shop_{name}": Measure(help="A figure.", value="value")},
            sql="select 1 as value where %(since)s < %(as_of)s"
            if is_counter
            else "select 1 as value where %(as_of)s > '2026-01-01'",
        )
    choice = Choice({"shop": Pack(description="A shop.", queries=queries)}, {})
    return Agenda("sql", choice, chosen=True, every=every)


def run(agenda: Agenda, as_of: datetime, **seconds: float) -> list[str]:
    """One run in which queries take so long: which were asked."""
    agenda.begin(as_of)
    asked = list(agenda.due(as_of))
    for each in asked:
        each.seconds = seconds.get(each.name, 0.001)
        agenda.succeeded(each, as_of, {})
    return [each.name for each in asked]


def test_all_are_asked_at_every_run_where_there_is_time() -> None:
    shop = agenda("a", "b", "c")
    for number in range(3):
        assert run(shop, START + number * EVERY, a=0.9, b=0.9, c=0.1) == ["a", "b", "c"]


def test_queries_take_turns_where_they_need_more_than_a_fifteenth_of_the_time() -> None:
    shop = agenda("a", "b", "c", "cheap", "counted", counters=("counted",))
    costs = {"a": 1.5, "b": 1.5, "c": 0.4, "counted": 5.0}
    runs = [run(shop, START + number * EVERY, **costs) for number in range(5)]
    always = ["cheap", "counted"]
    assert runs == [["a", "b", "c", *always], ["a", *always], ["b", "c", *always], ["a", *always], ["b", "c", *always]]


def test_one_that_needs_more_than_there_is_has_its_turn_alone() -> None:
    shop = agenda("a", "b")
    runs = [run(shop, START + number * EVERY, a=9.0, b=0.3) for number in range(4)]
    assert runs == [["a", "b"], ["a"], ["b"], ["a"]]


@pytest.mark.parametrize("every", [None, 30.0])
def test_nothing_waits_before_it_was_asked(every: float | None) -> None:
    shop = agenda("a", "b", every=every)
    assert run(shop, START, a=9.0, b=9.0) == ["a", "b"]


def test_samples_are_made_once_of_the_same_figures() -> None:
    query = agenda("a").standings[0].query
    standing = Standing("shop", "a", query)
    figures = query.figures(["value"], [{"value": 1}])
    made = standing.samples(figures, "sql")
    assert [sample.value for sample in made] == [1.0]
    assert standing.samples(figures, "sql") is made
    assert standing.samples(dict(figures), "sql") == made
    assert standing.samples({}, "sql") == []
