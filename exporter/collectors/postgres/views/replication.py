"""Replication: who receives the write-ahead log and how far behind they are, slots, and a replica's own receiver.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW,
https://www.postgresql.org/docs/current/view-pg-replication-slots.html
"""

# ruff: noqa: S608 - SQL is put together from constants of ours; what varies is passed as a parameter

from exporter.collectors.postgres.query import Query, family

_SENDER = "application_name client_addr state slot_name"
SENDERS = family(
    "pg_stat_replication_",
    _SENDER,
    "gauge",
    "bytes",
    pg_current_wal_lsn_bytes="Where this server is in the write-ahead log, in bytes from its beginning.",
    pg_wal_lsn_diff="How far the receiver's replay is behind this server, in bytes.",
) | family(
    "pg_stat_replication_",
    _SENDER,
    write_lag_seconds="How long the receiver took to write the latest of the log; absent while nothing new is sent.",
    flush_lag_seconds="How long the receiver took to force the latest of the log to disk; absent while nothing new is sent.",
    replay_lag_seconds="How long the receiver took to replay the latest of the log; absent while nothing new is sent.",
)
_SLOTS = "pg_replication_slots_"
SLOTS = (
    family(_SLOTS, "slot_name database", active="Whether somebody receives from the slot: 1 or 0.")
    | family(
        _SLOTS,
        "slot_name database",
        "gauge",
        "bytes",
        pg_wal_lsn_diff="Size of the write-ahead log that is kept for the slot, in bytes.",
    )
    | family(
        _SLOTS,
        "slot_name slot_type",
        "gauge",
        "bytes",
        slot_current_wal_lsn="Where this server is in the write-ahead log, in bytes from its beginning.",
        slot_confirmed_flush_lsn="Up to where the receiver of an active logical slot has the log, in bytes; 0 for physical.",
    )
    | family(
        _SLOTS,
        "slot_name slot_type",
        slot_is_active="Whether somebody receives from the slot: 1 or 0.",
        safe_wal_size_bytes="How much can be written before the slot may lose what it waits for; "
        "absent without max_slot_wal_keep_size.",
        inactive_since_timestamp_seconds="Since when nobody has received from the slot, in Unix time; since version 17.",
    )
    | family(
        _SLOTS,
        "slot_name slot_type wal_status",
        wal_status="Set to 1 for whether what the slot waits for is still there: reserved, extended, unreserved, lost.",
    )
)
_RECEIVER = "upstream_host slot_name status"
RECEIVER = (
    family(
        "pg_stat_wal_receiver_",
        _RECEIVER,
        "counter",
        "bytes",
        receive_start_lsn="Where in the write-ahead log receiving began, in bytes modulo 2^52.",
        flushed_lsn="Up to where the log was received and forced to disk, in bytes modulo 2^52.",
        latest_end_lsn="Up to where the sender was told that the log has come, in bytes modulo 2^52.",
    )
    | family(
        "pg_stat_wal_receiver_",
        _RECEIVER,
        "counter",
        "timestamp_seconds",
        last_msg_send_time="When the last message was sent by the sender, in Unix time.",
        last_msg_receipt_time="When the last message came, in Unix time.",
        latest_end_time="When latest_end_lsn was told to the sender, in Unix time.",
    )
    | family(
        "pg_stat_wal_receiver_",
        _RECEIVER,
        receive_start_tli="The timeline on which receiving began.",
        received_tli="The timeline of what came last.",
        upstream_node="The number in the name of a slot that repmgr made; 0 for other slots.",
    )
)

_HERE = "case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end"

QUERIES = (
    Query(
        "stat_replication",
        f"""
        select application_name, host(client_addr) as client_addr, state, slots.slot_name,
               max(pg_wal_lsn_diff(here, '0/0')) as pg_current_wal_lsn_bytes,
               max(pg_wal_lsn_diff(here, replay_lsn)) as pg_wal_lsn_diff,
               max(extract(epoch from write_lag)) as write_lag_seconds,
               max(extract(epoch from flush_lag)) as flush_lag_seconds,
               max(extract(epoch from replay_lag)) as replay_lag_seconds
          from (select {_HERE} as here) as server, pg_stat_replication as senders
          left join pg_replication_slots as slots on slots.active_pid = senders.pid
         group by 1, 2, 3, 4
        """,
        SENDERS,
        needs="pg_read_all_stats",
    ),
    Query(
        "replication_slots",
        f"""
        select slot_name, database, slot_type, wal_status as status, active::int as active, active::int as slot_is_active,
               pg_wal_lsn_diff(here, restart_lsn) as pg_wal_lsn_diff, pg_wal_lsn_diff(here, '0/0') as slot_current_wal_lsn,
               case when active then pg_wal_lsn_diff(coalesce(confirmed_flush_lsn, '0/0'), '0/0')
               end as slot_confirmed_flush_lsn,
               safe_wal_size as safe_wal_size_bytes,
               extract(epoch from (to_jsonb(slots) ->> 'inactive_since')::timestamptz) as inactive_since_timestamp_seconds
          from (select {_HERE} as here) as server, pg_replication_slots as slots
        """,
        {column: metric for column, metric in SLOTS.items() if column != "wal_status"},
    ),
    Query(
        "replication_slots_status",
        "select slot_name, slot_type, wal_status, 1 as one from pg_replication_slots where wal_status is not null",
        {"one": SLOTS["wal_status"]},
    ),
    Query(
        "stat_wal_receiver",
        """
        select sender_host as upstream_host, slot_name, status,
               pg_wal_lsn_diff(receive_start_lsn, '0/0') % 2::numeric ^ 52 as receive_start_lsn,
               pg_wal_lsn_diff(flushed_lsn, '0/0') % 2::numeric ^ 52 as flushed_lsn,
               pg_wal_lsn_diff(latest_end_lsn, '0/0') % 2::numeric ^ 52 as latest_end_lsn,
               extract(epoch from last_msg_send_time) as last_msg_send_time,
               extract(epoch from last_msg_receipt_time) as last_msg_receipt_time,
               extract(epoch from latest_end_time) as latest_end_time,
               receive_start_tli, received_tli, substring(slot_name from 'repmgr_slot_([0-9]+)')::int8 as upstream_node
          from pg_stat_wal_receiver
         where pid is not null
        """,
        RECEIVER,
        role="replica",
        needs="pg_read_all_stats",
        zeros=frozenset(RECEIVER),
    ),
)
