"""The demo's incidents, group by group: each raises exactly the alerts that it should, in time, at those who are to know.

All durations of rules, routes and scrapes are divided by ten. The demo's collectors look every fifteen seconds as ever, and the
monitors of vendors every minute, which is what these times mostly are. An incident of a group has a place of its own in the
company, so that none explains another.

Two take longer than all others, and go on from the beginning while the others come and go: a fall of conversion, which is a
mean of an hour compared with a week before, and findings that nobody deals with, which climb the ladder to the manager.
"""

import subprocess
import time
from collections.abc import Iterator, Mapping

import httpx
import pytest

from tests.end_to_end.expected import ALWAYS, AWAY, FROM_THE_BEGINNING, GROUPS, LABELS, SILENCED, TRUE_TOO
from tests.end_to_end.messages import OF_THIS_MACHINE, hooked, kinds_for, kinds_told, known, receiver_of, settle
from tests.end_to_end.phone import phone
from tests.rules.rendered import RULES
from tests.stack import Sink, Stack, until
from tests.tools import tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.xdist_group("end to end")]

_FACTOR = 10.0
_PROMISED = {"P0": 600.0, "P1": 3600.0, "P2": 14_400.0}
"""Seconds from the beginning to the message."""
_LOOKS = 60.0  # seconds between two looks of the slowest collector, which no factor divides
_RESOLVED_WITHIN = 360.0  # seconds: windows, then `keep_firing_for`, then the group's interval
_WEEK, _HOUR, _MINUTE = 604_800, 3600, 60

_LADDER = {"l3": {"after": "8m"}, "manager": {"after": "12m"}}
"""Shorter than half an hour and two hours, which even divided are too long to wait for."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("incidents")
    with Sink() as sink, phone(sink) as sms:
        changes = {"escalation": _LADDER, "receivers": {"sms": sms}}
        with Stack(folder, sink, factor=_FACTOR, changes=changes).running() as stack:
            stack.hand_over("week-before", _week_before(stack))
            settle(stack)
            for incident in FROM_THE_BEGINNING:
                stack.start(incident)
            yield stack


def _week_before(stack: Stack) -> str:
    """The funnels' figures of now, as those of the hour a divided week ago and the ones after it, once a minute."""
    lines = until(lambda: [line for line in _page(stack).splitlines() if line.startswith("saas_funnel_")])
    began = time.time() - stack.seconds(_WEEK)
    times = range(int(began - stack.seconds(_HOUR)), int(began) + _HOUR, _MINUTE)
    return "".join(f"{line} {at}\n" for line in lines for at in times) + "# EOF\n"


def _page(stack: Stack) -> str:
    return httpx.get(f"http://{stack.exporter}/metrics", trust_env=False).text


@pytest.mark.parametrize("group", GROUPS)
def test_incidents_are_told_to_those_who_are_to_know(group: str, stack: Stack) -> None:
    _tell_all(stack, group, GROUPS[group])


def test_what_nobody_silences_climbs_to_the_manager_and_what_somebody_silences_stops(stack: Stack) -> None:
    sink = stack.sink
    with stack.incident("brute-force"):
        until(lambda: _is_told(sink, "LoginFailures"), _within("LoginFailures"))
        amtool = [str(tool("amtool")), f"--alertmanager.url=http://{stack.alertmanager}", "silence", "add"]
        options = ["--author=test", "--comment=looked at", "--duration=1h"]
        subprocess.run([*amtool, *options, "alertname=LoginFailures"], check=True, capture_output=True)
        time.sleep(stack.seconds(900))  # longer than the whole ladder
    assert set(_told_of(sink, "LoginFailures")) == {"P0"}
    until(lambda: "escalation-manager" in _told_of(sink, "CriticalSecurityEvent"), stack.seconds(2400) + _LOOKS)
    stack.end("security-breach")
    assert list(dict.fromkeys(_told_of(sink, "CriticalSecurityEvent"))) == ["P0", *sorted(_tiers())]
    assert _is_told(sink, "CriticalSecurityEvent")
    unanswered = {str(mail["to"]) for mail in sink.mails if str(mail["subject"]).startswith("Not acknowledged")}
    assert {"l2@example.com", "l3@example.com", "engineering-manager@example.com"} <= unanswered


def test_a_fall_of_conversion_is_told_in_the_message_of_the_hour(stack: Stack) -> None:
    until(lambda: _is_told(stack.sink, "FunnelConversionDropped"), 600)
    stack.end("conversion-drop")


@pytest.mark.parametrize("group", GROUPS)
def test_their_end_is_told_too(group: str, stack: Stack) -> None:
    _tell_the_end(stack, GROUPS[group])


@pytest.mark.parametrize("group", AWAY)
def test_what_takes_figures_away_is_told_and_its_end_too(group: str, stack: Stack) -> None:
    _tell_all(stack, group, AWAY[group])
    _tell_the_end(stack, AWAY[group])


def test_nobody_was_told_of_anything_else(stack: Stack) -> None:
    expected = {
        name for group in {**GROUPS, **AWAY, "silenced": SILENCED}.values() for names in group.values() for name in names
    }
    assert known(stack.sink) <= expected.union(ALWAYS, *TRUE_TOO.values())


def _tell_all(stack: Stack, group: str, incidents: Mapping[str, set[str]]) -> None:
    """Start incidents, wait until all are told, and end them."""
    began, before = time.monotonic(), known(stack.sink)
    for incident in incidents:
        stack.start(incident)
    try:
        waiting = {name for names in incidents.values() for name in names}
        expected = frozenset(waiting)
        while waiting:
            for name in sorted(name for name in waiting if _is_told(stack.sink, name)):
                print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - a figure for the closing note
                waiting.remove(name)
            late = {name for name in waiting if time.monotonic() - began > _within(name)}
            assert not late, {name: kinds_told(stack.sink, name) for name in late}
            time.sleep(0.5)
    finally:
        for incident in incidents:
            stack.end(incident)
    assert known(stack.sink) - before <= expected | TRUE_TOO[group] | ALWAYS
    for name in expected:
        assert set(_told_of(stack.sink, name)) - _tiers() == {receiver_of(name)}


def _tell_the_end(stack: Stack, incidents: Mapping[str, set[str]]) -> None:
    """Wait until those who were told know that it is over; but for the processors, which may be busy with something else."""
    began = time.monotonic()
    for name in sorted({name for names in incidents.values() for name in names} - OF_THIS_MACHINE):
        until(lambda name=name: [*hooked(stack.sink, name, "resolved")], _RESOLVED_WITHIN)  # type: ignore[misc]
        print(f"{name}: over after {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - as above


def _within(name: str) -> float:
    """Seconds to wait for an alert: what is promised, divided, and what nothing divides."""
    return _PROMISED[RULES[name]["labels"]["priority"]] / _FACTOR + _LOOKS


def _is_told(sink: Sink, name: str) -> bool:
    """Whether all who are to know were told of an alert, and that it is about what it should be."""
    labels = LABELS.get(name, {}).items()
    return kinds_told(sink, name) == kinds_for(name) and any(
        alert["labels"].items() >= labels for _, alert in hooked(sink, name, "firing")
    )


def _told_of(sink: Sink, name: str) -> list[str]:
    return [receiver for receiver, _ in hooked(sink, name, "firing")]


def _tiers() -> set[str]:
    return {"escalation-l2", "escalation-l3", "escalation-manager"}
