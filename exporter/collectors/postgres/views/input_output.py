"""Reads and writes by who made them, since version 16, and the small caches.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-IO-VIEW
"""

from exporter.collectors.postgres.query import Query, family

_WHO = "backend_type object context"
OPERATIONS = (
    family(
        "pg_stat_io_",
        _WHO,
        "counter",
        reads_total="Reads; since version 16, as all of pg_stat_io.",
        writes_total="Writes.",
        writebacks_total="Pages that the kernel was asked to write to disk.",
        extends_total="Times that a relation was made longer.",
        hits_total="Pages found in shared buffers.",
        evictions_total="Pages that had to leave a buffer for another one.",
        reuses_total="Buffers used again within the ring of a bulk operation.",
        fsyncs_total="Times that writes were forced to disk.",
    )
    | family(
        "pg_stat_io_",
        _WHO,
        "counter",
        "bytes",
        read_bytes_total="Size of what was read.",
        write_bytes_total="Size of what was written.",
        extend_bytes_total="Size by which relations were made longer.",
    )
    | family(
        "pg_stat_io_",
        _WHO,
        "counter",
        "seconds",
        read_time_seconds_total="Time spent reading; needs track_io_timing, for the object wal track_wal_io_timing.",
        write_time_seconds_total="Time spent writing; needs track_io_timing, for the object wal track_wal_io_timing.",
        extend_time_seconds_total="Time spent making relations longer; needs track_io_timing.",
        fsync_time_seconds_total="Time spent forcing writes to disk; needs track_io_timing.",
    )
)
SLRU = family(
    "pg_stat_slru_",
    "name",
    "counter",
    blks_zeroed_total="Pages of the small cache that were begun.",
    blks_hit_total="Pages found in the small cache.",
    blks_read_total="Pages read into the small cache.",
    blks_written_total="Pages of the small cache that were written.",
    blks_exists_total="Pages whose existence was looked up.",
    flushes_total="Times that the small cache's changes were written.",
    truncates_total="Times that the small cache's oldest pages were dropped.",
)

QUERIES = (
    Query(
        "stat_io",
        """
        select backend_type, object, context, reads as reads_total, writes as writes_total, writebacks as writebacks_total,
               extends as extends_total, hits as hits_total, evictions as evictions_total, reuses as reuses_total,
               fsyncs as fsyncs_total,
               coalesce((row ->> 'read_bytes')::numeric, reads * (row ->> 'op_bytes')::int8) as read_bytes_total,
               coalesce((row ->> 'write_bytes')::numeric, writes * (row ->> 'op_bytes')::int8) as write_bytes_total,
               coalesce((row ->> 'extend_bytes')::numeric, extends * (row ->> 'op_bytes')::int8) as extend_bytes_total,
               read_time / 1000 as read_time_seconds_total, write_time / 1000 as write_time_seconds_total,
               extend_time / 1000 as extend_time_seconds_total, fsync_time / 1000 as fsync_time_seconds_total
          from pg_stat_io as stats, to_jsonb(stats) as row
        """,
        OPERATIONS,
        since=16,
    ),
    Query(
        "stat_slru",
        """
        select name, blks_zeroed as blks_zeroed_total, blks_hit as blks_hit_total, blks_read as blks_read_total,
               blks_written as blks_written_total, blks_exists as blks_exists_total, flushes as flushes_total,
               truncates as truncates_total
          from pg_stat_slru
        """,
        SLRU,
    ),
)
