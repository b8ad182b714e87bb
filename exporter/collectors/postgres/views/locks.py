"""Locks by mode. Source: https://www.postgresql.org/docs/current/view-pg-locks.html"""

from exporter.collectors.postgres.query import Query, family

LOCKS = family("pg_locks_", "datname mode", count="Locks held or waited for.")

QUERIES = (
    Query(
        "locks",
        """
        select datname, modes.mode, count(locks.mode) as count
          from pg_database
         cross join unnest(array['accesssharelock', 'rowsharelock', 'rowexclusivelock', 'shareupdateexclusivelock', 'sharelock',
                                 'sharerowexclusivelock', 'exclusivelock', 'accessexclusivelock', 'sireadlock']) as modes (mode)
          left join pg_locks as locks on locks.database = oid and lower(locks.mode) = modes.mode
         where datallowconn
         group by 1, 2
        """,
        LOCKS,
    ),
)
