"""The settings file: YAML in, `Settings` out."""

import contextlib
import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.agreement import contradictions
from exporter.collector import Collector, Model, kind_of, load_kinds
from exporter.collectors.probes.probe import Probe
from exporter.document import Document, Place, Problem, problems_of
from exporter.errors import SettingsError
from exporter.health import SOURCE
from exporter.probe import DEFAULT_MODULES, Prober

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})")

_KEYS = {"collectors", "probe"}
_PROBE_KEYS = {"modules", "targets"}


class Settings(Model):
    """All that a user decides."""

    collectors: tuple[Collector, ...]
    """What is watched: a list, each entry with its `kind` and the settings of that kind."""
    prober: Prober = Prober()
    """What `/probe` may do, from the key `probe`: `modules`, and the `targets` that are allowed."""


def load(file: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read a settings file. Raises `SettingsError`: one message, with a line for each thing that is wrong."""
    return settings_of(Document.read(file), os.environ if environment is None else environment)


def settings_of(document: Document, environment: Mapping[str, str]) -> Settings:
    """The settings that a document holds, `${NAME}` taken from the environment. Raises `SettingsError`."""
    data = document.data
    if not isinstance(data, dict):
        raise document.error([Problem((), "expected a mapping with the key collectors")])
    problems = [_unknown(key) for key in data if key not in _KEYS]
    collectors: dict[str, Collector] = {}
    places: dict[str, Place] = {}
    entries = data.get("collectors")
    if not isinstance(entries, list) or not entries:
        problems.append(Problem(("collectors",), "expected a list of at least one collector, each with its kind"))
        entries = []
    for index, entry in enumerate(entries):
        place = ("collectors", index)
        if collector := _collector(entry, place, environment, problems):
            if collector.name in collectors or collector.name == SOURCE:
                expected = f"the name {collector.name} is taken; give each collector a name of its own"
                problems.append(Problem((*place, "name"), expected, shows_value=False))
            collectors[collector.name] = collector
            places[collector.name] = place
    problems += [Problem(places[name], why, shows_value=False) for name, why in contradictions(collectors.values())]
    prober = _prober(data.get("probe", {}), environment, problems)
    if problems:
        raise document.error(problems)
    return Settings(collectors=tuple(collectors.values()), prober=prober)


def _prober(data: Any, environment: Mapping[str, str], problems: list[Problem]) -> Prober:
    if not isinstance(data, dict) or not isinstance(data.get("modules", {}), dict):
        problems.append(Problem(("probe",), "expected a mapping with the keys modules, a mapping by name, and targets, a list"))
        return Prober()
    problems += [
        Problem(("probe", key), "unknown key; expected modules or targets", shows_value=False)
        for key in data.keys() - _PROBE_KEYS
    ]
    targets = data.get("targets", [])
    if not isinstance(targets, list) or not all(isinstance(target, str) and target for target in targets):
        expected = "expected a list of URLs, or of host:port or host for probes other than HTTP; * stands for any text"
        problems.append(Problem(("probe", "targets"), expected))
        targets = []
    modules: dict[str, Probe] = {}
    # Without targets nothing can be probed, so that no kind of probe has to be imported.
    for name, entry in data.get("modules", DEFAULT_MODULES if targets else {}).items():
        place = ("probe", "modules", name)
        given = DEFAULT_MODULES.get(name) if entry is None else entry
        if module := _module(given, place, environment, problems):
            modules[str(name)] = module
    return Prober(modules, tuple(targets))


def _module(entry: Any, place: Place, environment: Mapping[str, str], problems: list[Problem]) -> Probe | None:
    """A probe without a target of its own; None, and a problem or more, when it is wrong."""
    kind = None
    if isinstance(entry, dict):
        with contextlib.suppress(SettingsError):  # said below
            kind = kind_of(str(entry.get("kind", "")))
        if taken := [key for key in ("target", "targets", "instance", "name") if key in entry]:
            problems.append(Problem((*place, taken[0]), "a module takes its target from the request", shows_value=False))
            return None
        if kind is not None and not issubclass(kind, Probe):
            problems.append(Problem((*place, "kind"), "expected a kind of probe: http, tcp, dns or icmp"))
            return None
        entry = {**entry, "target": kind.example if kind else "", "name": "probe"}
    module = _collector(entry, place, environment, problems)
    if not isinstance(module, Probe):
        return None
    problems += [
        Problem((*place, key), "a module that takes targets from outside may hold no secret", shows_value=False)
        for key in module.model_fields_set
        if module.hides(key)
    ]
    return module


def _collector(entry: Any, place: Place, environment: Mapping[str, str], problems: list[Problem]) -> Collector | None:
    """The collector of an entry; None, and a problem or more, when it is wrong."""
    try:
        return _built(entry, place, environment)
    except Problem as problem:
        problems.append(problem)
    except ValidationError as error:
        problems += problems_of(error, kind_of(str(entry["kind"])) or Collector, place, entry)
    return None


def _unknown(key: object) -> Problem:
    near = difflib.get_close_matches(str(key), _KEYS, 1)
    return Problem(
        (str(key),), f"unknown key; did you mean {near[0]}?" if near else "unknown key; expected collectors or probe"
    )


def _built(entry: Any, place: Place, environment: Mapping[str, str]) -> Collector:
    if not isinstance(entry, dict):
        raise Problem(place, "expected a mapping with the key kind")
    name = str(entry.get("kind", ""))
    try:
        kind = kind_of(name)
    except SettingsError as error:  # there is such a kind, in a package that cannot give it
        raise Problem((*place, "kind"), str(error), shows_value=False) from None
    if kind is None:
        known = load_kinds()
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Problem((*place, "kind"), f"expected one of {', '.join(known)}{hint}")
    given = {key: value for key, value in entry.items() if key != "kind"}
    return kind.model_validate(_expand(given, place, environment))


def _expand(value: Any, place: Place, environment: Mapping[str, str]) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` by the environment's values, and `$$` by one dollar."""
    if isinstance(value, dict):
        return {key: _expand(item, (*place, key), environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, (*place, index), environment) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name = match["name"]
        default: str | None = match["default"]
        found = environment.get(name, default)
        if found is None:
            expected = f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            raise Problem(place, expected, shows_value=False)  # the rest of the text may be a secret
        return found

    return _VARIABLE.sub(replace, value)
