"""Dialect: packs as ClickHouse has them. What differs between the engines is SQL alone: the folder `clickhouse` has the text of
each query of a shipped pack that runs there; a pack of the user's own, run there, is written for it.

Source: https://clickhouse.com/docs/sql-reference/syntax, https://clickhouse.com/docs/interfaces/http#http-queries-with-parameters
"""

import functools
import importlib.resources
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from exporter.document import Document
from exporter.errors import SettingsError
from exporter.fields import Model
from exporter.packs.load import Choice, choose, shipped
from exporter.packs.origin import origin
from exporter.packs.pack import Pack, Query
from exporter.packs.statement import one_query

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
"""The earliest instant that ClickHouse knows."""

_SAME = "same"
"""Stands for the text of the pack itself."""

_NOT_CODE = re.compile(
    r"""(?:--|\#)[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`""", re.DOTALL
)
_REFUSED = re.compile(
    r"\b(?:now|now64|nowInBlock|nowInBlock64|today|current_date|current_timestamp|curdate|yesterday|utc_?timestamp)\s*\("
    r"|\b(?:settings\s+\w+\s*=|format\s+\w+\s*$|into\s+outfile\b)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")


class _Text(Model):
    sql: Annotated[str, AfterValidator(lambda sql: sql if sql == _SAME else one_query(sql))]


class _Texts(Model):
    queries: dict[str, _Text]


def chosen(names: Sequence[str] | None, folder: Path | None) -> Choice:
    """The packs so named, shipped or in the folder, as they run on ClickHouse; without names all that do.

    Raises `ValueError` for a wrong choice.
    """
    choice = choose(names, folder)
    packs, refused = {}, dict(choice.refused)
    for name, pack in choice.packs.items():
        if name in translations():
            packs[name] = translations()[name]
        elif name not in shipped():
            try:
                packs[name] = pack.model_copy(update={"queries": {key: _checked(each) for key, each in pack.queries.items()}})
            except SettingsError as error:
                refused[name] = str(error)
        elif names is not None:
            raise ValueError(f"packs: {name!r} does not run on ClickHouse; of those shipped, {', '.join(translations())} do")
    return Choice(packs, refused)


@functools.cache
def translations() -> Mapping[str, Pack]:
    """The packs that come with Bellwether and run on ClickHouse, by name, each with those queries that do."""
    folder = importlib.resources.files("exporter.packs").joinpath("clickhouse")
    files = {file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")}
    return {name: _translated(shipped()[name], file) for name, file in sorted(files.items())}


def statement(query: Query) -> str:
    """What ClickHouse is asked: its placeholders in place of the packs'."""
    return _PLACEHOLDER.sub(_placeholder, query.statement)


def lines_above(query: Query) -> int:
    """How many lines of the statement stand above the query's own SQL."""
    return query.statement[: query.lead].count("\n")


def parameters(query: Query, as_of: datetime, since: datetime | None = None) -> dict[str, datetime]:
    """What to bind, as `Query.parameters`, within what ClickHouse knows of time."""
    return query.parameters(as_of, None if since is None else max(since, BEGINNING))


def _translated(pack: Pack, file: Traversable) -> Pack:
    document = Document.parse(file.read_text(encoding="utf-8"), str(file))
    texts = _Texts.model_validate(document.data).queries
    queries = {}
    for name, text in texts.items():
        query = pack.queries[name]
        if text.sql != _SAME:
            query = query.model_copy(update={"sql": text.sql, "parts": 1})
            query.stands_at(origin(document, name, text.sql, query.metrics))
        queries[name] = _checked(query)
    reads = set[str]().union(*(query.reads for query in queries.values()))
    return pack.model_copy(update={"queries": queries, "reads": tuple(sorted(reads))})


def _checked(query: Query) -> Query:
    """The query. Raises `SettingsError` when it has a clock or settings of its own, or parts."""
    if query.parts > 1:
        said = "parts: on ClickHouse a query is asked whole"
        raise SettingsError(query.origin.message(said) if query.origin else said)
    code = _NOT_CODE.sub(lambda match: " " if match[0][0] in "-#/" else "0", query.sql)
    if refused := _REFUSED.search(code):
        said = f"got {refused[0].strip()!r}; the only clock is %(as_of)s, and settings and format are the same for all packs"
        raise SettingsError(query.origin.message(said) if query.origin else said)
    return query


def _placeholder(match: re.Match[str]) -> str:
    return f"{{{match[1]}:DateTime64(6, 'UTC')}}" if match[1] else "%"
