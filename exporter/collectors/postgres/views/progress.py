"""Progress of long commands, while they run. Those of one kind on one table are summed.

A table of another database than the one that is asked goes by its number, since names are to be had in its own database alone.
Source: https://www.postgresql.org/docs/current/progress-reporting.html
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

from collections.abc import Iterator

from exporter.clients.postgres import Row
from exporter.collectors.postgres.query import Query, family
from exporter.metric import Sample

_VACUUM = "pg_stat_progress_vacuum_"
VACUUM_PHASE = family(_VACUUM, "datname relname phase", phase="Whether a vacuum is in this phase: 1 or 0.")
VACUUM = family(
    _VACUUM,
    "datname relname",
    heap_blks="Pages of the table.",
    heap_blks_scanned="Pages scanned so far.",
    heap_blks_vacuumed="Pages vacuumed so far.",
    index_vacuums="Rounds through all indexes so far.",
    max_dead_tuples="Dead rows that memory has room for; up to version 16, after which it is counted in bytes.",
    num_dead_tuples="Dead rows collected since the last round through the indexes.",
) | family(
    _VACUUM,
    "datname relname",
    "gauge",
    "bytes",
    max_dead_tuple_bytes="Memory for dead rows; since version 17.",
    dead_tuple_bytes="Memory that the dead rows collected take; since version 17.",
)
_CREATE_INDEX = "pg_stat_progress_create_index_"
CREATE_INDEX = family(_CREATE_INDEX, "datname relname command phase", phase="Set to 1 for the phase that it is in.") | family(
    _CREATE_INDEX,
    "datname relname command",
    lockers="Transactions to wait for in this phase.",
    lockers_done="Transactions that were waited for.",
    blocks="Pages to work through in this phase.",
    blocks_done="Pages done.",
    tuples="Rows to work through in this phase.",
    tuples_done="Rows done.",
)
_ANALYZE = "pg_stat_progress_analyze_"
ANALYZE = family(_ANALYZE, "datname relname phase", phase="Set to 1 for the phase that it is in.") | family(
    _ANALYZE,
    "datname relname",
    sample_blks="Pages to sample.",
    sample_blks_scanned="Pages sampled so far.",
    child_tables="Tables below this one to sample too.",
    child_tables_done="Tables below this one that were sampled.",
)
_CLUSTER = "pg_stat_progress_cluster_"
CLUSTER = family(_CLUSTER, "datname relname command phase", phase="Set to 1 for the phase that it is in.") | family(
    _CLUSTER,
    "datname relname command",
    heap_blks="Pages of the table.",
    heap_blks_scanned="Pages scanned so far.",
    heap_tuples_scanned="Rows scanned so far.",
    heap_tuples_written="Rows written so far.",
)
_COPY = "pg_stat_progress_copy_"
COPY = family(
    _COPY,
    "datname relname command type",
    tuples_processed="Rows copied so far; since version 14, as all of pg_stat_progress_copy.",
) | family(
    _COPY,
    "datname relname command type",
    "gauge",
    "bytes",
    bytes_processed="Bytes copied so far.",
    bytes="Bytes to copy; 0 where that is not known.",
)
_BASEBACKUP = "pg_stat_progress_basebackup_"
BASEBACKUP = family(
    _BASEBACKUP,
    "phase",
    "gauge",
    "bytes",
    backup_bytes="Estimated size of the base backup; absent where no estimate was asked for.",
    backup_streamed_bytes="Bytes of the base backup that were sent.",
)

_PHASES = (
    "initializing",
    "scanning heap",
    "vacuuming indexes",
    "vacuuming heap",
    "cleaning up indexes",
    "truncating heap",
    "performing final cleanup",
)
_NAMED = """coalesce(datname, 'unknown') as datname,
       case when datname = current_database() then relid::regclass::text else relid::text end as relname"""


class _Vacuum(Query):
    """A phase that a vacuum is not in is 0, as postgres_exporter has it."""

    def samples(self, row: Row, instance: str) -> Iterator[Sample]:
        yield from Query.samples(self, row, instance)
        for phase in _PHASES:
            labels = {"datname": row["datname"], "relname": row["relname"], "phase": phase}
            yield VACUUM_PHASE["phase"](phase == row["phase_now"], instance=instance, **labels)


class _Phased(Query):
    """The column `phase` is a label of the metric of that name, and its value is 1."""

    def samples(self, row: Row, instance: str) -> Iterator[Sample]:
        for column, metric in self.metrics.items():
            value = 1 if column == "phase" else row[column]
            if value is not None:
                yield metric(float(value), instance=instance, **{name: str(row[name]) for name in metric.labels[1:]})


QUERIES = (
    _Vacuum(
        "stat_progress_vacuum",
        f"""
        select {_NAMED}, phase as phase_now, heap_blks_total as heap_blks, heap_blks_scanned, heap_blks_vacuumed,
               index_vacuum_count as index_vacuums, (row ->> 'max_dead_tuples')::int8 as max_dead_tuples,
               coalesce(row ->> 'num_dead_tuples', row ->> 'num_dead_item_ids')::int8 as num_dead_tuples,
               (row ->> 'max_dead_tuple_bytes')::int8 as max_dead_tuple_bytes,
               (row ->> 'dead_tuple_bytes')::int8 as dead_tuple_bytes
          from pg_stat_progress_vacuum as stats, to_jsonb(stats) as row
         where relid is not null
        """,
        VACUUM | VACUUM_PHASE,
        needs="pg_read_all_stats",
    ),
    _Phased(
        "stat_progress_create_index",
        f"""
        select {_NAMED}, command, min(phase) as phase, sum(lockers_total) as lockers, sum(lockers_done) as lockers_done,
               sum(blocks_total) as blocks, sum(blocks_done) as blocks_done, sum(tuples_total) as tuples,
               sum(tuples_done) as tuples_done
          from pg_stat_progress_create_index
         where relid is not null
         group by 1, 2, 3
        """,
        CREATE_INDEX,
        needs="pg_read_all_stats",
    ),
    _Phased(
        "stat_progress_analyze",
        f"""
        select {_NAMED}, min(phase) as phase, sum(sample_blks_total) as sample_blks,
               sum(sample_blks_scanned) as sample_blks_scanned, sum(child_tables_total) as child_tables,
               sum(child_tables_done) as child_tables_done
          from pg_stat_progress_analyze
         where relid is not null
         group by 1, 2
        """,
        ANALYZE,
        needs="pg_read_all_stats",
    ),
    _Phased(
        "stat_progress_cluster",
        f"""
        select {_NAMED}, command, min(phase) as phase, sum(heap_blks_total) as heap_blks,
               sum(heap_blks_scanned) as heap_blks_scanned, sum(heap_tuples_scanned) as heap_tuples_scanned,
               sum(heap_tuples_written) as heap_tuples_written
          from pg_stat_progress_cluster
         where relid is not null
         group by 1, 2, 3
        """,
        CLUSTER,
        needs="pg_read_all_stats",
    ),
    Query(
        "stat_progress_copy",
        f"""
        select {_NAMED}, command, type, sum(tuples_processed) as tuples_processed, sum(bytes_processed) as bytes_processed,
               sum(bytes_total) as bytes
          from pg_stat_progress_copy
         where relid is not null
         group by 1, 2, 3, 4
        """,
        COPY,
        since=14,
        needs="pg_read_all_stats",
    ),
    Query(
        "stat_progress_basebackup",
        """
        select phase, sum(backup_total) as backup_bytes, sum(backup_streamed) as backup_streamed_bytes
          from pg_stat_progress_basebackup
         where phase is not null
         group by 1
        """,
        BASEBACKUP,
        needs="pg_read_all_stats",
    ),
)
