"""The bundle is what its sources say, changes where a user says so, and refuses what it does not understand."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.bundle import Bundle, differences, generate, load, render, stale, write
from exporter.errors import BundleError, SettingsError
from tests.tools import tool

ROOT = Path(__file__).parent.parent


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources, to change."""
    for folder in ("alerts", "dashboards"):
        shutil.copytree(ROOT / folder, tmp_path / "checkout" / folder)
    return tmp_path / "checkout"


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Bundle]:
    """The bundle's configuration that a YAML text makes."""

    def read(text: str) -> Bundle:
        file = tmp_path / "bundle.yml"
        file.write_text(text)
        return load(file)

    return read


def rules(files: dict[Path, str], area: str) -> dict[str, Any]:
    [group] = yaml.safe_load(files[Path(f"prometheus/rules/{area}.yaml")])["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def receivers(files: dict[Path, str]) -> dict[str, Any]:
    configuration = yaml.safe_load(files[Path("prometheus/alertmanager.yml")])
    return {receiver["name"]: receiver for receiver in configuration["receivers"]}


def test_the_committed_files_are_what_the_sources_make() -> None:
    assert stale(ROOT) == []


def test_what_is_missing_changed_or_without_a_source_is_found_and_mended(sources: Path) -> None:
    generate(sources)
    assert stale(sources) == []
    (sources / "prometheus/rules/web.yaml").unlink()
    (sources / "docs/alerts.md").write_text("by hand")
    (sources / "alerts/database.jsonnet").unlink()
    expected = [
        "mixin.libsonnet: differs",
        "docs/alerts.md: differs",
        "prometheus/rules/web.yaml: is missing",
        "prometheus/rules/database.yaml: has no source",
    ]
    assert stale(sources) == expected
    assert generate(sources) == expected
    assert stale(sources) == []


def test_the_sources_are_formatted() -> None:
    files = [file for folder in ("alerts", "dashboards") for file in sorted((ROOT / folder).rglob("*sonnet"))]
    style = ["-n", "2", "--max-blank-lines", "2", "--string-style", "s", "--comment-style", "s"]
    unformatted = [
        file
        for file in [*files, ROOT / "mixin.libsonnet"]
        if subprocess.run([tool("jsonnetfmt"), *style, "--test", file], check=False).returncode
    ]
    assert unformatted == []


def test_rendering_twice_gives_the_same() -> None:
    assert render() == render()


def test_a_changed_limit_moves_the_alert_and_the_panels(configured: Callable[[str], Bundle]) -> None:
    before, after = render(), render(configured("limits: {host_memory_ratio: {warning: 0.91}}"))
    assert rules(after, "host")["HostMemoryHigh"]["expr"].endswith("> 0.91")
    assert rules(after, "host")["HostMemoryCritical"] == rules(before, "host")["HostMemoryCritical"]
    drawn = Path("grafana/dashboards/Technical/hosts.json")
    assert '"value": 0.91' not in before[drawn]
    assert '"value": 0.91' in after[drawn]


def test_one_field_of_one_alert_can_be_changed(configured: Callable[[str], Bundle]) -> None:
    before, after = render(), render(configured("alerts: {HostMemoryHigh: {for: 20m, labels: {team: platform}}}"))
    changed = rules(before, "host")["HostMemoryHigh"]
    changed["for"], changed["labels"]["team"] = "20m", "platform"
    assert rules(after, "host")["HostMemoryHigh"] == changed
    assert {path for path in after if after[path] != before[path]} == {
        Path("docs/alerts.md"),
        Path("prometheus/rules/host.yaml"),
    }


def test_a_changed_priority_changes_the_severity_with_it(configured: Callable[[str], Bundle]) -> None:
    after = render(configured("alerts: {HostDown: {priority: P2}}"))
    labels = rules(after, "host")["HostDown"]["labels"]
    assert (labels["priority"], labels["severity"]) == ("P2", "warning")


def test_an_alert_that_is_null_is_left_out(configured: Callable[[str], Bundle]) -> None:
    after = render(configured("alerts: {HostCpuHigh: null}"))
    assert "HostCpuHigh" not in rules(after, "host")
    assert "HostCpuHigh" not in after[Path("docs/alerts.md")]
    assert rules(after, "host").keys() == rules(render(), "host").keys() - {"HostCpuHigh"}


def test_links_lead_where_the_configuration_says(configured: Callable[[str], Bundle]) -> None:
    after = render(configured("links: {grafana: https://g.example.com/x, runbooks: https://r.example.com}"))
    texts = rules(after, "host")["HostDown"]["annotations"]
    assert texts["runbook_url"] == "https://r.example.com/HostDown"
    assert texts["dashboard_url"].startswith("https://g.example.com/x/d/hosts?")


def test_a_changed_job_name_is_followed_by_every_rule(configured: Callable[[str], Bundle]) -> None:
    after = render(configured("jobs: {node: machines, bellwether: kpi}"))
    for path, text in after.items():
        if path.parent.name == "rules":
            assert 'job="node"' not in text
            assert 'job="bellwether"' not in text


def test_a_receiver_that_is_null_is_told_nothing(configured: Callable[[str], Bundle]) -> None:
    after = receivers(render(configured("receivers: {pagerduty: null, sms: null}")))
    assert after["P0"].keys() == {"name", "email_configs", "webhook_configs"}
    assert all("pagerduty_configs" not in receiver for receiver in after.values())


def test_no_alert_is_left_without_a_receiver(configured: Callable[[str], Bundle]) -> None:
    only_slack = "receivers: {pagerduty: null, sms: null, email: null, webhook: null}"
    after = receivers(render(configured(only_slack)))
    assert {name for name, receiver in after.items() if "slack_configs" not in receiver} == {"heartbeat"}
    with pytest.raises(BundleError, match="at least one is needed"):
        render(configured("receivers: {pagerduty: null, slack: null, sms: null, email: null, webhook: null}"))


def test_a_priority_can_go_elsewhere(configured: Callable[[str], Bundle]) -> None:
    after = render(configured("priorities: {P2: {receivers: [email], repeat_interval: 6h}}"))
    assert receivers(after)["P2"].keys() == {"name", "email_configs", "webhook_configs"}
    routes = yaml.safe_load(after[Path("prometheus/alertmanager.yml")])["route"]["routes"]
    assert [route["repeat_interval"] for route in routes if route["receiver"] == "P2"] == ["6h"]


def test_an_empty_configuration_changes_nothing(configured: Callable[[str], Bundle]) -> None:
    assert render(configured("")) == render()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("curency: EUR", "bundle.yml:1: curency: unknown key; did you mean currency?"),
        ("links:\n  grafanna: https://g", "bundle.yml:2: links.grafanna: unknown key"),
        ("links: {grafana: g.example.com}", "links.grafana: 'g.example.com': "),
        ("links: {grafana: https://g.example.com/}", "links.grafana: 'https://g.example.com/': "),
        ("limits: {host_memory: {warning: 0.9}}", "limits.host_memory: there is no such limit; expected host_memory_ratio"),
        ("limits: {host_memory_ratio: {warn: 0.9}}", "limits.host_memory_ratio.warn: there is no such value; expected warning"),
        ("limits: {host_memory_ratio: {warning: high}}", "limits.host_memory_ratio.warning: 'high': "),
        ("alerts: {HostDwn: null}", "alerts.HostDwn: there is no such alert; expected HostDown"),
        ("alerts:\n  HostDown:\n    fore: 1m", "bundle.yml:3: alerts.HostDown.fore: unknown key"),
        ("alerts: {HostDown: {for: soon}}", "alerts.HostDown.for: 'soon': "),
        ("alerts: {HostDown: {priority: P7}}", "alerts.HostDown.priority: 'P7': "),
        ("receivers: {slack: {api_url: https://hooks.example.com/T0}}", "receivers.slack.api_url: unknown key"),
        ("priorities: {P1: {receivers: [pager]}}", "priorities.P1.receivers[0]: 'pager': "),
        ("- a list", "expected a mapping"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(text: str, message: str, configured: Callable[[str], Bundle]) -> None:
    with pytest.raises(SettingsError) as refusal:
        configured(text)
    assert message in str(refusal.value)
    assert "hooks.example.com" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "function(lib) {\n  alerts: { X: lib.metrics.node_lod1.name },\n}\n",
            "alerts/extra.jsonnet:2:16-37: Field does not exist: node_lod1",
        ),
        ("function(lib) {\n  alerts: {,\n}\n", "alerts/extra.jsonnet:2:12-13 "),
    ],
)
def test_a_mistake_in_a_source_is_refused_with_file_and_line(text: str, message: str, sources: Path) -> None:
    (sources / "alerts/extra.jsonnet").write_text(text)
    with pytest.raises(BundleError) as refusal:
        render(sources=sources)
    assert str(refusal.value).startswith(message)


def test_an_alert_without_a_runbook_is_refused(sources: Path) -> None:
    (sources / "alerts/runbooks/HostDown.md").unlink()
    with pytest.raises(BundleError, match=r"HostDown has no runbook: write alerts/runbooks/HostDown\.md"):
        render(sources=sources)


@pytest.mark.parametrize(("name", "message"), [("impact", "an alert lacks impact"), ("sumary", "an alert has no field sumary")])
def test_an_alert_with_a_missing_or_unknown_field_is_refused(name: str, message: str, sources: Path) -> None:
    file = sources / "alerts/database.jsonnet"
    text = file.read_text()
    file.write_text(
        text.replace("        impact:", "        // impact:")
        if name == "impact"
        else text.replace("summary:", "sumary: '', summary:")
    )
    with pytest.raises(BundleError, match=message):
        render(sources=sources)


def test_a_users_bundle_is_written_without_what_only_a_checkout_has(
    tmp_path: Path, configured: Callable[[str], Bundle]
) -> None:
    written = write(tmp_path / "out", configured("currency: EUR"))
    found = {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == set(written)
    assert Path("mixin.libsonnet") not in found
    assert {path.parts[0] for path in found} == {"grafana", "prometheus", "docs"}


def titles(files: dict[Path, str], uid: str) -> list[str]:
    [text] = [text for path, text in files.items() if path.name == f"{uid}.json"]
    return [panel["title"] for panel in json.loads(text)["panels"]]


def test_what_no_chosen_collector_or_pack_feeds_is_left_out(configured: Callable[[str], Bundle]) -> None:
    all_, some = render(), render(configured("{collectors: [sql, postgres], packs: [movements]}"))
    assert "Payments per minute" in titles(all_, "executive")
    assert {"Payments per minute", "Payments", "Availability of websites"}.isdisjoint(titles(some, "executive"))
    assert rules(some, "host").keys() == {"HostDown"}  # which asks Prometheus itself
    assert "HostMemoryHigh" not in some[Path("docs/alerts.md")]
    assert "DatabaseUnreachable" in rules(some, "database")
    assert "node_cpu" not in some[Path("prometheus/rules/records.yaml")]
    assert "instance:node_cpu_used" not in json.dumps(some[Path("prometheus/rules/records.yaml")])


def test_a_heading_goes_with_the_last_panel_below_it(configured: Callable[[str], Bundle]) -> None:
    assert "Payments" in titles(render(configured("{collectors: [sql], packs: [revenue]}")), "executive")
    assert "Payments" not in titles(render(configured("{collectors: [sql], packs: [movements]}")), "executive")


def test_what_every_exporter_tells_of_itself_stays(configured: Callable[[str], Bundle]) -> None:
    assert "CollectorFailing" in rules(render(configured("collectors: [node]")), "monitoring")


def test_a_selector_is_asked_of_every_series_but_those_that_rules_make(configured: Callable[[str], Bundle]) -> None:
    made = render(configured("selector: {environment: production}"))
    page = json.loads(made[Path("grafana/dashboards/Business/executive.json")])
    queries = [target["expr"] for panel in page["panels"] for target in panel.get("targets", ())]
    asked = [query for query in queries if 'environment="production"' in query]
    assert len(asked) > len(queries) / 2
    assert not any("ALERTS" in query or ":" in query.split("{")[0].split("(")[-1] for query in asked)


def test_a_preset_stands_between_the_defaults_and_what_is_given(configured: Callable[[str], Bundle]) -> None:
    preset = rules(render(configured("preset: startup")), "payments")["PaymentFailures"]["expr"]
    given = configured("{preset: startup, limits: {payment_failure_ratio: {critical: 0.5}}}")
    own = rules(render(given), "payments")["PaymentFailures"]["expr"]
    assert ("> 0.34" in preset, ">= 3" in preset) == (True, True)
    assert ("> 0.5" in own, ">= 3" in own) == (True, True)


def test_the_fiscal_year_of_the_pages_begins_where_it_is_said_to(configured: Callable[[str], Bundle]) -> None:
    made = render(configured("fiscal_year_starts: 4"))
    assert json.loads(made[Path("grafana/dashboards/Business/executive.json")])["fiscalYearStartMonth"] == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("collectors: [nodes]", "collectors.0: there is no such collector; expected node"),
        ("packs: [revenu]", "packs.0: there is no such pack; expected revenue"),
        ("preset: huge", "preset"),
        ("fiscal_year_starts: 13", "fiscal_year_starts"),
        ("selector: {'a b': c}", "selector"),
    ],
)
def test_what_is_no_choice_is_refused(text: str, problem: str, configured: Callable[[str], Bundle]) -> None:
    with pytest.raises(SettingsError, match=problem):
        configured(text)


def test_a_difference_is_shown_against_the_defaults_and_against_what_was_written(
    configured: Callable[[str], Bundle], tmp_path: Path
) -> None:
    changed = configured("limits: {host_memory_ratio: {warning: 0.91}}")
    lines = list(differences(None, changed))
    assert any(line.startswith("+") and line.endswith("> 0.91") for line in lines)
    assert any(line.startswith("-") and line.endswith("> 0.8") for line in lines)
    write(tmp_path / "out", changed)
    assert list(differences(tmp_path / "out", changed)) == []
    assert list(differences(tmp_path / "out")) != []
