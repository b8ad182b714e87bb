"""What the documentation says of who is told is so."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.bundle import Bundle, load, routing
from exporter.bundle.page import page
from exporter.bundle.settings import Receivers
from exporter.bundle.told import told
from tests.routing.test_table import ROWS
from tests.routing.written import run, written
from tests.rules.rendered import ROOT, RULES
from tests.tools import tool

EXAMPLE = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/alerting.md").read_text(), re.DOTALL)
KEYS = {"receivers", "priorities", "escalation", "business_hours", "digests", "maintenance", "depends_on", "grafana_alerting"}
MESSAGE = {"hourly": ", in one message every 1h", "daily": ", in one message a day", "in business hours": ", in business hours"}
AFTER = {"l2": "5m", "l3": "30m", "manager": "2h"}


def test_the_example_has_every_key_and_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "bundle.yml").write_text(EXAMPLE[0])
    load(tmp_path / "bundle.yml")
    changes = yaml.safe_load(EXAMPLE[0])
    assert changes.keys() == KEYS <= Bundle.model_fields.keys()
    assert changes["receivers"].keys() == Receivers.__annotations__.keys()
    prometheus = written(tmp_path, **changes)
    assert "SUCCESS" in run(tool("amtool"), "check-config", "alertmanager.yml", cwd=prometheus)
    assert (tmp_path / "grafana/provisioning/alerting/bellwether.yaml").is_file()


@pytest.fixture(scope="module")
def alertmanager() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(routing()[Path("prometheus/alertmanager.yml")])
    return found


@pytest.mark.parametrize("row", ROWS, ids=[row["why"] for row in ROWS])
def test_the_list_of_alerts_says_who_is_told(row: dict[str, Any], alertmanager: dict[str, Any]) -> None:
    kinds = ", ".join(sorted([*row["told"], "webhook"]))
    tiers = [f"After {AFTER[tier]}, unless silenced: {tier} (email, webhook)." for tier in row["after"]]
    for name in row["alerts"]:
        lines = list(told(alertmanager, {"alertname": name, **RULES[name]["labels"]}))
        assert lines == [f"Told: {kinds}{MESSAGE.get(row.get('message', ''), '')}.", *tiers]


def test_the_list_of_alerts_says_in_words_what_one_case_says(alertmanager: dict[str, Any]) -> None:
    rule = RULES["HostMemoryHigh"]
    words = "{{ $labels.instance }} uses {{ $value | humanize }}; usual: {{ with query \"a{b='c'}\" }}{{ . }}{{ end }}."
    rule = {**rule, "annotations": {**rule["annotations"], "description": words}}
    text = page({"alertmanager": alertmanager, "priorities": {}, "alerts": [{"name": "host", "rules": [rule]}]})
    assert "> *instance* uses *value*; usual: *value*." in text
    assert "- Fires after 10m; is over when this has not held for 5m." in text
    assert "{{" not in text
