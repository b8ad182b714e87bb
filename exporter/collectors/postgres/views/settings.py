"""Settings of the server, in base units. Source: https://www.postgresql.org/docs/current/view-pg-settings.html"""

from collections.abc import Iterator

from exporter.clients.postgres import Row
from exporter.collectors.postgres.query import INSTANCE, Query, family
from exporter.metric import Metric, Sample

SETTINGS = family(
    "pg_settings_",
    autovacuum="Whether autovacuum runs: 1 or 0.",
    autovacuum_analyze_scale_factor="Share of a table's rows that have to change before it is analyzed.",
    autovacuum_freeze_max_age="Age, in transactions, at which a table is vacuumed against wraparound whatever the settings.",
    autovacuum_max_workers="The most autovacuum workers at a time.",
    autovacuum_multixact_freeze_max_age="Age, in multixacts, at which a table is vacuumed against wraparound.",
    autovacuum_naptime_seconds="How often autovacuum looks at a database.",
    autovacuum_vacuum_scale_factor="Share of a table's rows that have to be dead before it is vacuumed.",
    autovacuum_work_mem_bytes="Memory of each autovacuum worker; -1 for maintenance_work_mem.",
    checkpoint_timeout_seconds="The longest time between two checkpoints.",
    deadlock_timeout_seconds="How long a lock is waited for before deadlocks are looked for.",
    effective_cache_size_bytes="Memory for caching that the planner counts on.",
    fsync="Whether writes are forced to disk: 1 or 0.",
    idle_in_transaction_session_timeout_seconds="How long a session may sit idle in a transaction; 0 for any time.",
    maintenance_work_mem_bytes="Memory that VACUUM, CREATE INDEX and their like may use.",
    max_connections="The most sessions at a time.",
    max_locks_per_transaction="Locks that the lock table has room for, per session.",
    max_parallel_workers="The most parallel workers at a time.",
    max_replication_slots="The most replication slots.",
    max_wal_senders="The most WAL senders at a time.",
    max_wal_size_bytes="Size of the write-ahead log at which a checkpoint is forced.",
    max_worker_processes="The most background workers.",
    random_page_cost="What the planner takes for the cost of a page that is read out of order.",
    reserved_connections="Sessions out of max_connections for roles with pg_use_reserved_connections; since version 16.",
    shared_buffers_bytes="Memory for pages that all sessions share.",
    statement_timeout_seconds="How long a statement of this role may take unless it says otherwise; 0 for any time.",
    superuser_reserved_connections="Sessions out of max_connections that only superusers may take.",
    synchronize_seqscans="Whether sequential scans of one table share their reading: 1 or 0.",
    track_io_timing="Whether the time of reads and writes is taken: 1 or 0.",
    wal_buffers_bytes="Memory for the write-ahead log before it is written.",
    wal_segment_size_bytes="Size of one file of the write-ahead log.",
    work_mem_bytes="Memory that one step of a query may use before it writes to disk.",
)

_found: dict[str, Metric] = {}
"""Settings that only some versions or extensions have, as metrics; shared by all servers, since a name means one metric."""


class _Settings(Query):
    """Its rows name a setting each. Those not declared above become metrics as they are found."""

    def samples(self, row: Row, instance: str) -> Iterator[Sample]:
        name, value = row["name"], row["value"]
        metric = SETTINGS.get(name) or _found.get(name)
        if metric is None:
            help_ = f"The server's setting {row['setting']}: -1, 0 and 1 may stand for words."
            metric = _found[name] = Metric(f"pg_settings_{name}", help_, labels=(INSTANCE,), found=True)
        yield metric(float(value), instance=instance)


QUERIES = (
    _Settings(
        "settings",
        # reset_val of what this very session has set, such as its timeouts; -1 means "none" whatever the unit
        r"""
        select setting, value,
               regexp_replace(setting, '[^A-Za-z0-9_]', '_', 'g')
                   || case when unit ~ 'B$' then '_bytes' when unit is not null then '_seconds' else '' end as name
          from (select name as setting, unit,
                       case when vartype = 'bool' then (text = 'on')::int::numeric
                            when text !~ '^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$' then null
                            when text::numeric < 0 or coalesce(unit, 'B') = 'B' then text::numeric
                            when unit ~ 'B$' then text::numeric * pg_size_bytes(regexp_replace(unit, '^(?=\D)', '1'))
                            else text::numeric * extract(epoch from ('1 ' || unit)::interval)::numeric
                       end as value
                  from (select name, unit, vartype,
                               case when source = 'session' and context <> 'internal' then reset_val else setting end as text
                          from pg_settings
                         where vartype in ('bool', 'integer', 'real')) as raw) as settings
         where value is not null
        """,
        SETTINGS,
    ),
)
