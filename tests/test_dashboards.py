"""The dashboards, as rendered: what Grafana would refuse, show empty, or show wrong."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import promql_parser as promql
import pytest
import yaml

from exporter.bundle import Bundle, render
from exporter.bundle.jsonnet import evaluate
from exporter.errors import BundleError
from exporter.sources import sources_folder

Json = dict[str, Any]

# None that Grafana 11 to 13 migrates or lacks.
PANEL_TYPES = {"stat", "timeseries", "bargauge", "gauge", "heatmap", "state-timeline", "table", "text", "row"}
LIB = "local lib = mixin.lib;\n"
INTERVALS = {"$__rate_interval": "5m", "$__range": "1h"}
SAMPLED = {"rate", "irate", "increase"}


class Query(NamedTuple):
    """A query of a panel, a variable or an annotation, and where it stands."""

    where: str
    text: str

    @property
    def parsed(self) -> promql.Expr:
        text = self.text
        for name, value in INTERVALS.items():
            text = text.replace(name, value)
        return promql.parse(re.sub(r"\$\{\w+\}|\$\w+", "x", text))


def dashboards_of(bundle: Bundle | None = None) -> dict[str, Json]:
    """The rendered dashboards by the stem of their files."""
    return {path.stem: json.loads(text) for path, text in render(bundle).items() if path.suffix == ".json"}


DASHBOARDS = dashboards_of()
METRICS: Json = evaluate(sources_folder(), LIB + "lib.metrics + lib.records")
each_dashboard = pytest.mark.parametrize("uid", DASHBOARDS)


def panels_of(dashboard: Json) -> list[Json]:
    """The panels that show figures: rows left out."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def panel_of(dashboard: Json, title: str) -> Json:
    return next(panel for panel in dashboard["panels"] if panel["title"] == title)


def queries_of(dashboard: Json) -> Iterator[Query]:
    for panel in panels_of(dashboard):
        for target in panel["targets"]:
            yield Query(panel["title"], target["expr"])
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield Query(annotation["name"], annotation["expr"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector = re.fullmatch(r"label_values\((.+), \w+\)", variable["definition"])
            assert selector is not None
            yield Query(variable["name"], selector[1])


def children(node: promql.Expr) -> list[promql.Expr]:
    match node:
        case promql.BinaryExpr():
            return [node.lhs, node.rhs]
        case promql.Call():
            return list(node.args)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return [node.expr]
        case promql.MatrixSelector():
            return [node.vector_selector]
    return []


def walk(node: promql.Expr, parents: tuple[promql.Expr, ...] = ()) -> Iterator[tuple[promql.Expr, tuple[promql.Expr, ...]]]:
    """Every node of an expression, with those above it, the nearest last."""
    yield node, parents
    for child in children(node):
        yield from walk(child, (*parents, node))


def name_of(selector: promql.VectorSelector) -> str:
    assert isinstance(selector.name, str)
    return selector.name


def labels_of(name: str) -> set[str]:
    """The labels that a metric's series have; Prometheus adds two to what it scrapes."""
    made_by_rules = ":" in name or name == "ALERTS"
    return set(METRICS[name]["labels"]) | (set() if made_by_rules else {"job", "instance"})


def labels_left(node: promql.Expr) -> set[str]:
    """The labels that an expression's result has at most."""
    if isinstance(node, promql.AggregateExpr):
        return set(node.modifier.labels) if node.modifier else set()
    if isinstance(node, promql.VectorSelector):
        return labels_of(name_of(node))
    return set().union(*(labels_left(child) for child in children(node)))


@each_dashboard
def test_queries_name_only_metrics_that_exist_with_labels_that_they_have(uid: str) -> None:
    for query in queries_of(DASHBOARDS[uid]):
        for node, _ in walk(query.parsed):
            if isinstance(node, promql.VectorSelector):
                assert name_of(node) in METRICS, query
                assert {matcher.name for matcher in node.matchers.matchers} <= labels_of(name_of(node)), query
            if isinstance(node, promql.AggregateExpr):
                assert labels_left(node) <= labels_left(node.expr), query


@each_dashboard
def test_counters_are_read_through_their_rate_or_increase_and_gauges_are_not(uid: str) -> None:
    for query in queries_of(DASHBOARDS[uid]):
        for node, parents in walk(query.parsed):
            if isinstance(node, promql.VectorSelector):
                above = parents[-2].func.name if len(parents) > 1 and isinstance(parents[-2], promql.Call) else ""
                assert (above in SAMPLED) == (METRICS[name_of(node)]["type"] == "counter"), query


@each_dashboard
def test_the_window_of_a_rate_follows_the_scrape_interval(uid: str) -> None:
    for query in queries_of(DASHBOARDS[uid]):
        for window in re.findall(r"\brate\([^][]*\[([^]]+)\]", query.text):
            assert window == "$__rate_interval", query


@each_dashboard
def test_legends_name_labels_that_the_result_has(uid: str) -> None:
    for panel in panels_of(DASHBOARDS[uid]):
        for target in panel["targets"]:
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert named <= labels_left(Query(panel["title"], target["expr"]).parsed), panel["title"]


@each_dashboard
def test_what_is_empty_when_all_is_well_answers_zero(uid: str) -> None:
    for panel in panels_of(DASHBOARDS[uid]):
        for target in panel["targets"]:
            assert ("ALERTS" in target["expr"]) <= ("vector(0)" in target["expr"]), panel["title"]


@each_dashboard
def test_every_query_obeys_the_variables_of_its_page(uid: str) -> None:
    names = {variable["name"] for variable in DASHBOARDS[uid]["templating"]["list"]}
    for panel in panels_of(DASHBOARDS[uid]):
        for target in panel["targets"]:
            assert ("instance" in names) <= ('=~"$instance"' in target["expr"]), panel["title"]
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {name.removeprefix("$") for name in INTERVALS}
            assert used <= names, panel["title"]


@each_dashboard
def test_panels_tile_the_grid_without_gap_or_overlap(uid: str) -> None:
    cells: dict[tuple[int, int], str] = {}
    for panel in DASHBOARDS[uid]["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, f"{panel['title']} lies on {cells[x, y]}"
                cells[x, y] = panel["title"]
    lines = max(y for _, y in cells) + 1
    assert set(cells) == {(x, y) for x in range(24) for y in range(lines)}


@each_dashboard
def test_panels_are_numbered_in_reading_order(uid: str) -> None:
    panels = DASHBOARDS[uid]["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in panels]
    assert places == sorted(places)


@each_dashboard
def test_a_page_is_one_that_provisioning_takes_and_nobody_edits_in_the_browser(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    assert dashboard["uid"] == uid
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,39}", uid)
    assert (dashboard["id"], dashboard["schemaVersion"], dashboard["editable"]) == (None, 42, False)
    assert "bellwether" in dashboard["tags"]
    assert len(dashboard["description"]) > 40


def test_titles_are_unique() -> None:
    titles = [dashboard["title"] for dashboard in DASHBOARDS.values()]
    assert len(set(titles)) == len(titles)
    for dashboard in DASHBOARDS.values():
        for one, other in combinations(panels_of(dashboard), 2):
            assert one["title"] != other["title"]


@each_dashboard
def test_every_panel_says_what_it_means_and_in_what_unit(uid: str) -> None:
    for panel in DASHBOARDS[uid]["panels"]:
        assert panel["type"] in PANEL_TYPES
        if panel["type"] == "row":
            continue
        assert len(panel["description"]) > 30, panel["title"]
        assert re.search(r"better\.|good", panel["description"]), f"{panel['title']}: which way is good?"
        assert panel["pluginVersion"]
        config = panel["fieldConfig"]
        overridden = [item for override in config["overrides"] for item in override["properties"] if item["id"] == "unit"]
        assert config["defaults"].get("unit") or overridden, panel["title"]


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
def test_variables_start_with_everything_chosen(uid: str) -> None:
    for variable in DASHBOARDS[uid]["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["current"]["value"] == ["$__all"]
            assert (variable["multi"], variable["includeAll"], variable["allValue"], variable["refresh"]) == (
                True,
                True,
                ".+",
                2,
            )


def alerts() -> dict[str, Json]:
    files = [yaml.safe_load(text) for path, text in render().items() if path.match("prometheus/rules/*.yaml")]
    return {rule["alert"]: rule for file in files for group in file["groups"] for rule in group["rules"] if "alert" in rule}


def test_pages_and_alerts_name_each_other() -> None:
    """A panel names alerts that exist; an alert is named on the page it links to, unless that lists whatever fires."""
    named = {
        uid: {name for panel in panels_of(dashboard) for name in re.findall(r"\[(\w+)\]\(", panel["description"])}
        for uid, dashboard in DASHBOARDS.items()
    }
    listing = {uid for uid, dashboard in DASHBOARDS.items() if re.search(r"ALERTS\{[^}]*alertstate", json.dumps(dashboard))}
    known = alerts()
    assert set().union(*named.values()) <= set(known)
    for name, rule in known.items():
        page = re.search(r"/d/([\w-]+)", rule["annotations"]["dashboard_url"])
        assert page is not None
        assert page[1] in listing or name in named[page[1]], f"{name} is not on its page {page[1]}"


def test_links_between_pages_lead_somewhere() -> None:
    for uid in re.findall(r"/d/([\w-]+)", json.dumps(DASHBOARDS)):
        assert uid in DASHBOARDS


def lines_of(dashboard: Json, title: str) -> list[float]:
    steps = panel_of(dashboard, title)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [step["value"] for step in steps if step["value"] is not None]


def test_a_threshold_line_stands_where_the_alert_fires() -> None:
    """Also when a user moves it: one table feeds both."""
    assert lines_of(DASHBOARDS["hosts"], "Memory used") == [0.80, 0.85]
    moved = Bundle(limits={"host_memory_ratio": {"warning": 0.6}})
    assert lines_of(dashboards_of(moved)["hosts"], "Memory used") == [0.6, 0.85]
    rules = next(text for path, text in render(moved).items() if path.name == "host.yaml")
    assert re.search(r"HostMemoryHigh\n +expr: .* > 0\.6\n", rules)


def test_currencies_are_stacked_apart_and_carry_their_own_symbol() -> None:
    overrides = panel_of(DASHBOARDS["executive"], "Monthly recurring revenue by plan")["fieldConfig"]["overrides"]
    (euro,) = [override["properties"] for override in overrides if override["matcher"]["options"] == r"/\bEUR$/i"]
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


@pytest.mark.parametrize(
    ("expression", "refusal"),
    [
        ("lib.metrics.node_laod1", "node_laod1"),
        ("q.value(m.payment_attempts_total)", "payment_attempts_total is a counter"),
        ("q.rate(m.node_load1)", "node_load1 is a gauge"),
        ("q.value(m.saas_customers, { stauts: 'active' })", "saas_customers has no label stauts"),
        ("q.sum(m.saas_customers, by=['plan'])", "cannot aggregate by plan"),
        ("q.sum(m.saas_mrr, by=['plan'])", "money of several currencies has no sum"),
        ("q.divide(q.sum(m.node_load1), q.sum(m.node_load5, by=['instance']))", "no series would match"),
        ("lib.panel.stat('Load', m.node_load1)", "say which way is good: Load"),
        ("lib.panel.series('Mixed', [m.node_load1, m.node_memory_MemTotal_bytes], good='low')", "one axis cannot show"),
        ("lib.board.fill([{ title: 'A', width: 20 }, { title: 'B', width: 5 }], 0, 8)", "not 24"),
    ],
)
def test_the_library_refuses_what_would_be_wrong_on_the_page(expression: str, refusal: str) -> None:
    with pytest.raises(BundleError, match=refusal):
        evaluate(sources_folder(), f"{LIB}local m = lib.metrics; local q = lib.promql;\n{expression}")


def test_an_expression_keeps_unit_meaning_and_labels() -> None:
    received = "q.sum(q.rate(m.node_network_receive_bytes_total, { device: '!=lo' }), by=['instance'])"
    made = evaluate(sources_folder(), f"{LIB}local m = lib.metrics; local q = lib.promql;\n{received}")
    assert made == {
        "expr": 'sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[$__rate_interval]))',
        "unit": "bytes/second",
        "help": METRICS["node_network_receive_bytes_total"]["help"],
        "labels": ["instance"],
        "legend": "{{instance}}",
    }


def test_panels_share_the_width_that_is_left() -> None:
    row = "[{ title: 'A', width: null }, { title: 'B', width: 7 }, { title: 'C', width: null }]"
    made = evaluate(sources_folder(), f"{LIB}lib.board.fill({row}, 4, 8)")
    assert [(panel["gridPos"]["x"], panel["gridPos"]["w"]) for panel in made] == [(0, 9), (9, 7), (16, 8)]
