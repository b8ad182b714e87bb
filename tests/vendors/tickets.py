"""What support desks ought to say of the company's tickets and answers, worked out in Python from its records: a second way."""

from collections import Counter
from collections.abc import Callable, Iterable
from math import floor
from typing import Any, NamedTuple

import psycopg

from exporter.demo.company import Company
from exporter.packs.load import shipped
from tests.packs.conftest import NOW
from tests.packs.expected import histogram, rounded

AT = NOW.timestamp()
WEEK = 7 * 86400
WINDOWS = {"7d": 7, "30d": 30, "90d": 90}


class Ticket(NamedTuple):
    """Its instants are of Unix time, None for what is still to come."""

    channel: str
    priority: str
    opened: float
    answered: float | None
    solved: float | None


def tickets(company: Company) -> list[Ticket]:
    """Those that have come by now."""
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            "select channel, priority, created_at, first_responded_at, resolved_at from bellwether.tickets"
            " where created_at <= %s",
            (NOW,),
        ).fetchall()
    return [
        Ticket(channel, priority, opened.timestamp(), _past(answered), _past(solved))
        for channel, priority, opened, answered, solved in rows
    ]


def answers(company: Company) -> list[tuple[int, float]]:
    """Scores of the survey csat, and how many seconds ago each was given."""
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            "select score, created_at from bellwether.feedback where survey = 'csat' and created_at <= %s", (NOW,)
        ).fetchall()
    return [(score, AT - floor(at.timestamp())) for score, at in rows]


def desk(found: Iterable[Ticket], kept: Callable[[Ticket], bool] = lambda _: True) -> dict[str, dict[tuple[str, ...], Any]]:
    """The figures of the pack `support`, without its counters; those `kept` are what a desk can know of."""
    known = [ticket for ticket in found if kept(ticket)]
    opened = [ticket for ticket in known if ticket.solved is None]
    counts = Counter(("answered" if t.answered else "unanswered", t.priority, t.channel) for t in opened)
    places = {(ticket.priority, ticket.channel) for ticket in known}
    expected: dict[str, dict[tuple[str, ...], Any]] = {
        "support_tickets_open": {(s, *place): counts[s, *place] for place in places for s in ("answered", "unanswered")},
        "support_open_ticket_age_seconds": {},
        "support_first_response_seconds": {},
        "support_resolution_seconds": {},
    }
    for priority in {ticket.priority for ticket in known}:
        mine = [ticket for ticket in known if ticket.priority == priority]
        answered = [t.answered - t.opened for t in mine if t.answered is not None and t.answered > AT - WEEK]
        solved = [t.solved - t.opened for t in mine if t.solved is not None and t.solved > AT - WEEK]
        for query, metric, labels, values in (
            ("ages", "support_open_ticket_age_seconds", (priority,), [AT - t.opened for t in mine if t.solved is None]),
            ("first_responses", "support_first_response_seconds", (priority, "7d"), answered),
            ("resolutions", "support_resolution_seconds", (priority, "7d"), solved),
        ):
            if values:
                expected[metric][labels] = histogram(values, shipped()["support"].queries[query].buckets)
    return expected


def satisfaction(company: Company) -> dict[str, dict[tuple[str, ...], Any]]:
    """The figures of the pack `satisfaction` for csat, and how many answers are 4 or 5."""
    given = answers(company)
    within = {window: [score for score, age in given if age < days * 86400] for window, days in WINDOWS.items()}
    return {
        "satisfaction_csat_score": {(w,): sum(scores) / len(scores) for w, scores in within.items()},
        "satisfaction_csat_ratio": {(w,): sum(s >= 4 for s in scores) / len(scores) for w, scores in within.items()},
        "satisfaction_csat_answers": {(w,): len(scores) for w, scores in within.items()},
        "satisfaction_answer_score": {("csat", "30d"): histogram(within["30d"], range(11))},
    }


def told(found: dict[str, dict[tuple[str, ...], Any]]) -> dict[str, dict[tuple[str, ...], Any]]:
    """What a poll said, with the sums of histograms to the cent of a second."""
    return {
        name: {labels: rounded(value) if isinstance(value, tuple) else value for labels, value in series.items()}
        for name, series in found.items()
    }


def to_the_second(ticket: Ticket) -> Ticket:
    """As a desk shows it that knows no fractions."""
    answered, solved = (None if at is None else floor(at) for at in (ticket.answered, ticket.solved))
    return ticket._replace(opened=floor(ticket.opened), answered=answered, solved=solved)


def _past(at: Any) -> float | None:
    return at.timestamp() if at is not None and at <= NOW else None
