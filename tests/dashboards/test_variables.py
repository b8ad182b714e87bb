"""Links carry what was chosen on one page to the next, under the name of its variable: so a name has to mean one thing."""

import json
import re
from collections import defaultdict
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import promql_parser as promql
import pytest

from exporter.bundle.presence import OWN
from tests.dashboards.rendered import DASHBOARDS, METRICS, Json
from tests.dashboards.test_links import ALERTS
from tests.rules.analysis import nodes, parsed

PACKS = frozenset({"sql", "clickhouse"})
"""Kinds of collectors that feed a metric by packs: which of them does, a user decides."""


class Meaning(NamedTuple):
    """What a reader chooses: values of a label, as whatever feeds the metric knows them."""

    title: str
    label: str
    fed: frozenset[str]


def kinds_of(name: str) -> frozenset[str]:
    """What feeds a metric; the metric itself where a rule does. Nothing, where it is of no collector."""
    if ":" in name:
        return frozenset({name})
    metric = METRICS.get(name) or METRICS[re.sub(r"_(bucket|sum|count)$", "", name)]
    kinds = frozenset(metric.get("kinds", ())) - OWN
    return kinds | PACKS if kinds & PACKS else kinds


def meaning(variable: Json) -> Meaning:
    found = re.fullmatch(r"label_values\(([\w:]+).*, (\w+)\)", variable["definition"])
    assert found is not None
    return Meaning(variable["label"], found[2], kinds_of(found[1]))


MEANINGS = {
    uid: {each["name"]: meaning(each) for each in dashboard["templating"]["list"] if each["type"] == "query"}
    for uid, dashboard in DASHBOARDS.items()
}


def test_a_name_has_one_meaning_on_all_pages_and_a_meaning_one_name() -> None:
    meanings, names = defaultdict(set), defaultdict(set)
    for variables in MEANINGS.values():
        for name, meant in variables.items():
            meanings[name].add(meant)
            names[meant].add(name)
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}
    assert {meant: found for meant, found in names.items() if len(found) > 1} == {}


def presets(url: str) -> dict[str, str]:
    """The variables that a link sets, by their names, and what it sets them to."""
    found = parse_qsl(urlsplit(url.replace(" ", "")).query)
    return {name.removeprefix("var-"): value for name, value in found if name.startswith("var-")}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_sets_variables_of_its_page_to_what_they_are_about(name: str) -> None:
    url = ALERTS[name]["annotations"]["dashboard_url"]
    variables = MEANINGS[urlsplit(url).path.rpartition("/")[2]]
    read = [str(node.name) for node in nodes(parsed(ALERTS[name]["expr"])) if isinstance(node, promql.VectorSelector)]
    fed = frozenset().union(*(kinds_of(metric) for metric in read if ":" not in metric))
    for variable, value in presets(url).items():
        assert variable in variables
        assert value == f"{{{{$labels.{variables[variable].label}|urlquery}}}}"
        assert not fed or fed & variables[variable].fed, f"{variable} chooses among values of {variables[variable].fed}"


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_panels_link_sets_variables_that_its_page_has(uid: str) -> None:
    for url in re.findall(r'"url": "([^"]*/d/[^"]*)"', json.dumps(DASHBOARDS[uid])):
        assert presets(url).keys() <= MEANINGS[urlsplit(url).path.rpartition("/")[2]].keys()
