"""Pages, alerts and thresholds name each other, and each name leads somewhere."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.bundle import Bundle
from exporter.bundle.jsonnet import evaluate
from exporter.bundle.settings import TierChange
from exporter.sources import sources_folder
from tests.dashboards.rendered import DASHBOARDS, FILES, Json, panel_of, panels_of

ALERTS = {
    rule["alert"]: rule
    for path, text in FILES.items()
    if path.parent.name == "rules"
    for group in yaml.safe_load(text)["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
NAMED = {
    uid: {name for panel in panels_of(dashboard) for name in re.findall(r"\[(\w+)\]\(", panel["description"])}
    for uid, dashboard in DASHBOARDS.items()
}
LISTING = {
    uid for uid, dashboard in DASHBOARDS.items() if re.search(r"ALERTS\{[^}]*alertstate", json.dumps(dashboard["panels"]))
}
"""Pages that show whatever fires."""


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_panel_names_alerts_that_exist(uid: str) -> None:
    assert NAMED[uid] <= ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_named_on_the_page_that_it_links_to_unless_that_lists_whatever_fires(name: str) -> None:
    page = re.search(r"/d/([\w-]+)", ALERTS[name]["annotations"]["dashboard_url"])
    assert page is not None
    assert page[1] in LISTING or name in NAMED[page[1]], f"{name} is not on its page {page[1]}"


def lead_nowhere(dashboard: Json) -> set[str]:
    """The pages that a page links to and that do not exist."""
    return set(re.findall(r"/d/([\w-]+)", json.dumps(dashboard))) - DASHBOARDS.keys()


def test_links_between_pages_lead_somewhere() -> None:
    assert {uid for uid, dashboard in DASHBOARDS.items() if lead_nowhere(dashboard)} == set()


def test_a_link_that_leads_nowhere_is_found() -> None:
    page = deepcopy(DASHBOARDS["executive"])
    page["links"][0]["url"] = "/d/revenues"
    page["panels"][0]["links"] = [{"title": "More", "url": "/d/hosts2?${__url_time_range}", "targetBlank": False}]
    assert lead_nowhere(page) == {"revenues", "hosts2"}


def test_every_page_can_be_reached_from_the_executive_page() -> None:
    down = {
        uid: {link["url"].rpartition("/")[2] for link in dashboard["links"] if link["type"] == "link"}
        for uid, dashboard in DASHBOARDS.items()
    }
    reached, ahead = set[str](), {"executive"}
    while ahead:
        reached |= ahead
        ahead = set().union(*(down[uid] for uid in ahead)) - reached
    assert DASHBOARDS.keys() - reached <= {"mobile"}, "the page for phones is opened there"


def thresholds_of(panel: Json) -> Iterator[tuple[str, list[Any]]]:
    """Where colours change, at first None: of the panel, and of each of its figures that has thresholds of its own."""
    config = panel["fieldConfig"]
    found = [("", config["defaults"].get("thresholds"))]
    for override in config["overrides"]:
        found += [
            (override["matcher"]["options"], each["value"]) for each in override["properties"] if each["id"] == "thresholds"
        ]
    for figure, thresholds in found:
        if thresholds:
            yield figure, [step["value"] for step in thresholds["steps"]]


def drawn(dashboards: dict[str, Json]) -> dict[tuple[str, str, str], list[float]]:
    """The values at which colours change, by page, panel and figure."""
    return {
        (uid, panel["title"], figure): values[1:]
        for uid, dashboard in dashboards.items()
        for panel in panels_of(dashboard)
        for figure, values in thresholds_of(panel)
        if len(values) > 1
    }


BOARD: TierChange = {"after": "1h30m30s", "priorities": ["P0"], "receivers": {"email": {"to": "board@example.com"}}}
ANY = [1]
"""Where one is one too many, or one too few: no alert of the kind, nobody without an answer. There is nothing to set."""
ITS_WHOLE_INTERVAL = ("alerts", "Share of its interval that a group of rules takes", "Share")


def test_thresholds_move_with_the_limits_that_a_user_sets() -> None:
    """One table feeds alerts and panels, so a number that stays where it was is written into a page."""
    limits = evaluate(sources_folder(), "mixin.lib.limits")
    moved = {name: {key: 0.9 * value or 0.01 for key, value in values.items()} for name, values in limits.items()}
    pages = evaluate(sources_folder(), "mixin.grafanaDashboards", Bundle(limits=moved).config(sources_folder()))
    before, after = drawn(DASHBOARDS), drawn({Path(name).stem: page for name, page in pages.items()})
    assert before.keys() == after.keys()
    same = {place for place, values in before.items() if values == after[place] and values != ANY}
    assert same == {ITS_WHOLE_INTERVAL}
    assert before["hosts", "Memory used", ""] == [0.80, 0.85]
    assert after["hosts", "Memory used", ""] == [0.9 * 0.80, 0.9 * 0.85]


def test_the_tiers_that_are_told_are_those_of_the_configuration_the_soonest_first() -> None:
    bundle = Bundle(escalation={"l2": None, "manager": {"after": "90m"}, "board": BOARD})
    page = evaluate(sources_folder(), "mixin.grafanaDashboards['alerts.json']", bundle.config(sources_folder()))
    targets = panel_of(page, "Escalation")["targets"]
    assert [target["legendFormat"] for target in targets] == [
        "L1 at once",
        "L3 after 30m",
        "Manager after 90m",
        "Board after 1h30m30s",
    ]
    assert [re.findall(r"offset (\w+)", target["expr"]) for target in targets] == [[], ["30m"], ["90m"], ["1h30m30s"]]
    assert 'priority=~"P0"' in targets[-1]["expr"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_thresholds_rise(uid: str) -> None:
    """Grafana takes the last step that a value reaches, in the order in which they stand."""
    for panel in panels_of(DASHBOARDS[uid]):
        for _, (first, *others) in thresholds_of(panel):
            assert first is None, panel["title"]
            assert others == sorted(set(others)), panel["title"]
