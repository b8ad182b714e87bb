"""What differs between the two sides, and between the level and the catalogue, as findings that a table has to account for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exporter.catalogue import Entry
from tests.compatibility.expected import Expected, Rule
from tests.compatibility.exposition import Family, Series
from tests.compatibility.level import Declared
from tests.compatibility.originals import Side

_ROUNDING = 1e-9  # relative: how far apart two programs may write one figure


class Finding(NamedTuple):
    """One difference: `absent`, `type`, `labels`, `series` or `value`."""

    family: str
    difference: str
    detail: str

    def __str__(self) -> str:
        return f"{self.family}: {self.difference}: {self.detail}"


class Report(NamedTuple):
    """What a table does not account for, and what it accounts for in vain."""

    unexpected: list[Finding]
    stale: list[Rule]


def side_by_side(sides: Iterable[Side], expected: Expected) -> Report:
    """Compare what both sides served. Rules that hold for some machines only are never stale."""
    findings = [finding for side in sides for finding in _of_side(side, expected)]
    return judged(findings, expected.side_by_side)


def with_catalogue(level: Iterable[Declared], entries: Iterable[Entry], expected: Expected) -> Report:
    """Compare the level's families with those that the collectors declare."""
    ours = list(entries)
    return judged([finding for declared in level if (finding := of_level(declared, ours))], expected.level)


def of_level(declared: Declared, ours: Iterable[Entry]) -> Finding | None:
    """How the catalogue differs from a family of the level, if at all."""
    metrics = [entry.metric for entry in ours if declared.is_called(entry.metric.name)]
    if not metrics:
        return Finding(declared.name, "absent", "not declared")
    type_ = {"unknown": "untyped", "info": "gauge"}.get(metrics[0].type, metrics[0].type)
    if declared.type not in {"*", type_}:
        return Finding(declared.name, "type", f"{declared.type} there, {type_} here")
    labels = set(metrics[0].labels) - {"instance"}
    if declared.labels is not None and labels != declared.labels:
        return Finding(declared.name, "labels", _apart(declared.labels, labels))
    return None


def judged(findings: Iterable[Finding], rules: Iterable[Rule]) -> Report:
    """Findings that no rule is for, and rules that were for nothing."""
    found, rules = list(findings), list(rules)
    unexpected = [finding for finding in found if not any(rule.is_for(finding.family, finding.difference) for rule in rules)]
    used = [rule for rule in rules if any(rule.is_for(finding.family, finding.difference) for finding in found)]
    return Report(unexpected, [rule for rule in rules if rule not in used and not rule.some_machines])


def _of_side(side: Side, expected: Expected) -> Iterator[Finding]:
    for name in sorted(side.before.keys() & side.after.keys()):
        ours = side.ours.get(expected.renamed.get(name, name))
        if ours is None:
            yield Finding(name, "absent", "not served")
            continue
        before, after = (families[name].without(expected.dropped_labels) for families in (side.before, side.after))
        yield from _of_family(name, before, ours.without({"instance"}), after, expected)


def _of_family(name: str, before: Family, ours: Family, after: Family, expected: Expected) -> Iterator[Finding]:
    if before.type != ours.type:
        yield Finding(name, "type", f"{before.type} there, {ours.type} here")
    if before.labels != ours.labels and before.series and ours.series:
        yield Finding(name, "labels", _apart(before.labels, ours.labels))
        if not before.labels < ours.labels:
            return
    mine = _summed(ours.series, before.labels)
    lacking = (before.series.keys() & after.series.keys()) - mine.keys()
    added = mine.keys() - before.series.keys() - after.series.keys()
    if lacking or added:
        yield Finding(name, "series", f"only there: {_shown(lacking)}; only here: {_shown(added)}")
    for labels in sorted(before.series.keys() & after.series.keys() & mine.keys(), key=sorted):
        low, high = sorted((before.series[labels], after.series[labels]))
        if not expected.close(name, low, mine[labels], high, _ROUNDING):
            yield Finding(name, "value", f"{dict(labels)}: {low} to {high} there, {mine[labels]} here")


def _summed(series: Series, labels: frozenset[str]) -> Series:
    """Series by some of their labels: what a query without the others sees."""
    sums: dict[frozenset[tuple[str, str]], float] = defaultdict(float)
    for all_labels, value in series.items():
        sums[frozenset(pair for pair in all_labels if pair[0] in labels)] += value
    return sums


def _apart(there: Iterable[str], here: Iterable[str]) -> str:
    return f"only there: {sorted(set(there) - set(here))}; only here: {sorted(set(here) - set(there))}"


def _shown(series: Iterable[frozenset[tuple[str, str]]]) -> list[dict[str, str]]:
    return [dict(sorted(labels)) for labels in sorted(series, key=sorted)][:3]
