"""Warehouse: the contract as ClickHouse has it: the views that packs read there, empty to be mapped, and those that are found.

Source: https://clickhouse.com/docs/sql-reference/statements/create/view, https://clickhouse.com/docs/sql-reference/data-types
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from exporter.packs import contract, dialect, survey

TABLES = "select name, engine, as_select from system.tables where database = 'bellwether'"
COLUMNS = "select table, name, type from system.columns where database = 'bellwether' order by table, position"
"""What is there, as far as the user may read it."""

_HEAD = """\
-- The contract, for ClickHouse: the views that Bellwether's packs read there. Each is empty until it is mapped with
--     create or replace view bellwether.events as select toString(id) as event_id, … from shop.events;
-- ClickHouse takes any columns for a mapping: bellwether check tells those that are missing or of another type.
-- Create them with  bellwether schema --engine clickhouse | clickhouse-client --multiquery
-- A view that exists stays as it is, so this may run again when a new version or another pack reads more of them.

create database if not exists bellwether;"""

_EMPTY = {
    "text": "String",
    "timestamptz": "DateTime64(6, 'UTC')",
    "date": "Date",
    "numeric": "Decimal(38, 9)",
    "int": "Int32",
    "bigint": "Int64",
    "boolean": "Bool",
}
"""The type of a column in a view that is not mapped, by that of the contract."""

_INTEGER = r"U?Int\d+"
_FITTING = {
    "text": re.compile(r"String|FixedString\(.*\)|Enum\d+\(.*\)|UUID"),
    "timestamptz": re.compile(r"DateTime(?:64)?(?:\(.*\))?"),
    "date": re.compile(r"Date(?:32)?"),
    "numeric": re.compile(rf"{_INTEGER}|B?Float\d+|Decimal\(.*\)"),
    "int": re.compile(_INTEGER),
    "bigint": re.compile(_INTEGER),
    "boolean": re.compile(r"Bool|UInt8"),
}
"""The types that will do, by that of the contract; any may be Nullable or LowCardinality."""

_CATALOGUED = {"bigint": "int8", "boolean": "bool", "int": "int4"}
"""What a survey calls the types that it does not call as the contract does."""

_WRAPPED = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)", re.DOTALL)
_UNMAPPED = re.compile(r"select null as (?:(?!\bfrom\b).)*where (?:false|0)", re.IGNORECASE | re.DOTALL)


def as_sql(names: Iterable[str] | None = None) -> str:
    """SQL that creates the views so named, or all that packs read on ClickHouse."""
    read = {view for pack in dialect.translations().values() for view in pack.reads}
    wanted = read if names is None else read & set(names)
    return "\n\n".join([_HEAD, *(_empty(view) for name, view in contract.views().items() if name in wanted)]) + "\n"


def found(tables: Iterable[Mapping[str, Any]], columns: Iterable[Mapping[str, Any]]) -> survey.Survey:
    """What the rows of the two queries say. A column whose type will do is said to have that of the contract."""
    types: dict[str, dict[str, str]] = {}
    for row in columns:
        types.setdefault(row["table"], {})[row["name"]] = row["type"]
    return {
        row["name"]: survey.Found(
            not (row["engine"] == "View" and _UNMAPPED.fullmatch(row["as_select"].strip())),
            True,
            _in_words_of_the_contract(row["name"], types.get(row["name"], {})),
        )
        for row in tables
    }


def _in_words_of_the_contract(view: str, types: Mapping[str, str]) -> Mapping[str, str]:
    declared = contract.views().get(view)
    wanted = {column.name: column.type for column in declared.columns} if declared else {}
    words = {}
    for name, given in types.items():
        type_ = given
        while wrapped := _WRAPPED.fullmatch(type_):
            type_ = wrapped[1]
        fits = name in wanted and _FITTING[wanted[name]].fullmatch(type_)
        words[name] = _CATALOGUED.get(wanted[name], wanted[name]) if fits else given
    return words


def _empty(view: contract.View) -> str:
    columns = ",\n".join(
        f"  {column.name} Nullable({_EMPTY[column.type]}) comment {_quoted(column.meaning)}" for column in view.columns
    )
    nulls = ", ".join(f"null as {column.name}" for column in view.columns)
    return (
        f"create view if not exists bellwether.{view.name} (\n{columns}\n)\n"
        f"as select {nulls} where false\ncomment {_quoted(view.meaning)};"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
