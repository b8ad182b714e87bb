"""The background writer and the checkpointer, which has figures of its own since version 17.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-BGWRITER-VIEW
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

from exporter.collectors.postgres.query import Query, family

_BGWRITER = "pg_stat_bgwriter_"
BGWRITER = family(
    _BGWRITER,
    "",
    "counter",
    buffers_clean_total="Pages that the background writer wrote.",
    maxwritten_clean_total="Rounds that the background writer broke off for having written as much as it may.",
    buffers_alloc_total="Pages that found a place in shared buffers.",
) | family(
    _BGWRITER,
    "",
    "counter",
    "timestamp_seconds",
    stats_reset_total="When these figures were last set to 0, in Unix time.",
)
CHECKPOINTS = family(
    _BGWRITER,
    "",
    "counter",
    checkpoints_timed_total="Checkpoints because it was time; up to version 16.",
    checkpoints_req_total="Checkpoints that were asked for, or forced by much writing; up to version 16.",
    buffers_checkpoint_total="Pages written by checkpoints; up to version 16.",
    buffers_backend_total="Pages that sessions had to write themselves; up to version 16.",
    buffers_backend_fsync_total="Times that a session had to force a write to disk itself; up to version 16.",
) | family(
    _BGWRITER,
    "",
    "counter",
    "milliseconds",
    checkpoint_write_time_total="Time that checkpoints spent on writing, in milliseconds; up to version 16.",
    checkpoint_sync_time_total="Time that checkpoints spent on forcing writes to disk, in milliseconds; up to version 16.",
)
_CHECKPOINTER = "pg_stat_checkpointer_"
CHECKPOINTER = (
    family(
        _CHECKPOINTER,
        "",
        "counter",
        num_timed_total="Checkpoints because it was time; since version 17, as all of pg_stat_checkpointer.",
        num_requested_total="Checkpoints that were asked for, or forced by much writing.",
        num_done_total="Checkpoints that were not skipped for want of work; since version 18.",
        restartpoints_timed_total="Restartpoints of a replica because it was time.",
        restartpoints_req_total="Restartpoints of a replica that were asked for.",
        restartpoints_done_total="Restartpoints of a replica that were made.",
        buffers_written_total="Pages written by checkpoints and restartpoints.",
        slru_written_total="Pages of the small caches written by checkpoints and restartpoints; since version 18.",
    )
    | family(
        _CHECKPOINTER,
        "",
        "counter",
        "milliseconds",
        write_time_total="Time that checkpoints spent on writing, in milliseconds.",
        sync_time_total="Time that checkpoints spent on forcing writes to disk, in milliseconds.",
    )
    | family(
        _CHECKPOINTER,
        "",
        "counter",
        "timestamp_seconds",
        stats_reset_total="When these figures were last set to 0, in Unix time.",
    )
)

_ALWAYS = """
    buffers_clean as buffers_clean_total, maxwritten_clean as maxwritten_clean_total, buffers_alloc as buffers_alloc_total,
    extract(epoch from stats_reset) as stats_reset_total
"""

QUERIES = (
    Query(
        "stat_bgwriter",
        f"""
        select {_ALWAYS},
               checkpoints_timed as checkpoints_timed_total, checkpoints_req as checkpoints_req_total,
               checkpoint_write_time as checkpoint_write_time_total, checkpoint_sync_time as checkpoint_sync_time_total,
               buffers_checkpoint as buffers_checkpoint_total, buffers_backend as buffers_backend_total,
               buffers_backend_fsync as buffers_backend_fsync_total
          from pg_stat_bgwriter
        """,
        BGWRITER | CHECKPOINTS,
        until=16,
    ),
    Query("stat_bgwriter", f"select {_ALWAYS} from pg_stat_bgwriter", BGWRITER, since=17),
    Query(
        "stat_checkpointer",
        """
        select num_timed as num_timed_total, num_requested as num_requested_total,
               (to_jsonb(stats) ->> 'num_done')::int8 as num_done_total,
               restartpoints_timed as restartpoints_timed_total, restartpoints_req as restartpoints_req_total,
               restartpoints_done as restartpoints_done_total,
               buffers_written as buffers_written_total, (to_jsonb(stats) ->> 'slru_written')::int8 as slru_written_total,
               write_time as write_time_total, sync_time as sync_time_total,
               extract(epoch from stats.stats_reset) as stats_reset_total
          from pg_stat_checkpointer as stats
        """,
        CHECKPOINTER,
        since=17,
    ),
)
