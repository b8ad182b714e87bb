"""A page is whole: grid, numbers, titles, words, units, data source, variables."""

import re
from itertools import combinations, pairwise
from typing import Any

import pytest

from tests.dashboards.rendered import DASHBOARDS, METRICS, PANEL_TYPES, Json, each_dashboard, entries_of, panel_of, panels_of

MOST_PANELS, MOST_ENTRIES = 36, 28
MOST_TILES, MOST_IN_A_BLOCK, BLOCK = 4, 6, 8
"""Of a strip, and of one that is as high as a chart."""
MOST_WORDS = 160


def cells_of(panels: list[Json]) -> dict[tuple[int, int], str]:
    """The cells of the grid, each with the title of the panel that covers it."""
    cells: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, f"{panel['title']} lies on {cells[x, y]}"
                cells[x, y] = panel["title"]
    return cells


@each_dashboard
def test_panels_tile_the_grid_without_gap_or_overlap(uid: str) -> None:
    page = DASHBOARDS[uid]["panels"]
    for panels in [page, *(panel["panels"] for panel in page if panel.get("panels"))]:
        cells = cells_of(panels)
        lines = range(min(y for _, y in cells), max(y for _, y in cells) + 1)
        assert set(cells) == {(x, y) for x in range(24) for y in lines}


@each_dashboard
def test_what_is_folded_away_opens_below_its_heading(uid: str) -> None:
    for row in (panel for panel in DASHBOARDS[uid]["panels"] if panel["type"] == "row"):
        assert row["collapsed"] == bool(row["panels"]), row["title"]
        if row["collapsed"]:
            assert min(panel["gridPos"]["y"] for panel in row["panels"]) == row["gridPos"]["y"] + 1, row["title"]


@each_dashboard
def test_panels_are_numbered_in_the_order_in_which_a_phone_shows_them(uid: str) -> None:
    entries = entries_of(DASHBOARDS[uid])
    assert [panel["id"] for panel in entries] == list(range(1, len(entries) + 1))
    for panels in [DASHBOARDS[uid]["panels"], *(panel.get("panels", []) for panel in entries)]:
        places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in panels]
        assert places == sorted(places)


@each_dashboard
def test_a_panel_is_large_enough_for_what_it_shows(uid: str) -> None:
    least = {"timeseries": (6, 6), "table": (6, 4), "heatmap": (8, 6), "state-timeline": (8, 4), "bargauge": (4, 4)}
    for panel in panels_of(DASHBOARDS[uid]):
        width, height = least.get(panel["type"], (3, 3))
        assert panel["gridPos"]["w"] >= width, panel["title"]
        assert panel["gridPos"]["h"] >= height, panel["title"]


@each_dashboard
def test_a_page_has_no_more_panels_than_a_reader_takes_in(uid: str) -> None:
    assert 5 <= len(panels_of(DASHBOARDS[uid])) <= MOST_PANELS
    assert len(DASHBOARDS[uid]["panels"]) <= MOST_ENTRIES


@each_dashboard
def test_a_strip_has_no_more_tiles_than_a_phone_shows_legibly(uid: str) -> None:
    """Money may be in two currencies, a tile each."""
    for panel in panels_of(DASHBOARDS[uid]):
        if panel["type"] == "stat":
            tiles = sum(
                2 if "currency=~" not in target["expr"] and "{{currency}}" in target["legendFormat"] else 1
                for target in panel["targets"]
            )
            most = MOST_IN_A_BLOCK if panel["gridPos"]["h"] >= BLOCK else MOST_TILES
            assert tiles <= most, f"{panel['title']}: {tiles} tiles"


@each_dashboard
def test_a_heading_has_panels_below_it(uid: str) -> None:
    types = [panel["type"] for panel in entries_of(DASHBOARDS[uid])]
    assert types[-1] != "row"
    assert ("row", "row") not in pairwise(types)


@each_dashboard
def test_a_page_is_one_that_provisioning_takes_and_nobody_edits_in_the_browser(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    assert dashboard["uid"] == uid
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,39}", uid)
    assert (dashboard["id"], dashboard["schemaVersion"], dashboard["editable"]) == (None, 42, False)
    assert dashboard["tags"][0] == "bellwether"
    assert len(dashboard["tags"]) > 1
    assert len(dashboard["description"]) > 40
    assert re.fullmatch(r"\d+[smh]", dashboard["refresh"])


def test_titles_are_unique() -> None:
    titles = [dashboard["title"] for dashboard in DASHBOARDS.values()]
    assert len(set(titles)) == len(titles)
    for uid, dashboard in DASHBOARDS.items():
        for one, other in combinations(panels_of(dashboard), 2):
            assert one["title"] != other["title"], uid


def units_of(panel: Json) -> list[Any]:
    """What a panel says of how its figures are read: units, or words for values."""
    config = panel["fieldConfig"]
    overridden = [item for override in config["overrides"] for item in override["properties"]]
    own = [config["defaults"].get("unit"), *config["defaults"].get("mappings", [])]
    return [each for each in own if each] + [item for item in overridden if item["id"] in {"unit", "mappings"}]


@each_dashboard
def test_every_panel_says_what_it_means_and_in_what_unit(uid: str) -> None:
    for panel in entries_of(DASHBOARDS[uid]):
        assert panel["type"] in PANEL_TYPES
        if panel["type"] == "row":
            continue
        assert len(panel["description"]) > 30, panel["title"]
        assert re.search(r"better\.|good", panel["description"]), f"{panel['title']}: which way is good?"
        assert panel["pluginVersion"]
        if panel["type"] != "text":
            assert units_of(panel), f"{panel['title']}: in what unit?"


@each_dashboard
def test_a_description_fits_its_window(uid: str) -> None:
    for panel in panels_of(DASHBOARDS[uid]):
        words = max((len(part.split()) for part in panel["description"].splitlines()), default=0)
        assert words <= MOST_WORDS, f"{panel['title']}: a paragraph of {words} words"


@each_dashboard
def test_a_description_speaks_of_what_the_reader_sees(uid: str) -> None:
    """Not of the metrics behind it, nor of something that was said elsewhere."""
    names = {name for name in METRICS if "_" in name}
    for panel in panels_of(DASHBOARDS[uid]):
        description = panel["description"].partition("Alerts: ")[0]
        assert not names & set(re.findall(r"\w+", description)), panel["title"]
        assert not re.search(
            r"^(?:- .+?: )?(?:Those over|Of those,|[^.]*(?:of|in|for) those \w+\.)", description, re.MULTILINE
        ), panel


@each_dashboard
def test_a_panel_without_data_says_so(uid: str) -> None:
    for panel in panels_of(DASHBOARDS[uid]):
        if panel["type"] != "heatmap":  # has no such option
            assert "noValue" in panel["fieldConfig"]["defaults"], panel["title"]


@each_dashboard
def test_a_panel_asks_and_a_note_or_heading_does_not(uid: str) -> None:
    for panel in entries_of(DASHBOARDS[uid]):
        asks = bool(panel.get("targets"))
        assert asks == (panel["type"] not in {"row", "text"}), panel["title"]
        assert [target["refId"] for target in panel.get("targets", [])] == [
            chr(ord("A") + i) for i in range(len(panel.get("targets", [])))
        ]


@each_dashboard
def test_figures_of_now_are_asked_for_once_and_lines_over_time(uid: str) -> None:
    over_time = {"timeseries", "heatmap", "state-timeline"}
    for panel in panels_of(DASHBOARDS[uid]):
        for target in panel["targets"]:
            assert target["range"] != target["instant"], panel["title"]
            assert target["range"] == (panel["type"] in over_time), panel["title"]


@each_dashboard
def test_a_series_has_a_name_that_is_not_its_query(uid: str) -> None:
    """Left to itself, Grafana calls a series without labels by the text of its query."""
    for panel in panels_of(DASHBOARDS[uid]):
        if panel["type"] != "table":
            assert "__auto" not in {target["legendFormat"] for target in panel["targets"]}, panel["title"]


@each_dashboard
def test_every_query_goes_to_the_chosen_data_source(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    users = [*panels_of(dashboard), *(target for panel in panels_of(dashboard) for target in panel["targets"])]
    users += [annotation for annotation in dashboard["annotations"]["list"] if "expr" in annotation]
    users += [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    assert all(user["datasource"] == chosen for user in users)
    assert dashboard["templating"]["list"][0]["name"] == "datasource"


@each_dashboard
def test_variables_start_with_everything_chosen_or_with_one_of_several_that_tell_the_same(uid: str) -> None:
    for variable in DASHBOARDS[uid]["templating"]["list"]:
        if variable["type"] != "query":
            continue
        assert variable["refresh"] == 2, variable["name"]
        several = (variable["multi"], variable["includeAll"], variable.get("allValue"), variable["current"]["value"])
        if variable["multi"]:
            assert several == (True, True, ".+", ["$__all"]), variable["name"]
        else:
            assert several[:3] == (False, False, None), variable["name"]
            assert variable["current"]["value"], variable["name"]


@each_dashboard
def test_an_axis_of_shares_has_as_many_decimals_as_its_labels_need_to_differ(uid: str) -> None:
    for panel in panels_of(DASHBOARDS[uid]):
        if panel["type"] == "timeseries" and panel["fieldConfig"]["defaults"]["unit"] == "percentunit":
            assert "decimals" not in panel["fieldConfig"]["defaults"], panel["title"]


def test_what_overlaps_is_found() -> None:
    one = {"title": "One", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}}
    with pytest.raises(AssertionError, match="Other lies on One"):
        cells_of([one, {"title": "Other", "gridPos": {"x": 11, "y": 7, "w": 12, "h": 8}}])


def test_currencies_are_stacked_apart_and_carry_their_own_symbol() -> None:
    overrides = panel_of(DASHBOARDS["executive"], "Monthly recurring revenue by plan")["fieldConfig"]["overrides"]
    (euro,) = [override["properties"] for override in overrides if str(override["matcher"]["options"]).endswith(r"EUR)$/i")]
    assert {item["id"]: item["value"] for item in euro} == {
        "unit": "currencyEUR",
        "custom.stacking": {"mode": "normal", "group": "EUR"},
    }


def test_the_first_screen_of_the_executive_page_answers_are_we_well() -> None:
    """What fits a screen of 1000 pixels: a cell is 38 high, the header about 120."""
    first = [panel for panel in DASHBOARDS["executive"]["panels"] if panel["gridPos"]["y"] * 38 + 120 < 900]
    figures = [target["legendFormat"] for target in first[0]["targets"]]
    assert figures[0].startswith("MRR")
    assert {panel["title"] for panel in first} >= {
        "Monthly recurring revenue by plan",
        "Customers by status",
        "Alerts firing now",
    }


def test_the_page_for_a_telephone_begins_with_its_panels_and_ends_with_links() -> None:
    """What stands above the panels takes the first screen, of which a telephone has little."""
    mobile = DASHBOARDS["mobile"]
    assert mobile["links"] == []
    assert [(variable["name"], variable["hide"]) for variable in mobile["templating"]["list"]] == [("datasource", 2)]
    last = mobile["panels"][-1]
    assert last["type"] == "text"
    assert re.findall(r"\]\(/d/([\w-]+)\)", last["options"]["content"]) == ["executive", "operations", "alerts"]
    assert len(mobile["panels"]) <= 10


@each_dashboard
def test_starts_of_the_application_are_not_told_as_releases_and_experiments_are_marked(uid: str) -> None:
    """A crash starts it too."""
    annotations = {each["name"]: each for each in DASHBOARDS[uid]["annotations"]["list"]}
    assert not [name for name in annotations if "elease" in name]
    assert annotations["Starts of the application"]["useValueForTime"] == "on"
    assert annotations["Experiments"]["expr"] == "(max by (experiment) (experiment_running)) > 0"
    assert "useValueForTime" not in annotations["Experiments"]
