"""Every alert and recording rule as the sources make them now, and the cases that go with the alerts."""

from pathlib import Path
from typing import Any

import yaml

from exporter.bundle.jsonnet import evaluate

ROOT = Path(__file__).parent.parent.parent
Rule = dict[str, Any]

_made = evaluate(
    ROOT,
    """{
  alerts: mixin.prometheusAlerts.groups,
  records: mixin.prometheusRules.groups,
  labels: { [name]: mixin.lib.records[name].labels for name in std.objectFields(mixin.lib.records) },
  others: import 'dashboards/lib/others.libsonnet',
}""",
)
GROUPS: list[dict[str, Any]] = [*_made["records"], *_made["alerts"]]
RULES: dict[str, Rule] = {rule["alert"]: rule for group in _made["alerts"] for rule in group["rules"]}
RECORDS: dict[str, list[Rule]] = {}
for _group in _made["records"]:
    for _rule in _group["rules"]:
        RECORDS.setdefault(_rule["record"], []).append(_rule)
RECORD_LABELS: dict[str, list[str]] = _made["labels"]
OTHERS: dict[str, dict[str, Any]] = _made["others"]
"""Metrics of other programs, by name."""

# All values are texts: in YAML itself `0x20` is thirty-two, here it is twenty-one zeros.
_FAST: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
CASES: dict[str, Any] = {
    name: case
    for file in sorted(Path(__file__).parent.glob("*.yaml"))
    for name, case in yaml.load(file.read_text(), Loader=_FAST).items()
}
QUIET = [(name, why) for name, case in CASES.items() for why in case["quiet"]]
