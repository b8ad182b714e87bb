"""Every alert is routed to exactly those whom the requirements name, on Debian's amtool."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.routing.written import run, written
from tests.rules.rendered import CASES, RULES
from tests.tools import tool

ROWS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("table.yaml").read_text())
ROW_OF = {name: row for row in ROWS for name in row["alerts"]}
KINDS = {"sns": "sms"}  # Alertmanager's name, and that of the requirements
PAGES = {"P0", "P1"}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def configuration(prometheus: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((prometheus / "alertmanager.yml").read_text())
    return found


def check(prometheus: Path, *ignored: str) -> None:
    assert "SUCCESS" in run(tool("amtool"), "check-config", "alertmanager.yml", cwd=prometheus)
    amlint = Path(sys.executable).with_name("amlint")
    flags = ["--strict", *(f"--ignore={code}" for code in ignored), "--rules=rules/*.yaml"]
    run(amlint, "check", *flags, "alertmanager.yml", cwd=prometheus)


def test_the_configuration_is_valid_and_without_findings(prometheus: Path) -> None:
    check(prometheus, "wait-exceeds-interval")  # as it has to be: a tier waits long, and is soon told of the end


def test_what_is_no_tier_is_told_at_once_and_then_gathered(tmp_path: Path) -> None:
    check(written(tmp_path, escalation={"l2": None, "l3": None, "manager": None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "startup"},
        {"preset": "scale"},
        {"receivers": {"pagerduty": None, "sms": None}},
        {
            "receivers": {
                "email": None,
                "webhook": None,
                "sentry": {"url": "https://sentry.example.com/a", "token_file": "/run/t"},
                "heartbeat": {"url": "https://deadman.example.com/a"},
            }
        },
        {"business_hours": {"holidays": ["2026-12-25", "2027-01-01"], "location": "Europe/Berlin", "days": "monday:thursday"}},
        {"digests": {"hourly": {"domains": []}, "daily": {"domains": ["satisfaction", "host"], "at": "23:00"}}},
        {"priorities": {"P3": {"domains": {"satisfaction": ["slack"]}, "waits": False}}},
        {
            "maintenance": [
                {"slos": ["api-latency"], "services": ["application"], "days": [0, 6], "from": "23:00", "to": "01:00"}
            ]
        },
        {"depends_on": {"payments": ["stripe-status", "bank-status"], "notifications": ["mail-status"]}},
    ],
    ids=str,
)
def test_other_settings_yield_a_valid_configuration_too(changes: dict[str, Any], tmp_path: Path) -> None:
    check(written(tmp_path, **changes), "wait-exceeds-interval")


def test_every_alert_has_its_receivers_written_down_once() -> None:
    assert sorted(name for row in ROWS for name in row["alerts"]) == sorted(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_alert_reaches_exactly_its_receivers(name: str, prometheus: Path) -> None:
    row, rule = ROW_OF[name], RULES[name]
    labels = {**CASES[name]["fires"]["labels"], **rule["labels"]} if name in CASES else rule["labels"]
    expected = [f"escalation-{tier}" for tier in row["after"]] + [row["receiver"]]
    command = ["config", "routes", "test", "--config.file=alertmanager.yml", f"--verify.receivers={','.join(expected)}"]
    run(tool("amtool"), *command, f"alertname={name}", *(f"{key}={value}" for key, value in labels.items()), cwd=prometheus)


@pytest.mark.parametrize("row", ROWS, ids=[row["why"] for row in ROWS])
def test_a_receiver_tells_exactly_the_kinds_that_the_requirements_name(
    row: dict[str, Any], configuration: dict[str, Any]
) -> None:
    assert kinds(configuration, row["receiver"]) == {*row["told"], "webhook"}
    for tier in row["after"]:
        assert kinds(configuration, f"escalation-{tier}") == {"email", "webhook"}


def kinds(configuration: dict[str, Any], name: str) -> set[str]:
    [receiver] = [each for each in configuration["receivers"] if each["name"] == name]
    found = [key.removesuffix("_configs") for key in receiver if key != "name"]
    assert all(len(receiver[f"{kind}_configs"]) == 1 for kind in found)
    return {KINDS.get(kind, kind) for kind in found}


def test_every_page_calls_who_is_on_call_at_once(configuration: dict[str, Any]) -> None:
    """PagerDuty knows who that is."""
    assert all("pagerduty" in row["told"] for row in ROWS if row["receiver"].startswith("P0"))
    [p0] = [route for route in configuration["route"]["routes"] if route["receiver"] == "P0"]
    assert p0["group_wait"] == "10s"


def test_a_tier_follows_after_as_long_as_the_requirements_say_for_what_pages(configuration: dict[str, Any]) -> None:
    routes = [route for route in configuration["route"]["routes"] if route["receiver"].startswith("escalation-")]
    assert {route["receiver"]: route["group_wait"] for route in routes} == {
        "escalation-l2": "5m",
        "escalation-l3": "30m",
        "escalation-manager": "2h",
    }
    assert all(route["continue"] for route in routes), "or the first would be the last to be told"
    mails = {each["name"]: each["email_configs"][0]["to"] for each in configuration["receivers"] if "email_configs" in each}
    assert len({mails[route["receiver"]] for route in routes} | {mails["P0"]}) == 4
    assert {name for name, rule in RULES.items() if rule["labels"]["priority"] in PAGES} == {
        name for name, row in ROW_OF.items() if row["after"]
    }


def test_messages_are_gathered_and_told_when_the_table_says(configuration: dict[str, Any]) -> None:
    for name, rule in RULES.items():
        route = innermost(configuration["route"], rule["labels"])
        gathered = ROW_OF[name].get("message")
        assert route.get("active_time_intervals", []) == (
            {"daily": ["daily-digest"], "in business hours": ["business-hours"]}.get(str(gathered), [])
        ), name
        if gathered in ("hourly", "daily"):
            assert route["group_by"] == ["priority"], "one message"
            assert route["group_interval"] == {"hourly": "1h", "daily": "30m"}[gathered]


def innermost(route: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The last route that takes an alert, by its priority and domain alone: no other label decides."""
    for below in route.get("routes", ()):
        if not below.get("continue") and all(holds(matcher, labels) for matcher in below["matchers"]):
            return innermost(below, labels)
    return route


def holds(matcher: str, labels: dict[str, str]) -> bool:
    name, values = matcher.replace("=~", "=").split("=")
    return labels[name] in values.strip('"').split("|")


def test_an_alert_of_somebody_elses_rules_is_told_as_a_p2(prometheus: Path) -> None:
    command = ["config", "routes", "test", "--config.file=alertmanager.yml", "--verify.receivers=P2"]
    run(tool("amtool"), *command, "alertname=Foreign", cwd=prometheus)


def test_nobody_is_told_on_holidays_of_what_can_wait(tmp_path: Path) -> None:
    hours = {"holidays": ["2026-12-25"], "days": "monday:thursday", "from": "08:30", "location": "Europe/Berlin"}
    configuration = yaml.safe_load((written(tmp_path, business_hours=hours) / "alertmanager.yml").read_text())
    intervals = {each["name"]: each["time_intervals"] for each in configuration["time_intervals"]}
    assert intervals["holidays"] == [
        {"years": ["2026"], "months": ["12"], "days_of_month": ["25"], "location": "Europe/Berlin"},
    ]
    assert intervals["business-hours"][0]["weekdays"] == ["monday:thursday"]
    assert intervals["business-hours"][0]["times"] == [{"start_time": "08:30", "end_time": "18:00"}]
    assert intervals["daily-digest"][0]["times"] == [{"start_time": "09:00", "end_time": "10:00"}]
    muted = {
        tuple(route["matchers"])
        for route in routes_of(configuration["route"])
        if route.get("mute_time_intervals") == ["holidays"]
    }
    assert muted == {('priority="P3"',), ('domain=~"product|revenue|satisfaction"',)}


def test_planned_work_is_silent_on_what_it_is_about_wherever_that_is_told(tmp_path: Path) -> None:
    work = [
        {"slos": ["api-latency"], "days": [6], "from": "23:00", "to": "01:00"},
        {"slos": ["api-latency"], "services": ["postgres"], "days": [0], "from": "02:00", "to": "04:00"},
    ]
    configuration = yaml.safe_load((written(tmp_path, maintenance=work) / "alertmanager.yml").read_text())
    intervals = {each["name"]: each["time_intervals"] for each in configuration["time_intervals"]}
    assert intervals["maintenance-0"] == [
        {"weekdays": ["saturday"], "times": [{"start_time": "23:00", "end_time": "24:00"}]},
        {"weekdays": ["sunday"], "times": [{"start_time": "00:00", "end_time": "01:00"}]},
    ]
    assert intervals["maintenance-1"] == [{"weekdays": ["sunday"], "times": [{"start_time": "02:00", "end_time": "04:00"}]}]
    told = [route for route in routes_of(configuration["route"]) if "receiver" in route]
    assert len(told) > 10
    for route in told:
        below = {tuple(each["matchers"]): each for each in route["routes"]}
        assert below['slo="api-latency"',]["mute_time_intervals"] == ["maintenance-0", "maintenance-1"]
        database = below['service="postgres"',]
        assert database["mute_time_intervals"] == ["maintenance-1"]
        assert database.get("active_time_intervals") == route.get("active_time_intervals"), "a route inherits none"


def routes_of(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for below in route.get("routes", ()):
        yield from routes_of(below)


def test_a_tier_without_anybody_to_tell_is_left_out(tmp_path: Path) -> None:
    changes = {
        "receivers": {"email": None, "webhook": None},
        "escalation": {"l3": {"receivers": {"slack": {"channel": "#leads"}}}},
    }
    configuration = yaml.safe_load((written(tmp_path, **changes) / "alertmanager.yml").read_text())
    tiers = {each["name"]: each for each in configuration["receivers"] if each["name"].startswith("escalation-")}
    assert list(tiers) == ["escalation-l3"]
    assert tiers["escalation-l3"]["slack_configs"][0]["channel"] == "#leads"


def test_nothing_that_anybody_may_read_holds_a_secret(configuration: dict[str, Any]) -> None:
    names = set(keys_in(configuration))
    assert {"routing_key_file", "api_url_file"} <= names
    by_value = {
        "routing_key",
        "service_key",
        "auth_password",
        "auth_secret",
        "access_key",
        "secret_key",
        "password",
        "credentials",
    }
    assert not names & by_value
    slacks = [slack for receiver in configuration["receivers"] for slack in receiver.get("slack_configs", ())]
    assert not [slack for slack in slacks if "api_url" in slack]


def keys_in(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        yield from content
    for below in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from keys_in(below)
