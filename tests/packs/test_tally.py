"""Tally: sums that stay exact, and where two windows meet."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.packs.counter import BEGINNING, CountFrom, Tally
from exporter.packs.pack import Amounts, Measure, Query

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def query() -> Query:
    return Query(
        type="counter",
        labels=("currency", "outcome", "kind"),
        known={"outcome": ("paid", "refused"), "kind": ("new", "old")},
        metrics={"shop_turnover_total": Measure(help="Turnover.", value="turnover")},
        sql="select currency, outcome, kind, turnover from orders where created_at > %(since)s and created_at <= %(as_of)s",
    )


def turnover(query: Query, amount: str, currency: str = "EUR") -> Amounts:
    return {(query.declares()["shop_turnover_total"], (currency, "paid", "new")): Decimal(amount)}


def test_windows_meet_without_gap_or_overlap() -> None:
    first = Tally()
    assert (first.settled_to, first.border(NOON, MINUTE)) == (BEGINNING, NOON - MINUTE)
    later = Tally(NOON)
    assert later.border(NOON + 3 * MINUTE, MINUTE) == NOON + 2 * MINUTE
    assert later.border(NOON - MINUTE, MINUTE) == NOON  # a clock set back does not open what is settled


def test_money_added_up_in_many_windows_is_exact(query: Query) -> None:
    tally = Tally()
    for number in range(1000):
        tally = tally.grown(query, NOON + number * MINUTE, turnover(query, "0.1"), {})
    key = next(iter(turnover(query, "0")))
    assert float(tally.counted[key]) == 100.0
    assert float(tally.exposed("first_run")[key]) == 99.9


def test_known_values_start_at_zero_for_each_open_one_seen(query: Query) -> None:
    tally = Tally().grown(query, NOON, turnover(query, "5"), turnover(query, "7", "USD"))
    found = {labels: value for (_, labels), value in tally.exposed("first_row").items()}
    assert found == {
        (currency, outcome, kind): {("EUR", "paid", "new"): 5, ("USD", "paid", "new"): 7}.get((currency, outcome, kind), 0)
        for currency in ("EUR", "USD")
        for outcome in ("paid", "refused")
        for kind in ("new", "old")
    }


def test_what_is_fresh_is_exposed_but_not_kept(query: Query) -> None:
    once = Tally().grown(query, NOON, turnover(query, "5"), turnover(query, "2"))
    again = once.grown(query, NOON + MINUTE, turnover(query, "2"), turnover(query, "1"))
    key = next(iter(turnover(query, "0")))
    found = [float(figures[key]) for figures in (once.settled, once.counted, again.settled, again.counted)]
    assert found == [5, 7, 7, 8]


def test_what_the_first_poll_counts_is_shown_from_the_first_row_on_alone(query: Query) -> None:
    once = Tally().grown(query, NOON, turnover(query, "5"), turnover(query, "2"))
    fewer = once.grown(query, NOON + MINUTE, {}, turnover(query, "1"))  # of what was fresh, some is gone
    more = fewer.grown(query, NOON + 2 * MINUTE, {}, turnover(query, "4"))
    key = next(iter(turnover(query, "0")))
    assert [float(tally.exposed("first_run")[key]) for tally in (once, fewer, more)] == [0, 0, 2]
    assert [float(tally.exposed("first_row")[key]) for tally in (once, fewer, more)] == [7, 7, 9]
    assert set(once.exposed("first_run").values()) == {0}
    assert once.exposed("first_run").keys() == once.exposed("first_row").keys()


@pytest.mark.parametrize("count_from", ["first_run", "first_row"])
def test_a_label_set_that_appears_later_is_at_zero_for_one_poll(query: Query, count_from: CountFrom) -> None:
    tally = Tally().grown(query, NOON, {}, {})
    assert tally.exposed(count_from) == {}
    found = []
    for number in range(3):
        tally = tally.grown(query, NOON + number * MINUTE, turnover(query, "5"), {})
        found.append({labels: float(value) for (_, labels), value in tally.exposed(count_from).items()})
    assert set(found[0]) == {("EUR", outcome, kind) for outcome in ("paid", "refused") for kind in ("new", "old")}
    assert set(found[0].values()) == {0}
    assert [figures["EUR", "paid", "new"] for figures in found] == [0, 10, 15]
    assert [figures["EUR", "refused", "old"] for figures in found] == [0, 0, 0]
