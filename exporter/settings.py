"""The settings file: YAML in, `Settings` out."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.collector import Collector, Model, load_kinds
from exporter.document import Document, Place, Problem, problems_of, unknown_key
from exporter.health import SOURCE

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})")


class Settings(Model):
    """All that a user decides."""

    collectors: tuple[Collector, ...]
    """What is watched: a list, each entry with its `kind` and the settings of that kind."""


def load(file: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read a settings file. Raises `SettingsError`: one message, with a line for each thing that is wrong."""
    return settings_of(Document.read(file), os.environ if environment is None else environment)


def settings_of(document: Document, environment: Mapping[str, str]) -> Settings:
    """The settings that a document holds, `${NAME}` taken from the environment. Raises `SettingsError`."""
    data = document.data
    if not isinstance(data, dict):
        raise document.error([Problem((), "expected a mapping with the key collectors")])
    problems = [Problem((key,), unknown_key(str(key), Settings), shows_value=False) for key in data if key != "collectors"]
    entries = data.get("collectors")
    if not isinstance(entries, list) or not entries:
        problems.append(Problem(("collectors",), "expected a list of at least one collector, each with its kind"))
        raise document.error(problems)
    collectors: dict[str, Collector] = {}
    for index, entry in enumerate(entries):
        try:
            collector = _collector(entry, ("collectors", index), environment)
            _check_name(collector, collectors, ("collectors", index, "name"))
            collectors[collector.name] = collector
        except Problem as problem:
            problems.append(problem)
        except ValidationError as error:
            problems += problems_of(error, load_kinds()[entry["kind"]], ("collectors", index), entry)
    if problems:
        raise document.error(problems)
    return Settings(collectors=tuple(collectors.values()))


def _collector(entry: Any, place: Place, environment: Mapping[str, str]) -> Collector:
    if not isinstance(entry, dict):
        raise Problem(place, "expected a mapping with the key kind")
    kinds, kind = load_kinds(), str(entry.get("kind", ""))
    if kind not in kinds:
        near = difflib.get_close_matches(kind, kinds, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Problem((*place, "kind"), f"expected one of {', '.join(kinds)}{hint}")
    given = {key: value for key, value in entry.items() if key != "kind"}
    return kinds[kind].model_validate(_expand(given, place, environment))


def _check_name(collector: Collector, taken: Mapping[str, Collector], place: Place) -> None:
    if collector.name in taken or collector.name == SOURCE:
        raise Problem(place, f"the name {collector.name} is taken; give each collector a name of its own", shows_value=False)


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
