"""Cases as documents that promtool reads: one file of rules and one of tests for each alert, many of them in one run."""

import math
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import yaml

from tests.rules.reading import needed, reads_records
from tests.rules.rendered import CASES, RULES, Rule
from tests.tools import tool

INTERVAL = "15s"
# Memory is plenty, and a sixth of the time went into collecting garbage.
_ENVIRONMENT = {**os.environ, "GOGC": "400"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONG = 12 * 3600
"""From so many seconds on, a case is about the past of a figure, and not about an alert that goes on for a while."""
_DOCUMENT = re.compile(r"^Unit Testing: +(?P<file>\S+)\n(?P<said>.*?)(?=^Unit Testing:|\Z)", re.MULTILINE | re.DOTALL)


class Document(NamedTuple):
    """A rule, or variants of it, in a file of their own with the records that they read, and a case to hold against each."""

    rules: list[Rule]
    interval: str
    case: dict[str, Any]

    def of(self, variants: Mapping[str, Rule]) -> "Document":
        """The case for variants of its rule by name, in which each is an alert of its own."""
        [rule] = self.rules
        rules = [{**variant, "alert": name} for name, variant in variants.items()]
        alerts = [{**check, "alertname": name} for name in variants for check in self.case["alert_rule_test"]]
        expressions = [
            {**check, "expr": check["expr"].replace(f'"{rule["alert"]}"', f'"{name}"')}
            for name in variants
            for check in self.case["promql_expr_test"]
        ]
        return self._replace(rules=rules, case={**self.case, "alert_rule_test": alerts, "promql_expr_test": expressions})

    def evaluations(self) -> int:
        """How often its rules are evaluated."""
        times = (seconds(check["eval_time"]) for check in self.case["alert_rule_test"])
        return max(times) // seconds(self.interval)

    def write(self, folder: Path, stem: str) -> Path:
        rules, tests = folder / f"{stem}.rules.yaml", folder / f"{stem}.yaml"
        records = needed(self.rules, (one["series"] for one in self.case["input_series"]))
        rules.write_text(_yaml({"groups": [{"name": "all", "rules": [*records, *self.rules]}]}))
        content = {"rule_files": [str(rules)], "evaluation_interval": self.interval, "tests": [self.case]}
        tests.write_text(_yaml(content))
        return tests


def firing(name: str, why: str = "") -> Document:
    """That an alert fires when its case says so, not one evaluation before its delay is over, and until it ends."""
    case, rule = CASES[name]["fires_too"][why] if why else CASES[name]["fires"], RULES[name]
    labels = case["labels"] | {label: _expand(value, case["labels"]) for label, value in rule["labels"].items()}
    texts = {text: _expand(value, labels) for text, value in rule["annotations"].items() if text != "description"}
    texts["description"] = case["description"]
    alerts = [{"eval_time": case["at"], "alertname": name, "exp_alerts": [{"exp_labels": labels, "exp_annotations": texts}]}]
    states = []
    if "pending_at" in case:
        alerts.append({"eval_time": case["pending_at"], "alertname": name, "exp_alerts": []})
        states.append(_one(name, "pending", case["pending_at"]))
    if "ends" in case:
        alerts.append({"eval_time": case["ends"], "alertname": name, "exp_alerts": []})
        before = seconds(case["ends"]) - seconds(_evaluated(name, case, alerts))
        states.append(_one(name, "firing", f"{before}s"))
    return _document(name, why or "fires", case, alerts, states)


def silent(name: str, why: str) -> Document:
    """That an alert does not fire at the times of a case."""
    case = CASES[name]["quiet"][why]
    return _document(name, why, case, [{"eval_time": at, "alertname": name, "exp_alerts": []} for at in case["at"]], [])


def all_of(name: str) -> list[Document]:
    """Every case of an alert, those that take the fewest evaluations first."""
    case = CASES[name]
    documents = [
        firing(name),
        *(firing(name, why) for why in case.get("fires_too", {})),
        *(silent(name, why) for why in case["quiet"]),
    ]
    return sorted(documents, key=Document.evaluations)


def seconds(text: str) -> int:
    """Of a duration as Prometheus writes it."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))


def verdicts(documents: Iterable[Document], folder: Path) -> list[str]:
    """What promtool has against each document, in one run; nothing where all its cases hold."""
    files = [document.write(folder, str(number)) for number, document in enumerate(documents)]
    command = [str(tool("promtool")), "test", "rules", *map(str, files)]
    # "FAILED" goes to the standard error: only in one stream with the rest does it stand after the file that it is about.
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=_ENVIRONMENT)
    output = done.stdout
    said = dict(_told(output))
    missing = [str(file) for file in files if str(file) not in said]
    assert not missing, f"promtool says nothing of {missing}: {output}"
    return [said[str(file)] for file in files]


def _told(output: str) -> Iterator[tuple[str, str]]:
    for found in _DOCUMENT.finditer(output):
        said = found["said"].strip()
        yield found["file"], "" if said == "SUCCESS" else said


def _document(name: str, why: str, case: dict[str, Any], alerts: list[Any], expressions: list[Any]) -> Document:
    test = {
        "name": f"{name}: {why}",
        "interval": _interval(name, case),
        "input_series": [{"series": series, "values": values} for series, values in case["series"].items()],
        "alert_rule_test": alerts,
        "promql_expr_test": expressions,
    }
    return Document([RULES[name]], _evaluated(name, case, alerts), test)


def _one(name: str, state: str, at: str) -> dict[str, Any]:
    """That there is one of an alert in that state. What it says may have changed since it began."""
    expression = f'count(ALERTS{{alertname="{name}", alertstate="{state}"}})'
    return {"expr": expression, "eval_time": at, "exp_samples": [{"labels": "{}", "value": 1}]}


def _interval(name: str, case: Mapping[str, Any]) -> str:
    return str(case.get("interval", CASES[name].get("interval", INTERVAL)))


def _evaluated(name: str, case: Mapping[str, Any], alerts: Iterable[Mapping[str, Any]]) -> str:
    """How far apart its rule is evaluated: with each sample, or where nothing before counts, as seldom as its case asks."""
    if said := case.get("evaluated", CASES[name].get("evaluated")):
        return str(said)
    rule, times = RULES[name], [seconds(alert["eval_time"]) for alert in alerts]
    is_kept = "keep_firing_for" in rule and ("ends" in case or max(times) < _LONG)
    return _interval(name, case) if "for" in rule or is_kept or reads_records(rule) else f"{math.gcd(*times)}s"


def _expand(template: str, labels: dict[str, str]) -> str:
    text = re.sub(r"{{ \$labels\.(\w+) \| urlquery }}", lambda found: quote_plus(labels[found[1]]), template)
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)


def _yaml(content: Any) -> str:
    return yaml.dump(content, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
