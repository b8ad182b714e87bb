"""Queries cancelled on a replica because recovery needed what they used, by what that was.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-CONFLICTS-VIEW
"""

from exporter.collectors.postgres.query import Query, family

CONFLICTS = family(
    "pg_stat_database_conflicts_",
    "datid datname",
    "counter",
    confl_tablespace="Queries cancelled on a replica for a tablespace that was dropped.",
    confl_lock="Queries cancelled on a replica for a lock that recovery waited for too long.",
    confl_snapshot="Queries cancelled on a replica for rows that were vacuumed away on the primary.",
    confl_bufferpin="Queries cancelled on a replica for a page they held on to.",
    confl_deadlock="Queries cancelled on a replica for a deadlock with recovery.",
    confl_active_logicalslot="Uses of logical slots ended on a replica because the primary can no longer serve them; since 16.",
)

QUERIES = (Query("stat_database_conflicts", "select * from pg_stat_database_conflicts where datname is not null", CONFLICTS),)
