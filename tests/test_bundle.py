"""The bundle is what its sources say, changes where a user says so, and refuses what it does not understand."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.bundle import Bundle, differences, generate, load, render, routing, stale, write
from exporter.errors import BundleError, SettingsError
from tests.dashboards.rendered import FILES
from tests.tools import tool

ROOT = Path(__file__).parent.parent
CHANGES = """
limits: {host_memory_ratio: {warning: 0.84}}
alerts: {HostDown: {priority: P2}, HostCpuHigh: null}
links: {grafana: https://g.example.com/x, runbooks: https://r.example.com}
jobs: {node: machines, bellwether: kpi}
selector: {environment: production}
fiscal_year_starts: 4
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources, to change, with one of the dashboards."""
    for folder in ("alerts", "dashboards"):
        shutil.copytree(ROOT / folder, tmp_path / "checkout" / folder)
    dashboards = tmp_path / "checkout/dashboards"
    for dashboard in set(dashboards.glob("*.jsonnet")) - {dashboards / "hosts.jsonnet"}:
        dashboard.unlink()
    return tmp_path / "checkout"


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bundle]:
    """The bundle's configuration that a YAML text makes."""
    file = tmp_path_factory.mktemp("configured") / "bundle.yml"

    def read(text: str) -> Bundle:
        file.write_text(text)
        return load(file)

    return read


@pytest.fixture(scope="module")
def changed(configured: Callable[[str], Bundle]) -> dict[Path, str]:
    """The bundle of a configuration that changes many things, none of which has to do with another."""
    return render(configured(CHANGES))


def rules(files: dict[Path, str], area: str) -> dict[str, Any]:
    [group] = yaml.safe_load(files[Path(f"prometheus/rules/{area}.yaml")])["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def receivers(files: dict[Path, str]) -> dict[str, Any]:
    configuration = yaml.safe_load(files[Path("prometheus/alertmanager.yml")])
    return {receiver["name"]: receiver for receiver in configuration["receivers"]}


def test_the_committed_files_are_what_the_sources_make() -> None:
    assert stale(ROOT) == []


def test_what_is_missing_changed_or_without_a_source_is_found_and_mended(sources: Path) -> None:
    (sources / "alerts/spare.jsonnet").write_text("function(lib) { records: { 'spare:up:sum': { expr: 'sum(up)' } } }")
    generate(sources)
    assert stale(sources) == []
    (sources / "prometheus/rules/web.yaml").unlink()
    (sources / "docs/alerts.md").write_text("by hand")
    (sources / "alerts/spare.jsonnet").unlink()
    expected = [
        "mixin.libsonnet: differs",
        "docs/alerts.md: differs",
        "prometheus/rules/web.yaml: is missing",
        "prometheus/rules/spare.yaml: has no source",
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


def test_a_changed_limit_moves_the_alert_and_the_panels(changed: dict[Path, str]) -> None:
    before, after = ({name: rule["expr"] for name, rule in rules(files, "host").items()} for files in (FILES, changed))
    assert after["HostMemoryHigh"].endswith("> 0.84")
    assert after["HostMemoryCritical"].rpartition(">")[2] == before["HostMemoryCritical"].rpartition(">")[2]
    drawn = Path("grafana/dashboards/Technical/hosts.json")
    assert '"value": 0.84' not in FILES[drawn]
    assert '"value": 0.84' in changed[drawn]


def test_one_field_of_one_alert_can_be_changed(configured: Callable[[str], Bundle]) -> None:
    before, after = FILES, render(configured("alerts: {HostMemoryHigh: {for: 20m, labels: {team: platform}}}"))
    changed = rules(before, "host")["HostMemoryHigh"]
    changed["for"], changed["labels"]["team"] = "20m", "platform"
    assert rules(after, "host")["HostMemoryHigh"] == changed
    assert {path for path in after if after[path] != before[path]} == {
        Path("docs/alerts.md"),
        Path("prometheus/rules/host.yaml"),
    }


def test_a_changed_priority_changes_the_severity_with_it(changed: dict[Path, str]) -> None:
    labels = rules(changed, "host")["HostDown"]["labels"]
    assert (labels["priority"], labels["severity"]) == ("P2", "warning")


def test_an_alert_that_is_null_is_left_out(changed: dict[Path, str]) -> None:
    assert "HostCpuHigh" not in changed[Path("docs/alerts.md")]
    assert rules(changed, "host").keys() == rules(FILES, "host").keys() - {"HostCpuHigh"}


def test_links_lead_where_the_configuration_says(changed: dict[Path, str]) -> None:
    texts = rules(changed, "host")["HostDown"]["annotations"]
    assert texts["runbook_url"] == "https://r.example.com/HostDown"
    assert texts["dashboard_url"].startswith("https://g.example.com/x/d/hosts?")


def test_a_changed_job_name_is_followed_by_every_rule(changed: dict[Path, str]) -> None:
    texts = [text for path, text in changed.items() if path.parent.name == "rules"]
    for job in ("node", "bellwether"):
        assert not any(f'job="{job}"' in text for text in texts)
    for job in ("machines", "kpi"):
        assert any(f'job="{job}"' in text for text in texts)


def test_a_selector_is_asked_of_every_series_but_those_that_rules_make(changed: dict[Path, str]) -> None:
    page = json.loads(changed[Path("grafana/dashboards/Business/executive.json")])
    queries = [target["expr"] for panel in page["panels"] for target in panel.get("targets", ())]
    asked = [query for query in queries if 'environment="production"' in query]
    assert len(asked) > len(queries) / 2
    assert not any("ALERTS" in query or ":" in query.split("{")[0].split("(")[-1] for query in asked)


def test_the_fiscal_year_of_the_pages_begins_where_it_is_said_to(changed: dict[Path, str]) -> None:
    assert json.loads(changed[Path("grafana/dashboards/Business/executive.json")])["fiscalYearStartMonth"] == 3


def test_a_receiver_that_is_null_is_told_nothing(configured: Callable[[str], Bundle]) -> None:
    after = receivers(routing(configured("receivers: {pagerduty: null, sms: null}")))
    assert after["P0"].keys() == {"name", "email_configs", "webhook_configs"}
    assert all("pagerduty_configs" not in receiver for receiver in after.values())


def test_no_alert_is_left_without_a_receiver(configured: Callable[[str], Bundle]) -> None:
    only_slack = "receivers: {pagerduty: null, sms: null, email: null, webhook: null}"
    after = receivers(routing(configured(only_slack)))
    assert {name for name, receiver in after.items() if "slack_configs" not in receiver} == {"heartbeat"}
    with pytest.raises(BundleError, match="at least one is needed"):
        routing(configured("receivers: {pagerduty: null, slack: null, sms: null, email: null, webhook: null}"))


def test_a_priority_can_go_elsewhere(configured: Callable[[str], Bundle]) -> None:
    after = routing(configured("priorities: {P2: {receivers: [email], repeat_interval: 6h}}"))
    assert receivers(after)["P2"].keys() == {"name", "email_configs", "webhook_configs"}
    routes = yaml.safe_load(after[Path("prometheus/alertmanager.yml")])["route"]["routes"]
    assert [route["repeat_interval"] for route in routes if route["receiver"] == "P2"] == ["6h"]


def test_an_empty_configuration_changes_nothing_and_rendering_twice_gives_the_same(
    configured: Callable[[str], Bundle],
) -> None:
    assert render(configured("")) == FILES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("curency: EUR", "bundle.yml:1: curency: unknown key; did you mean currency?"),
        ("links:\n  grafanna: https://g", "bundle.yml:2: links.grafanna: unknown key"),
        ("links: {grafana: g.example.com}", "links.grafana: 'g.example.com': expected an address such as https://"),
        ("links: {grafana: https://g.example.com/}", "links.grafana: 'https://g.example.com/': expected an address"),
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
        ("currency: eur", "currency: 'eur': expected three capital letters as ISO 4217 has them, such as EUR"),
        ("selector: {environment: 'a\"b'}", "selector.environment: 'a\"b': expected a value without quotes and backslashes"),
        ("selector: {environment: '=~(prod'}", "selector.environment: '=~(prod': expected a regular expression behind =~"),
        ("selector: {__name__: up}", "selector.__name__.[key]: expected the name of a label, such as environment"),
        ("jobs: {node: 'node\"x'}", "jobs.node: 'node\"x': expected a name without quotes and backslashes"),
        ("limits: {host_cpu_ratio: {warning: .nan}}", "limits.host_cpu_ratio.warning: nan: expected a finite number"),
        ("limits: {host_cpu_ratio: {warning: 80}}", "limits.host_cpu_ratio.warning: 80: expected a share such as 0.8: of more"),
        ("limits: {host_memory_ratio: {warning: 0.95}}", "expected critical above warning; they are 0.85 and 0.95"),
        ("limits: {certificate_seconds: {warning: 60}}", "expected critical below warning; they are 604800 and 60"),
        ("slos: {nosuch: null}", "slos.nosuch: there is no such objective; expected one of api-availability, "),
        ("slos: {api-availabilty: {objective: 0.99}}", "there is no such objective; expected api-availability"),
        ("slos: {api-availability: {objektive: 0.99}}", "objektive: there is no such field; expected objective"),
        ("slos: {a|b: {help: Ours., objective: 0.9}}", "slos.a|b: expected a name of letters, digits, points, hyphens"),
        ("slos: {realtime: {services: {a: {}}}}", "slos.realtime.services: this objective is not counted by service; api-a"),
        ("slos: {callbacks: {total: sum(a), services: {a: {}}}}", "services: total of your own cannot be divided by service"),
        ("slos: {callbacks: {services: [a]}}", "slos.callbacks.services: expected services by name, each with what"),
        (
            "{slos: {callbacks: {services: null}}, maintenance: [{slos: [callbacks], days: [0], from: '01:00', to: '02:00'}]}",
            "slos.callbacks.services: expected services by name",
        ),
        ("slos: {callbacks: {services: {a: 0.9}}}", "slos.callbacks.services.a: 0.9: expected what differs there, such as"),
        ("slos: {callbacks: {services: {a b: {}}}}", "slos.callbacks.services.a b: expected a name of letters, digits"),
        ("slos: {callbacks: {services: {a: {paje: P0}}}}", "services.a.paje: there is no such field; expected page"),
        ("anomalies: {trafic: {floor: 1}}", "anomalies.trafic: there is no such anomaly; expected traffic"),
        ("business_hours: {location: Mars/Phobos}", "'Mars/Phobos': expected a time zone such as Europe/Berlin or UTC"),
        ("business_hours: {location: Europe}", "'Europe': expected a time zone such as Europe/Berlin or UTC"),
        ("business_hours: {holidays: [2026-12-25, '2026-02-30']}", "holidays[1]: '2026-02-30': expected a day of the calendar"),
        ("business_hours: {holidays: ['20261225']}", "holidays[0]: '20261225': expected a day of the calendar"),
        ("priorities: {P1: {group_interval: 0s}}", "priorities.P1.group_interval: '0s': expected more than no time"),
        ("priorities: {P0: {waits: true}}", "priorities.P0.waits: True: expected false: P0 is told at once, at night too"),
        ("priorities: {P2: {domains: {conversions: [slack]}}}", "conversions: there is no such domain; expected conversion"),
        ("digests: {daily: {domains: [revenue, produkt]}}", "domains[1]: there is no such domain; expected product"),
        ("digests: {hourly: {priority: P1}}", "digests.hourly.priority: 'P1': expected P2 or P3: P0 and P1 cannot wait"),
        ("escalation: {cto: {after: 1h}}", "needs after, priorities, receivers; this one lacks priorities, receivers"),
        ("maintenance: [{slos: [api], days: [0], from: '02:00', to: '03:00'}]", "slos[0]: there is no such objective"),
        (
            "maintenance: [{days: [0], from: '02:00', to: '02:00'}]",
            "maintenance[0].to: '02:00': expected another time than `from`",
        ),
        (
            "receivers: {webhook: {url: 'https://me:pass@hooks.example.com/'}}",
            "webhook.url: expected an address without a user",
        ),
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
    some = render(configured("{collectors: [sql, postgres], packs: [movements]}"))
    assert "Payments of a day" in titles(FILES, "executive")
    assert {"Payments of a day", "Availability of websites"}.isdisjoint(titles(some, "executive"))
    assert rules(some, "host").keys() == {"HostDown"}  # which asks Prometheus itself
    assert "HostMemoryHigh" not in some[Path("docs/alerts.md")]
    assert "DatabaseUnreachable" in rules(some, "database")
    assert "node_cpu" not in some[Path("prometheus/rules/records.yaml")]
    assert "instance:node_cpu_used" not in json.dumps(some[Path("prometheus/rules/records.yaml")])


def test_a_heading_goes_with_the_last_panel_below_it_and_what_every_exporter_tells_of_itself_stays(
    configured: Callable[[str], Bundle],
) -> None:
    made = render(configured("collectors: [node]"))
    assert "Containers" in titles(render(configured("collectors: [node, containers]")), "hosts")
    assert "Containers" not in titles(made, "hosts")
    assert "CollectorFailing" in rules(made, "monitoring")


@pytest.mark.parametrize(
    "text",
    [
        "selector: {environment: production, tenant: '=~a|b'}",
        "limits: {mrr_growth_ratio: {warning: -0.1}, web_vital_lcp_seconds: {warning: 3}}",
        "maintenance: [{slos: [api-latency], services: [api], days: [0], from: '22:00', to: '02:00'}]",
        "{slos: {callbacks: {services: {a: {}}}}, maintenance: [{slos: [callbacks-a], days: [0], from: '01:00', to: '02:00'}]}",
        "slos: {own: {help: Ours., objective: 0.9, errors: 'sum(a)', total: 'sum(b)'}, callbacks: null}",
        "slos: {api-latency: {services: {billing: {objective: 0.95, page: P0}, search: {}}}}",
        "escalation: {l2: {after: 1h}, manager: null}",
        "digests: {daily: {priority: P2, domains: [product], at: '08:30'}}",
    ],
)
def test_what_differs_from_the_defaults_for_a_reason_is_taken(text: str, configured: Callable[[str], Bundle]) -> None:
    assert configured(text).model_dump(mode="json", exclude_unset=True) == yaml.safe_load(text)


def test_a_holiday_is_a_date_of_yaml_or_a_text(configured: Callable[[str], Bundle]) -> None:
    given = configured("business_hours: {holidays: [2026-12-25, '2027-01-01']}")
    assert given.business_hours["holidays"] == ["2026-12-25", "2027-01-01"]


def test_a_preset_stands_between_the_defaults_and_what_is_given(configured: Callable[[str], Bundle]) -> None:
    preset = rules(render(configured("preset: startup")), "payments")["PaymentFailures"]["expr"]
    given = configured("{preset: startup, limits: {payment_failure_ratio: {critical: 0.5}}}")
    own = rules(render(given), "payments")["PaymentFailures"]["expr"]
    assert ("> 0.34" in preset, ">= 3" in preset) == (True, True)
    assert ("> 0.5" in own, ">= 3" in own) == (True, True)


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
    configured: Callable[[str], Bundle], sources: Path, tmp_path: Path
) -> None:
    changed = configured("limits: {host_memory_ratio: {warning: 0.84}}")
    lines = list(differences(None, changed, sources))
    assert any(line.startswith("+") and line.endswith("> 0.84") for line in lines)
    assert any(line.startswith("-") and line.endswith("> 0.8") for line in lines)
    write(tmp_path / "out", changed, sources)
    host = Path("prometheus/rules/host.yaml")
    written = rules({host: (tmp_path / "out" / host).read_text()}, "host")
    expected = rules(FILES, "host")
    assert written.pop("HostMemoryHigh")["expr"] != expected.pop("HostMemoryHigh")["expr"]
    assert written == expected
    assert list(differences(tmp_path / "out", changed, sources)) == []
    assert list(differences(tmp_path / "out", None, sources)) != []
