"""The pack `support`: every figure, against the same worked out from the story."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

import pytest

from exporter.demo.chapters import Row
from exporter.packs.load import shipped
from tests.packs.conftest import NOW, Asking
from tests.packs.expected import histogram, rounded

WEEK = timedelta(days=7)
PRIORITIES = ("urgent", "high", "normal", "low")


class Ticket(NamedTuple):
    """A row of shop.tickets."""

    id: str
    account: str
    channel: str
    priority: str
    opened: datetime
    answered: datetime | None
    solved: datetime | None

    def is_open(self, at: datetime) -> bool:
        return self.opened <= at and (self.solved is None or self.solved > at)


@pytest.fixture
def tickets(chapter: Callable[[str], dict[str, list[Row]]]) -> list[Ticket]:
    return [Ticket(*row) for row in chapter("support")["tickets"]]  # type: ignore[arg-type]


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_every_figure_is_that_of_the_story(as_of: datetime, tickets: list[Ticket], asked: Asking) -> None:
    found = await asked("support", as_of)
    known = [ticket for ticket in tickets if ticket.opened <= as_of]
    pairs = {(ticket.priority, ticket.channel) for ticket in known}
    opened = [ticket for ticket in known if ticket.is_open(as_of)]
    assert len(known) > 1000

    def states(priority: str, channel: str) -> dict[str, int]:
        of_pair = [ticket for ticket in opened if (ticket.priority, ticket.channel) == (priority, channel)]
        answered = sum(ticket.answered is not None and ticket.answered <= as_of for ticket in of_pair)
        return {"answered": answered, "unanswered": len(of_pair) - answered}

    def count(chosen: Iterable[Ticket]) -> dict[tuple[str, ...], float]:
        listed = [(ticket.priority, ticket.channel) for ticket in chosen]
        channels = {channel for _, channel in listed}
        return {pair: listed.count(pair) for pair in product(PRIORITIES, channels)}

    assert found["support_tickets_open"] == {
        (state, *pair): number for pair in pairs for state, number in states(*pair).items()
    }
    assert found["support_tickets_created_total"] == count(known)
    assert found["support_tickets_resolved_total"] == count(row for row in tickets if row.solved and row.solved <= as_of)
    assert {labels: rounded(parts) for labels, parts in found["support_open_ticket_age_seconds"].items()} == {
        (priority,): histogram(ages, bounds("ages"))
        for priority in PRIORITIES
        if (ages := [(as_of - ticket.opened).total_seconds() for ticket in opened if ticket.priority == priority])
    }
    for query, metric, moment in (
        ("first_responses", "support_first_response_seconds", "answered"),
        ("resolutions", "support_resolution_seconds", "solved"),
    ):
        expected: dict[Any, Any] = {}
        for priority in PRIORITIES:
            ends = [(ticket, getattr(ticket, moment)) for ticket in tickets if ticket.priority == priority]
            taken = [(end - ticket.opened).total_seconds() for ticket, end in ends if end and as_of - WEEK < end <= as_of]
            if taken:
                expected[priority, "7d"] = histogram(taken, bounds(query))
        assert {labels: rounded(parts) for labels, parts in found[metric].items()} == expected
        assert expected


async def test_before_the_first_ticket_there_is_nothing_but_zeros(asked: Asking) -> None:
    found = await asked("support", NOW - timedelta(days=1000))
    assert {name: series for name, series in found.items() if series} == {}


def bounds(query: str) -> tuple[float, ...]:
    return shipped()["support"].queries[query].buckets
