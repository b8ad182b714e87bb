"""Databases: their size and limits, and what happened in them.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW
"""

from exporter.collectors.postgres.query import Query, family

DATABASE = family(
    "pg_database_",
    "datname",
    size_bytes="Disk space of the database; absent without the right to connect to it.",
    connection_limit="The most sessions in the database at a time; -1 for any number.",
)
_LABELS = "datid datname"
STAT_DATABASE = (
    family("pg_stat_database_", _LABELS, numbackends="Sessions in the database.")
    | family(
        "pg_stat_database_",
        _LABELS,
        "counter",
        xact_commit="Transactions committed.",
        xact_rollback="Transactions rolled back.",
        blks_read="Pages read from outside shared buffers.",
        blks_hit="Pages found in shared buffers.",
        tup_returned="Rows that scans went through.",
        tup_fetched="Rows fetched through indexes.",
        tup_inserted="Rows inserted.",
        tup_updated="Rows updated.",
        tup_deleted="Rows deleted.",
        conflicts="Queries cancelled on a replica for being in the way of recovery.",
        temp_files="Temporary files that queries wrote.",
        deadlocks="Deadlocks found.",
        active_time_seconds_total="Time that sessions spent on statements; since version 14.",
    )
    | family("pg_stat_database_", _LABELS, "counter", "bytes", temp_bytes="Size of the temporary files written.")
    | family(
        "pg_stat_database_",
        _LABELS,
        "counter",
        "milliseconds",
        blk_read_time="Time spent reading pages, in milliseconds; needs track_io_timing.",
        blk_write_time="Time spent writing pages, in milliseconds; needs track_io_timing.",
    )
    | family(
        "pg_stat_database_",
        _LABELS,
        "counter",
        "timestamp_seconds",
        stats_reset="When the database's counters were last set to 0, in Unix time.",
    )
)

QUERIES = (
    Query(
        "database",
        """
        select datname, datconnlimit as connection_limit,
               case when has_database_privilege(oid, 'connect') or pg_has_role('pg_read_all_stats', 'usage')
                    then pg_database_size(oid) end as size_bytes
          from pg_database where not datistemplate
        """,
        DATABASE,
    ),
    Query(
        "stat_database",
        """
        select *, extract(epoch from stats.stats_reset) as stats_reset,
               (to_jsonb(stats) ->> 'active_time')::float8 / 1000 as active_time_seconds_total
          from pg_stat_database as stats where datname is not null
        """,
        STAT_DATABASE,
    ),
)
