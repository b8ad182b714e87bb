"""The archiver. Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW"""

from exporter.collectors.postgres.query import Query, family

ARCHIVER = family(
    "pg_stat_archiver_",
    "",
    "counter",
    archived_count="Files of the write-ahead log that were archived.",
    failed_count="Attempts at archiving a file of the write-ahead log that failed.",
) | family("pg_stat_archiver_", "", "gauge", "seconds", last_archive_age="Age of the newest archived file, in seconds.")

QUERIES = (
    Query(
        "stat_archiver",
        """
        select archived_count, failed_count, extract(epoch from clock_timestamp() - last_archived_time) as last_archive_age
          from pg_stat_archiver
        """,
        ARCHIVER,
    ),
)
