"""Every alert fires when it should, stays quiet when it should, and says what a person needs to know."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import promql_parser
import pytest
import yaml

from exporter.catalogue import catalogue
from tests.tools import tool

ROOT = Path(__file__).parent.parent
PROMETHEUS = ROOT / "prometheus"
GROUPS = [group for file in sorted(PROMETHEUS.glob("rules/*.yaml")) for group in yaml.safe_load(file.read_text())["groups"]]
RULES = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
RECORDS = {rule["record"]: rule for group in GROUPS for rule in group["rules"] if "record" in rule}
CASES = {
    name: case for file in sorted(ROOT.glob("tests/rules/*.yaml")) for name, case in yaml.safe_load(file.read_text()).items()
}
QUIET = [(name, why) for name, case in CASES.items() for why in case["quiet"]]


def run(*command: str | Path, cwd: Path = PROMETHEUS) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_and_the_configuration_of_prometheus_are_valid() -> None:
    assert "SUCCESS" in run(tool("promtool"), "check", "config", "prometheus.yml")
    assert "SUCCESS" in run(
        tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *sorted(PROMETHEUS.glob("rules/*.yaml"))
    )


def test_every_alert_has_a_case_and_every_case_an_alert() -> None:
    assert sorted(CASES) == sorted(RULES)
    for name, case in CASES.items():
        assert case["quiet"], f"{name} has no case in which it stays quiet"
        assert ("pending_at" in case["fires"]) == ("for" in RULES[name]), f"{name}: a case for its delay, if it has one"


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_after_its_delay_and_not_before(name: str, tmp_path: Path) -> None:
    case, rule = CASES[name]["fires"], RULES[name]
    labels = {**case["labels"], **rule["labels"]}
    texts = {**rule["annotations"], "description": case["description"]}
    texts["dashboard_url"] = expand(texts["dashboard_url"], labels)
    checks = [{"eval_time": case["at"], "alertname": name, "exp_alerts": [{"exp_labels": labels, "exp_annotations": texts}]}]
    states = []
    if "pending_at" in case:
        checks.append({"eval_time": case["pending_at"], "alertname": name, "exp_alerts": []})
        states.append(count_of(name, "pending", case["pending_at"], 1))
    promtool(tmp_path, case["series"], checks, states)


@pytest.mark.parametrize(("name", "why"), QUIET, ids=[f"{name}: {why}" for name, why in QUIET])
def test_an_alert_stays_quiet(name: str, why: str, tmp_path: Path) -> None:
    case = CASES[name]["quiet"][why]
    assert metrics_in(case["series"]) <= metrics_in(CASES[name]["fires"]["series"]), "quiet only for want of its metrics"
    promtool(tmp_path, case["series"], [{"eval_time": at, "alertname": name, "exp_alerts": []} for at in case["at"]], [])


def test_an_outage_of_payments_is_seen_within_two_minutes() -> None:
    began, seen = 10 * 60, re.fullmatch(r"(\d+)m(\d+)s", CASES["PaymentFailures"]["fires"]["at"])
    assert seen
    assert int(seen[1]) * 60 + int(seen[2]) - began <= 120


def promtool(folder: Path, series: dict[str, Any], alerts: list[Any], expressions: list[Any]) -> None:
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": str(values)} for name, values in series.items()],
        "alert_rule_test": alerts,
        "promql_expr_test": expressions,
    }
    document = {
        "rule_files": [str(file) for file in sorted(PROMETHEUS.glob("rules/*.yaml"))],
        "evaluation_interval": "15s",
        "group_eval_order": ["records", *sorted(group["name"] for group in GROUPS if group["name"] != "records")],
        "tests": [test],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    run(tool("promtool"), "test", "rules", file)


def count_of(name: str, state: str, at: str, count: int) -> dict[str, Any]:
    expression = f'count(ALERTS{{alertname="{name}", alertstate="{state}"}})'
    return {"expr": expression, "eval_time": at, "exp_samples": [{"labels": "{}", "value": count}]}


def expand(template: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{ \$labels\.(\w+) \| urlquery }}", lambda found: quote_plus(labels[found[1]]), template)


def metrics_in(series: dict[str, Any]) -> set[str]:
    return {name.split("{")[0] for name in series}


# What rules say


@pytest.mark.parametrize("name", [*RULES, *RECORDS])
def test_a_rule_reads_metrics_that_exist_by_labels_that_they_have(name: str) -> None:
    known = {entry.metric.name: {*entry.metric.labels, "job", "instance"} for entry in catalogue()}
    known |= {record: set() for record in RECORDS} | {"up": {"job", "instance"}}
    found = list(selectors(promql_parser.parse({**RULES, **RECORDS}[name]["expr"])))
    assert found
    for selector in found:
        assert selector.name in known
        matched = {matcher.name for matcher in selector.matchers.matchers}
        assert matched <= known[selector.name], f"{selector.name} has no such label"


def selectors(expression: Any) -> Iterator[Any]:
    match expression:
        case promql_parser.VectorSelector():
            yield expression
        case promql_parser.MatrixSelector():
            yield expression.vector_selector
        case promql_parser.BinaryExpr():
            yield from selectors(expression.lhs)
            yield from selectors(expression.rhs)
        case promql_parser.Call():
            for argument in expression.args:
                yield from selectors(argument)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            pass
        case _:
            yield from selectors(expression.expr)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_tells_a_person_what_it_means_and_where_to_look(name: str) -> None:
    labels, texts = RULES[name]["labels"], RULES[name]["annotations"]
    assert labels["severity"] == {"P0": "critical", "P1": "critical", "P2": "warning", "P3": "info"}.get(
        labels["priority"], "none"
    )
    assert {"domain", "service"} <= labels.keys()
    for text in ("summary", "description", "impact", "action"):
        assert texts[text].endswith("."), f"{text} is a sentence"
    assert "{{" not in texts["summary"], "the summary holds for every instance"
    assert texts["runbook_url"].endswith(f"/runbooks/{name}")


@pytest.mark.parametrize("name", RULES)
def test_an_alerts_dashboard_exists_and_has_the_variables_that_the_link_sets(name: str) -> None:
    address = urlsplit(RULES[name]["annotations"]["dashboard_url"].replace(" ", ""))
    uid = address.path.removeprefix("/d/")
    files = list(ROOT.glob(f"grafana/dashboards/*/{uid}.json"))
    assert len(files) == 1, f"there is no dashboard {uid}"
    variables = {f"var-{variable['name']}" for variable in json.loads(files[0].read_text())["templating"]["list"]}
    assert parse_qs(address.query).keys() <= variables


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(file.stem for file in ROOT.glob("alerts/runbooks/*.md")) == sorted(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_runbook_says_what_it_means_what_to_look_at_what_to_do_and_whom_to_tell(name: str) -> None:
    text = (ROOT / "alerts/runbooks" / f"{name}.md").read_text()
    assert re.findall(r"^#+ .*$", text, re.MULTILINE) == [
        f"# {name}",
        "## Meaning",
        "## Impact",
        "## Look",
        "## Mend",
        "## Tell",
    ]
    known = {entry.metric.name for entry in catalogue()} | set(RECORDS)
    ours = set(re.findall(r"(?<![:\w])(?:bellwether|node|probe|payment|saas)_[a-z_]+\b(?!:)", text))
    assert ours <= known, "the runbook names a metric that does not exist"
    named = {word for word in re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", text) if word.startswith(("Host", "Certificate"))}
    assert named <= RULES.keys(), "the runbook names an alert that does not exist"
    titles = {json.loads(file.read_text())["title"] for file in ROOT.glob("grafana/dashboards/*/*.json")}
    assert set(re.findall(r"\b[Dd]ashboard (\w+)", text)) <= titles, "the runbook names a dashboard that does not exist"
