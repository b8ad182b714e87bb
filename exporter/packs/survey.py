"""Survey: which views of the contract a database has, whether they are mapped, and how they differ from the contract.

Source: https://www.postgresql.org/docs/current/catalogs.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.packs import contract

# A view that is not mapped yet is as `bellwether schema` made it: columns of NULL, from nothing, where false.
SQL = r"""
    select relation.relname as view,
           not (relation.relkind = 'v' and definition !~* '\mfrom\M' and definition ~* '\mwhere false;?\s*$') as mapped,
           has_schema_privilege(relation.relnamespace, 'usage') and has_table_privilege(relation.oid, 'select') as readable,
           array_agg(attribute.attname::text order by attribute.attnum) as columns,
           array_agg(type.typname::text order by attribute.attnum) as types
    from pg_catalog.pg_class as relation
    join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
    join pg_catalog.pg_attribute as attribute on attribute.attrelid = relation.oid and attribute.attnum > 0
     and not attribute.attisdropped
    join pg_catalog.pg_type as type on type.oid = attribute.atttypid
    cross join lateral (
      select case relation.relkind when 'v' then pg_catalog.pg_get_viewdef(relation.oid) else '' end
    ) as texts (definition)
    where namespace.nspname = 'bellwether' and relation.relkind in ('v', 'm', 'r', 'p', 'f')
    group by relation.oid, relation.relname, relation.relkind, relation.relnamespace, definition
"""

_NAMES = {"bigint": "int8", "boolean": "bool", "int": "int4"}
"""What the catalogue calls the types that it does not call as the contract does."""


@dataclass(frozen=True, slots=True)
class Found:
    """A view as the database has it."""

    mapped: bool
    readable: bool
    columns: Mapping[str, str]
    """Types by name."""


Survey = Mapping[str, Found]
"""Views by name."""


def survey(rows: Iterable[Mapping[str, Any]]) -> Survey:
    """What the rows of the query say."""
    return {
        row["view"]: Found(row["mapped"], row["readable"], dict(zip(row["columns"], row["types"], strict=True))) for row in rows
    }


def unmapped(found: Survey, views: Iterable[str]) -> list[str]:
    """Those of the views that are not there, or not mapped."""
    return sorted(view for view in views if view not in found or not found[view].mapped)


def differences(found: Survey, views: Iterable[str]) -> list[str]:
    """How these views differ from the contract, in a few words each."""
    return [f"bellwether.{view}: {difference}" for view in sorted(views) for difference in _differences(found, view)]


def _differences(found: Survey, view: str) -> Iterable[str]:
    if view not in found:
        yield "there is no such view; bellwether schema prints it"
        return
    if not found[view].readable:
        yield "the role lacks the right to read it; grant usage on the schema and select on the view"
    declared = contract.views().get(view)
    for column in declared.columns if declared else ():
        type_ = found[view].columns.get(column.name)
        expected = _NAMES.get(column.type, column.type)
        if type_ is None:
            yield f"the column {column.name} is missing"
        elif type_ != expected:
            yield f"the column {column.name} is of type {type_}, expected {expected}"
