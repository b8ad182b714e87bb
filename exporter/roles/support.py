"""The support desk: tickets, how long customers wait, and how satisfied they are. Names of the packs support and satisfaction.

A desk is told of tickets as they change, and says what the packs would say of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from exporter.metric import Metric, Sample

OPEN = Metric(
    "support_tickets_open",
    "Tickets that are not resolved: unanswered, no person has answered yet; answered, one has. A combination of priority "
    "and channel that once had tickets and now has none is 0.",
    labels=("source", "state", "priority", "channel"),
)
AGE = Metric(
    "support_open_ticket_age_seconds", "How long the open tickets have been open.", "histogram", ("source", "priority")
)
FIRST_RESPONSE = Metric(
    "support_first_response_seconds",
    "Of the tickets first answered by a person within the window, how long that took from their creation, by the clock and "
    "not by office hours.",
    "histogram",
    ("source", "priority", "window"),
)
RESOLUTION = Metric(
    "support_resolution_seconds",
    "Of the tickets resolved within the window, how long that took from their creation, by the clock.",
    "histogram",
    ("source", "priority", "window"),
)
CREATED = Metric(
    "support_tickets_created_total",
    "Tickets that came since the exporter started.",
    "counter",
    ("source", "priority", "channel"),
)
RESOLVED = Metric(
    "support_tickets_resolved_total",
    "Tickets that were resolved since the exporter started; one opened again and resolved again counts once.",
    "counter",
    ("source", "priority", "channel"),
)
INCOMPLETE = Metric(
    "support_tickets_incomplete",
    "Whether tickets that changed are still to be read, so that the other figures of tickets wait: 1 or 0.",
    labels=("source",),
)
CSAT = Metric(
    "satisfaction_csat_score",
    "Mean of the answers to the survey csat within the window, 1 to 5. No value without an answer.",
    labels=("source", "window"),
)
CSAT_RATIO = Metric(
    "satisfaction_csat_ratio",
    "Share of the answers to the survey csat within the window that are good, as the service judges: 4 or 5 of 5. No value "
    "without an answer.",
    labels=("source", "window"),
)
CSAT_ANSWERS = Metric("satisfaction_csat_answers", "Answers to the survey csat within the window.", labels=("source", "window"))
SCORES = Metric(
    "satisfaction_answer_score",
    "The scores given within the window, each on the scale of its survey; nps, 0 to 10; csat, 1 to 5.",
    "histogram",
    ("source", "survey", "window"),
)
TICKETS = (OPEN, AGE, FIRST_RESPONSE, RESOLUTION, CREATED, RESOLVED)
SATISFACTION = (CSAT, CSAT_RATIO, CSAT_ANSWERS, SCORES)

DAY = 86400.0  # seconds
WINDOW = 7 * DAY
LONGEST_CSAT = 90 * DAY
_CSAT_WINDOWS = {"7d": 7 * DAY, "30d": 30 * DAY, "90d": LONGEST_CSAT}
_SCORES_WINDOW = "30d"
_KEPT = 30 * DAY
"""How long a resolved ticket is remembered: one that changes later is not taken for a new one."""
_AGE_BUCKETS = (3600, 14400, 28800, 86400, 259200, 604800, 2592000)
_FIRST_RESPONSE_BUCKETS = (300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 259200)
_RESOLUTION_BUCKETS = (3600, 14400, 28800, 86400, 172800, 259200, 604800, 1209600, 2592000)
_SCORE_BUCKETS = tuple(range(11))


class Ticket(NamedTuple):
    """What is kept of a request to the desk; instants are Unix time."""

    priority: str
    channel: str
    created_at: float
    first_responded_at: float | None
    """When a person first answered; None before that."""
    resolved_at: float | None
    """When it was settled, the last time; None while open."""
    first_resolved_at: float | None
    """When it was settled for the first time; also where it has been opened again."""


_Place = tuple[str, str]
"""Priority and channel."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The tickets that matter, by id, and the counters since `begun_at`. Immutable: a poll that fails has lost nothing."""

    begun_at: float
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    created: Mapping[_Place, int] = field(default_factory=dict)
    """For every combination ever seen, so that none goes away."""
    resolved: Mapping[_Place, int] = field(default_factory=dict)

    def told(self, changed: Mapping[str, Ticket | None], now: float) -> Self:
        """The desk after tickets have come or changed; None for one that is gone."""
        tickets, created, resolved = dict(self.tickets), dict(self.created), dict(self.resolved)
        counts_from = max(self.begun_at, now - _KEPT)
        for identity, ticket in changed.items():
            before = tickets.pop(identity, None)
            if ticket is None:
                continue
            place = (ticket.priority, ticket.channel)
            new = before is None and ticket.created_at > counts_from
            settled_before = before is not None and before.first_resolved_at is not None
            settled = not settled_before and (ticket.first_resolved_at or 0.0) > counts_from
            created[place] = created.get(place, 0) + new
            resolved[place] = resolved.get(place, 0) + settled
            tickets[identity] = ticket
        kept = {
            key: ticket for key, ticket in tickets.items() if ticket.resolved_at is None or ticket.resolved_at > now - _KEPT
        }
        return replace(self, tickets=kept, created=created, resolved=resolved)

    def samples(self, source: str, now: float) -> Iterator[Sample]:
        """What the desk looks like at an instant."""
        yield from self._open(source)
        ages, answers, solutions = (
            defaultdict[str, list[float]](list),
            defaultdict[str, list[float]](list),
            defaultdict[str, list[float]](list),
        )
        for ticket in self.tickets.values():
            if ticket.resolved_at is None:
                ages[ticket.priority].append(now - ticket.created_at)
            elif ticket.resolved_at > now - WINDOW:
                solutions[ticket.priority].append(ticket.resolved_at - ticket.created_at)
            if ticket.first_responded_at is not None and ticket.first_responded_at > now - WINDOW:
                answers[ticket.priority].append(ticket.first_responded_at - ticket.created_at)
        for priority, seconds in sorted(ages.items()):
            yield distribution(AGE, _AGE_BUCKETS, seconds, source=source, priority=priority)
        for metric, buckets, by_priority in (
            (FIRST_RESPONSE, _FIRST_RESPONSE_BUCKETS, answers),
            (RESOLUTION, _RESOLUTION_BUCKETS, solutions),
        ):
            for priority, seconds in sorted(by_priority.items()):
                yield distribution(metric, buckets, seconds, source=source, priority=priority, window="7d")
        for priority, channel in sorted(self.created):
            place = (priority, channel)
            yield CREATED(self.created[place], source=source, priority=priority, channel=channel)
            yield RESOLVED(self.resolved[place], source=source, priority=priority, channel=channel)

    def _open(self, source: str) -> Iterator[Sample]:
        counts = {(state, *place): 0 for place in self.created for state in ("unanswered", "answered")}
        for ticket in self.tickets.values():
            if ticket.resolved_at is None:
                state = "unanswered" if ticket.first_responded_at is None else "answered"
                counts[state, ticket.priority, ticket.channel] += 1
        for (state, priority, channel), count in sorted(counts.items()):
            yield OPEN(count, source=source, state=state, priority=priority, channel=channel)


class Answer(NamedTuple):
    """A customer's answer to the question how satisfied they are."""

    at: float
    """Unix time."""
    good: bool
    score: float | None
    """On a scale of 1 to 5; None where the service has another scale."""


def satisfaction(answers: Iterable[Answer], source: str, now: float) -> Iterator[Sample]:
    """What the answers of the last 90 days come to."""
    known = list(answers)
    for window, length in _CSAT_WINDOWS.items():
        within = [answer for answer in known if answer.at > now - length]
        scores = [answer.score for answer in within if answer.score is not None]
        yield CSAT_ANSWERS(len(within), source=source, window=window)
        if within:
            yield CSAT_RATIO(sum(answer.good for answer in within) / len(within), source=source, window=window)
        if scores:
            yield CSAT(sum(scores) / len(scores), source=source, window=window)
        if scores and window == _SCORES_WINDOW:
            yield distribution(SCORES, _SCORE_BUCKETS, scores, source=source, survey="csat", window=window)


def distribution(metric: Metric, bounds: Sequence[int], values: Sequence[float], **labels: str) -> Sample:
    """A histogram of values; what would be negative, since clocks differ, counts as 0."""
    values = [max(0.0, value) for value in values]
    buckets = [(bound, sum(value <= bound for value in values)) for bound in bounds]
    return metric.histogram(buckets, sum=sum(values), count=len(values), **labels)
