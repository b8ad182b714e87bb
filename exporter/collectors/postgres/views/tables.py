"""Tables: of each database those that matter most, and sums over all.

At most 100 tables of a database are shown, by their share of its pages and of the rows read and written; one that is shown
stays until another clearly matters more. There is no row for the others: a sum over what changes is no counter, and
pg_stat_database has what happened in all tables, pg_user_tables the state of all.
Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

from exporter.collectors.postgres.query import Query, family
from exporter.collectors.postgres.relations import BLOCK_SIZE, LOCKED, MEMBERS, TABLES
from exporter.collectors.postgres.top import TopQuery

_LABELS = "datname schemaname relname"
_STAT = "pg_stat_user_tables_"
STAT = (
    family(
        _STAT,
        _LABELS,
        "counter",
        seq_scan="Scans through the whole table.",
        seq_tup_read="Rows that scans through the whole table went through.",
        idx_scan="Scans of the table's indexes.",
        idx_tup_fetch="Rows fetched through indexes.",
        n_tup_ins="Rows inserted.",
        n_tup_upd="Rows updated.",
        n_tup_del="Rows deleted.",
        n_tup_hot_upd="Rows updated in their own page without touching an index.",
        vacuum_count="Times that the table was vacuumed by hand, without VACUUM FULL.",
        autovacuum_count="Times that autovacuum vacuumed the table.",
        analyze_count="Times that the table was analyzed by hand.",
        autoanalyze_count="Times that autovacuum analyzed the table.",
    )
    | family(
        _STAT,
        _LABELS,
        n_live_tup="Estimated live rows.",
        n_dead_tup="Estimated dead rows.",
        n_mod_since_analyze="Estimated rows changed since the table was last analyzed.",
        n_ins_since_vacuum="Estimated rows inserted since the table was last vacuumed.",
    )
    | family(
        _STAT,
        _LABELS,
        "gauge",
        "timestamp_seconds",
        last_vacuum="When the table was last vacuumed by hand, in Unix time; 0 for never.",
        last_autovacuum="When autovacuum last vacuumed the table, in Unix time; 0 for never.",
        last_analyze="When the table was last analyzed by hand, in Unix time; 0 for never.",
        last_autoanalyze="When autovacuum last analyzed the table, in Unix time; 0 for never.",
    )
)
SIZES = family(
    _STAT,
    _LABELS,
    table_size_bytes="Disk space of the table with its long values; as of its last vacuum or analyze while somebody locks it "
    "exclusively.",
    index_size_bytes="Disk space of all indexes of the table; as of their last vacuum or analyze while somebody locks one.",
)
STATIO = family(
    "pg_statio_user_tables_",
    _LABELS,
    "counter",
    heap_blocks_read="Pages of the table read from outside shared buffers.",
    heap_blocks_hit="Pages of the table found in shared buffers.",
    idx_blocks_read="Pages of its indexes read from outside shared buffers.",
    idx_blocks_hit="Pages of its indexes found in shared buffers.",
    toast_blocks_read="Pages of its long values read from outside shared buffers.",
    toast_blocks_hit="Pages of its long values found in shared buffers.",
    tidx_blocks_read="Pages of the index of its long values read from outside shared buffers.",
    tidx_blocks_hit="Pages of the index of its long values found in shared buffers.",
)
ALL = family(
    "pg_user_tables_",
    "datname",
    count="Tables of the database, without temporary ones and those of the system.",
    n_live_tup="Estimated live rows of all tables.",
    n_dead_tup="Estimated dead rows of all tables.",
    size_bytes="Disk space of all tables with their long values and indexes, as of their last vacuum or analyze.",
    never_vacuumed="Tables with rows that were never vacuumed since statistics were last set to 0.",
    never_analyzed="Tables with rows that were never analyzed since statistics were last set to 0.",
)

QUERIES = (
    TopQuery(
        "stat_user_tables",
        f"""
        select current_database() as datname, stats.*,
               extract(epoch from stats.last_vacuum) as last_vacuum,
               extract(epoch from stats.last_autovacuum) as last_autovacuum,
               extract(epoch from stats.last_analyze) as last_analyze,
               extract(epoch from stats.last_autoanalyze) as last_autoanalyze
          from pg_stat_user_tables as stats
         where relid = any({MEMBERS})
        """,
        STAT,
        scope="database",
        zeros=frozenset(STAT),
        ranking=TABLES,
    ),
    TopQuery(
        "stat_user_tables_size",
        f"""
        with tables as materialized (
            select oid, relnamespace, relname, reltoastrelid from pg_class where oid = any({MEMBERS})
        ), parts as materialized (
            select tables.oid, part.oid as part, relpages, false as is_index
              from tables join pg_class as part on part.oid in (tables.oid, tables.reltoastrelid)
            union all
            select tables.oid, indexrelid, relpages, indrelid = tables.oid
              from tables
              join pg_index on indrelid in (tables.oid, tables.reltoastrelid)
              join pg_class as part on part.oid = indexrelid
        ), locked as materialized ({LOCKED}), known as materialized (
            select parts.oid, {BLOCK_SIZE} * sum(relpages) filter (where not is_index) as table_size,
                   coalesce({BLOCK_SIZE} * sum(relpages) filter (where is_index), 0) as index_size,
                   bool_or(relation is not null and not is_index) as table_locked,
                   bool_or(relation is not null and is_index) as index_locked
              from parts left join locked on relation = part
             group by 1
        )
        select current_database() as datname, nspname as schemaname, relname,
               case when table_locked then table_size else pg_table_size(tables.oid) end as table_size_bytes,
               case when table_locked or index_locked then index_size else pg_indexes_size(tables.oid) end as index_size_bytes
          from tables
          join known using (oid)
          join pg_namespace on pg_namespace.oid = relnamespace
        """,
        SIZES,
        scope="database",
        every=60.0,
        ranking=TABLES,
    ),
    TopQuery(
        "statio_user_tables",
        f"""
        select current_database() as datname, schemaname, relname,
               heap_blks_read as heap_blocks_read, heap_blks_hit as heap_blocks_hit,
               idx_blks_read as idx_blocks_read, idx_blks_hit as idx_blocks_hit,
               toast_blks_read as toast_blocks_read, toast_blks_hit as toast_blocks_hit,
               tidx_blks_read as tidx_blocks_read, tidx_blks_hit as tidx_blocks_hit
          from pg_statio_user_tables
         where relid = any({MEMBERS})
        """,
        STATIO,
        scope="database",
        zeros=frozenset(STATIO),
        ranking=TABLES,
    ),
    Query(
        "user_tables",
        f"""
        select current_database() as datname, count(*), sum(n_live_tup) as n_live_tup, sum(n_dead_tup) as n_dead_tup,
               count(*) filter (where n_live_tup + n_dead_tup > 0 and last_vacuum is null and last_autovacuum is null)
                   as never_vacuumed,
               count(*) filter (where n_live_tup + n_dead_tup > 0 and last_analyze is null and last_autoanalyze is null)
                   as never_analyzed,
               (select {BLOCK_SIZE} * sum(greatest(relpages, 0)::int8)
                  from pg_class
                 where relkind in ('r', 't', 'm', 'i') and relpersistence <> 't'
                   and relnamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema'))
               ) as size_bytes
          from pg_stat_user_tables join pg_class on pg_class.oid = relid
         where relpersistence <> 't'
        """,
        ALL,
        scope="database",
        every=60.0,
        zeros=frozenset(ALL),
    ),
)
