"""What a query asks for exists, can match, and is read as what it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest

from tests.dashboards.rendered import (
    DASHBOARDS,
    KNOWN,
    METRICS,
    Json,
    Query,
    each_dashboard,
    is_snapshot,
    panel_queries,
    panels_of,
    queries_of,
)
from tests.rules.analysis import Known, Wrong, labels_of, nodes, parsed

RATES = {"rate", "irate", "increase"}
PART = re.compile(r"_(bucket|sum|count)$")
COMPOSE = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
RETENTION_DAYS = int(re.findall(r"PROMETHEUS_RETENTION:-(\d+)d", COMPOSE)[0])
DAYS = {"m": 1 / 1440, "h": 1 / 24, "d": 1, "w": 7, "y": 365}


def reads(expression: Any, around: str = "") -> Iterator[tuple[str, str]]:
    """The metrics that an expression reads, each with the function that is applied to its samples, if one is."""
    match expression:
        case promql.VectorSelector():
            yield str(expression.name), around
        case promql.MatrixSelector():
            yield from reads(expression.vector_selector, around)
        case promql.Call():
            for argument in expression.args:
                yield from reads(argument, expression.func.name)
        case promql.BinaryExpr():
            yield from reads(expression.lhs)
            yield from reads(expression.rhs)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from reads(expression.expr)


def is_counter(name: str) -> bool:
    """Whether a series of that name only rises: a histogram's parts do, unless it starts anew with each poll."""
    if name in METRICS:
        return bool(METRICS[name]["type"] == "counter")
    whole = METRICS[PART.sub("", name)]
    return whole["type"] in {"histogram", "summary"} and not is_snapshot(whole)


def labels_shown(expression: Any) -> set[str]:
    """The labels that the series of an expression have, or some of them where it is one thing or else another."""
    match expression:
        case promql.ParenExpr():
            return labels_shown(expression.expr)
        case promql.BinaryExpr() if str(expression.op) == "or":
            return labels_shown(expression.lhs) | labels_shown(expression.rhs)
    return set(labels_of(expression, KNOWN) or ())


def label_chosen(variable: Json) -> str:
    """The label whose values a variable chooses among."""
    return str(re.findall(r", (\w+)\)$", variable["definition"])[0])


def legend_labels(legend: str) -> set[str]:
    return set(re.findall(r"{{\s*(\w+)\s*}}", legend))


@each_dashboard
def test_queries_name_only_metrics_that_exist_with_labels_that_they_have_and_their_sides_match(uid: str) -> None:
    for query in queries_of(DASHBOARDS[uid]):
        try:
            labels_of(query.parsed, KNOWN)
        except Wrong as wrong:
            pytest.fail(f"{query.where}: {wrong}")


@each_dashboard
def test_a_histogram_is_read_by_its_parts(uid: str) -> None:
    for query in queries_of(DASHBOARDS[uid]):
        for name, _ in reads(query.parsed):
            kind = METRICS[name]["type"] if name in METRICS else ""
            assert kind not in {"histogram", "summary"}, f"{query.where}: {name} has only _bucket, _sum and _count"
            if not kind:
                assert METRICS[PART.sub("", name)]["type"] in {"histogram", "summary"}, f"{query.where}: {name}"


@each_dashboard
def test_counters_are_read_through_their_rate_or_increase_and_gauges_are_not(uid: str) -> None:
    for query in queries_of(DASHBOARDS[uid]):
        for name, around in reads(query.parsed):
            assert (around in RATES) == is_counter(name), f"{query.where}: {around}({name})"


@each_dashboard
def test_the_window_of_a_rate_follows_the_scrape_interval(uid: str) -> None:
    for query in queries_of(DASHBOARDS[uid]):
        for window in re.findall(r"\b(?:rate|irate)\([^][]*\[([^]]+)\]", query.text):
            assert window == "$__rate_interval", query


@each_dashboard
def test_no_query_looks_further_back_than_prometheus_remembers(uid: str) -> None:
    for query in queries_of(DASHBOARDS[uid]):
        if query.text.endswith("> bool 0"):  # asks only whether there is anything
            continue
        for number, unit in re.findall(r"(?:\[|offset )(\d+)([mhdwy])\b", query.text):
            assert int(number) * DAYS[unit] <= RETENTION_DAYS, query


@each_dashboard
def test_legends_name_labels_that_the_result_has(uid: str) -> None:
    for panel in panels_of(DASHBOARDS[uid]):
        for target in panel["targets"]:
            has = labels_shown(Query(panel["title"], target["expr"]).parsed)
            named = legend_labels(target["legendFormat"])
            assert panel["type"] != "heatmap" or has == {"le"}, panel["title"]
            assert named <= has, f"{panel['title']}: {sorted(named)} of {sorted(has)}"


@each_dashboard
def test_series_of_a_panel_can_be_told_apart(uid: str) -> None:
    """What has labels says them, or has columns for them; a label of which one value is asked for tells nothing."""
    variables = DASHBOARDS[uid]["templating"]["list"]
    single = {label_chosen(each) for each in variables if each["type"] == "query" and not each["multi"]}
    for panel in panels_of(DASHBOARDS[uid]):
        if panel["type"] in {"table", "heatmap"} or any(target["format"] == "table" for target in panel["targets"]):
            continue
        for target in panel["targets"]:
            has = labels_shown(Query(panel["title"], target["expr"]).parsed)
            fixed = set(re.findall(r'(\w+)=(?:~"\(\?i:\w+\)"|"[^"$]*")', target["expr"])) | single | {"job"}
            missing = has - legend_labels(target["legendFormat"]) - fixed
            assert not missing, f"{panel['title']}: {target['legendFormat']} lacks {sorted(missing)}"


@each_dashboard
def test_what_is_empty_when_all_is_well_answers_zero(uid: str) -> None:
    for panel in panels_of(DASHBOARDS[uid]):
        for target in panel["targets"]:
            if any(name == "ALERTS" for name, _ in reads(Query(panel["title"], target["expr"]).parsed)):
                assert "vector(0)" in target["expr"], panel["title"]


@each_dashboard
def test_every_query_obeys_the_variables_of_its_page(uid: str) -> None:
    variables = DASHBOARDS[uid]["templating"]["list"]
    names = {variable["name"] for variable in variables}
    labels = {each["name"]: label_chosen(each) for each in variables if each["type"] == "query"}
    used = set[str]()
    for query in queries_of(DASHBOARDS[uid]):
        assert query.variables <= names, query
        used |= query.variables
    assert names - used <= {"datasource"}, "a variable that no query obeys"
    for query in (query for query in queries_of(DASHBOARDS[uid]) if "$" in query.text):
        for name in query.variables:
            assert re.search(rf'{labels[name]}=~"\${{?{name}\b', query.text), f"{query}: not by the label {labels[name]}"


def added_twice(expression: Any) -> Iterator[str]:
    """The metrics that an expression adds up, or takes the mean of, over windows or over the sources that tell the same."""
    for node in nodes(expression):
        if not isinstance(node, promql.AggregateExpr) or str(node.op) not in {"sum", "avg"}:
            continue
        inside, by = labels_of(node.expr, KNOWN) or frozenset(), set(node.modifier.labels if node.modifier else ())
        for selector in (each for each in nodes(node.expr) if isinstance(each, promql.VectorSelector)):
            name = str(selector.name)
            metric = METRICS.get(name) or METRICS[PART.sub("", name)]
            lost = inside - by - {matcher.name for matcher in selector.matchers.matchers}
            if "window" in lost & set(metric["labels"]):
                yield f"{name} over windows"
            if "source" in lost and len(metric.get("kinds", ())) > 1:
                yield f"{name} over sources"


@each_dashboard
def test_what_is_added_up_is_of_one_window_and_told_by_one_source(uid: str) -> None:
    for query in panel_queries(DASHBOARDS[uid]):
        assert list(added_twice(query.parsed)) == [], query.where


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sum(feature_flag_enabled)", ["feature_flag_enabled over sources"]),
        ("sum(max by (flag) (feature_flag_enabled))", []),
        ("sum by (source) (feature_flag_enabled)", []),
        (
            'sum by (route, le) (api_request_duration_seconds_bucket{source="sql"})',
            ["api_request_duration_seconds_bucket over windows"],
        ),
        ('sum by (le) (api_request_duration_seconds_bucket{source="sql", window="1d"})', []),
    ],
)
def test_what_is_added_up_twice_is_found(text: str, found: list[str]) -> None:
    assert list(added_twice(parsed(text))) == found


METRICS_TO_TRY = {
    "seen_total": Known("counter", frozenset({"plan", "job", "instance"})),
    "size": Known("gauge", frozenset({"plan", "country", "job", "instance"})),
}


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "sum by (colour) (size)",
        'size{colour="red"}',
        "sum by (plan) (size) / sum by (country) (size)",
        "size / seen",
    ],
)
def test_what_never_answers_is_found(text: str) -> None:
    with pytest.raises(Wrong):
        labels_of(parsed(text), METRICS_TO_TRY)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sum(rate(seen_total[5m])) / size", [("seen_total", "rate"), ("size", "")]),
        ("max_over_time(size[5m])", [("size", "max_over_time")]),
        ("clamp_min(topk(3, increase(seen_total[1h])), 0)", [("seen_total", "increase")]),
    ],
)
def test_it_is_found_how_a_metric_is_read(text: str, found: list[tuple[str, str]]) -> None:
    assert list(reads(parsed(text))) == found


def test_every_node_of_an_expression_is_visited() -> None:
    assert sum(isinstance(node, promql.VectorSelector) for node in nodes(parsed("topk(2, a) + on () -rate((b)[5m:1m])"))) == 2
