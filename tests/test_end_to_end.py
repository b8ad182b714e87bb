"""From the company's database to a person: the demo, Debian's Prometheus and Alertmanager, the committed configuration.

Prometheus runs prometheus/prometheus.yml and prometheus/rules as they are; only the files of targets name the test's ports.
Alertmanager runs the committed routes; only the receivers' addresses lead to the test's own.
"""

import json
import re
import time
from collections.abc import Iterator
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml

from tests.stack import ROOT, Sink, Stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("end to end")]

DASHBOARDS = sorted((ROOT / "grafana/dashboards").rglob("*.json"))
_DETECTED_WITHIN = 120.0  # seconds from the first failed payment to the message; the promise for P0 is ten minutes
_RESOLVED_WITHIN = 540.0  # seconds: the five-minute window empties, two minutes against flapping, one of grouping


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Sink() as sink, Stack(tmp_path_factory.mktemp("stack"), sink).running() as stack:
        yield stack


def queries(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Title and expression of every query, variables set as Grafana sets them on opening."""
    for panel in dashboard["panels"]:
        for each in [panel, *panel.get("panels", [])]:
            for target in each.get("targets", []):
                yield each["title"], substituted(target["expr"])


def substituted(expression: str) -> str:
    for variable, value in (("$__rate_interval", "1m"), ("$__range", "1h"), ("$__interval", "15s")):
        expression = expression.replace(variable, value)
    return re.sub(r"\$\{?\w+(:\w+)?\}?", ".+", expression)


def variables(dashboard: dict[str, Any]) -> Iterator[str]:
    """The PromQL behind each variable that lists label values."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"] if isinstance(variable["query"], dict) else variable["query"]
            found = re.fullmatch(r"label_values\((.+), *(\w+)\)", query)
            assert found, f"{query} is not a query for label values"
            yield f"count by ({found[2]}) ({substituted(found[1])})"


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_every_query_of_every_dashboard_has_data(stack: Stack, file: Path) -> None:
    dashboard = json.loads(file.read_text())
    asked = [*queries(dashboard), *(("variable", expression) for expression in variables(dashboard))]
    assert asked

    def empty() -> list[tuple[str, str]]:
        return [(title, expression) for title, expression in asked if not stack.query(expression)]

    deadline = time.monotonic() + 150  # rates need a minute of scrapes
    while (missing := empty()) and time.monotonic() < deadline:
        time.sleep(5)
    assert missing == []


def test_every_recording_rule_has_data_and_every_rule_evaluates(stack: Stack) -> None:
    groups = httpx.get(f"http://{stack.prometheus}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 10
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] == "err"] == []
    recorded = sorted({rule["name"] for rule in rules if rule["type"] == "recording"})
    until(lambda: all(stack.query(name) for name in recorded), 90)


def test_only_the_receivers_addresses_differ_from_the_committed_routing(stack: Stack) -> None:
    committed = yaml.safe_load((ROOT / "prometheus/alertmanager.yml").read_text())
    running = yaml.safe_load((stack.folder / "routing/prometheus/alertmanager.yml").read_text())
    assert (running["route"], running["inhibit_rules"]) == (committed["route"], committed["inhibit_rules"])
    kinds = [{key: len(value) for key, value in each.items() if key != "name"} for each in committed["receivers"]]
    assert [{key: len(value) for key, value in each.items() if key != "name"} for each in running["receivers"]] == kinds


def test_a_payment_outage_reaches_the_right_people_and_its_end_does_too(stack: Stack) -> None:
    sink = stack.sink
    until(lambda: stack.query('sum(increase(payment_attempts_total{outcome="succeeded"}[1m])) > 0'))
    assert firing(stack) == set()

    stack.execute("insert into shop.incidents (name) values ('payment-outage')")
    began = time.monotonic()
    (page,) = until(lambda: [body for body in sink.json("/pagerduty") if body["event_action"] == "trigger"], _DETECTED_WITHIN)
    print(f"detected and delivered after {time.monotonic() - began:.0f} s")  # noqa: T201 - a figure for the closing note
    stack.execute("update shop.incidents set ended_at = now()")

    assert firing(stack) == {"PaymentFailures"}
    alert = until(lambda: of_webhook(sink, "PaymentFailures", "firing"))
    runbook, dashboard = alert["annotations"]["runbook_url"], alert["annotations"]["dashboard_url"]
    assert alert["labels"]["priority"] == "P0"
    assert re.search(r"\d+(\.\d+)?% of the payments", alert["annotations"]["description"])
    assert httpx.get(f"http://{stack.exporter}{urlsplit(runbook).path}", trust_env=False).text.startswith("# PaymentFailures")
    assert Path(urlsplit(dashboard).path).name in {file.stem for file in DASHBOARDS}

    assert (page["routing_key"], page["payload"]["class"], page["payload"]["severity"]) == ("a-routing-key", "P0", "critical")
    assert {link["href"] for link in page["links"]} == {runbook, dashboard}
    (text,) = until(lambda: [parse_qs(body)["Message"][0] for body in sink.bodies.get("/sns/", [])])
    assert "P0" in text
    mail = until(lambda: sink.mails)[0]
    assert "P0" in str(make_header(decode_header(mail["subject"])))
    content = "".join(part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart())  # type: ignore[union-attr]
    assert runbook in content
    assert "/slack" not in sink.bodies  # a payment outage wakes people; the channel is for what can wait

    until(lambda: [body for body in sink.json("/pagerduty") if body["event_action"] == "resolve"], _RESOLVED_WITHIN)
    print(f"resolved after {time.monotonic() - began:.0f} s")  # noqa: T201 - as above
    assert of_webhook(sink, "PaymentFailures", "resolved")
    assert firing(stack) == set()


def firing(stack: Stack) -> set[str]:
    """The alerts that fire now, without the one that always does."""
    return {each["metric"]["alertname"] for each in stack.query('ALERTS{alertstate="firing", alertname!="Watchdog"}')}


def of_webhook(sink: Sink, name: str, status: str) -> Any:
    """The newest alert of this name and status that the webhook was told of."""
    alerts = [alert for body in sink.json("/webhook") for alert in body["alerts"]]
    return next(
        (alert for alert in reversed(alerts) if (alert["labels"]["alertname"], alert["status"]) == (name, status)), None
    )
