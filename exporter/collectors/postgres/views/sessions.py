"""How sessions ended, and what they did with their time; broken pages.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW
"""

from exporter.collectors.postgres.query import Query, family

_LABELS = "datid datname"
SESSIONS = family(
    "pg_stat_database_",
    _LABELS,
    "counter",
    sessions="Sessions begun; since version 14, as the other figures of sessions.",
    sessions_abandoned="Sessions that ended because the client was lost.",
    sessions_fatal="Sessions that ended with a fatal error.",
    sessions_killed="Sessions that an operator ended.",
) | family(
    "pg_stat_database_",
    _LABELS,
    "counter",
    "milliseconds",
    session_time="Time that sessions lasted, in milliseconds.",
    idle_in_transaction_time="Time that sessions sat idle in a transaction, in milliseconds.",
)
CHECKSUMS = family(
    "pg_stat_database_",
    _LABELS,
    "counter",
    checksum_failures="Pages found broken by their checksum; absent where data checksums are off.",
)

QUERIES = (
    Query(
        "stat_database_sessions",
        "select * from pg_stat_database where datname is not null",
        SESSIONS,
        since=14,
    ),
    Query(
        "stat_database_checksums",
        "select datid, datname, checksum_failures from pg_stat_database where datname is not null",
        CHECKSUMS,
    ),
)
