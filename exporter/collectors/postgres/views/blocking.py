"""Sessions that wait for a lock, and what those are doing that keep them waiting: as counts, never by process id.

Source: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SESSION,
https://www.postgresql.org/docs/current/view-pg-locks.html
"""

from exporter.collectors.postgres.query import Query, family

BLOCKED = family(
    "pg_blocked_",
    "datname",
    sessions="Sessions that wait for a lock that others hold or wait for themselves.",
    longest_wait_seconds="Longest wait of a session for a lock; in version 13, how long its statement has run. 0 for none.",
)
BLOCKING = family(
    "pg_blocking_",
    "datname state",
    sessions="Sessions that keep others waiting, by their own state. Only who blocks the 50 longest waits is looked up.",
)

_WAITING = """
    select datname, count(waiting.pid) as sessions,
           coalesce(extract(epoch from clock_timestamp() - min(waiting.since)), 0) as longest_wait_seconds
      from pg_database
      left join (select datid, activity.pid, {since} as since
                   from pg_stat_activity as activity
                   left join pg_locks as locks on locks.pid = activity.pid and not granted
                  where wait_event_type = 'Lock') as waiting on waiting.datid = pg_database.oid
     where datallowconn
     group by 1
"""

QUERIES = (
    Query("blocked", _WAITING.format(since="query_start"), BLOCKED, until=13, needs="pg_read_all_stats"),
    Query("blocked", _WAITING.format(since="coalesce(waitstart, query_start)"), BLOCKED, since=14, needs="pg_read_all_stats"),
    Query(
        "blocking",
        # pg_blocking_pids() halts the whole lock manager for a moment, so it is not asked for without need or without bound
        """
        with waiting as materialized (
            select pid from pg_stat_activity where wait_event_type = 'Lock' order by query_start limit 50
        ), blocking as materialized (
            select distinct unnest(pg_blocking_pids(pid)) as pid from waiting
        )
        select coalesce(datname, '') as datname,
               case when blocking.pid = 0 then 'prepared transaction' else coalesce(state, '') end as state,
               count(*) as sessions
          from blocking left join pg_stat_activity as activity on activity.pid = blocking.pid
         group by 1, 2
        """,
        BLOCKING,
        needs="pg_read_all_stats",
    ),
)
