"""Every alert reaches those it should, and no others, with a text they can act on."""

import html
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import yaml

from exporter.bundle import Bundle, write
from tests.stack import Sink, free_port, until
from tests.test_alerts import CASES, PROMETHEUS, RULES, expand, run
from tests.tools import alertmanager_command, tool

RECEIVERS = {  # what the table of the requirements says, and the webhook for everything
    "HostDown": "P0: email pagerduty sns webhook",
    "WebsiteDown": "P0: email pagerduty sns webhook",
    "PaymentFailures": "P0: email pagerduty sns webhook",
    "DatabaseUnreachable": "P0-database: pagerduty webhook",
    "HostMemoryCritical": "P1-host: slack webhook",
    "CertificateExpiringSoon": "P1: pagerduty slack webhook",
    "HostMemoryHigh": "P2: slack webhook",
    "HostCpuHigh": "P2: slack webhook",
    "HostDiskFull": "P2: slack webhook",
    "HostDiskFillingUp": "P2: slack webhook",
    "CertificateExpiring": "P2: slack webhook",
    "ExporterDown": "P2: slack webhook",
    "CollectorFailing": "P2: slack webhook",
    "ConfigurationRejected": "P3: email webhook",
    "Watchdog": "heartbeat: webhook",
}


def test_the_configuration_of_alertmanager_is_valid_and_without_findings() -> None:
    assert "SUCCESS" in run(tool("amtool"), "check-config", "alertmanager.yml")
    run(Path(sys.executable).with_name("amlint"), "check", "--strict", "--rules", "rules/*.yaml", "alertmanager.yml")


def test_every_alert_has_its_receivers_written_down() -> None:
    assert sorted(RECEIVERS) == sorted(RULES)


@pytest.mark.parametrize("name", RECEIVERS)
def test_an_alert_reaches_exactly_its_receivers(name: str) -> None:
    receiver, integrations = RECEIVERS[name].split(": ")
    labels = [f"{key}={value}" for key, value in {**CASES[name]["fires"]["labels"], **RULES[name]["labels"]}.items()]
    command = ["config", "routes", "test", "--config.file=alertmanager.yml", f"--verify.receivers={receiver}"]
    run(tool("amtool"), *command, f"alertname={name}", *labels)
    receivers = {entry["name"]: entry for entry in yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text())["receivers"]}
    assert " ".join(sorted(key.removesuffix("_configs") for key in receivers[receiver] if key != "name")) == integrations


def test_an_alert_of_somebody_elses_rules_is_told_as_a_p2() -> None:
    command = ["config", "routes", "test", "--config.file=alertmanager.yml", "--verify.receivers=P2"]
    run(tool("amtool"), *command, "alertname=Foreign")


class Told:
    """An Alertmanager that runs, and all that it sends to anybody."""

    def __init__(self, url: str, sink: Sink) -> None:
        self.url, self.sink = url, sink

    def alert(self, name: str, **labels: str) -> None:
        rule = RULES[name]
        links = {key: expand(text, labels) for key, text in rule["annotations"].items() if key.endswith("_url")}
        body = {
            "labels": {"alertname": name, **labels, **rule["labels"]},
            "annotations": {**rule["annotations"], **links, "description": f"What happened to {name}."},
            "startsAt": datetime.now(UTC).isoformat(),
        }
        httpx.post(f"{self.url}/api/v2/alerts", json=[body]).raise_for_status()

    def at(self, path: str, containing: str) -> str:
        """The first body that was sent to a path and holds a text, as soon as there is one."""
        return until(lambda: next((body for body in self.sink.bodies.get(path, []) if containing in body), ""), 30, 0.1)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready").is_success
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder, address = tmp_path_factory.mktemp("alertmanager"), f"127.0.0.1:{free_port()}"
    with Sink() as sink:
        (folder / "slack").write_text(f"{sink.url}/slack")
        (folder / "pagerduty").write_text("0123456789abcdef0123456789abcdef")
        at_once = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
        changes = {
            "priorities": dict.fromkeys(("P0", "P1", "P2", "P3"), at_once),
            "receivers": {
                "pagerduty": {"routing_key_file": str(folder / "pagerduty"), "url": f"{sink.url}/pagerduty"},
                "slack": {"api_url_file": str(folder / "slack")},
                "email": {"smarthost": sink.smarthost, "require_tls": False},
                "sms": {"api_url": f"{sink.url}/sns"},
                "webhook": {"url": f"{sink.url}/webhook"},
            },
        }
        write(folder, Bundle.model_validate(changes))
        command = alertmanager_command(
            f"--config.file={folder}/prometheus/alertmanager.yml",
            f"--storage.path={folder}/data",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        )
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, env={**os.environ, **credentials}, stdout=log, stderr=log)
        try:
            told = Told(f"http://{address}", sink)
            until(told.is_ready, 30, 0.1)
            yield told
        finally:
            process.terminate()
            process.wait(timeout=10)


def test_a_p0_is_told_by_page_text_message_mail_and_webhook_with_all_that_is_needed_to_act(told: Told) -> None:
    told.alert("PaymentFailures", source="revenue")
    texts = {**RULES["PaymentFailures"]["annotations"], "description": "What happened to PaymentFailures."}

    page = json.loads(told.at("/pagerduty", "PaymentFailures"))
    assert page["event_action"] == "trigger"
    assert page["payload"]["summary"] == "P0: Too many payments fail."
    assert page["payload"]["severity"] == "critical"
    assert texts["description"] in page["payload"]["custom_details"]["text"]
    links = [{"href": texts["runbook_url"], "text": "Runbook"}, {"href": texts["dashboard_url"], "text": "Dashboard"}]
    assert page["links"] == links

    assert parse_qs(told.at("/sns/", "PaymentFailures"))["Message"] == ["P0 PaymentFailures"]

    mail = until(lambda: told.sink.mails, 30, 0.1)[0]
    assert mail["Subject"] == "P0: Too many payments fail."
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    assert len(parts) == 2
    for part in parts:
        assert isinstance(part, bytes)
        for needed in ("description", "impact", "action", "runbook_url", "dashboard_url"):
            assert texts[needed] in html.unescape(part.decode())

    assert json.loads(told.at("/webhook", "PaymentFailures"))["commonLabels"]["priority"] == "P0"
    assert "/slack" not in told.sink.bodies


def test_a_p2_is_told_in_slack_and_not_at_all_while_something_more_urgent_explains_it(told: Told) -> None:
    told.alert("HostDown", instance="db1:9100", job="node")
    told.alert("HostMemoryCritical", instance="db2:9100")
    for name in ("HostDown", "HostMemoryCritical"):  # they mute from now on
        told.at("/webhook", name)
    told.alert("HostDiskFull", instance="db1:9100", mountpoint="/data")
    told.alert("HostMemoryHigh", instance="db2:9100")
    told.alert("HostCpuHigh", instance="db2:9100")
    [attachment] = json.loads(told.at("/slack", "HostCpuHigh"))["attachments"]
    assert attachment["title"] == "P2: A host's processors are busy all the time."
    assert "What happened to HostCpuHigh." in attachment["text"]
    assert [action["text"] for action in attachment["actions"]] == ["Runbook", "Dashboard"]
    alerts = httpx.get(f"{told.url}/api/v2/alerts").json()
    muted = {alert["labels"]["alertname"] for alert in alerts if alert["status"]["inhibitedBy"]}
    assert muted == {"HostDiskFull", "HostMemoryHigh"}
    sent = "".join(told.sink.bodies["/webhook"])
    assert not [name for name in muted if name in sent]


def test_nothing_that_anybody_may_read_holds_a_secret() -> None:
    configuration = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text())
    names = set(keys_in(configuration))
    assert {"routing_key_file", "api_url_file"} <= names
    by_value = {"routing_key", "service_key", "auth_password", "auth_secret", "access_key", "secret_key", "password"}
    assert not names & by_value
    slacks = [slack for receiver in configuration["receivers"] for slack in receiver.get("slack_configs", ())]
    assert not [slack for slack in slacks if "api_url" in slack]


def keys_in(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        yield from content
    for below in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from keys_in(below)
