"""Sessions by what they do and wait for.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
"""

from exporter.collectors.postgres.query import Query, family

_LABELS = "datname state usename application_name backend_type wait_event_type wait_event"
ACTIVITY = family(
    "pg_stat_activity_", _LABELS, count="Sessions, without the one that counts; 0 for a state that none is in."
) | family("pg_stat_activity_", _LABELS, "gauge", "seconds", max_tx_duration="Age of the oldest open transaction, in seconds.")

QUERIES = (
    Query(
        "stat_activity",
        """
        select datname, states.state, usename, application_name, backend_type, wait_event_type, wait_event, count(pid) as count,
               coalesce(extract(epoch from clock_timestamp() - min(xact_start)), 0) as max_tx_duration
          from pg_database
         cross join unnest(array['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)',
                                 'fastpath function call', 'disabled']) as states (state)
          left join (select datid, state, usename, application_name, backend_type, wait_event_type, wait_event, pid, xact_start
                       from pg_stat_activity where pid <> pg_backend_pid()) as sessions
            on datid = oid and sessions.state = states.state
         where datallowconn
         group by 1, 2, 3, 4, 5, 6, 7
        """,
        ACTIVITY,
        needs="pg_read_all_stats",  # what it is not shown would be a wrong count rather than a missing one
    ),
)
