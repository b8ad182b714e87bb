"""Bloat, estimated: how many more pages a relation has than its rows need, going by the statistics of ANALYZE.

Estimates, good for finding the worst and for trends: padding between columns, long values kept elsewhere and (in indexes)
entries merged into one are not known. Only tables whose rows the role may read have statistics it may see.
Source: https://www.postgresql.org/docs/current/storage-page-layout.html, https://www.postgresql.org/docs/current/view-pg-stats.html
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

from exporter.collectors.postgres.query import Query, family
from exporter.collectors.postgres.relations import BLOCK_SIZE, MEMBERS
from exporter.collectors.postgres.top import TopQuery
from exporter.metric import Metric

_BLOAT = "pg_bloat_"
TABLES = family(
    _BLOAT,
    "datname schemaname relname",
    table_bytes="Estimated disk space of the table that its live rows do not need, without long values kept elsewhere.",
    table_ratio="Estimated share of the table's pages that its live rows do not need.",
)
INDEXES = family(
    _BLOAT,
    "datname schemaname relname indexrelname",
    index_bytes="Estimated disk space of the B-tree index that its entries do not need.",
    index_ratio="Estimated share of the B-tree index's pages that its entries do not need.",
)

_PAGE_HEADER, _LINE_POINTER, _TUPLE_HEADER = 24, 4, 23
_INDEX_TUPLE_HEADER, _BTREE_SPECIAL = 8, 16

_OPTION = "(select option_value::int from pg_options_to_table(reloptions) where option_name = 'fillfactor')"
_ALIGNED = "8 * ceil(({}) / 8.0)"
_BITMAP = "case when bool_or(null_frac > 0) then ceil(count(*) / 8.0) else 0 end"

# Per relation: rows, pages, and bytes of one row or entry as the statistics have it; only where they know every column.
_TABLE_ROWS = f"""
    select pg_class.oid, nspname as schemaname, pg_class.relname, '' as indexrelname, relpages, reltuples,
           coalesce({_OPTION}, 100) as fillfactor, 0 as special,
           {_LINE_POINTER} + {_ALIGNED.format(f"{_TUPLE_HEADER} + {_BITMAP}")}
               + {_ALIGNED.format("sum((1 - null_frac) * avg_width)")} as row_bytes
      from pg_class
      join pg_namespace on pg_namespace.oid = relnamespace
      join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
      left join pg_stats on schemaname = nspname and tablename = relname and pg_stats.attname = pg_attribute.attname
                        and not inherited
     where pg_class.oid = any({MEMBERS}) and relkind in ('r', 'm') and relpages > 0 and reltuples > 0
     group by 1, 2, 3, relpages, reltuples, reloptions
    having count(*) = count(avg_width)
"""
_INDEX_ROWS = f"""
    select indexes.oid, nspname as schemaname, tables.relname, indexes.relname as indexrelname, indexes.relpages,
           indexes.reltuples, coalesce((select option_value::int from pg_options_to_table(indexes.reloptions)
                                         where option_name = 'fillfactor'), 90) as fillfactor, {_BTREE_SPECIAL} as special,
           {_LINE_POINTER} + {_INDEX_TUPLE_HEADER} + case when bool_or(null_frac > 0) then 8 else 0 end
               + {_ALIGNED.format("sum((1 - null_frac) * avg_width)")} as row_bytes
      from pg_index
      join pg_class as indexes on indexes.oid = indexrelid
      join pg_am on pg_am.oid = indexes.relam and amname = 'btree'
      join pg_class as tables on tables.oid = indrelid
      join pg_namespace on pg_namespace.oid = tables.relnamespace
      join pg_attribute as entry on entry.attrelid = indexrelid
      left join pg_attribute as owner
        on owner.attrelid = indrelid and owner.attnum = indkey[entry.attnum - 1] and owner.attnum > 0
      left join pg_stats on schemaname = nspname and not inherited
                        and tablename = case when owner.attnum is null then indexes.relname else tables.relname end
                        and pg_stats.attname = coalesce(owner.attname, entry.attname)
     where indexrelid = any({MEMBERS}) and indisvalid and indexes.relpages > 1 and indexes.reltuples > 0
     group by 1, 2, 3, 4, indexes.relpages, indexes.reltuples, indexes.reloptions
    having count(*) = count(avg_width)
"""
_ESTIMATE = f"""
    select current_database() as datname, schemaname, relname, indexrelname,
           greatest(0, relpages - needed) * {BLOCK_SIZE} as {{0}}_bytes,
           greatest(0, relpages - needed) / relpages as {{0}}_ratio
      from (select *, ceil(reltuples * row_bytes * 100 / fillfactor / ({BLOCK_SIZE} - {_PAGE_HEADER} - special))
                      + sign(special) as needed
              from ({{1}}) as rows) as estimated
"""  # an index has one page more, for itself
_RANKING = """
    select oid::text as key, relpages::float8 as score
      from pg_class
     where relkind in ({}) and relpersistence <> 't'
       and relnamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema', 'pg_toast'))
"""


def _estimate(of: str, metrics: dict[str, Metric], rows: str, kinds: str) -> Query:
    return TopQuery(
        f"bloat_{of}",
        _ESTIMATE.format(of, rows),
        metrics,
        scope="database",
        every=3600.0,  # the statistics change with each ANALYZE, not sooner
        size=50,
        review=3600.0,
        ranking=_RANKING.format(kinds),
    )


QUERIES = (_estimate("table", TABLES, _TABLE_ROWS, "'r', 'm'"), _estimate("index", INDEXES, _INDEX_ROWS, "'i'"))
