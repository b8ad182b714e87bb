"""What can be wrong with a rule, found without data."""

import re

import pytest

from exporter.catalogue import catalogue
from tests.rules.analysis import Known, Wrong, check_counters, is_condition, labels_of, nodes, parsed
from tests.rules.rendered import GROUPS, OTHERS, RECORD_LABELS, RECORDS, RULES

TARGET = {"job", "instance"}
METRICS = {
    **{entry.metric.name: Known(entry.metric.type, frozenset(entry.metric.labels) | TARGET) for entry in catalogue()},
    **{name: Known(other["type"], frozenset(other["labels"]) | TARGET) for name, other in OTHERS.items()},
    **{name: Known("gauge", frozenset(labels)) for name, labels in RECORD_LABELS.items()},
    "ALERTS": Known("gauge", None),
    "ALERTS_FOR_STATE": Known("gauge", None),
}
EXPRESSIONS = [rule["expr"] for group in GROUPS for rule in group["rules"]]
NAMES = [rule.get("alert") or rule["record"] for group in GROUPS for rule in group["rules"]]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=NAMES)
def test_a_rule_reads_metrics_that_exist_by_labels_that_they_have_and_its_two_sides_can_match(expression: str) -> None:
    labels_of(parsed(expression), METRICS)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=NAMES)
def test_a_rule_takes_rates_of_counters_and_of_nothing_else(expression: str) -> None:
    check_counters(parsed(expression), METRICS)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_has_a_condition(name: str) -> None:
    assert is_condition(parsed(RULES[name]["expr"]))


@pytest.mark.parametrize("name", RULES)
def test_an_alerts_texts_name_labels_that_its_series_have(name: str) -> None:
    rule = RULES[name]
    has = labels_of(parsed(rule["expr"]), METRICS)
    for text in rule["annotations"].values():
        named = set(re.findall(r"\$labels\.(\w+)", text))
        assert has is None or named <= has | rule["labels"].keys(), f"its series have {sorted(has)}"
    for text in rule["labels"].values():
        assert "$value" not in text, "each value would be an alert of its own"


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_the_labels_that_panels_are_told(name: str) -> None:
    told = set(RECORD_LABELS[name])
    for rule in RECORDS[name]:
        has = labels_of(parsed(rule["expr"]), METRICS)
        assert has is None or (set(has) | rule.get("labels", {}).keys()) <= told


@pytest.mark.parametrize(
    "expression",
    [
        "nothing > 1",
        'up{source="a"} == 0',
        "sum by (source) (up) == 0",
        "up == on (job, source) node_load1",
        "sum by (job) (up) == up",
        "sum by (job) (up) and sum by (instance) (up)",
    ],
)
def test_what_can_never_match_is_found(expression: str) -> None:
    with pytest.raises(Wrong):
        labels_of(parsed(expression), METRICS)


@pytest.mark.parametrize(
    "expression",
    [
        "node_cpu_seconds_total > 5",
        "sum(delta(node_cpu_seconds_total[5m])) > 1",
        "rate(node_load1[5m]) > 1",
        "sum(node_cpu_seconds_total unless node_cpu_seconds_total) > 1",
        "sum(node_cpu_seconds_total unless node_load1 offset 5m) > 1",
        'sum(node_cpu_seconds_total unless node_cpu_seconds_total{mode="idle"} offset 5m) > 1',
        "sum(node_cpu_seconds_total and node_cpu_seconds_total offset 5m) > 1",
    ],
)
def test_what_is_no_rate_is_found(expression: str) -> None:
    with pytest.raises(Wrong):
        check_counters(parsed(expression), METRICS)


def test_what_is_no_condition_is_found() -> None:
    assert not is_condition(parsed("sum(up)"))
    assert len(list(nodes(parsed("sum(up) > 1")))) == 4  # the comparison, the sum, the selector and the number
