"""Whether a bundle's configuration makes sense beside the sources: they know what limits, alerts and domains there are."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from exporter.bundle.jsonnet import evaluate
from exporter.bundle.presence import OWN
from exporter.document import Problem

_KNOWN = """
local fields(rows) = { [name]: std.objectFields(rows[name]) for name in std.objectFields(rows) };
local metrics = std.objectValues(import 'dashboards/lib/metrics.libsonnet');
local rules = [rule for group in mixin.prometheusAlerts.groups for rule in group.rules];
{
  kinds: std.set(std.flatMap(function(metric) metric.kinds, metrics)),
  packs: std.set(std.flatMap(function(metric) metric.packs, metrics)),
  limits: mixin.lib.limits,
  alerts: std.set([rule.alert for rule in rules]),
  domains: std.set([rule.labels.domain for rule in rules]),
  slos: fields((import 'alerts/slo.jsonnet')(mixin.lib).objectives),
  anomalies: fields((import 'alerts/anomalies.jsonnet')(mixin.lib).anomalies),
  tiers: std.objectFields(mixin._config.escalation),
  presets: import 'dashboards/lib/presets.libsonnet',
}
"""
_ROWS = {"slos": "objective", "anomalies": "anomaly"}
_OF_SERVICE = ("objective", "page", "minimum")
_NAME = re.compile(r"[\w.-]+")  # rules choose among them by an expression
_NAMED = "expected a name of letters, digits, points, hyphens and underscores"
_TIER = ("after", "priorities", "receivers")
_STEPS = ("warning", "critical")


def problems(given: Mapping[str, Any], sources: Path) -> Iterator[Problem]:
    """What is wrong with the values of `Bundle` that were given, each of which is right by itself."""
    known = evaluate(sources, _KNOWN)
    for key, what, names in (("collectors", "collector", known["kinds"]), ("packs", "pack", known["packs"])):
        for index, name in enumerate(given.get(key) or ()):
            if name not in set(names) - OWN:
                yield _unknown((key, str(index)), what, sorted(set(names) - OWN), name)
    yield from chain(
        _limits(given, known), _rows(given, known), _alerts(given, known), _domains(given, known), _tiers(given, known)
    )
    for index, work in enumerate(given.get("maintenance", ())):
        yield from _maintenance(("maintenance", index), work, {*known["slos"], *_objectives(given.get("slos", {}))})


def _limits(given: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Problem]:
    preset = known["presets"].get(given.get("preset"), {}).get("limits", {})
    for name, values in given.get("limits", {}).items():
        if name not in known["limits"]:
            yield _unknown(("limits", name), "limit", known["limits"])
            continue
        default = known["limits"][name]
        for key, value in values.items():
            if key not in default:
                yield _unknown(("limits", name, key), "value", default)
            elif name.endswith("_ratio") and key in _STEPS and abs(value) > max(1, default[key]):
                yield Problem(("limits", name, key), "expected a share such as 0.8: of more than all there is never any")
        now = default | preset.get(name, {}) | values
        if default.keys() >= {*_STEPS} and (now["critical"] > now["warning"]) != (default["critical"] > default["warning"]):
            side = "above" if default["critical"] > default["warning"] else "below"
            yield Problem(
                ("limits", name),
                f"expected critical {side} warning; they are {now['critical']:g} and {now['warning']:g}",
                shows_value=False,
            )


def _rows(given: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Problem]:
    """Objectives and anomalies: those that are there may be changed, one of the user's own is given whole."""
    for table, what in _ROWS.items():
        fields = set(chain.from_iterable(known[table].values()))
        for name, row in given.get(table, {}).items():
            if not _NAME.fullmatch(name):
                yield Problem((table, name), _NAMED, shows_value=False)
                continue
            if name not in known[table] and "help" not in (row or {}):  # each has that, and hardly any change is of it
                yield _unknown((table, name), what, known[table])
                continue
            for key in row or ():
                if key not in fields:
                    yield _unknown((table, name, key), "field", sorted(fields))
            if "services" in (row or ()):
                yield from _services((table, name, "services"), row, known[table])


def _services(place: tuple[str, ...], row: Mapping[str, Any], objectives: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Services of which an objective is promised separately, each with what differs there."""
    services: object = row["services"]
    divisible = [name for name, fields in objectives.items() if "services" in fields]
    if place[1] not in divisible:
        yield Problem(place, f"this objective is not counted by service; {', '.join(divisible)} are", shows_value=False)
    elif own := sorted(row.keys() & {"errors", "total"}):
        yield Problem(place, f"{' and '.join(own)} of your own cannot be divided by service", shows_value=False)
    elif not isinstance(services, dict):
        yield Problem(
            place, "expected services by name, each with what differs there: {billing: {}, search: {objective: 0.99}}"
        )
    else:
        for service, changes in services.items():
            yield from _service((*place, str(service)), changes)


def _service(place: tuple[str, ...], changes: object) -> Iterator[Problem]:
    if not _NAME.fullmatch(place[-1]):
        yield Problem(place, _NAMED, shows_value=False)
    elif not isinstance(changes, dict):
        yield Problem(place, "expected what differs there, such as {objective: 0.99}; {} if nothing does")
    else:
        yield from (_unknown((*place, key), "field", _OF_SERVICE) for key in changes if key not in _OF_SERVICE)


def _objectives(slos: Mapping[str, Any]) -> Iterator[str]:
    """The names that a user gives to objectives, those of single services among them."""
    for name, row in slos.items():
        yield name
        services = (row or {}).get("services", {})
        if isinstance(services, dict):  # what else it may be is told elsewhere
            yield from (f"{name}-{service}" for service in services)


def _alerts(given: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Problem]:
    for name in given.get("alerts", {}):
        if name not in known["alerts"]:
            yield _unknown(("alerts", name), "alert", known["alerts"])


def _domains(given: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Problem]:
    for period, digest in given.get("digests", {}).items():
        for index, name in enumerate(digest.get("domains", ())):
            if name not in known["domains"]:
                yield _unknown(("digests", period, "domains", index), "domain", known["domains"], name)
    for priority, change in given.get("priorities", {}).items():
        for name in change.get("domains", ()):
            if name not in known["domains"]:
                yield _unknown(("priorities", priority, "domains", name), "domain", known["domains"])
        if priority == "P0" and change.get("waits"):
            yield Problem(("priorities", "P0", "waits"), "expected false: P0 is told at once, at night too")


def _tiers(given: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Problem]:
    for name, tier in given.get("escalation", {}).items():
        missing = [key for key in _TIER if tier is not None and key not in tier]
        if name not in known["tiers"] and missing:
            yield Problem(
                ("escalation", name),
                f"a tier of your own needs {', '.join(_TIER)}; this one lacks {', '.join(missing)}",
                shows_value=False,
            )


def _maintenance(place: tuple[str | int, ...], work: Mapping[str, Any], objectives: Collection[str]) -> Iterator[Problem]:
    if work["from"] == work["to"]:
        yield Problem((*place, "to"), "expected another time than `from`; a whole day is from 00:00 to 24:00")
    for index, name in enumerate(work.get("slos", ())):
        if name not in objectives:
            yield _unknown((*place, "slos", index), "objective", objectives, name)


def _unknown(place: tuple[str | int, ...], what: str, known: Collection[str], name: str | None = None) -> Problem:
    near = difflib.get_close_matches(name or str(place[-1]), known, 1)
    expected = near[0] if near else f"one of {', '.join(sorted(known))}"
    return Problem(place, f"there is no such {what}; expected {expected}", shows_value=False)
