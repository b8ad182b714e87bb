"""Packs from their files: those shipped with Bellwether, and those of a folder of the user's own."""

import functools
import importlib.resources
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from exporter.document import Document, Problem, unknown_key
from exporter.errors import SettingsError
from exporter.fields import Model
from exporter.packs.pack import Measure, Pack, Query

DEFAULT = "revenue"
"""The pack that runs unless others are chosen."""

_MODELS: Mapping[int, type[Model]] = {1: Pack, 3: Query, 5: Measure}  # by the length of the place of one of their keys


def contract() -> str:
    """SQL that creates the contract: every view, empty, each column with its meaning."""
    return _package().joinpath("contract.sql").read_text(encoding="utf-8")


@functools.cache
def shipped() -> Mapping[str, Pack]:
    """The packs that come with Bellwether, by name."""
    return {name: load(file) for name, file in sorted(_files(_package()).items())}


def choose(names: Sequence[str] | None, folder: Path | None) -> dict[str, Pack]:
    """The packs so named, shipped or in the folder; without names the default and all of the folder.

    Raises `SettingsError` when a pack's file is wrong, `ValueError` when the choice is.
    """
    if folder is not None and not folder.is_dir():
        raise ValueError(f"packs_dir: {str(folder)!r} is not a folder")
    own = {} if folder is None else _files(folder)
    if both := own.keys() & shipped().keys():
        raise ValueError(f"packs_dir: {own[min(both)]} has the name of a pack that Bellwether ships: rename the file")
    packs: dict[str, Pack] = {}
    for name in (DEFAULT, *sorted(own)) if names is None else names:
        if name not in own and name not in shipped():
            raise ValueError(f"packs: there is no pack {name!r}; there are {', '.join(sorted({*own, *shipped()}))}")
        packs[name] = load(own[name]) if name in own else shipped()[name]
    _refuse_shared_metrics(packs)
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
        return Pack.model_validate(document.data)
    except ValidationError as error:
        raise document.error(_problems(error)) from None


def _package() -> Traversable:
    return importlib.resources.files("exporter.packs")


def _files(folder: Traversable) -> dict[str, Traversable]:
    return {file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")}


def _refuse_shared_metrics(packs: Mapping[str, Pack]) -> None:
    owner: dict[str, str] = {}
    for name, pack in packs.items():
        for metric in pack.declares():
            if metric.name in owner:
                raise ValueError(f"packs: {owner[metric.name]} and {name} both declare {metric.name}: rename it in one")
            owner[metric.name] = name


def _problems(error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
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
