"""PostgreSQL servers, 13 to 18: sessions, databases, locks, replication and settings. Only the server's own views are read.

Names, types and units of postgres_exporter 0.20, with the label `instance` before its own; a NULL is no sample rather than 0.
Source: https://www.postgresql.org/docs/current/monitoring-stats.html,
https://github.com/prometheus-community/postgres_exporter/tree/v0.20.0/collector
"""

import asyncio
import itertools
import os
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import PrivateAttr

from exporter.clients.postgres import Postgres
from exporter.collector import Collector, Duration, Sample, Samples, Secret
from exporter.errors import Denied, PollError, TimedOut, Unreachable
from exporter.metric import Metric, MetricType


def _family(prefix: str, labels: str = "", type_: MetricType = "gauge", unit: str = "", /, **helps: str) -> dict[str, Metric]:
    """The metrics of one view, by the column that holds their values: prefix and column make the name."""
    all_labels = ("instance", *labels.split())
    return {column: Metric(prefix + column, text, type_, all_labels, unit) for column, text in helps.items()}


UP = Metric("pg_up", "Whether the server could be read: 1 or 0.", labels=("instance",))
ERROR = Metric(
    "bellwether_postgres_error",
    "Set to 1 while the server, or at pg_up 1 some of its figures, cannot be read: unreachable, denied, timeout, malformed.",
    labels=("instance", "reason"),
)
STATIC = _family("pg_", "version short_version", "unknown", static="The server's version, in labels.")
SERVER = _family(
    "pg_",
    postmaster_start_time_seconds="When the server was started, in Unix time.",
    replication_is_replica="Whether the server is a replica: 1 or 0.",
    replication_lag_seconds="Age of the last transaction that a replica replayed; 0 once it replayed all, and on a primary.",
)
SETTINGS = _family(
    "pg_settings_",
    max_connections="The most sessions at a time.",
    superuser_reserved_connections="Sessions out of max_connections that only superusers may take.",
    reserved_connections="Sessions out of max_connections for roles with pg_use_reserved_connections; since version 16.",
    shared_buffers_bytes="Memory for pages that all sessions share.",
    work_mem_bytes="Memory that one step of a query may use before it writes to disk.",
    effective_cache_size_bytes="Memory for caching that the planner counts on.",
    autovacuum="Whether autovacuum runs: 1 or 0.",
    autovacuum_freeze_max_age="Age, in transactions, at which a table is vacuumed against wraparound whatever the settings.",
    max_wal_size_bytes="Size of the write-ahead log at which a checkpoint is forced.",
    statement_timeout_seconds="How long a statement of this role may take unless it says otherwise; 0 for any time.",
)
ARCHIVER = _family(
    "pg_stat_archiver_",
    "",
    "counter",
    archived_count="Files of the write-ahead log that were archived.",
    failed_count="Attempts at archiving a file of the write-ahead log that failed.",
) | _family("pg_stat_archiver_", "", "gauge", "seconds", last_archive_age="Age of the newest archived file, in seconds.")
_ACTIVITY_LABELS = "datname state usename application_name backend_type wait_event_type wait_event"
ACTIVITY = _family(
    "pg_stat_activity_", _ACTIVITY_LABELS, count="Sessions, without the one that counts; 0 for a state that none is in."
) | _family(
    "pg_stat_activity_", _ACTIVITY_LABELS, "gauge", "seconds", max_tx_duration="Age of the oldest open transaction, in seconds."
)
DATABASE = _family(
    "pg_database_",
    "datname",
    size_bytes="Disk space of the database; absent without the right to connect to it.",
    connection_limit="The most sessions in the database at a time; -1 for any number.",
)
STAT_DATABASE = (
    _family("pg_stat_database_", "datid datname", numbackends="Sessions in the database.")
    | _family(
        "pg_stat_database_",
        "datid datname",
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
    | _family("pg_stat_database_", "datid datname", "counter", "bytes", temp_bytes="Size of the temporary files written.")
    | _family(
        "pg_stat_database_",
        "datid datname",
        "counter",
        "milliseconds",
        blk_read_time="Time spent reading pages, in milliseconds; needs track_io_timing.",
        blk_write_time="Time spent writing pages, in milliseconds; needs track_io_timing.",
    )
    | _family(
        "pg_stat_database_",
        "datid datname",
        "counter",
        "timestamp_seconds",
        stats_reset="When the database's counters were last set to 0, in Unix time.",
    )
)
LOCKS = _family("pg_locks_", "datname mode", count="Locks held or waited for.")

# A column is a value where a metric is named after it, else a label. What a version lacks is NULL. Every query gives rows:
# none means that the role lacks a right, since a count of what it is not shown would be wrong rather than missing.
_QUERIES: tuple[tuple[str, Mapping[str, Metric]], ...] = (
    (
        """
        select version() as version, concat(number / 10000, '.', number % 10000, '.0') as short_version, 1 as static,
               extract(epoch from pg_postmaster_start_time()) as postmaster_start_time_seconds,
               pg_is_in_recovery()::int as replication_is_replica,
               case when not pg_is_in_recovery() or pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
                    when replayed is not null then greatest(0, extract(epoch from clock_timestamp() - replayed))
               end as replication_lag_seconds
          from cast(current_setting('server_version_num') as int) as number, pg_last_xact_replay_timestamp() as replayed
        """,
        STATIC | SERVER,
    ),
    (
        # reset_val, because the transaction that asks has timeouts of its own; -1 means "none" whatever the unit
        r"""
        select jsonb_object_agg(
                   name || case when unit ~ 'B$' then '_bytes' when unit is not null then '_seconds' else '' end,
                   case when vartype = 'bool' then (reset_val = 'on')::int::numeric
                        when reset_val::numeric < 0 then reset_val::numeric
                        when unit ~ 'B$' then reset_val::numeric * pg_size_bytes(regexp_replace(unit, '^(?=\D)', '1'))
                        when unit is not null then reset_val::numeric * extract(epoch from ('1 ' || unit)::interval)::numeric
                        else reset_val::numeric
                   end) as settings
          from pg_settings
         where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections', 'shared_buffers',
                        'work_mem', 'effective_cache_size', 'autovacuum', 'autovacuum_freeze_max_age', 'max_wal_size',
                        'statement_timeout')
        """,
        SETTINGS,
    ),
    (
        """
        select archived_count, failed_count, extract(epoch from clock_timestamp() - last_archived_time) as last_archive_age
          from pg_stat_archiver
        """,
        ARCHIVER,
    ),
    (
        """
        select datname, states.state, usename, application_name, backend_type, wait_event_type, wait_event, count(pid) as count,
               coalesce(extract(epoch from clock_timestamp() - min(xact_start)), 0) as max_tx_duration
          from pg_database
         cross join unnest(array['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)',
                                 'fastpath function call', 'disabled']) as states (state)
          left join (select datid, state, usename, application_name, backend_type, wait_event_type, wait_event, pid, xact_start
                       from pg_stat_activity where pid <> pg_backend_pid()) as sessions
            on datid = oid and sessions.state = states.state
         where datallowconn and pg_has_role('pg_read_all_stats', 'usage')
         group by 1, 2, 3, 4, 5, 6, 7
        """,
        ACTIVITY,
    ),
    (
        """
        select datname, datconnlimit as connection_limit,
               case when has_database_privilege(oid, 'connect') or pg_has_role('pg_read_all_stats', 'usage')
                    then pg_database_size(oid) end as size_bytes
          from pg_database where not datistemplate
        """,
        DATABASE,
    ),
    (
        """
        select *, extract(epoch from stats.stats_reset) as stats_reset,
               (to_jsonb(stats) ->> 'active_time')::float8 / 1000 as active_time_seconds_total
          from pg_stat_database as stats where datname is not null
        """,
        STAT_DATABASE,
    ),
    (
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


class PostgresServer(Collector, kind="postgres"):
    """A PostgreSQL server and all its databases, over one connection to any of them. The role needs `pg_monitor`, no more.

    A server that does not answer is a successful poll with `pg_up` 0: it is what the poll was for.
    """

    dsn: Secret
    """Where to connect: a URL or key=value pairs, as libpq reads them."""
    password: Secret | None = None
    """The password, when it is not part of `dsn`."""
    instance: str = ""
    """The value of the label `instance`; `host:port` of `dsn` unless given."""
    timeout: Duration = 10.0
    """How long one run may take; half a second earlier, what was not read by then is given up."""
    statement_timeout: Duration = 3.0
    """How long one query may take. What it would have told is left out; the others still run."""

    _postgres: Postgres = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        self._postgres = Postgres(self.dsn, self.password, statement_timeout=self.statement_timeout)

    async def collect(self) -> Samples:
        instance = self.instance or _address(self.dsn) or self.name
        samples: list[Sample] = []
        reasons: set[str] = set()
        # A task, because a query that is cancelled may take seconds to end when the server hangs: it is not waited for.
        reading = asyncio.create_task(self._read(instance, samples, reasons))
        try:
            await asyncio.wait({reading}, timeout=max(self.timeout - 0.5, self.timeout / 2))
        finally:
            reading.cancel()
        if reading.done():
            reading.result()
        else:
            reasons.add(TimedOut.reason)
        up = bool(samples) and Unreachable.reason not in reasons
        yield UP(up, instance=instance)
        for reason in sorted(reasons):
            yield ERROR(1, instance=instance, reason=reason)
        if up:
            for sample in samples:
                yield sample

    async def close(self) -> None:
        await self._postgres.close()

    async def _read(self, instance: str, samples: list[Sample], reasons: set[str]) -> None:
        """Run the queries in one transaction; after one that fails, those left in a fresh one."""
        left = list(_QUERIES)
        while left:
            before = len(left)
            try:
                async with self._postgres.transaction() as cursor:
                    while left:
                        sql, metrics = left.pop(0)
                        await cursor.execute(sql.encode())
                        rows = await cursor.fetchall()
                        samples += [sample for row in rows for sample in _samples(row.get("settings", row), metrics, instance)]
                        if not rows:
                            reasons.add(Denied.reason)
            except PollError as error:
                reasons.add(error.reason)
                if isinstance(error, Unreachable) or len(left) == before:  # the server is gone, or lets nobody in
                    return


def _samples(row: Mapping[str, Any], metrics: Mapping[str, Metric], instance: str) -> Iterator[Sample]:
    texts = {name: "" if value is None else str(value) for name, value in row.items()}
    for column, metric in metrics.items():
        if row.get(column) is not None:
            yield metric(float(row[column]), instance=instance, **{name: texts[name] for name in metric.labels[1:]})


def _address(dsn: Secret) -> str:
    """The hosts and ports of a connection string, as libpq finds them; empty when it cannot be read, which the poll reports."""
    try:
        parts = conninfo_to_dict(dsn.read())
    except (psycopg.Error, OSError):
        return ""
    hosts = str(parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST") or "localhost")
    ports = str(parts.get("port") or os.environ.get("PGPORT") or "5432")
    return ",".join(f"{host}:{port}" for host, port in zip(hosts.split(","), itertools.cycle(ports.split(",")), strict=False))
