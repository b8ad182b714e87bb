"""A page of metrics, read by the reference parser into families that can be compared."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

Series = Mapping[frozenset[tuple[str, str]], float]


@dataclass(frozen=True, slots=True)
class Family:
    """One name on a page: its type, and the value of each set of labels. A histogram's or summary's lines are not read."""

    name: str
    type: str
    series: Series = field(default_factory=dict)

    @property
    def labels(self) -> frozenset[str]:
        """The names of labels that its series have."""
        return frozenset(name for labels in self.series for name, _ in labels)

    def without(self, labels: Iterable[str]) -> "Family":
        """The family as it would be without some labels."""
        names = set(labels)
        if not names & self.labels:
            return self
        series = {frozenset(pair for pair in labels if pair[0] not in names): value for labels, value in self.series.items()}
        return Family(self.name, self.type, series)


def read(text: str) -> dict[str, Family]:
    """The families of a page, by the names that stand there."""
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)", text, re.MULTILINE))
    # The parser gives a counter's samples a name with `_total`, whatever they are called; those of a gauge keep theirs.
    as_gauges = re.sub(r"^(# TYPE \S+) counter", r"\1 gauge", text, flags=re.MULTILINE)
    families: dict[str, Family] = {}
    for parsed in text_string_to_metric_families(as_gauges):
        type_ = types.get(parsed.name, "untyped")
        plain = type_ not in {"histogram", "summary"}
        series = {frozenset(sample.labels.items()): sample.value for sample in parsed.samples} if plain else {}
        families[parsed.name] = Family(parsed.name, type_, series)
    return families
