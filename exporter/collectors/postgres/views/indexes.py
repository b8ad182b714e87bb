"""Indexes: how they are used, which are not, and which are there twice.

At most 100 of a database are shown, by their share of its indexes' pages and scans; of unused and duplicate ones the
20 largest.
Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW,
https://www.postgresql.org/docs/current/catalog-pg-index.html
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

from exporter.collectors.postgres.query import Query, family
from exporter.collectors.postgres.relations import BLOCK_SIZE, INDEXES, LOCKED, MEMBERS
from exporter.collectors.postgres.top import TopQuery
from exporter.metric import Metric

_LABELS = "datname schemaname relname indexrelname"
STAT = family(
    "pg_stat_user_indexes_",
    _LABELS,
    "counter",
    idx_scan="Scans of the index.",
    idx_tup_read="Entries that scans of the index returned.",
    idx_tup_fetch="Live rows fetched by plain scans of the index.",
)
SIZES = family(
    "pg_stat_user_indexes_",
    _LABELS,
    size_bytes="Disk space of the index; as of its last vacuum or analyze while somebody locks it exclusively.",
)
STATIO = family(
    "pg_statio_user_indexes_",
    _LABELS,
    "counter",
    idx_blks_read_total="Pages of the index read from outside shared buffers.",
    idx_blks_hit_total="Pages of the index found in shared buffers.",
)
UNUSED = family(
    "pg_index_",
    _LABELS,
    unused_bytes="Size of an index that was never scanned on this server since statistics were last set to 0, and that no "
    "constraint needs. Replicas count for themselves.",
)
DUPLICATE = family(
    "pg_index_",
    _LABELS,
    duplicate_bytes="Size of an index that another one of the table equals in columns, order, operators and condition.",
)
ALL = family(
    "pg_user_indexes_",
    "datname",
    count="Indexes of the database, without those of the system.",
    unused="Indexes never scanned since statistics were last set to 0, and that no constraint needs.",
    duplicate="Indexes that another one of the same table equals.",
    invalid="Indexes that are of no use, left behind by a CREATE INDEX CONCURRENTLY that failed or is still at work.",
) | family(
    "pg_user_indexes_",
    "datname",
    "gauge",
    "bytes",
    unused_bytes="Size of all unused indexes, as of their last vacuum or analyze.",
    duplicate_bytes="Size of all duplicate indexes, as of their last vacuum or analyze.",
)

# Expressions are compared as stored, without the places in the text they were made of: pg_get_expr() would take locks.
_JUDGED = f"""
    select stats.*, indisvalid, {BLOCK_SIZE} * greatest(relpages, 0)::int8 as bytes,
           idx_scan = 0 and indisvalid and not (indisunique or indisexclusion or indisreplident) as is_unused,
           row_number() over (
               partition by indrelid, relam, indkey::text, indclass::text, indcollation::text, indoption::text, indnkeyatts,
                            regexp_replace(indexprs::text, ':location -?\\d+', '', 'g'),
                            regexp_replace(indpred::text, ':location -?\\d+', '', 'g')
               order by indisvalid desc, indisprimary desc, indisunique desc, indexrelid
           ) > 1 and indisvalid and not (indisprimary or indisexclusion) as is_duplicate
      from pg_stat_user_indexes as stats
      join pg_index using (indexrelid)
      join pg_class on pg_class.oid = indexrelid
     where relpersistence <> 't'
"""


def _largest(name: str, metrics: dict[str, Metric], which: str) -> Query:
    """The largest of the indexes that are judged so."""
    (column,) = metrics
    return TopQuery(
        name,
        f"""
        select current_database() as datname, schemaname, relname, indexrelname, bytes as {column}
          from ({_JUDGED}) as judged
         where {which} and indexrelid = any({MEMBERS})
        """,
        metrics,
        scope="database",
        every=300.0,
        size=20,
        ranking=f"select indexrelid::text as key, bytes::float8 as score from ({_JUDGED}) as judged where {which}",
    )


QUERIES = (
    TopQuery(
        "stat_user_indexes",
        f"select current_database() as datname, stats.* from pg_stat_user_indexes as stats where indexrelid = any({MEMBERS})",
        STAT,
        scope="database",
        ranking=INDEXES,
    ),
    TopQuery(
        "stat_user_indexes_size",
        f"""
        with indexes as materialized (
            select indexrelid, indrelid, pg_class.relname as indexrelname, relpages, relation is not null as locked
              from pg_index
              join pg_class on pg_class.oid = indexrelid
              left join ({LOCKED}) as locked on relation = indexrelid
             where indexrelid = any({MEMBERS})
        )
        select current_database() as datname, nspname as schemaname, relname, indexrelname,
               case when locked then {BLOCK_SIZE} * indexes.relpages else pg_relation_size(indexrelid) end as size_bytes
          from indexes
          join pg_class on pg_class.oid = indrelid
          join pg_namespace on pg_namespace.oid = relnamespace
        """,
        SIZES,
        scope="database",
        every=60.0,
        ranking=INDEXES,
    ),
    TopQuery(
        "statio_user_indexes",
        f"""
        select current_database() as datname, schemaname, relname, indexrelname, idx_blks_read as idx_blks_read_total,
               idx_blks_hit as idx_blks_hit_total
          from pg_statio_user_indexes
         where indexrelid = any({MEMBERS})
        """,
        STATIO,
        scope="database",
        default=False,
        ranking=INDEXES,
    ),
    _largest("index_unused", UNUSED, "is_unused"),
    _largest("index_duplicate", DUPLICATE, "is_duplicate"),
    Query(
        "user_indexes",
        f"""
        select current_database() as datname, count(*), count(*) filter (where is_unused) as unused,
               count(*) filter (where is_duplicate) as duplicate, count(*) filter (where not indisvalid) as invalid,
               sum(bytes) filter (where is_unused) as unused_bytes, sum(bytes) filter (where is_duplicate) as duplicate_bytes
          from ({_JUDGED}) as judged
        """,
        ALL,
        scope="database",
        every=300.0,
        zeros=frozenset(ALL),
    ),
)
