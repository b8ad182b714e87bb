"""A panel that draws a threshold names the alerts that fire at it: which those are, dashboards/lib/watching.libsonnet says."""

from typing import Any

import pytest

from exporter.bundle import Bundle
from exporter.bundle.jsonnet import evaluate
from exporter.sources import sources_folder
from tests.dashboards.rendered import DASHBOARDS, Json, dashboards_of, panel_of, panels_of

SOURCES = sources_folder()
WATCHING: dict[str, list[str]] = evaluate(SOURCES, "import 'dashboards/lib/watching.libsonnet'")
LIMITS: dict[str, dict[str, float]] = evaluate(SOURCES, "mixin.lib.limits")
GUARD = "source_age_seconds"
"""At it no alert fires: it mutes those of old figures."""
OF_THE_PAGE = {
    ("executive", "Satisfaction"),
    ("revenue", "Unit economics"),
    ("mobile", "Urgent alerts"),
    ("alerts", "Escalation"),
    ("alerts", "Share of its interval that a group of rules takes"),
}
"""Panels with thresholds of their own, at which no alert fires."""


def thresholds_of(panel: Json) -> list[Any]:
    """The values of all that colours a figure or is drawn as a line."""
    config = panel["fieldConfig"]
    found = [config["defaults"].get("thresholds")]
    found += [
        item["value"] for override in config["overrides"] for item in override["properties"] if item["id"] == "thresholds"
    ]
    return [step["value"] for each in filter(None, found) for step in each["steps"] if step["value"] is not None]


def test_a_panel_with_thresholds_names_the_alerts_that_fire_at_them() -> None:
    silent = {
        (uid, panel["title"])
        for uid, dashboard in DASHBOARDS.items()
        for panel in panels_of(dashboard)
        if thresholds_of(panel) and "\n\nAlerts: [" not in panel["description"]
    }
    assert silent == OF_THE_PAGE


def test_an_alert_is_named_once_and_not_if_it_is_left_out() -> None:
    def named(pages: dict[str, Json]) -> str:
        return str(panel_of(pages["technical"], "Memory of hosts")["description"].partition("\n\nAlerts: ")[2])

    assert [named(DASHBOARDS).count(f"[{name}]") for name in ("HostMemoryHigh", "HostMemoryCritical")] == [1, 1]
    few = named(dashboards_of(Bundle(alerts={"HostMemoryHigh": None})))
    assert "HostMemoryHigh" not in few
    assert "HostMemoryCritical" in few


def expressions(moved: set[str]) -> dict[str, str]:
    """What each alert asks, with some limits a little higher."""
    limits = {name: {key: value * 1.01 or 0.01 for key, value in LIMITS[name].items()} for name in moved}
    config = {**Bundle().config(SOURCES), "limits": limits}
    program = "{ [rule.alert]: rule.expr for group in mixin.prometheusAlerts.groups for rule in group.rules }"
    found: dict[str, str] = evaluate(SOURCES, program, config)
    return found


def test_the_table_names_limits_that_exist() -> None:
    assert WATCHING.keys() <= LIMITS.keys()


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return expressions(set())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LIMITS.keys() - {GUARD}))
def test_the_table_names_the_alerts_that_change_with_a_limit(name: str, before: dict[str, str]) -> None:
    """Of each limit by itself: of several, one that is missing would hide behind another of the same alert."""
    assert {alert for alert, text in expressions({name}).items() if text != before[alert]} == set(WATCHING.get(name, ()))
