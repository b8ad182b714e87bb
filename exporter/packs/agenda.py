"""Agenda: which queries of which packs a collector has to ask in a run, and what it shows of them, whatever the database is."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from exporter.errors import PollError, TimedOut
from exporter.metric import Metric, Sample
from exporter.packs import standing, survey
from exporter.packs.examination import Examination, State
from exporter.packs.load import Choice
from exporter.packs.pack import Figures
from exporter.packs.standing import Standing

log = logging.getLogger(__name__)

SPARE = 0.1  # of a run's timeout, for what is not a query
_LOOK_AGAIN = timedelta(minutes=10)  # for views that were mapped meanwhile
_SHARE = 1 / 15  # of the time from run to run, for queries asked again: 2 s of 30; beyond it they take turns
_LEAST = 1.0  # seconds for them at any rate: who asks every second wants to know every second
_CHEAP = 0.01  # of that: for so little a query need not wait for its turn


class Agenda:
    """The queries of the packs of one collector, from run to run. `every`: its interval in seconds, unless it has a schedule.

    Packs that a user chose have to run; otherwise each query runs whose views are there and mapped.
    """

    def __init__(self, source: str, choice: Choice, *, chosen: bool, every: float | None) -> None:
        self.source, self.choice = source, choice
        self.standings = tuple(
            Standing(pack_name, name, query) for pack_name, pack in choice.packs.items() for name, query in pack.queries.items()
        )
        """Every query of every pack."""
        self.active = self.standings if chosen else ()
        """Those that run."""
        self.now: datetime | None = None
        """The instant of the last run."""
        self._chosen, self._fixed = chosen, every is not None
        self._interval = timedelta(seconds=every or 0.0)
        self._looked: datetime | None = None
        self._told = False

    def declares(self) -> Iterator[Metric]:
        """The metrics of the packs."""
        for pack in self.choice.packs.values():
            yield from pack.declares()

    def tell_refused(self) -> None:
        """Say once in the log which packs are wrong."""
        if not self._told:
            for message in self.choice.refused.values():
                log.error("%s runs without a pack that is wrong: %s", self.source, message)
            self._told = True

    def begin(self, as_of: datetime) -> bool:
        """Begin a run; whether it has to look first which views are mapped."""
        if not self._fixed and self.now is not None:
            self._interval = as_of - self.now
        self.now = as_of
        return not self._chosen and (self._looked is None or not timedelta(0) <= as_of - self._looked < _LOOK_AGAIN)

    def discover(self, views: survey.Survey, as_of: datetime) -> None:
        """Run the queries whose views are there and mapped."""
        active = tuple(each for each in self.standings if not survey.unmapped(views, each.query.reads))
        if active != self.active or self._looked is None:
            packs = ", ".join(dict.fromkeys(each.pack for each in active)) or "none, since no view of the contract is mapped"
            log.info("%s runs the packs whose views are mapped: %s", self.source, packs)
        self.active, self._looked = active, as_of

    def due(self, as_of: datetime) -> deque[Standing]:
        """The queries to be asked in this run, as many as it may take. Those that were too slow come after all others."""
        due = [each for each in self.active if each.due(as_of, self._interval)]
        waiting = self._beyond_means(due)
        return deque(sorted((each for each in due if each not in waiting), key=lambda each: each.slow))

    def _beyond_means(self, due: list[Standing]) -> set[Standing]:
        """Those for which a later run is early enough, so that a large database is not kept busy: the ones asked last."""
        means = left = max(_LEAST, _SHARE * self._interval.total_seconds())
        again = [(each.asked, each) for each in due if each.asked and each.query.type != "counter"]
        in_turn = [each for _, each in sorted(again, key=lambda pair: pair[0]) if each.seconds > _CHEAP * means]
        for number, each in enumerate(in_turn):
            left -= each.seconds
            if number and left < 0:
                return set(in_turn[number:])
        return set()

    def pass_over(self, asking: Standing) -> None:
        """Note that no time was left for a query; it is asked as soon as there is."""
        if asking.why == "":
            log.warning("%s: no time was left for pack %s, query %s", self.source, asking.pack, asking.name)
        asking.passed_over(TimedOut("no time was left in the run for it; raise timeout, or give slow queries an every"))

    def succeeded(self, asking: Standing, as_of: datetime, figures: Figures) -> None:
        """Take a query's figures."""
        if asking.failures:
            log.info("%s: pack %s, query %s works again", self.source, asking.pack, asking.name)
        asking.succeeded(as_of, figures)

    def failed(self, asking: Standing, as_of: datetime, error: PollError, why: str) -> None:
        """Note that a query failed; the log has it when the reason is another than before."""
        if asking.error is None or asking.error.reason != error.reason:
            log.warning("%s: pack %s fails: %s: %s", self.source, asking.pack, error.reason, why)
        asking.failed(as_of, error, why)

    def samples(self, as_of: datetime, max_age: float | None) -> Iterator[Sample]:
        """The figures, of those that fail as long as they are not too old, and how the packs fare."""
        longest = None if max_age is None else timedelta(seconds=max_age)
        by_pack: dict[str, list[Standing]] = {}
        for each in self.active:
            by_pack.setdefault(each.pack, []).append(each)
            yield from each.samples(each.shown(as_of, self._interval, longest), self.source)
        yield from standing.own_samples(self.source, self.choice.refused, by_pack)

    def refusals(self) -> list[Examination]:
        """What is wrong with the files of packs."""
        return [Examination(pack, "", "refused", why) for pack, why in self.choice.refused.items()]

    def by_pack(self, views: survey.Survey) -> Iterator[tuple[list[Standing], list[Examination]]]:
        """Of each pack the queries that run, and why the others do not."""
        for pack in self.choice.packs:
            of_pack = [each for each in self.standings if each.pack == pack]
            running = [each for each in of_pack if each in self.active]
            idle = [each for each in of_pack if each not in self.active]
            yield running, [_unmapped(pack, idle, views, whole=not running)] if idle else []

    def examined(self, each: Standing, views: survey.Survey, cost: float | None, advice: Iterable[str] = ()) -> Examination:
        """What there is to say of a query that runs."""
        why = each.why
        if each.error:
            why = f"{each.error.reason}: {'; '.join([why, *survey.differences(views, each.query.reads)])}"
        state: State = "failed" if each.error else "ok"
        metrics, series = tuple(each.query.metrics), each.query.series(each.figures)
        return Examination(each.pack, each.name, state, why, metrics, each.rows, series, each.seconds, cost, tuple(advice))


def every_pack(packs: object) -> object:
    """The setting `packs` as given: None for `all`. Raises `ValueError` for another text."""
    if isinstance(packs, str) and packs != "all":
        raise ValueError("expected a list of packs, or all")
    return None if packs == "all" else packs


def _unmapped(pack: str, idle: list[Standing], views: survey.Survey, *, whole: bool) -> Examination:
    missing = survey.unmapped(views, {view for each in idle for view in each.query.reads})
    queries = "" if whole else ", ".join(each.name for each in idle)
    metrics = tuple(name for each in idle for name in each.query.metrics)
    return Examination(pack, queries, "unmapped", f"not mapped: {', '.join(missing)}", metrics)
