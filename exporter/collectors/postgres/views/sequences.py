"""Sequences: how much of their numbers is used up.

The 50 of a database that matter most are read, by how many rows their tables had compared with the numbers there are. The role
has to be allowed to read them: `grant select on all sequences in schema ...`.
Source: https://www.postgresql.org/docs/current/catalog-pg-sequence.html
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

from typing import Any

from psycopg import sql

from exporter.clients.postgres import Cursor, Row
from exporter.collectors.postgres.query import family
from exporter.collectors.postgres.relations import LOCKED, MEMBERS
from exporter.collectors.postgres.top import TopQuery

SEQUENCES = family(
    "pg_sequence_",
    "datname schemaname sequencename",
    used_ratio="Share of a sequence's numbers that is used up, of those that fit the column it belongs to. A sequence that "
    "cycles is not counted.",
)

# The most a column can hold bounds its sequence: many a bigint sequence feeds an integer column.
_LIMITED = """
    select seqrelid, seqstart, seqincrement, seqmin, owner.refobjid as table_id,
           least(seqmax, case atttypid when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647
                         else 9223372036854775807 end) as most
      from pg_sequence
      join pg_class on pg_class.oid = seqrelid and relpersistence = 'p' and has_schema_privilege(relnamespace, 'usage')
      left join pg_depend as owner
        on owner.classid = 'pg_class'::regclass and owner.objid = seqrelid and owner.refclassid = 'pg_class'::regclass
       and owner.refobjsubid > 0 and owner.deptype in ('a', 'i')
      left join pg_attribute on attrelid = owner.refobjid and attnum = owner.refobjsubid
     where not seqcycle and seqincrement > 0 and has_sequence_privilege(seqrelid, 'select')
"""


class _Sequences(TopQuery):
    """Their values are columns of relations of their own, one each."""

    async def rows(self, cursor: Cursor, state: dict[str, Any]) -> list[Row]:
        members = await self.members(cursor, state)
        await cursor.execute(self.sql.encode(), {"members": members})
        sequences = await cursor.fetchall()
        if not sequences:
            return []
        values = sql.SQL(" union all ").join(
            sql.SQL("select {}::int8 as place, last_value, is_called from {}").format(
                sql.Literal(place), sql.Identifier(sequence["schemaname"], sequence["sequencename"])
            )
            for place, sequence in enumerate(sequences)
        )
        await cursor.execute(values)
        for value in await cursor.fetchall():
            sequence = sequences[value["place"]]
            first, most = sequence["first"], sequence["most"]
            used = value["last_value"] - first + value["is_called"]
            sequence["used_ratio"] = min(1.0, max(0.0, used / (most - first + 1)))
        return sequences


QUERIES = (
    _Sequences(
        "sequences",
        f"""
        select current_database() as datname, nspname as schemaname, relname as sequencename,
               least(seqmin, seqstart) as first, most
          from ({_LIMITED}) as limited
          join pg_class on pg_class.oid = seqrelid
          join pg_namespace on pg_namespace.oid = relnamespace
         where seqrelid = any({MEMBERS}) and seqrelid not in ({LOCKED})
        """,
        SEQUENCES,
        scope="database",
        every=300.0,
        size=50,
        review=3600.0,
        ranking=f"""
        select seqrelid::text as key, greatest(coalesce(reltuples, 0), coalesce(n_tup_ins, 0))::float8 / most as score
          from ({_LIMITED}) as limited
          left join pg_class on pg_class.oid = table_id
          left join pg_stat_user_tables on relid = table_id
        """,
    ),
)
