"""The write-ahead log: what is kept on disk, what is written, and what waits for the archiver.

Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-GENFILE,
https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-WAL-VIEW
"""

from exporter.collectors.postgres.query import Query, family

FILES = family(
    "pg_wal_",
    segments="Files of the write-ahead log on disk.",
    size_bytes="Size of the write-ahead log on disk.",
)
WRITTEN = (
    family(
        "pg_stat_wal_",
        "",
        "counter",
        records_total="Records of the write-ahead log; since version 14, as all of pg_stat_wal.",
        fpi_total="Whole pages in the write-ahead log, the first change of a page after a checkpoint.",
        buffers_full_total="Times that the log had to be written for want of wal_buffers.",
        write_total="Times that the log was written; up to version 17, after which pg_stat_io has it.",
        sync_total="Times that the log was forced to disk; up to version 17.",
    )
    | family("pg_stat_wal_", "", "counter", "bytes", bytes_total="Size of what was added to the write-ahead log.")
    | family(
        "pg_stat_wal_",
        "",
        "counter",
        "seconds",
        write_time_seconds_total="Time spent writing the log; needs track_wal_io_timing; up to version 17.",
        sync_time_seconds_total="Time spent forcing the log to disk; needs track_wal_io_timing; up to version 17.",
    )
)
BACKLOG = family(
    "pg_archive_",
    ready_segments="Files of the write-ahead log that wait to be archived.",
    oldest_ready_age_seconds="For how long the oldest file has been waiting to be archived; absent where none waits.",
)

QUERIES = (
    Query(
        "wal",
        "select count(*) as segments, sum(size) as size_bytes from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'",
        FILES,
        needs="pg_monitor",
        zeros=frozenset(("size_bytes",)),
    ),
    Query(
        "stat_wal",
        """
        select wal_records as records_total, wal_fpi as fpi_total, wal_bytes as bytes_total,
               wal_buffers_full as buffers_full_total, (row ->> 'wal_write')::int8 as write_total,
               (row ->> 'wal_sync')::int8 as sync_total,
               (row ->> 'wal_write_time')::float8 / 1000 as write_time_seconds_total,
               (row ->> 'wal_sync_time')::float8 / 1000 as sync_time_seconds_total
          from pg_stat_wal as stats, to_jsonb(stats) as row
        """,
        WRITTEN,
        since=14,
    ),
    Query(
        "archive_backlog",
        """
        select count(*) as ready_segments,
               extract(epoch from clock_timestamp() - min(modification)) as oldest_ready_age_seconds
          from pg_ls_archive_statusdir() where name like '%.ready'
        """,
        BACKLOG,
        needs="pg_monitor",
        every=60.0,  # where archiving has long failed, the directory is large
    ),
)
