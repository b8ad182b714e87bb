"""On-call: what wakes people up, how soon they answer, and whether anybody is there to be woken."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from exporter.metric import Metric, Sample

INCIDENTS = Metric(
    "oncall_incidents",
    "Incidents that are not resolved: triggered, nobody has acknowledged yet; acknowledged, somebody has. Of the services "
    "with most of them; the rest is other. A service that had an incident in the last 30 days and now has none is 0.",
    labels=("source", "service", "urgency", "state"),
)
OLDEST = Metric(
    "oncall_oldest_incident_timestamp_seconds",
    "When the oldest incident that is not resolved began, in Unix time. No value without one.",
    labels=("source", "urgency"),
)
CREATED = Metric(
    "oncall_incidents_created_total", "Incidents that began since the exporter started.", "counter", ("source", "urgency")
)
ACKNOWLEDGE = Metric(
    "oncall_acknowledge_seconds",
    "Of the incidents first acknowledged within the window, how long that took from their beginning.",
    "histogram",
    ("source", "urgency", "window"),
)
RESOLVE = Metric(
    "oncall_resolve_seconds",
    "Of the incidents resolved within the window, by a person or by themselves, how long that took from their beginning.",
    "histogram",
    ("source", "urgency", "window"),
)
COVERED = Metric(
    "oncall_schedule_covered", "Whether anybody is on call by the schedule now: 1 or 0.", labels=("source", "schedule")
)
COVERAGE = Metric(
    "oncall_schedule_ahead_ratio",
    "Share of the time ahead, from now to the end of the window, for which somebody is on call by the schedule.",
    labels=("source", "schedule", "window"),
)

DAY = 86400.0  # seconds
URGENCIES = ("high", "low")
STATES = ("triggered", "acknowledged")
LONGEST_WINDOW = 30 * DAY
_WINDOWS = {"7d": 7 * DAY, "30d": LONGEST_WINDOW}
_ACKNOWLEDGE_BUCKETS = (60, 120, 300, 600, 900, 1800, 3600, 14400, 43200)
_RESOLVE_BUCKETS = (300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 259200, 604800)
_OTHER = "other"


class OpenIncident(NamedTuple):
    """An incident that is not resolved."""

    service: str
    urgency: str
    state: str
    began_at: float
    """Unix time."""


class PastIncident(NamedTuple):
    """What is known of an incident from its log; instants are Unix time."""

    service: str
    urgency: str
    began_at: float
    acknowledged_at: float | None = None
    """When somebody first did."""
    resolved_at: float | None = None
    """When it was, the last time."""

    def joined(self, earlier: "PastIncident") -> "PastIncident":
        """With what was known before."""
        acknowledged = [at for at in (self.acknowledged_at, earlier.acknowledged_at) if at is not None]
        resolved = [at for at in (self.resolved_at, earlier.resolved_at) if at is not None]
        return self._replace(acknowledged_at=min(acknowledged, default=None), resolved_at=max(resolved, default=None))


@dataclass(frozen=True, slots=True)
class Log:
    """Incidents of the last 30 days by id, and how many began since `begun_at`. Immutable: a failed poll has lost nothing."""

    begun_at: float
    incidents: Mapping[str, PastIncident] = field(default_factory=dict)
    created: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(URGENCIES, 0))

    def told(self, news: Mapping[str, PastIncident], now: float) -> Self:
        """The log after more has been read of it."""
        incidents, created = dict(self.incidents), dict(self.created)
        counts_from = max(self.begun_at, now - LONGEST_WINDOW)
        for identity, incident in news.items():
            before = incidents.get(identity)
            if before is None and incident.began_at > counts_from:
                created[incident.urgency] = created.get(incident.urgency, 0) + 1
            incidents[identity] = incident if before is None else incident.joined(before)
        kept = {key: incident for key, incident in incidents.items() if _last(incident) > now - LONGEST_WINDOW}
        return replace(self, incidents=kept, created=created)

    def samples(self, source: str, now: float) -> Iterator[Sample]:
        """How often and for how long, up to an instant."""
        for urgency, count in self.created.items():
            yield CREATED(count, source=source, urgency=urgency)
        for window, length in _WINDOWS.items():
            answers, solutions = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
            for incident in self.incidents.values():
                if incident.acknowledged_at is not None and incident.acknowledged_at > now - length:
                    answers[incident.urgency].append(incident.acknowledged_at - incident.began_at)
                if incident.resolved_at is not None and incident.resolved_at > now - length:
                    solutions[incident.urgency].append(incident.resolved_at - incident.began_at)
            for urgency, seconds in sorted(answers.items()):
                yield _distribution(ACKNOWLEDGE, _ACKNOWLEDGE_BUCKETS, seconds, source=source, urgency=urgency, window=window)
            for urgency, seconds in sorted(solutions.items()):
                yield _distribution(RESOLVE, _RESOLVE_BUCKETS, seconds, source=source, urgency=urgency, window=window)

    @property
    def services(self) -> Iterator[str]:
        """Those that had an incident, once for each."""
        return (incident.service for incident in self.incidents.values())


def standing(incidents: Iterable[OpenIncident], services: Iterable[str], most: int, source: str) -> Iterator[Sample]:
    """What is going on; `services` are those that had incidents of late, and so are named before others of as many."""
    open_ = list(incidents)
    here, lately = Counter(incident.service for incident in open_), Counter(services)
    names = sorted({*here, *lately} - {_OTHER}, key=lambda name: (-here[name], -lately[name], name))[:most]
    counts = Counter(
        (incident.service if incident.service in names else _OTHER, incident.urgency, incident.state) for incident in open_
    )
    for service in (*names, _OTHER):
        for urgency in URGENCIES:
            for state in STATES:
                yield INCIDENTS(counts[service, urgency, state], source=source, service=service, urgency=urgency, state=state)
    for urgency in URGENCIES:
        if began := [incident.began_at for incident in open_ if incident.urgency == urgency]:
            yield OLDEST(min(began), source=source, urgency=urgency)


def _last(incident: PastIncident) -> float:
    return max(incident.began_at, incident.acknowledged_at or 0.0, incident.resolved_at or 0.0)


def _distribution(metric: Metric, bounds: Sequence[int], values: Sequence[float], **labels: str) -> Sample:
    """A histogram of values; what would be negative, since clocks differ, counts as 0."""
    values = [max(0.0, value) for value in values]
    buckets = [(bound, sum(value <= bound for value in values)) for bound in bounds]
    return metric.histogram(buckets, sum=sum(values), count=len(values), **labels)
