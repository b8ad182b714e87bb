"""Grafana's own alerting tells the same people as Alertmanager, from the file that it is provisioned with."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.bundle import Bundle, routing
from tests.routing.written import run
from tests.rules.rendered import CASES, RULES

FILE = Path("grafana/provisioning/alerting/bellwether.yaml")
TYPES = {"pagerduty", "slack", "email", "sns", "webhook"}
CHANGES: dict[str, Any] = {
    "grafana_alerting": True,
    "maintenance": [{"services": ["postgres"], "slos": ["api-latency"], "days": [6], "from": "23:00", "to": "01:00"}],
    "business_hours": {"days": "monday:thursday,saturday", "location": "Europe/Berlin", "holidays": ["2026-12-25"]},
    "receivers": {
        "slack": {"channel": "#cost-in-$"},
        "webhook": {"url": "https://events.example.com/alerts", "token_file": "/run/secrets/token"},
        "sentry": {"url": "https://sentry.example.com/hook"},
    },
}
SETTINGS = {
    "pagerduty": {
        "integrationKey", "severity", "class", "component", "group", "summary", "client", "client_url", "details",
    },
    "slack": {"url", "recipient", "title", "text", "color"},
    "email": {"addresses", "singleEmail", "subject", "message"},
    "sns": {"sigv4", "topic_arn", "subject", "message"},
    "webhook": {"url", "httpMethod", "authorization_scheme", "authorization_credentials"},
}  # fmt: skip
"""What each asks for, https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/"""


def made(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Grafana is given, and what Alertmanager is given."""
    files = routing(Bundle.model_validate(changes))
    return yaml.safe_load(files[FILE]), yaml.safe_load(files[Path("prometheus/alertmanager.yml")])


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, Any], dict[str, Any]]:
    return made(CHANGES)


def test_it_is_made_only_when_asked_for() -> None:
    assert FILE not in routing()


def test_a_linter_that_knows_grafana_finds_nothing(both: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(both[0]))
    amlint = Path(sys.executable).with_name("amlint")
    # As it has to be: a tier waits long, and is soon told of the end.
    flags = ["--strict", "--input-format=grafana", "--ignore=wait-exceeds-interval"]
    run(amlint, "check", *flags, "made.yaml", cwd=tmp_path)


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_alert_takes_the_same_way(name: str, both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    grafana, alertmanager = both
    case = CASES[name]["fires"]["labels"] if name in CASES else {}
    labels = {"alertname": name, **case, **RULES[name]["labels"]}
    ways = [list(way(tree, labels)) for tree in (grafana["policies"][0], alertmanager["route"])]
    assert ways[0] == ways[1]
    assert ways[0]
    points = {point["name"]: point["receivers"] for point in grafana["contactPoints"]}
    receivers = {each["name"]: each for each in alertmanager["receivers"]}
    for receiver, *_ in ways[0]:
        fields = receivers[receiver].items()
        kinds = sorted(key.removesuffix("_configs") for key, each in fields if key != "name" for _ in each)
        assert sorted(each["type"] for each in points[receiver]) == kinds


TIMING = ("group_by", "group_wait", "group_interval", "repeat_interval")


def way(route: dict[str, Any], labels: dict[str, str], above: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
    """Who is told, how it is gathered, and which times it is mute in: of each route that takes an alert."""
    here = {**(above or {}), **{key: route[key] for key in ("receiver", *TIMING) if key in route}}
    found = False
    for below in (each for each in route.get("routes", ()) if takes(each, labels)):
        found = True
        yield from way(below, labels, here)
        if not below.get("continue"):
            break
    if not found:
        mute = {name.removeprefix("outside-") for name in route.get("mute_time_intervals", ())}
        yield here["receiver"], *(here[key] for key in TIMING), sorted(mute | set(route.get("active_time_intervals", ())))


def takes(route: dict[str, Any], labels: dict[str, str]) -> bool:
    return all(holds(matcher, labels) for key in ("matchers", "object_matchers") for matcher in route.get(key, ()))


def holds(matcher: str | list[str], labels: dict[str, str]) -> bool:
    """Whether a matcher takes an alert: a text of Alertmanager's, three texts of Grafana's."""
    if isinstance(matcher, str):
        found = re.fullmatch(r'(\w+)(=~?)"(.*)"', matcher)
        assert found
        matcher = list(found.groups())
    name, operator, value = matcher
    pattern = value if operator == "=~" else re.escape(value)
    return re.fullmatch(pattern, labels.get(name, "")) is not None


def test_contact_points_have_what_grafana_asks_for(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    receivers = [each for point in both[0]["contactPoints"] for each in point["receivers"]]
    assert {each["type"] for each in receivers} == TYPES
    for each in receivers:
        assert each["settings"].keys() <= SETTINGS[each["type"]]
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", each["uid"])
        assert each["disableResolveMessage"] == (each["type"] == "sns" or "heartbeat" in each["uid"])
    assert len({each["uid"] for each in receivers}) == len(receivers)


def test_secrets_are_files_and_no_other_text_is_filled_in(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    settings = [each["settings"] for point in both[0]["contactPoints"] for each in point["receivers"]]
    secrets = {each[key] for each in settings for key in ("integrationKey", "authorization_credentials") if key in each}
    secrets |= {each["url"] for each in settings if "recipient" in each}
    assert secrets == {
        "$__file{/etc/alertmanager/secrets/pagerduty_routing_key}",
        "$__file{/etc/alertmanager/secrets/slack_api_url}",
        "$__file{/run/secrets/token}",
    }
    rest = json.dumps([settings, both[0]["policies"]])
    for secret in secrets:
        rest = rest.replace(secret, "")
    assert "$" not in rest.replace("$$", "")
    assert "#cost-in-$$" in rest


def test_it_is_mute_whenever_alertmanager_is_not_active(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    mute = {each["name"]: each["time_intervals"] for each in both[0]["muteTimes"]}
    berlin = {"location": "Europe/Berlin"}
    assert mute["outside-business-hours"] == [
        {"weekdays": ["sunday", "friday"], **berlin},
        {"times": [{"start_time": "00:00", "end_time": "09:00"}], **berlin},
        {"times": [{"start_time": "18:00", "end_time": "24:00"}], **berlin},
    ]
    known = {each["name"]: each["time_intervals"] for each in both[1]["time_intervals"]}
    for name in ("holidays", "maintenance-0"):
        assert mute[name] == known[name]
    assert set(mute) == {"outside-business-hours", "outside-daily-digest", "holidays", "maintenance-0"}


def test_what_tells_nobody_is_always_mute() -> None:
    grafana, _ = made({"grafana_alerting": True, "receivers": {"webhook": None}})
    assert "heartbeat" not in {point["name"] for point in grafana["contactPoints"]}
    [route] = [each for each in grafana["policies"][0]["routes"] if each["object_matchers"] == [["priority", "=", "heartbeat"]]]
    assert (route["receiver"], route["mute_time_intervals"]) == ("P2", ["always"])
    [always] = [each for each in grafana["muteTimes"] if each["name"] == "always"]
    assert always["time_intervals"] == [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]


def test_a_name_that_is_too_long_is_shortened() -> None:
    tier = {"after": "4h", "priorities": ["P0"], "receivers": {"email": {"to": "board@example.com"}}}
    grafana, _ = made({"grafana_alerting": True, "escalation": {"the-board-of-all-of-the-company": tier}})
    assert all(len(each["uid"]) <= 40 for point in grafana["contactPoints"] for each in point["receivers"])


def test_every_template_that_a_text_names_is_there_once(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    templates = "".join(each["template"] for each in both[0]["templates"])
    defined = re.findall(r'define "([\w.]+)"', templates)
    named = set(re.findall(r'template "([\w.]+)"', templates + json.dumps(both[0]["contactPoints"]).replace('\\"', '"')))
    assert len(set(defined)) == len(defined)
    assert named <= set(defined)
    assert "bellwether.silence" in named
