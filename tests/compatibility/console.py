"""What pgbouncer_exporter would serve: PgBouncer's own figures, read from its console, under the original's names.

The original is not in Debian. Which column it serves under which name is in its README.
Source: https://github.com/prometheus-community/pgbouncer_exporter#metrics
"""

from collections import Counter
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.compatibility.exposition import Family

_LISTS = {
    **{name: name for name in ("databases", "users", "pools", "free_clients", "used_clients", "login_clients")},
    **{name: name for name in ("free_servers", "used_servers")},
    "dns_names": "cached_dns_names",
    "dns_zones": "cached_dns_zones",
    "dns_queries": "in_flight_dns_queries",
}
_CONFIG = {"max_client_conn": "config_max_client_connections", "max_user_connections": "config_max_user_connections"}
_DATABASES = {
    name: f"databases_{name}"
    for name in ("pool_size", "reserve_pool", "max_connections", "current_connections", "paused", "disabled")
}
_POOLS = {
    "cl_active": "pools_client_active_connections",
    "cl_active_cancel_req": "pools_client_active_cancel_connections",
    "cl_waiting": "pools_client_waiting_connections",
    "cl_waiting_cancel_req": "pools_client_waiting_cancel_connections",
    "sv_active": "pools_server_active_connections",
    "sv_active_cancel": "pools_server_active_cancel_connections",
    "sv_being_canceled": "pools_server_being_canceled_connections",
    "sv_idle": "pools_server_idle_connections",
    "sv_used": "pools_server_used_connections",
    "sv_tested": "pools_server_testing_connections",
    "sv_login": "pools_server_login_connections",
    "maxwait": "pools_client_maxwait_seconds",
}
_TOTALS = {
    "query_count": "stats_totals_queries_pooled_total",
    "query_time": "stats_totals_queries_duration_seconds_total",
    "bytes_received": "stats_totals_received_bytes_total",
    "bytes_sent": "stats_totals_sent_bytes_total",
    "wait_time": "stats_totals_client_wait_seconds_total",
    "xact_count": "stats_totals_sql_transactions_pooled_total",
    "xact_time": "stats_totals_server_in_transaction_seconds_total",
}
_TIMES = {"query_time", "wait_time", "xact_time"}  # in microseconds
_Rows = list[dict[str, Any]]


def families(dsn: str) -> dict[str, Family]:
    """The figures of now."""
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:

        def show(subject: str) -> _Rows:
            return connection.execute(f"show {subject}".encode()).fetchall()

        lists = [{_LISTS[row["list"]]: row["items"]} for row in show("lists") if row["list"] in _LISTS]
        config = [{_CONFIG[row["key"]]: row["value"]} for row in show("config") if row["key"] in _CONFIG]
        clients = Counter((row["database"], row["user"], row["application_name"], row["state"]) for row in show("clients"))
        found = [
            Family("pgbouncer_up", "gauge", {frozenset(): 1}),
            Family("pgbouncer_version_info", "gauge", {frozenset({("version", row["version"])}): 1 for row in show("version")}),
            *(Family(f"pgbouncer_{name}", "gauge", {frozenset(): float(row[name])}) for row in lists + config for name in row),
            *_by_row(show("databases"), "gauge", _DATABASES, "name host port database force_user pool_mode"),
            *_by_row(show("pools"), "gauge", _POOLS, "database user"),
            *_by_row(show("stats_totals"), "counter", _TOTALS, "database"),
            Family(
                "pgbouncer_client_connections",
                "gauge",
                {
                    frozenset(zip(("database", "user", "application_name", "state"), labels, strict=True)): count
                    for labels, count in clients.items()
                },
            ),
        ]
    return {family.name: family for family in found}


def _by_row(rows: _Rows, type_: str, names: dict[str, str], labels: str) -> list[Family]:
    return [
        Family(
            f"pgbouncer_{name}",
            type_,
            {
                frozenset((label, str(row[label] or "")) for label in labels.split()): float(row[column])
                * (1e-6 if column in _TIMES else 1)
                for row in rows
            },
        )
        for column, name in names.items()
    ]
