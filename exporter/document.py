"""A YAML file and the places in it, so that what is wrong can be said with file, line, path, value and expectation."""

import difflib
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ValidationError

from exporter.errors import SettingsError
from exporter.fields import Model

Place = tuple[str | int, ...]
"""Where in a document: keys and indexes from its top."""

_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with libyaml
_DEEPEST = 20  # levels of a document that are looked into
_LONGEST_VALUE = 200  # characters of a wrong value that a message repeats


class Problem(Exception):
    """One wrong place in a document. Several become one `SettingsError`."""

    def __init__(self, place: Place, expected: str, *, shows_value: bool = True) -> None:
        super().__init__(expected)
        self.place, self.expected, self.shows_value = place, expected, shows_value


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says, and where it says it."""

    file: str
    data: Any
    node: yaml.Node | None

    @classmethod
    def read(cls, file: Path) -> Self:
        """The document of a file. Raises `SettingsError` when it cannot be read or is not YAML."""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise SettingsError(f"{file}: cannot be read: {cause}; expected a YAML file") from None
        return cls.parse(text, str(file))

    @classmethod
    def parse(cls, text: str, file: str) -> Self:
        """The document of a text; `file` names it in messages. Raises `SettingsError`."""
        try:
            node, repeated, data = _read(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{file}:{mark.line + 1}" if mark else file
            raise SettingsError(f"{place}: not YAML: {getattr(error, 'problem', None) or error}") from None
        document = cls(file, data, node)
        if repeated:
            raise document.error(Problem(place, "the key is given twice", shows_value=False) for place in repeated)
        return document

    def error(self, problems: Iterable[Problem]) -> SettingsError:
        """One error for all problems, a line each, from the top of the file down."""
        ordered = sorted(problems, key=lambda problem: self.line(problem.place))
        return SettingsError("\n".join(self._message(problem) for problem in ordered))

    def _message(self, problem: Problem) -> str:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.place).lstrip(".")
        # The value as the file has it: one that comes from the environment is shown as the variable's name.
        value = self._written(problem.place) if problem.shows_value else None
        shown = "" if value is None else f"{textwrap.shorten(repr(value), _LONGEST_VALUE, placeholder=' …')}: "
        return f"{self.file}:{self.line(problem.place)}: {path + ': ' if path else ''}{shown}{problem.expected}"

    def _written(self, place: Place) -> object:
        value = self.data
        for part in place:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return None if isinstance(value, dict | list) else value

    def line(self, place: Place) -> int:
        """The line, from 1, of the innermost part of the place that stands in the file."""
        node, line = self.node, 1 if self.node is None else self.node.start_mark.line + 1
        for part in place:
            if isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == part), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line


def _read(text: str) -> tuple[yaml.Node | None, list[Place], Any]:
    """A text's nodes, the keys given twice in it, and what it says. Raises `yaml.YAMLError`."""
    try:
        return _read_by(_FAST, text)
    except yaml.YAMLError:
        return _read_by(yaml.SafeLoader, text)  # its messages are the better ones


def _read_by(loader: Any, text: str) -> tuple[yaml.Node | None, list[Place], Any]:
    reader = loader(text)
    try:
        node = reader.get_single_node()
        repeated = list(_repeated(node))  # before values are made: that merges what `<<` refers to
        return node, repeated, None if node is None else reader.construct_document(node)
    finally:
        reader.dispose()


def _repeated(node: yaml.Node | None, place: Place = ()) -> Iterator[Place]:
    """Keys given twice in one mapping, which YAML forbids and PyYAML lets pass: the first would be lost without a word."""
    if len(place) > _DEEPEST:  # a loop of aliases
        return
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _repeated(child, (*place, index))
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield (*place, name)
            seen.add(name)
            yield from _repeated(value, (*place, name))


def details_of(error: ValidationError) -> Iterator[Mapping[str, Any]]:
    """What pydantic found wrong, but for a list that is too short only since what is in it is wrong."""
    details = error.errors(include_url=False)
    for detail in details:
        at = detail["loc"]
        inside = any(other["loc"][: len(at)] == at for other in details if len(other["loc"]) > len(at))
        if not (inside and detail["type"] == "too_short"):
            yield detail


def problems_of(error: ValidationError, model: type[Model], place: Place, given: Any) -> Iterator[Problem]:
    """What a model found wrong with the mapping `given`, that stands at `place`. No secret's value is shown."""
    for detail in details_of(error):
        at = detail["loc"]
        if detail["type"] == "extra_forbidden":  # its value may be a secret under a misspelt key
            yield Problem((*place, *at), unknown_key(str(at[-1]), model if len(at) == 1 else None), shows_value=False)
        elif detail["type"] == "missing":
            yield Problem((*place, *at), "a value is required", shows_value=False)
        else:
            secret = bool(at) and model.hides(str(at[0]))
            by_file = secret and isinstance(given, dict) and f"{at[0]}_file" in given
            expected = detail["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
            where = (f"{at[0]}_file",) if by_file else at
            hidden = detail["type"] == "hidden" or (secret and not by_file)
            yield Problem((*place, *where), expected, shows_value=not hidden)


def unknown_key(key: str, model: type[Model] | None) -> str:
    """What to say of a key that a model does not have."""
    if model is None:
        return "unknown key"
    known = sorted([*model.model_fields, *(f"{name}_file" for name in model.secret_names())])
    near = difflib.get_close_matches(key, known, 1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; expected one of {', '.join(known)}"
