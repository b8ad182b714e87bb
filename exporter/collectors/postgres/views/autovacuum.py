"""Autovacuum's workers. Source: https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM"""

from exporter.collectors.postgres.query import Query, family

RUNNING = family(
    "pg_stat_activity_autovacuum_",
    "relname",
    timestamp_seconds="Since when autovacuum has been at work on the table, in Unix time.",
)
WORKERS = family(
    "pg_autovacuum_",
    "work",
    workers="Autovacuum workers at work, by what they do: vacuum, analyze, wraparound (a vacuum that nothing may put off).",
)

QUERIES = (
    Query(
        "stat_activity_autovacuum",
        # the text reads: autovacuum: VACUUM ANALYZE schema.table (to prevent wraparound)
        """
        select split_part(split_part(query, '.', 2), ' (', 1) as relname,
               extract(epoch from min(xact_start)) as timestamp_seconds
          from pg_stat_activity
         where backend_type = 'autovacuum worker' and query like 'autovacuum:%.%'
         group by 1
        """,
        RUNNING,
        needs="pg_read_all_stats",
        default=False,
    ),
    Query(
        "autovacuum_workers",
        """
        select works.work, count(pid) as workers
          from unnest(array['vacuum', 'analyze', 'wraparound']) as works (work)
          left join (select pid, case when query like '%to prevent wraparound%' then 'wraparound'
                                      when query like 'autovacuum: VACUUM%' then 'vacuum' else 'analyze' end as work
                       from pg_stat_activity
                      where backend_type = 'autovacuum worker' and query like 'autovacuum:%') as busy using (work)
         group by 1
        """,
        WORKERS,
        needs="pg_read_all_stats",
    ),
)
