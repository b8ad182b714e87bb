"""What is left of the bundle for who runs only some collectors and packs: the rest would be empty or never fire."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SPREAD = re.compile(r"_(bucket|sum|count)$")
_PACK_KINDS = {"sql", "clickhouse"}
OWN = frozenset({"bellwether", "bellwether process"})
"""What stands in place of kinds for what every exporter tells of itself."""


def unfed(
    metrics: Mapping[str, Mapping[str, Any]],
    rules: Iterable[Mapping[str, Any]],
    collectors: Sequence[str] | None,
    packs: Sequence[str] | None,
) -> list[str]:
    """The names of metrics that no chosen collector or pack feeds, and of recording rules that read one of those.

    `metrics` is the catalogue as Jsonnet has it, with the `kinds` and `packs` of each; `rules` are those of Prometheus. None
    chooses all.
    """
    absent = {name for name, metric in metrics.items() if not _is_fed(metric, collectors, packs)}
    expressions: dict[str, list[str]] = {}
    for rule in rules:
        expressions.setdefault(rule["record"], []).append(rule["expr"])
    names = {*metrics, *expressions}
    records = {name: [set(_read(text, names)) for text in texts] for name, texts in expressions.items()}
    while more := {name for name, reads in records.items() if name not in absent and all(read & absent for read in reads)}:
        absent |= more
    return sorted(absent)


def fed(groups: Iterable[Mapping[str, Any]], absent: Sequence[str]) -> list[dict[str, Any]]:
    """The groups of rules without those that read what is absent, and without groups that are empty then."""
    names = set(absent)
    kept = ({**group, "rules": [rule for rule in group["rules"] if not set(_read(rule["expr"], names))]} for group in groups)
    return [group for group in kept if group["rules"]]


def _is_fed(metric: Mapping[str, Any], collectors: Sequence[str] | None, packs: Sequence[str] | None) -> bool:
    kinds = {kind for kind in metric["kinds"] if kind in OWN or collectors is None or kind in collectors}
    others = kinds - _PACK_KINDS
    return bool(others or (kinds and (packs is None or not metric["packs"] or set(metric["packs"]) & set(packs))))


def _read(expression: str, names: AbstractSet[str]) -> Iterator[str]:
    """Those of the names that an expression reads; a histogram by the name of the whole."""
    for found in _NAME.finditer(_TEXT.sub("", expression)):
        name = found[0]
        whole = name if name in names else _SPREAD.sub("", name)
        if whole in names:
            yield whole
