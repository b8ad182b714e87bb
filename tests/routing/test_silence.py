"""Acknowledging: the link of a message silences the alerts of that message, none that is more urgent, and none of another."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests.routing.alertmanager import Told, running, shortened
from tests.routing.written import run
from tests.stack import until
from tests.tools import tool

Alert = tuple[str, Mapping[str, str]]
ALWAYS: dict[str, Any] = {"days": "monday:sunday", "from": "00:00", "to": "24:00"}
ALERTS: dict[str, Alert] = {
    "android crashes": ("CriticalApplicationError", {"source": "sentry", "project": "android"}),
    "web crashes": ("CriticalApplicationError", {"source": "sentry", "project": "web"}),
    "host c is down": ("HostDown", {"instance": "c:9100", "job": "node"}),
    "locked out here": ("AccountLockouts", {"source": "sql"}),
    "locked out there": ("AccountLockouts", {"source": "keycloak"}),
    "busy": ("HostCpuHigh", {"instance": "a:9100"}),
    "no sign-ups": ("SignUpsStopped", {"source": "sql"}),
    "funnel (1)": ("FunnelConversionDropped", {"source": "sql", "funnel": "sign-up (new)", "window": "1h"}),
    "tickets": ("SupportTicketSpike", {"source": "zendesk"}),
    "a was rebooted": ("HostRebooted", {"instance": "a:9100", "job": "node"}),
    "b was rebooted": ("HostRebooted", {"instance": "b:9100", "job": "node"}),
    "fell": ("MrrFell", {"source": "sql", "currency": "EUR"}),
    "dropped": ("SatisfactionDropped", {"source": "sql", "survey": "nps"}),
    "onboarding": ("OnboardingAbandoned", {"source": "sql"}),
}

CRASH = "P0: The application has a new critical error."
LOCKED = "P1: Several users are locked out."
ROUTES: dict[str, tuple[str, str, list[set[str]]]] = {
    "P0": ("pagerduty", CRASH, [{"android crashes"}, {"web crashes"}]),
    "P0 by mail": ("mail", "P0: A host does not answer.", [{"host c is down"}]),
    "P1": ("slack", LOCKED, [{"locked out here"}, {"locked out there"}]),
    "P2": ("slack", "P2: A host's processors are busy all the time.", [{"busy"}]),
    "digest of the hour": ("slack", "P2: 2 alerts of conversion", [{"no sign-ups", "funnel (1)"}]),
    "digest of the hour by mail": ("mail", "P2: 2 alerts of conversion", [{"no sign-ups", "funnel (1)"}]),
    "digest of the day": ("mail", "P3: 2 alerts", [{"fell", "dropped"}]),
    "P3": ("mail", "P3: A host was started again. (2 alerts)", [{"a was rebooted", "b was rebooted"}]),
    "tier of a P0": ("mail", f"Not acknowledged: {CRASH}", [{"android crashes"}, {"web crashes"}]),
    "tier of a P1": ("mail", f"Not acknowledged: {LOCKED}", [{"locked out here"}, {"locked out there"}]),
}
"""By what a message is sent, its title, and which alerts each message of that title is about."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    def opened(text: str) -> str:  # the hour of the digest, to be now
        return shortened(text).replace("end_time: 01:00", "end_time: '24:00'")

    changes = {"business_hours": ALWAYS, "digests": {"daily": {"at": "00:00"}}}
    with running(tmp_path_factory.mktemp("alertmanager"), changes, opened) as told:
        told.alerts(*ALERTS.values())
        yield told


@pytest.mark.parametrize("route", ROUTES)
def test_the_link_of_a_message_silences_its_alerts_and_no_others(route: str, told: Told) -> None:
    by, title, messages = ROUTES[route]
    until(lambda: len(set(links_of(told, by, title))) == len(messages), 30, 0.1)
    found = set(links_of(told, by, title))
    assert sorted(map(sorted, (silenced_by(told, link) for link in found))) == sorted(map(sorted, messages))


def links_of(told: Told, by: str, title: str) -> Iterator[str]:
    """The addresses in all messages that have a title."""
    if by == "pagerduty":
        for page in told.sink.json("/pagerduty"):
            if page["payload"]["summary"] == title:
                yield from re.findall(r"silencing it: (\S+)", page["payload"]["custom_details"]["text"])
    elif by == "slack":
        for message in (each for body in told.sink.json("/slack") for each in body["attachments"]):
            if message["title"] == title:
                yield next(action["url"] for action in message["actions"] if action["text"] == "Silence")
    else:
        for mail in [mail for mail in told.sink.mails if " ".join(str(mail["Subject"]).split()) == title]:
            text, page = texts_of(mail)
            [link] = re.findall(r"silencing it: (\S+)", text)
            [pressed] = re.findall(r'href="([^"]*silences/new[^"]*)"', page)
            assert unquote(html.unescape(pressed)) == unquote(link)
            yield link


def texts_of(mail: Message) -> list[str]:
    parts = (part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart())
    return [part.decode() for part in parts if isinstance(part, bytes)]


def silenced_by(told: Told, link: str) -> set[str]:
    """The alerts that Alertmanager silences when the form that a link leads to is sent, and no more afterwards."""
    matchers = unquote(link).partition("filter=")[2].removeprefix("{").removesuffix("}").split(", ")
    amtool = (tool("amtool"), "silence", f"--alertmanager.url={told.url}")
    here = Path(__file__).parent
    silence = run(amtool[0], *amtool[1:], "add", "--author=test", "--comment=looked at", *matchers, cwd=here).strip()
    alerts = json.loads(httpx.get(f"{told.url}/api/v2/alerts").text)
    run(amtool[0], *amtool[1:], "expire", silence, cwd=here)
    return {which(each["labels"]) for each in alerts if silence in each["status"]["silencedBy"]}


def which(found: Mapping[str, str]) -> str:
    [name] = [key for key, (name, labels) in ALERTS.items() if found.items() >= {"alertname": name, **labels}.items()]
    return name
