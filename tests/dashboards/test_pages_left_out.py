"""Where nobody feeds what a page shows, there is no such page, and nothing leads to it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.bundle import Bundle, gallery, render
from exporter.sources import sources_folder
from tests.dashboards.rendered import DASHBOARDS, panels_of

Files = dict[Path, str]

CHOSEN: dict[str, Any] = {"collectors": ("node", "postgres", "sql"), "packs": ("revenue", "users")}
LEFT_OUT = {"experiments", "notifications", "support", "traffic", "web-vitals"}


@pytest.fixture(scope="module")
def files() -> Files:
    return render(Bundle(**CHOSEN, alerts={"HostDown": {"dashboard": "support"}}))


@pytest.fixture(scope="module")
def pages(files: Files) -> dict[str, Any]:
    return {path.stem: json.loads(text) for path, text in files.items() if path.suffix == ".json"}


def led_to(text: str) -> set[str]:
    """The pages that a text links to."""
    return set(re.findall(r"/d/([\w-]+)", text))


def test_a_page_has_figures_or_is_left_out(pages: dict[str, Any]) -> None:
    assert all(panels_of(page) for page in pages.values())
    assert DASHBOARDS.keys() - pages.keys() == LEFT_OUT


def test_nothing_leads_to_a_page_that_is_left_out(files: Files, pages: dict[str, Any]) -> None:
    assert "support" in led_to(json.dumps(DASHBOARDS["executive"]))
    assert led_to(json.dumps(pages["executive"])) == led_to(json.dumps(DASHBOARDS["executive"])) - LEFT_OUT
    assert led_to("".join(files.values())) <= pages.keys()


def test_an_alert_whose_page_is_left_out_leads_to_the_list_of_what_fires(files: Files) -> None:
    texts = [text for path, text in files.items() if path.parent.name == "rules"]
    rules = [rule for text in texts for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    links = {rule["alert"]: rule["annotations"]["dashboard_url"] for rule in rules if "alert" in rule}
    assert links["HostDown"].endswith("/d/alerts")
    assert "/d/hosts?var-instance=" in links["HostCpuHigh"]


def test_a_folder_without_pages_is_left_out() -> None:
    few = render(Bundle(collectors=("node",), packs=()))
    folders = {path.parent.name for path in few if path.suffix == ".json"}
    assert folders == {"Business", "Meta", "Operations", "Security", "Technical"}


def test_the_documentation_has_no_entry_of_it(files: Files, pages: dict[str, Any]) -> None:
    text = gallery.page(files, sources_folder())
    assert set(re.findall(r"pictures/([\w-]+)\.webp", text)) == pages.keys()


def test_what_was_to_be_chosen_among_figures_that_nobody_feeds_is_the_first() -> None:
    """Otherwise all other figures of the page would be asked for without a source, and be empty."""
    variables = {
        variable["name"]: variable
        for path, text in render(Bundle(collectors=("sql",), packs=("users",))).items()
        if path.stem == "executive"
        for variable in json.loads(text)["templating"]["list"]
    }
    assert (variables["billing"]["type"], variables["billing"]["query"], variables["billing"]["hide"]) == ("custom", "sql", 2)
    assert [option["value"] for option in variables["currency"]["options"]] == ["usd"]
