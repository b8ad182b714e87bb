"""Standing: how a query of a pack fares from run to run, so that one that fails takes no other with it.

What it gave last stays for a while when it fails, as the series of a collector do; it is asked again after ever longer waits,
because a query that is wrong fills the database's log and one that is slow takes the time of the others.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exporter.errors import PollError, TimedOut
from exporter.metric import Metric, Sample
from exporter.packs.counter import Tally
from exporter.packs.pack import Figures, Query
from exporter.packs.round import WORTH_IT, Round

UP = Metric(
    "bellwether_pack_up",
    "Whether the pack's file is valid and each of its queries succeeded when it was last asked: 1 or 0.",
    labels=("source", "pack"),
)
ERROR = Metric(
    "bellwether_pack_error",
    "Set to 1 while the pack's file is wrong (refused) or a query of it fails: denied, malformed, timeout, unreachable.",
    labels=("source", "pack", "reason"),
)
DURATION = Metric(
    "bellwether_pack_duration_seconds",
    "How long the pack's queries took when each was last asked, added up.",
    labels=("source", "pack"),
)
AS_OF = Metric(
    "bellwether_pack_oldest_figures_timestamp_seconds",
    "The instant that the oldest of the pack's figures answer for, in Unix time; none until each query has succeeded once.",
    labels=("source", "pack"),
)

REFUSED = "refused"
"""The reason of a pack whose file is wrong."""

_INTERVALS_KEPT = 3  # for so long the figures of the last good run outlive it
_LONGEST_WAIT = timedelta(minutes=10)  # until a query that keeps failing is asked again, unless its own interval is longer


@dataclass(slots=True, eq=False)
class Standing:
    """One query of one pack."""

    pack: str
    name: str
    query: Query
    figures: Figures = field(default_factory=dict)
    """What it gave last."""
    tally: Tally = field(default_factory=Tally)
    """What it has counted, when it is a counter's."""
    as_of: datetime | None = None
    """The instant that the figures answer for."""
    asked: datetime | None = None
    """The instant of the run in which it was last asked, with or without success."""
    error: PollError | None = None
    """Why it failed when it was last to be asked."""
    why: str = ""
    """The same in words, with file and line."""
    failures: int = 0
    """In a row."""
    rows: int = 0
    seconds: float = 0.0
    """How long it took when it was last asked."""
    in_parts: bool = False
    """Whether it is too slow to be asked whole."""
    round: Round | None = None
    """The parts that were asked, until the last one is."""
    answer: bytes = b""
    """What tells the answer that the figures were made of from another; empty where nobody looks."""
    _samples: tuple[Figures, list[Sample]] | None = None
    """Those last made, and the figures that they were made of."""

    @property
    def slow(self) -> bool:
        """Whether the time it was given was not enough, so that others had better go first."""
        return self.failures > 0 and isinstance(self.error, TimedOut)

    def due(self, as_of: datetime, interval: timedelta) -> bool:
        """Whether it is to be asked in a run at this instant, runs being so far apart."""
        if self.asked is None or self.round or as_of < self.asked:
            return True
        wait = every = timedelta(seconds=self.query.every)
        if self.failures:
            wait = min(interval * 2 ** min(self.failures - 1, 16), max(every, _LONGEST_WAIT))
        return as_of - self.asked >= wait - interval / 2  # runs are never evenly apart

    def next_part(self, as_of: datetime) -> Round:
        """The round whose next part is to be asked in a run at this instant."""
        if self.round is None or self.round.as_of > as_of:
            self.in_parts = self.in_parts or self.seconds > WORTH_IT
            self.round = Round(as_of, self.query.parts, 0 if self.in_parts else None)
        return self.round

    def succeeded(self, as_of: datetime, figures: Figures) -> None:
        """Take its figures for an instant."""
        self.round = None
        self.asked = self.as_of = as_of
        self.figures, self.error, self.why, self.failures = figures, None, "", 0

    def failed(self, as_of: datetime, error: PollError, why: str) -> None:
        """Note that it was asked in vain."""
        self.asked, self.error, self.why, self.round = as_of, error, why, None
        self.failures += 1

    def passed_over(self, error: PollError) -> None:
        """Note that it could not even be asked; it is as soon as there is time."""
        self.error, self.why = error, f"pack {self.pack}, query {self.name}: {error}"

    def shown(self, as_of: datetime, interval: timedelta, max_age: timedelta | None) -> Figures:
        """Its figures, unless it fails and they are too old."""
        if self.error is None or self.as_of is None:
            return self.figures
        longest = _INTERVALS_KEPT * max(interval, timedelta(seconds=self.query.every)) if max_age is None else max_age
        return self.figures if as_of - self.as_of <= longest else {}

    def samples(self, figures: Figures, source: str) -> list[Sample]:
        """Figures of it as the collector of that name shows them: made once as long as they are the same ones."""
        if self._samples is None or self._samples[0] is not figures:
            self._samples = figures, [self.query.sample(*key, figure, source) for key, figure in figures.items()]
        return self._samples[1]


def own_samples(source: str, refused: Iterable[str], standings: Mapping[str, Iterable[Standing]]) -> Iterator[Sample]:
    """What packs say of themselves: those that were refused, and the queries, by pack, of those that run."""
    for pack in refused:
        yield UP(0, source=source, pack=pack)
        yield ERROR(1, source=source, pack=pack, reason=REFUSED)
    for pack, queries in standings.items():
        asked = list(queries)
        reasons = {standing.error.reason for standing in asked if standing.error}
        yield UP(not reasons, source=source, pack=pack)
        for reason in sorted(reasons):
            yield ERROR(1, source=source, pack=pack, reason=reason)
        yield DURATION(sum(standing.seconds for standing in asked), source=source, pack=pack)
        instants = [standing.as_of for standing in asked if standing.as_of]
        if asked and len(instants) == len(asked):
            yield AS_OF(min(instants).timestamp(), source=source, pack=pack)
