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
             select pg_catalog.quote_ident(attname) from pg_catalog.pg_attribute
             where attrelid = relation.oid and not attisdropped
               and atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
           ) as instants,
           array(
             select pg_catalog.pg_get_indexdef(indexrelid, 1, false) from pg_catalog.pg_index
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
"""Facts about a table: its rows, last counted or guessed from its size, its columns, and what its indexes begin with.

A partition goes by its table's name.
"""

_LARGE = 100_000  # rows; fewer are read in some ten milliseconds
_FEW = 0.2  # of the rows; to get more of them, reading all is not much slower
_WORD = re.compile(r"[a-z_][a-z0-9_$]*")
_NAME = re.compile(r"""("(?:[^"]|"")+"|[A-Za-z_][\w$]*)(\.)?""")
_COLUMN = r"""(?:(?:"(?:[^"]|"")+"|[\w$]+)\.)?(?:"(?:[^"]|"")+"|[\w$]+)"""
# Expressions over one column that make an instant of it and, being immutable, may be indexed.
_EXPRESSION = (
    rf"to_timestamp\((?:{_COLUMN}|\({_COLUMN}\)::double precision"
    rf"|\(+{_COLUMN}(?:\)::numeric)? / [\d.]+\)+::double precision)\)"
    rf"|\({_COLUMN} AT TIME ZONE '[^']+'::text\)"
)
_COMPARED = re.compile(rf"(?P<instant>{_EXPRESSION}|{_COLUMN})\s(?:<|<=|>|>=)\s\(?['$]")


@dataclass(frozen=True, slots=True)
class Scan:
    """A table that is read whole, to find some of its rows."""

    schema: str
    table: str
    rows: float
    """How many the planner expects to find."""
    instants: tuple[str, ...]
    """What is compared with a constant, the most compared first: columns and expressions over one, as an index names them."""


def scans(plan: Mapping[str, Any]) -> Iterator[Scan]:
    """The sequential scans in a plan that look for rows by comparing a bare column, or one made an instant."""
    compared = Counter(
        _NAME.sub(lambda name: "" if name[2] else name[0], match["instant"])
        for condition in _conditions(plan.get("Filter", ""))
        if (match := _COMPARED.match(condition))
    )
    if plan["Node Type"] == "Seq Scan" and compared:
        instants = tuple(name for name, _ in compared.most_common())
        yield Scan(plan["Schema"], plan["Relation Name"], plan["Plan Rows"], instants)
    for below in plan.get("Plans", ()):
        yield from scans(below)


def advice(scan: Scan, facts: Mapping[str, Any]) -> str:
    """The index that would help, as a statement; empty when none would, or there is one, or it cannot be told."""
    instants = [instant for instant in scan.instants if "(" in instant or instant in facts["instants"]]
    if facts["rows"] < _LARGE or scan.rows > _FEW * facts["rows"] or not instants or set(instants) & set(facts["indexed"]):
        return ""
    return f"create index on {_quoted(facts['schema'])}.{_quoted(facts['name'])} ({instants[0]})"


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
    return [part[1:] for part in parts[:-1]] if set(between.split()) <= {"AND"} else [inner]


def _quoted(name: str) -> str:
    return name if _WORD.fullmatch(name) else '"' + name.replace('"', '""') + '"'
