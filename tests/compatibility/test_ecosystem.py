"""What public dashboards and alerts query is served, or there is a reason why not."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.catalogue import catalogue

_DATA: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "ecosystem.yaml").read_text(encoding="utf-8"))
_QUERIED: dict[str, list[str]] = _DATA["queried"]
_FOUND: list[str] = _DATA["found"]
_NOT_APPLICABLE: list[dict[str, Any]] = _DATA["not_applicable"]


def served() -> set[str]:
    """Every name that the collectors declare, also those of a histogram's or counter's lines."""
    return {name for entry in catalogue() for name in (entry.metric.name, *entry.metric.names)}


@pytest.mark.parametrize("source", _QUERIED)
def test_every_name_that_is_queried_is_served_or_does_not_apply(source: str) -> None:
    patterns = [*_FOUND, *(pattern for entry in _NOT_APPLICABLE for pattern in entry["names"])]
    missing = [name for name in set(_QUERIED[source]) - served() if not any(fnmatchcase(name, pattern) for pattern in patterns)]
    assert sorted(missing) == []


def test_what_does_not_apply_is_queried_is_not_served_and_has_a_reason() -> None:
    queried = {name for names in _QUERIED.values() for name in names}
    ours = served()
    for entry in _NOT_APPLICABLE:
        assert entry["reason"].endswith(".")
        for pattern in entry["names"]:
            assert any(fnmatchcase(name, pattern) for name in queried), f"nobody queries {pattern}"
            found = [name for name in queried & ours if fnmatchcase(name, pattern)]
            assert found == [], "served after all: take it off the list"
