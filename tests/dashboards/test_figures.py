"""What figures of pages come to, where sources, sizes, windows and ages meet. The real promtool answers their queries."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.dashboards.rendered import DASHBOARDS, panel_of
from tests.expressions import differences

CHOSEN = {"source": "sql", "funnel": "sign-up", "window": "30d"}
"""What is chosen in variables; of all others, everything."""
AT = "1d"


class Figure(NamedTuple):
    """A figure of a page, the series that there are, a sample each hour, and what it shows by the labels that it has."""

    page: str
    panel: str
    legend: str
    series: Mapping[str, str]
    shown: Mapping[str, float]

    @property
    def query(self) -> str:
        target = next(
            each for each in panel_of(DASHBOARDS[self.page], self.panel)["targets"] if each["legendFormat"] == self.legend
        )
        return re.sub(r"\$(\w+)", lambda found: CHOSEN.get(found[1], ".+"), target["expr"])


def flag(source: str, name: str) -> str:
    return f'feature_flag_enabled{{source="{source}", flag="{name}"}}'


def experiment(name: str, running: int, users: int) -> dict[str, str]:
    of = f'experiment="{name}"'
    return {
        f'experiment_running{{source="experiments", {of}}}': f"{running}x24",
        f'experiment_running{{source="posthog", {of}}}': f"{running}x24",
        f'experiment_exposed_units{{source="experiments", {of}, variant="control"}}': f"{users}x24",
        f'experiment_exposed_units{{source="experiments", {of}, variant="new"}}': f"{users}x24",
    }


def cohort(month: str, users: int, back: float) -> dict[str, str]:
    of = f'source="sql", interval="month", cohort="{month}"'
    return {
        f"saas_cohort_users{{{of}}}": f"{users}x24",
        f'saas_cohort_retention_ratio{{{of}, period="1"}}': f"{back}x24",
    }


def funnel(name: str, window: str, users: int) -> dict[str, str]:
    of = f'source="funnel", funnel="{name}", window="{window}"'
    return {f'saas_funnel_step_users{{{of}, step="begun", position="1"}}': f"{users}x24"}


def measured(page: str, good: int, poor: int) -> dict[str, str]:
    of = f'source="sql", page="{page}", device="mobile", vital="lcp"'
    share = good / (good + poor)
    return {
        f'web_vital_measurements_total{{{of}, rating="good"}}': f"0+{good}x24",
        f'web_vital_measurements_total{{{of}, rating="poor"}}': f"0+{poor}x24",
        f'web_vital_rating_ratio{{{of}, rating="good", window="1d"}}': f"{share}x24",
        f'web_vital_rating_ratio{{{of}, rating="poor", window="1d"}}': f"{1 - share}x24",
    }


def effect(metric: str, **figures: float) -> dict[str, str]:
    of = f'source="experiments", experiment="a", variant="new", metric="{metric}", measure="rate"'
    return {f"experiment_{name}{{{of}}}": f"{value}x24" for name, value in figures.items()}


def cluster(name: str, color: str) -> dict[str, str]:
    return {
        f'elasticsearch_cluster_health_status{{cluster="{name}", color="{each}"}}': f"{int(each == color)}x24"
        for each in ("green", "yellow", "red")
    }


def room(name: str, days: int) -> dict[str, str]:
    return {
        f'capacity:time_left:seconds{{forecast="disk", instance="{name}", mountpoint="/"}}': f"{days}00x24",
        f'capacity:history:seconds{{forecast="disk", instance="{name}", mountpoint="/"}}': f"{days * 86400 + 1}x24",
    }


@pytest.mark.parametrize(
    "figure",
    [
        Figure(
            "experiments",
            "Experiments now",
            "Flags on",
            {flag("sql", "a"): "1x24", flag("posthog", "a"): "1x24", flag("sql", "b"): "0x24", flag("posthog", "c"): "1x24"},
            {"{}": 2},
        ),
        Figure("experiments", "Experiments now", "Running", experiment("a", 1, 5) | experiment("b", 0, 7), {"{}": 1}),
        Figure("experiments", "Experiments now", "Users in them", experiment("a", 1, 5) | experiment("b", 0, 7), {"{}": 10}),
        Figure("experiments", "Experiments now", "Users in them", experiment("b", 0, 7), {"{}": 0}),
        Figure(
            "experiments",
            "Effects by variant",
            "Lift",
            effect("purchase", lift_ratio=0.2) | effect("complaint", lift_ratio=0.5, guardrail_breached=1),
            {'{effect="a new purchase rate"}': 0.2},
        ),
        Figure(
            "experiments",
            "Guardrails",
            "Breached",
            effect("purchase", lift_ratio=0.2) | effect("complaint", lift_ratio=0.5, guardrail_breached=1),
            {'{effect="a new complaint rate"}': 1},
        ),
        Figure("operations", "Stores of logs now", "Elasticsearch", cluster("a", "green") | cluster("b", "green"), {"{}": 0}),
        Figure("operations", "Stores of logs now", "Elasticsearch", cluster("a", "green") | cluster("b", "yellow"), {"{}": 1}),
        Figure("operations", "Stores of logs now", "Elasticsearch", cluster("a", "red") | cluster("b", "yellow"), {"{}": 2}),
        Figure(
            "product",
            "Experiments that run",
            "{{experiment}} {{variant}}",
            experiment("a", 1, 5) | experiment("b", 0, 7),
            {'{experiment="a", variant="control"}': 5, '{experiment="a", variant="new"}': 5},
        ),
        Figure(
            "product",
            "People by step of the funnel",
            "{{step}} {{position}}",
            funnel("sign-up", "30d", 40) | funnel("sign-up", "7d", 50) | funnel("upgrade", "30d", 60),
            {'{step="begun", position="1"}': 40},
        ),
        Figure(
            "retention",
            "Months after registration",
            "1 month",
            cohort("2026-01", 900, 0.5)
            | cohort("2026-02", 100, 0.1)
            | {'saas_cohort_users{source="sql", interval="month", cohort="2026-03"}': "5x24"},
            {"{}": 0.46},
        ),
        Figure(
            "web-vitals",
            "LCP by rating",
            "{{rating}}",
            measured("/", 75, 15) | measured("/rare", 0, 10),
            {'{rating="good"}': 0.75, '{rating="poor"}': 0.25},
        ),
        Figure(
            "web-vitals",
            "LCP by rating",
            "{{rating}}",
            {name: values for name, values in (measured("/", 3, 1) | measured("/rare", 1, 3)).items() if "ratio" in name},
            {'{rating="good"}': 0.5, '{rating="poor"}': 0.5},
        ),
        Figure("capacity", "First to run out", "Disk", room("young", 2) | room("old", 4), {"{}": 400}),
        Figure("capacity", "First to run out", "Disk", room("young", 2), {}),
    ],
    ids=lambda figure: f"{figure.page}: {figure.legend}",
)
def test_a_figure_shows(figure: Figure) -> None:
    assert differences([], figure.series, [(figure.query, AT, figure.shown)], "1h") == ""
