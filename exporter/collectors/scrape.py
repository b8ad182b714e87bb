"""Scrape: takes what another endpoint serves to Prometheus, and serves what is wanted of it under this roof.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and, of the metrics of connection pools,
https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools with names as Prometheus writes them.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api
from exporter.clients.page import ACCEPT, PLAIN, Family, Spread, families
from exporter.collector import Collector, Model, Samples
from exporter.errors import Malformed
from exporter.metric import Metric, MetricType, Sample

LINES = Metric("bellwether_scrape_page_lines", "Values on the page, before any were chosen.", labels=("source",))
SIZE = Metric("bellwether_scrape_page_size_bytes", "Size of the page, uncompressed.", labels=("source",))
REFUSED = Metric(
    "bellwether_scrape_refused_families",
    "Metrics on the page that were chosen and yet are not shown whole, by reason: taken, invalid, value, old.",
    labels=("source", "reason"),
)
_OWN = (LINES, SIZE, REFUSED, CALLS, DURATION, QUOTA)

_BY_POOL = ("source", "db_client_connection_pool_name")
POOL = {
    metric.name: metric
    for metric in (
        Metric(
            "db_client_connection_count",
            "Connections in an application's pool, by state: idle or used.",
            labels=(*_BY_POOL, "db_client_connection_state"),
        ),
        Metric("db_client_connection_max", "The most connections that an application's pool may open.", labels=_BY_POOL),
        Metric(
            "db_client_connection_pending_requests",
            "Requests in an application that wait for a connection of its pool.",
            labels=_BY_POOL,
        ),
        Metric(
            "db_client_connection_timeouts_total",
            "Requests in an application that waited in vain for a connection of its pool.",
            "counter",
            _BY_POOL,
        ),
    )
}

_MOST_LABELS = 64  # names of labels in one metric, since each of its series has them all
_NO_HELP = "No help text was given."


def _check_labels(names: Iterable[str]) -> None:
    """Raises `ValueError` for what cannot be the name of a label."""
    Metric("labels", "Labels to be checked.", labels=tuple(dict.fromkeys(names)))


def _metric_name(text: str) -> str:
    if text:
        Metric(text, "A name to be checked.")
    return text


MetricName = Annotated[str, AfterValidator(_metric_name)]


class Rule(Model):
    """Which metrics to take, and what they become."""

    name: str = Field(min_length=1)
    """Their name on the page; `*` stands for any text."""
    rename: MetricName = ""
    """Their name here."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that their series get."""

    @model_validator(mode="after")
    def _can_be_applied(self) -> Self:
        _check_labels(self.labels)
        if self.rename and "*" in self.name:
            raise ValueError("expected one name beside rename, not a pattern: several metrics cannot share a name")
        return self


def _rule(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class Scrape(Addressed, Collector, kind="scrape"):
    """Metrics of another endpoint: those that are named, relabelled, on this exporter's own page.

    What a page holds is not known beforehand, so nothing is taken that is not named. Each series gets the label `source`,
    the collector's name, unless it has one. Timestamps are left behind. A metric whose name another kind of collector has
    is left out; `prefix` or `rename` lets it in.
    """

    metrics: tuple[Annotated[Rule, BeforeValidator(_rule)], ...] = Field(min_length=1)
    """The metrics to take: names, in which `*` stands for any text, or mappings of `name`, `rename` (its name here) and
    `labels` (which its series get). The first that fits counts."""
    drop: tuple[str, ...] = ()
    """Metrics to leave out all the same, by name; `*` stands for any text."""
    prefix: MetricName = ""
    """Put before each name that is not changed by `rename`."""
    keep_labels: tuple[str, ...] | None = None
    """The only labels to keep, by their names on the page; all unless given."""
    drop_labels: tuple[str, ...] = ()
    """Labels to remove, by their names on the page. Of series that thereby become the same, only the first is shown."""
    rename_labels: dict[str, str] = Field(default_factory=dict)
    """New names for labels, by their names on the page."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that each series gets in place of its own of that name; an empty text removes one."""
    max_size: int = Field(default=10_000_000, ge=1)
    """The most bytes that a page may have, uncompressed."""

    _api: Api = PrivateAttr()
    _rules: list[tuple[re.Pattern[str], Rule | None]] = PrivateAttr()
    """What becomes of metrics whose name fits: None where they are left out."""
    _shown: dict[str, Metric] = PrivateAttr(default_factory=dict)
    """What the last run came upon, by name."""

    @field_validator("labels")
    @classmethod
    def _can_be_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        _check_labels(labels)
        return labels

    @field_validator("rename_labels")
    @classmethod
    def _can_be_new_names(cls, names: dict[str, str]) -> dict[str, str]:
        _check_labels(names.values())
        return names

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        # The run's own deadline comes a little later, so that it is this one's message that is heard.
        limit = max(self.timeout - 0.5, self.timeout / 2)
        self._api = Api(self.url, self, timeout=limit, most_bytes=self.max_size)
        left_out = [(re.compile(translate(name)), None) for name in self.drop]
        self._rules = [*left_out, *((re.compile(translate(rule.name)), rule) for rule in self.metrics)]
        return self

    def declares(self) -> Iterable[Metric]:
        """What it came upon in its last run, the metrics of pools that it was told to take, and how the scrape went."""
        return (*_OWN, *(metric for name, metric in POOL.items() if self._can_take(name)), *self._shown.values())

    def _can_take(self, name: str) -> bool:
        """Whether a metric may come under this name."""
        there = name.removeprefix(self.prefix) if name.startswith(self.prefix) else ""
        return any(
            rule.rename == name or (not rule.rename and there and pattern.match(there)) for pattern, rule in self._rules if rule
        )

    async def collect(self) -> Samples:
        answer = await self._api.answer("GET", accept=ACCEPT)
        try:
            page = await asyncio.to_thread(families, answer.body, answer.media_type, time.time())
        except Malformed as error:
            raise Malformed(f"{answer.place}: {error}") from None
        refused: Counter[str] = Counter()
        samples = await asyncio.to_thread(lambda: list(self._chosen(page, refused)))
        self._shown = {sample.metric.name: sample.metric for sample in samples if sample.metric.found}
        for sample in samples:
            yield sample
        yield LINES(sum(family.lines for family in page), source=self.name)
        yield SIZE(len(answer.body), source=self.name)
        for reason, count in refused.items():
            if count:
                yield REFUSED(count, source=self.name, reason=reason)
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connection."""
        await self._api.close()

    def _chosen(self, page: list[Family], refused: Counter[str]) -> Iterator[Sample]:
        """What is wanted of a page; what is wanted and cannot be shown is counted, by reason."""
        targets: dict[str, _Target] = {}
        for family in page:
            rule = next((rule for pattern, rule in self._rules if pattern.match(family.name)), None)
            if rule is None:
                continue
            refused["old"] += family.old
            name = rule.rename or self.prefix + family.name
            target = targets.setdefault(name, _Target(name, family.type, family.help, POOL.get(name)))
            if target.takes(family.type):
                relabelled = self._relabelled(rule)
                target.series += [(relabelled(labels), value) for labels, value in family.series]
            else:
                refused["taken"] += 1
        taken = {name for metric in _OWN for name in metric.names}
        for target in targets.values():
            try:
                metric = target.metric(self._shown.get(target.name))
            except ValueError:
                refused["invalid"] += 1
                continue
            if not taken.isdisjoint(metric.names):
                refused["taken"] += 1
                continue
            taken |= metric.names
            yield from target.samples(metric)
            refused["value"] += target.contradicts_itself

    def _relabelled(self, rule: Rule) -> Callable[[dict[str, str]], dict[str, str]]:
        """What makes a series' labels of those on the page; what to do with a label is found out once for all series."""
        given = {label: value for label, value in (self.labels | rule.labels).items() if value}
        removed = [label for label in (*self.labels, *rule.labels) if label not in given]
        new_names: dict[str, str | None] = {}

        def new_name(label: str) -> str | None:
            dropped = label in self.drop_labels or (self.keep_labels is not None and label not in self.keep_labels)
            new_names[label] = name = None if dropped else self.rename_labels.get(label, label)
            return name

        def relabelled(labels: dict[str, str]) -> dict[str, str]:
            kept = {"source": self.name}
            for label, value in labels.items():
                name = new_names[label] if label in new_names else new_name(label)
                if name is not None:
                    kept[name] = value
            kept |= given
            for label in removed:
                kept.pop(label, None)
            return kept

        return relabelled


@dataclass(slots=True)
class _Target:
    """All that one or more metrics of a page have come to under one name."""

    name: str
    type: MetricType
    help: str
    declared: Metric | None
    """The metric as Bellwether knows it, if it does: what is found has to fit."""
    series: list[tuple[dict[str, str], float | Spread]] = field(default_factory=list)
    contradicts_itself: bool = False
    """Whether a label set was left out because its figures cannot be right."""

    def takes(self, type_: MetricType) -> bool:
        """Whether series of a type may stand under this name. Those of no known type may stand beside any single values."""
        own = self.type if self.declared is None else self.declared.type
        return type_ == own or (type_ == "unknown" and own in PLAIN)

    def metric(self, before: Metric | None) -> Metric:
        """Its declaration: that of the run before, if it is as before. Raises `ValueError` when there can be none."""
        if self.declared is not None:
            return self.declared
        names = tuple(dict.fromkeys(name for labels, _ in self.series for name in labels))
        if len(names) > _MOST_LABELS:
            raise ValueError(f"{self.name}: expected at most {_MOST_LABELS} labels, got {len(names)}")
        if before is not None and set(before.labels) == set(names):
            names = before.labels
        metric = Metric(self.name, self.help if self.help.strip() else _NO_HELP, self.type, names, found=True)
        return before if before is not None and before.same_as(metric) else metric

    def samples(self, metric: Metric) -> Iterator[Sample]:
        """Its samples. A label that only others have is empty, which is as good as absent."""
        for labels, value in self.series:
            filled = {name: labels.get(name, "") for name in metric.labels}
            if not isinstance(value, Spread):
                yield metric(value, **filled)
                continue
            try:
                yield value.sample(metric, filled)
            except ValueError:
                self.contradicts_itself = True
