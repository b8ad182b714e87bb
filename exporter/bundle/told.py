"""Who is told of an alert, and when: the way that its labels take through Alertmanager's routes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_MATCHER = re.compile(r'(\w+)(=~?)"(.*)"')
_NAMES = {"sns": "sms"}  # Alertmanager's name, and that of the configuration


def told(alertmanager: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    """In words: first who is told at once, then each tier that follows."""
    receivers = {receiver["name"]: channels(receiver) for receiver in alertmanager["receivers"]}
    *tiers, own = _ways(alertmanager["route"], labels, {})
    yield f"Told: {receivers[own['receiver']]}{_when(own)}."
    for tier in tiers:
        name = tier["receiver"].removeprefix("escalation-")
        yield f"After {tier['group_wait']}, unless silenced: {name} ({receivers[tier['receiver']]})."


def channels(receiver: Mapping[str, Any]) -> str:
    """The kinds by which a receiver tells."""
    found = [key.removesuffix("_configs") for key in receiver if key.endswith("_configs")]
    return ", ".join(sorted(_NAMES.get(name, name) for name in found)) or "nobody"


def _ways(route: Mapping[str, Any], labels: Mapping[str, str], above: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The innermost routes that take an alert, with what they inherit."""
    inherited = {key: value for key, value in above.items() if not key.endswith("_intervals")}
    here = {**inherited, **{key: value for key, value in route.items() if key not in ("routes", "continue")}}
    taken = False
    for below in route.get("routes", ()):
        if all(_holds(matcher, labels) for matcher in below["matchers"]):
            taken = True
            yield from _ways(below, labels, here)
            if not below.get("continue"):
                return
    if not taken:
        yield here


def _holds(matcher: str, labels: Mapping[str, str]) -> bool:
    found = _MATCHER.fullmatch(matcher)
    if found is None:
        raise ValueError(f"a route has no such matcher: {matcher}")
    pattern = found[3] if found[2] == "=~" else re.escape(found[3])
    return re.fullmatch(pattern, labels.get(found[1], "")) is not None


def _when(route: Mapping[str, Any]) -> str:
    active = route.get("active_time_intervals", ())
    if "daily-digest" in active:
        return ", in one message a day"
    if route["group_by"] == ["priority"]:
        return f", in one message every {route['group_interval']}"
    return ", in business hours" if "business-hours" in active else ""
