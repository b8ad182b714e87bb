"""Plan: what PostgreSQL's planner expects a query to cost, and the index that would spare it reading a large table whole.

Source: https://www.postgresql.org/docs/current/using-explain.html
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

EXPLAIN = b"explain (verbose, format json) "

TABLE = """
    select coalesce(root.schema, namespace.nspname) as schema, coalesce(root.name, relation.relname) as name,
           case when relation.reltuples > 0 then relation.reltuples
                else pg_catalog.pg_relation_size(relation.oid) / 100 end::float8 as rows,
           array(
             select attname::text from pg_catalog.pg_attribute
             where attrelid = relation.oid and not attisdropped
               and atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
           ) as instants,
           array(
             select attname::text from pg_catalog.pg_index
             join pg_catalog.pg_attribute on attrelid = indrelid and attnum = indkey[0]
             where indrelid = relation.oid and indisvalid and indpred is null
           ) as indexed
    from pg_catalog.pg_class as relation
    join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
    left join lateral (
      select nspname, relname
      from pg_catalog.pg_class join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
      where relation.relispartition and pg_class.oid = pg_catalog.pg_partition_root(relation.oid)
    ) as root (schema, name) on true
    where namespace.nspname = %(schema)s and relation.relname = %(table)s
"""
"""Facts about a table: its rows, last counted or guessed from its size, and columns. A partition goes by its table's name."""

_LARGE = 100_000  # rows; fewer are read in some ten milliseconds
_FEW = 0.2  # of the rows; to get more of them, reading all is not much slower
_WORD = re.compile(r"[a-z_][a-z0-9_$]*")
_COMPARED = re.compile(
    r"""(?:(?:"(?:[^"]|"")+"|[\w$]+)\.)?(?P<column>"(?:[^"]|"")+"|[\w$]+)\s(?:<|<=|>|>=)\s\(?['$]""",
)


@dataclass(frozen=True, slots=True)
class Scan:
    """A table that is read whole, to find some of its rows."""

    schema: str
    table: str
    rows: float
    """How many the planner expects to find."""
    columns: tuple[str, ...]
    """Those that are compared with a constant, the most compared first."""


def scans(plan: Mapping[str, Any]) -> Iterator[Scan]:
    """The sequential scans in a plan that look for rows by comparing a bare column."""
    columns = Counter(
        match["column"].strip('"').replace('""', '"')
        for condition in _conditions(plan.get("Filter", ""))
        if (match := _COMPARED.match(condition))
    )
    if plan["Node Type"] == "Seq Scan" and columns:
        rows = plan["Plan Rows"]
        yield Scan(plan["Schema"], plan["Relation Name"], rows, tuple(name for name, _ in columns.most_common()))
    for below in plan.get("Plans", ()):
        yield from scans(below)


def advice(scan: Scan, facts: Mapping[str, Any]) -> str:
    """The index that would help, as a statement; empty when none would, or there is one."""
    instants = [column for column in scan.columns if column in facts["instants"]]
    if facts["rows"] < _LARGE or scan.rows > _FEW * facts["rows"] or not instants or set(instants) & set(facts["indexed"]):
        return ""
    return f"create index on {_quoted(facts['schema'])}.{_quoted(facts['name'])} ({_quoted(instants[0])})"


def _conditions(text: str) -> list[str]:
    """The parts of a filter that must all hold. The planner puts each into brackets, AND between, and brackets around all."""
    inner = text[1:-1]
    if not inner.startswith("("):
        return [inner]
    parts, between, depth, quote = [""], "", 0, ""
    for character in inner:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        depth += 0 if quote else {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and character == ")":
            parts.append("")
        elif depth == 0:
            between += character
        else:
            parts[-1] += character
    return [part[1:] for part in parts[:-1]] if set(between.split()) <= {"AND"} else []


def _quoted(name: str) -> str:
    return name if _WORD.fullmatch(name) else '"' + name.replace('"', '""') + '"'
