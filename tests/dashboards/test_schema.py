"""Grafana's own types, of the oldest and the newest version that is supported, accept every dashboard."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.rendered import DASHBOARDS, Json
from tests.dashboards.typescript import VERSIONS, refused

each_version = pytest.mark.parametrize("version", VERSIONS)


@each_version
def test_grafanas_types_accept_every_dashboard(version: str, tmp_path: Path) -> None:
    assert refused(DASHBOARDS, version, tmp_path) == []


def broken(path: tuple[str, ...], value: Any) -> Json:
    """A page of the first graph of the executive page, with one thing changed."""
    page = deepcopy(DASHBOARDS["executive"])
    panel = next(panel for panel in page["panels"] if panel["type"] == "timeseries")
    page["panels"], at = [panel], {"panel": panel, "page": page}
    at = at[path[0]]
    for key in path[1:-1]:
        at = at[key]
    at[path[-1]] = value
    return page


FAULTS = {
    "an unknown key": (("page", "colour"), "blue"),
    "no such tooltip": (("panel", "options", "tooltip", "mode"), "several"),
    "an option of no panel": (("panel", "options", "legends"), {}),
    "a custom option that lines lack": (("panel", "fieldConfig", "defaults", "custom", "cellOptions"), {"type": "auto"}),
    "text for a number": (("panel", "fieldConfig", "defaults", "decimals"), "2"),
    "an override that lines lack": (
        ("panel", "fieldConfig", "overrides"),
        [{"matcher": {"id": "byName", "options": "a"}, "properties": [{"id": "custom.lineColour", "value": 1}]}],
    ),
    "a query's unknown key": (("panel", "targets"), [{"query": "up"}]),
}


@each_version
def test_what_is_no_option_is_refused(version: str, tmp_path: Path) -> None:
    found = refused({name: broken(*fault) for name, fault in FAULTS.items()}, version, tmp_path)
    assert {line.partition(":")[0] for line in found} == FAULTS.keys()
