"""Transactions that last: open ones, prepared ones, and sessions that do nothing.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW,
https://www.postgresql.org/docs/current/view-pg-prepared-xacts.html
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

from collections.abc import Iterator

from exporter.clients.postgres import Row
from exporter.collectors.postgres.query import INSTANCE, Query, family
from exporter.metric import Metric, Sample

OPEN = family(
    "pg_long_running_",
    "",
    transactions="Open transactions of sessions that are not idle, however short, without autovacuum's and our own.",
) | family(
    "pg_long_running_transactions_",
    "",
    "gauge",
    "seconds",
    oldest_timestamp_seconds="Age of the oldest open transaction: seconds, whatever the name says; 0 for none.",
)
PREPARED = family(
    "pg_prepared_xacts_",
    "datname",
    count="Transactions prepared for two-phase commit and not yet ended. They hold their locks and keep rows from vacuum.",
    oldest_seconds="Age of the oldest prepared transaction; 0 where there is none.",
)
IDLE = Metric(
    "pg_process_idle_seconds",
    "For how long idle sessions have been so, as of now: a session moves up the buckets while it waits.",
    "histogram",
    (INSTANCE, "state", "application_name"),
)
_BOUNDS = (1, 2, 5, 15, 30, 60, 90, 120, 300)


class _Idle(Query):
    """Its rows hold one histogram each."""

    def samples(self, row: Row, instance: str) -> Iterator[Sample]:
        yield IDLE.histogram(
            dict(zip(_BOUNDS, row["buckets"], strict=True)),
            sum=float(row["sum"]),
            count=row["count"],
            instance=instance,
            state=row["state"],
            application_name=row["application_name"],
        )


QUERIES = (
    Query(
        "long_running_transactions",
        """
        select count(*) as transactions,
               extract(epoch from clock_timestamp() - min(xact_start)) as oldest_timestamp_seconds
          from pg_stat_activity
         where state is distinct from 'idle' and backend_type is distinct from 'autovacuum worker'
           and xact_start is not null and pid <> pg_backend_pid()
        """,
        OPEN,
        needs="pg_read_all_stats",
        zeros=frozenset(("oldest_timestamp_seconds",)),
    ),
    Query(
        "prepared_transactions",
        """
        select datname, count(transaction) as count,
               coalesce(extract(epoch from clock_timestamp() - min(prepared)), 0) as oldest_seconds
          from pg_database left join pg_prepared_xacts on database = datname
         where datallowconn
         group by 1
        """,
        PREPARED,
    ),
    _Idle(
        "process_idle",
        f"""
        select state, application_name, count(*), sum(seconds),
               array[{", ".join(f"count(*) filter (where seconds <= {bound})" for bound in _BOUNDS)}] as buckets
          from (select state, coalesce(application_name, '') as application_name,
                       greatest(0, extract(epoch from clock_timestamp() - state_change)) as seconds
                  from pg_stat_activity
                 where state like 'idle%' and state_change is not null) as idle
         group by 1, 2
        """,
        {"seconds": IDLE},
        needs="pg_read_all_stats",
        default=False,  # clients choose their application_name, and there is a histogram for each
    ),
)
