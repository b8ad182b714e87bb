"""Packs from their files: those shipped with Bellwether, and those of a folder of the user's own."""

import functools
import importlib.resources
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from exporter.document import Document, Problem, details_of, unknown_key
from exporter.errors import SettingsError
from exporter.fields import Model
from exporter.metric import Metric
from exporter.packs.origin import origin
from exporter.packs.pack import Measure, Pack, Query

_MODELS: Mapping[int, type[Model]] = {1: Pack, 3: Query, 5: Measure}  # by the length of the place of one of their keys


@functools.cache
def shipped() -> Mapping[str, Pack]:
    """The packs that come with Bellwether, by name."""
    return {name: load(file) for name, file in sorted(_files(_package()).items())}


@dataclass(frozen=True, slots=True)
class Choice:
    """The packs that are to run, and those that cannot."""

    packs: Mapping[str, Pack]
    refused: Mapping[str, str]
    """By the pack's name: what is wrong with its file, a line for each mistake, with file and line.

    A file whose name is that of a shipped pack goes by the whole of it.
    """

    def same_as(self, other: "Choice") -> bool:
        """Whether the packs say the same, wherever in their files they say it."""
        mine, theirs = ({name: pack.model_dump() for name, pack in each.packs.items()} for each in (self, other))
        return mine == theirs and self.refused == other.refused


def choose(names: Sequence[str] | None, folder: Path | None) -> Choice:
    """The packs so named, shipped or in the folder; without names all there are. Raises `ValueError` for a wrong choice."""
    if folder is not None and not folder.is_dir():
        raise ValueError(f"packs_dir: {str(folder)!r} is not a folder")
    own = {} if folder is None else _files(folder)
    packs: dict[str, Pack] = {}
    refused: dict[str, str] = {}
    owner: dict[str, str] = {}
    for name in dict.fromkeys([*shipped(), *sorted(own)] if names is None else names):
        if name not in own and name not in shipped():
            raise ValueError(f"packs: there is no pack {name!r}; there are {', '.join(sorted({*own, *shipped()}))}")
        try:
            pack = shipped()[name] if name in shipped() else load(own[name])
            _refuse_taken(pack, owner)
            _refuse_contradiction(pack)
        except SettingsError as error:
            refused[name] = str(error)
        else:
            packs[name] = pack
            owner |= {metric.name: name for metric in pack.declares()}
    for name in sorted(own.keys() & shipped().keys() & (own.keys() if names is None else set(names))):
        refused[f"{name}.yaml"] = f"{own[name]}:1: Bellwether ships a pack of this name, and runs that: rename the file"
    return Choice(packs, refused)


def readers() -> Mapping[str, Sequence[str]]:
    """The views of the contract that shipped packs read, each with those packs."""
    packs: dict[str, list[str]] = {}
    for name, pack in shipped().items():
        for view in pack.reads:
            packs.setdefault(view, []).append(name)
    return packs


def load(file: Traversable) -> Pack:
    """The pack in a file. Raises `SettingsError` with every mistake: file, line, path, what came, what was expected."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}; expected a pack, a YAML file") from error
    document = Document.parse(text, str(file))
    if not isinstance(document.data, dict):
        raise document.error([Problem((), f"expected a mapping with the keys {', '.join(Pack.model_fields)}")])
    try:
        pack = Pack.model_validate(document.data)
    except ValidationError as error:
        raise document.error(_problems(error)) from None
    for name, query in pack.queries.items():
        query.stands_at(origin(document, name, query.sql, query.metrics))
    return pack


def _package() -> Traversable:
    return importlib.resources.files("exporter.packs")


def _files(folder: Traversable) -> dict[str, Traversable]:
    return {file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")}


def _refuse_taken(pack: Pack, owner: Mapping[str, str]) -> None:
    """Raise `SettingsError` when a metric of the pack is another's, `owner` having packs by metric."""
    taken = [
        query.origin.of_metric(name, f"the pack {owner[name]} declares it, too: rename it in one")
        for query in pack.queries.values()
        for name in query.metrics
        if name in owner and query.origin
    ]
    if taken:
        raise SettingsError("\n".join(taken))


def _refuse_contradiction(pack: Pack) -> None:
    """Raise `SettingsError` when a metric of the pack is in a shipped one, chosen or not, and something else there."""
    wrong = []
    for query in pack.queries.values():
        for name, metric in query.declares().items():
            owner, known = _shipped_metrics().get(name, ("", metric))
            if query.origin and not metric.agrees_with(known):
                told = f"this is {metric.described}, and {known.described} in the pack {owner} that Bellwether ships: rename it"
                wrong.append(query.origin.of_metric(name, told))
    if wrong:
        raise SettingsError("\n".join(wrong))


@functools.cache
def _shipped_metrics() -> Mapping[str, tuple[str, Metric]]:
    """The metrics of the packs that come with Bellwether, each with its pack, by name."""
    return {metric.name: (name, metric) for name, pack in shipped().items() for metric in pack.declares()}


def _problems(error: ValidationError) -> Iterator[Problem]:
    for detail in details_of(error):
        place = tuple(key for key in detail["loc"] if key != "[key]")
        match detail["type"]:
            case "missing":
                yield Problem(place, "a value is required", shows_value=False)
            case "extra_forbidden":
                yield Problem(place, unknown_key(str(place[-1]), _MODELS[len(place)]), shows_value=False)
            case "value_error":  # the message says what came
                yield Problem(place, detail["msg"].removeprefix("Value error, "), shows_value=False)
            case _:
                yield Problem(place, detail["msg"].replace("Input should be", "expected"))
