"""Encryption of connections. Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-SSL-VIEW"""

from exporter.collectors.postgres.query import Query, family

SSL = family(
    "pg_stat_ssl_",
    "version",
    count="Sessions of clients by the version of TLS that protects them; an empty version for those without.",
)

QUERIES = (
    Query(
        "stat_ssl",
        """
        select coalesce(version, '') as version, count(*)
          from pg_stat_ssl join pg_stat_activity using (pid)
         where backend_type = 'client backend'
         group by 1
        """,
        SSL,
        needs="pg_read_all_stats",
    ),
)
