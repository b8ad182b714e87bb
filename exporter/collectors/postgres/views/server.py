"""The server itself: version, start, role and replication lag.

Source: https://www.postgresql.org/docs/current/functions-info.html,
https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
"""

from exporter.collectors.postgres.query import Query, family

STATIC = family("pg_", "version short_version", "unknown", static="The server's version, in labels.")
SERVER = family(
    "pg_",
    postmaster_start_time_seconds="When the server was started, in Unix time.",
    replication_is_replica="Whether the server is a replica: 1 or 0.",
    replication_last_replay_seconds="Age of the last transaction that was replayed; absent where none ever was.",
    replication_lag_seconds="Age of the last transaction that a replica replayed; 0 once it replayed all, and on a primary.",
)

QUERIES = (
    Query(
        "server",
        """
        select version() as version, concat(number / 10000, '.', number % 10000, '.0') as short_version, 1 as static,
               extract(epoch from pg_postmaster_start_time()) as postmaster_start_time_seconds,
               pg_is_in_recovery()::int as replication_is_replica,
               extract(epoch from clock_timestamp() - replayed) as replication_last_replay_seconds,
               case when not pg_is_in_recovery() or pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
                    when replayed is not null then greatest(0, extract(epoch from clock_timestamp() - replayed))
               end as replication_lag_seconds
          from cast(current_setting('server_version_num') as int) as number, pg_last_xact_replay_timestamp() as replayed
        """,
        STATIC | SERVER,
    ),
)
