"""What the receivers were told of an alert, and what the table of routing says that they are to be told."""

from collections.abc import Iterator
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import yaml

from tests.rules.rendered import RULES
from tests.stack import Sink, Stack, until

_TABLE = yaml.safe_load((Path(__file__).parents[1] / "routing/table.yaml").read_text())
_ROWS = {alert: row for row in _TABLE for alert in row["alerts"]}

OF_THIS_MACHINE = {
    "HealthLow": "the health of machines is halfway to that of the worst part, and of busy processors that is 0",
    "HostClockWrong": "in many containers and virtual machines nobody sets the clock",
    "HostCpuHigh": "tests keep all processors busy",
    "HostDiskFillingUp": "so do they the disk, with databases that they delete at the end",
    "HostMemoryHigh": "a small machine, with tests beside each other",
    "HostOutOfMemoryKill": "the same, where it is too small",
    "ScalingNeeded": "hosts whose processors are busy for long need another",
}.keys()
"""What may fire by right besides, and why: the demo's host is the machine of the tests."""


_ALL_UP = "count(bellwether_collector_up == 1) == count(bellwether_collector_polls_total)"
_LOOKING_THROUGH = 300.0  # seconds, on a machine that does other things too


def settle(stack: Stack) -> None:
    """Wait until all is well: people pay, each source was looked through, nothing fires. What was sent before is forgotten."""
    until(lambda: stack.query('sum(increase(payment_attempts_total{outcome="succeeded"}[1m])) > 0'))
    until(lambda: stack.query(_ALL_UP) and stack.firing() <= OF_THIS_MACHINE, _LOOKING_THROUGH)
    stack.sink.forget()


def receiver_of(name: str) -> str:
    """Alertmanager's receiver for an alert."""
    found: str = _ROWS[name]["receiver"]
    return found


def kinds_for(name: str) -> set[str]:
    """The kinds of receiver that are to be told of an alert."""
    return {"webhook", *_ROWS[name]["told"]}


def kinds_told(sink: Sink, name: str) -> set[str]:
    """The kinds of receiver that were told that an alert fires, those of the escalation aside."""
    rule = RULES[name]
    title = f"{rule['labels']['priority']}: {rule['annotations']['summary']}"
    triggers = [body["payload"] for body in sink.json("/pagerduty") if body["event_action"] == "trigger"]
    titles = {
        "pagerduty": [payload["summary"] for payload in triggers if payload["class"] == rule["labels"]["priority"]],
        "slack": [attachment["title"] for body in sink.json("/slack") for attachment in body["attachments"]],
        "email": [str(make_header(decode_header(mail["subject"]))) for mail in sink.mails],
    }
    told = {kind for kind, those in titles.items() if any(each.startswith(title) for each in those)}
    texts = [body["Message"].split() for body in sink.json("/phone")]
    if any(text[:2] == [rule["labels"]["priority"], name] for text in texts):
        told.add("sms")
    if any(receiver == receiver_of(name) for receiver, _ in hooked(sink, name, "firing")):
        told.add("webhook")
    return told


def hooked(sink: Sink, name: str, status: str) -> Iterator[tuple[str, Any]]:
    """Receiver and alert, for each message to the webhook that has an alert of this name and status."""
    for body in sink.json("/webhook"):
        for alert in body["alerts"]:
            if (alert["labels"]["alertname"], alert["status"]) == (name, status):
                yield body["receiver"], alert


def known(sink: Sink) -> set[str]:
    """The alerts that somebody was told of, by the webhook, which hears of everything."""
    alerts = [alert for body in sink.json("/webhook") if body["receiver"] != "heartbeat" for alert in body["alerts"]]
    return {alert["labels"]["alertname"] for alert in alerts if alert["status"] == "firing"}
