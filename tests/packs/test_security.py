"""The pack `security`: every figure, against the same worked out from the story, and the edges by hand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from exporter.demo.chapters import Row
from exporter.packs.load import shipped
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.expected import histogram, rounded
from tests.packs.rows import counted, fill

SEVERITIES = ("critical", "high", "medium", "low")
OUTCOMES = ("allowed", "denied")
Told = Callable[[str], dict[str, list[Row]]]


class Finding(NamedTuple):
    """A row of shop.findings."""

    id: str
    found: datetime
    rule: str
    severity: str
    closed: datetime | None


class Access(NamedTuple):
    """A row of shop.audit_log."""

    id: str
    at: datetime
    action: str
    allowed: bool
    personal: bool
    violation: bool


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100), NOW - timedelta(days=201)])
async def test_findings_are_those_of_the_story(as_of: datetime, chapter: Told, asked: Asking) -> None:
    findings = [Finding(*row) for row in chapter("security")["findings"]]  # type: ignore[arg-type]
    found = await asked("security", as_of)
    ages: dict[str, list[float]] = {severity: [] for severity in SEVERITIES}
    taken: dict[Any, list[float]] = {}
    for row in findings:
        if row.found <= as_of and not (row.closed and row.closed <= as_of):
            ages[row.severity].append((as_of - row.found).total_seconds())
        if row.closed and as_of - timedelta(days=30) < row.closed <= as_of:
            taken.setdefault((row.severity, "30d"), []).append((row.closed - row.found).total_seconds())
    assert sum(map(len, ages.values())) > 10
    assert found["security_events_open"] == {(severity,): len(known) for severity, known in ages.items()}
    assert found["security_oldest_open_event_seconds"] == {(name,): max(known) for name, known in ages.items() if known}
    bounds = shipped()["security"].queries["resolutions"].buckets
    assert {labels: rounded(parts) for labels, parts in found["security_event_resolution_seconds"].items()} == {
        labels: histogram(seconds, bounds) for labels, seconds in taken.items()
    }
    assert found["security_events_total"] == counted(
        ((row.severity, row.rule) for row in findings if row.found <= as_of), SEVERITIES, None
    )
    assert found["security_events_resolved_total"] == counted(
        ((row.severity, row.rule) for row in findings if row.closed and row.closed <= as_of), SEVERITIES, None
    )


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_the_audit_log_is_that_of_the_story(as_of: datetime, chapter: Told, asked: Asking) -> None:
    log = [Access(*row) for row in chapter("security")["audit_log"]]  # type: ignore[arg-type]
    found = await asked("security", as_of)
    past = [(row, (row.action, "allowed" if row.allowed else "denied")) for row in log if row.at <= as_of]
    everything = counted((labels for _, labels in past), None, OUTCOMES)
    nothing = dict.fromkeys(everything, 0.0)
    sensitive = counted((labels for row, labels in past if row.personal), None, OUTCOMES)
    violations = counted((labels for row, labels in past if row.violation), None, OUTCOMES)
    assert len(past) > 10_000
    assert sum(violations.values()) > 10
    assert found["security_accesses_total"] == everything
    assert found["security_sensitive_accesses_total"] == nothing | sensitive
    assert found["security_policy_violations_total"] == nothing | violations


async def test_what_is_dealt_with_at_this_instant_is_not_open_and_what_is_none_is_zero(database: str) -> None:
    instant = timedelta(microseconds=1)
    findings = [
        {"severity": "critical", "kind": "x", "occurred_at": NOW - timedelta(hours=1), "resolved_at": NOW},
        {"severity": "high", "kind": "x", "occurred_at": NOW, "resolved_at": NOW + instant},
        {"severity": "medium", "kind": "x", "occurred_at": NOW + instant},
        {"severity": "low", "kind": "x", "occurred_at": NOW - timedelta(days=31), "resolved_at": NOW - timedelta(days=30)},
    ]
    fill(database, {"security_events": findings, "access_events": []})
    found = await ask(database, "security", NOW)
    assert found["security_events_open"] == {("critical",): 0, ("high",): 1, ("medium",): 0, ("low",): 0}
    assert found["security_oldest_open_event_seconds"] == {("high",): 0}
    assert set(found["security_event_resolution_seconds"]) == {("critical", "30d")}
    came = {(severity, "x"): 1 for severity in SEVERITIES} | {("medium", "x"): 0}
    assert found["security_events_total"] == came
    assert found["security_events_resolved_total"] == came | {("high", "x"): 0}


async def test_before_the_first_finding_there_is_nothing(asked: Asking) -> None:
    found = await asked("security", NOW - timedelta(days=1000))
    assert {name: series for name, series in found.items() if series} == {}
