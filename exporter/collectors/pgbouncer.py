"""PgBouncer, 1.8 to 1.24, through its admin console: pools, databases, traffic and waiting clients.

Names, types and units of pgbouncer_exporter 0.12, with the label `instance` before its own.
Source: https://www.pgbouncer.org/usage.html#show-commands, https://github.com/prometheus-community/pgbouncer_exporter
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import PrivateAttr

from exporter.clients.pgbouncer import Console, Row, address
from exporter.collector import Collector, Sample, Samples, Secret
from exporter.errors import PollError, TimedOut, Unreachable
from exporter.metric import Metric, MetricType

_MICROSECOND = 1e-6


def _family(prefix: str, labels: str = "", type_: MetricType = "gauge", /, **helps: str) -> dict[str, Metric]:
    """Metrics by what is left of their name after the prefix."""
    return {name: Metric(prefix + name, text, type_, ("instance", *labels.split())) for name, text in helps.items()}


UP = Metric("pgbouncer_up", "Whether PgBouncer's console could be read: 1 or 0.", labels=("instance",))
ERROR = Metric(
    "bellwether_pgbouncer_error",
    "Set to 1 while the console, or at pgbouncer_up 1 some of its figures, cannot be read: "
    "unreachable, denied, timeout, malformed.",
    labels=("instance", "reason"),
)
VERSION = Metric("pgbouncer_version_info", "The version, in a label; always 1.", labels=("instance", "version"))
LISTS = _family(
    "pgbouncer_",
    databases="Databases that PgBouncer knows, those that were found on their own included.",
    users="Users that PgBouncer knows.",
    pools="Pools: one for each pair of database and user that was asked for.",
    free_clients="Memory slots for clients that no client uses: allocated, and kept for the next.",
    used_clients="Clients connected, this one included.",
    login_clients="Clients that are logging in.",
    free_servers="Memory slots for connections to servers that none uses: allocated, and kept for the next.",
    used_servers="Connections to servers.",
    cached_dns_names="Host names whose addresses are remembered.",
    cached_dns_zones="DNS zones that are watched for changes.",
    in_flight_dns_queries="DNS queries without an answer yet.",
)
CONFIG = _family(
    "pgbouncer_config_",
    max_client_connections="The most clients at a time.",
    max_user_connections="The most connections to servers for one user; 0 for any number.",
)
DATABASES = _family(
    "pgbouncer_databases_",
    "name host port database force_user pool_mode",
    pool_size="The most connections to the server that one pool of the database may hold.",
    reserve_pool="Connections that a pool may add to its size while clients wait for long.",
    max_connections="The most connections to the server for the database, all pools together; 0 for any number.",
    current_connections="Connections to the server for the database.",
    paused="Whether the database is paused, so that its clients wait: 1 or 0.",
    disabled="Whether the database is disabled, so that new clients are refused: 1 or 0.",
)
POOLS = _family(
    "pgbouncer_pools_",
    "database user",
    client_active_connections="Clients that have a connection to the server, or have nothing to ask.",
    client_active_cancel_connections="Clients whose request to cancel a query was passed on and waits for the server's answer.",
    client_waiting_connections="Clients that have sent a query and wait for a connection to the server.",
    client_waiting_cancel_connections="Clients whose request to cancel a query was not passed on yet.",
    server_active_connections="Connections to the server that a client has.",
    server_active_cancel_connections="Connections to the server that pass on a request to cancel a query.",
    server_being_canceled_connections="Connections to the server kept from clients until requests to cancel are answered.",
    server_idle_connections="Connections to the server that a client may have at once.",
    server_used_connections="Connections to the server idle for so long that they are checked before a client gets one.",
    server_testing_connections="Connections to the server that are being reset or checked.",
    server_login_connections="Connections to the server that are being made.",
    client_maxwait_seconds="How long the client that has waited longest for a connection to the server has waited so far.",
)
_STATS_HELP = {
    "queries_pooled_total": "Queries passed on.",
    "queries_duration_seconds_total": "Time that servers spent on queries.",
    "received_bytes_total": "Data received from clients.",
    "sent_bytes_total": "Data sent to clients.",
    "client_wait_seconds_total": "Time that clients spent waiting for a connection to the server.",
    "sql_transactions_pooled_total": "Transactions passed on.",
    "server_in_transaction_seconds_total": "Time that connections to the server spent in a transaction, idle in it or not.",
    "client_parses_total": "Prepared statements that clients made; since PgBouncer 1.24.",
    "server_parses_total": "Prepared statements made on servers; since PgBouncer 1.24.",
    "binds_total": "Prepared statements that clients made ready to run; since PgBouncer 1.24.",
    "server_assignments_total": "Times that a client was given a connection to the server; since PgBouncer 1.23.",
}
STATS = _family("pgbouncer_stats_totals_", "database", "counter", **_STATS_HELP)
STATS_BEFORE_0_11 = _family("pgbouncer_stats_", "database", "counter", **_STATS_HELP)
CLIENTS = Metric(
    "pgbouncer_client_connections",
    "Clients, by what they have asked for and whether they wait.",
    labels=("instance", "database", "user", "application_name", "state"),
)

Take = Callable[[Row], Any]


def _column(*names: str, factor: float = 1) -> Take:
    """The first of some columns that a row has: names differ between versions. None where it has none of them."""

    def take(row: Row) -> float | None:
        value = next((row[name] for name in names if row.get(name) is not None), None)
        return None if value is None else float(value) * factor

    return take


def _longest_wait(row: Row) -> float | None:
    return None if row.get("maxwait") is None else float(row["maxwait"]) + float(row.get("maxwait_us") or 0) * _MICROSECOND


_OF_DATABASES = {name: _column(name) for name in DATABASES} | {"reserve_pool": _column("reserve_pool", "reserve_pool_size")}
_OF_POOLS: Mapping[str, Take] = {
    "client_active_connections": _column("cl_active"),
    "client_active_cancel_connections": _column("cl_active_cancel_req"),
    "client_waiting_connections": _column("cl_waiting"),
    "client_waiting_cancel_connections": _column("cl_waiting_cancel_req", "cl_cancel_req"),
    "server_active_connections": _column("sv_active"),
    "server_active_cancel_connections": _column("sv_active_cancel"),
    "server_being_canceled_connections": _column("sv_being_canceled"),
    "server_idle_connections": _column("sv_idle"),
    "server_used_connections": _column("sv_used"),
    "server_testing_connections": _column("sv_tested"),
    "server_login_connections": _column("sv_login"),
    "client_maxwait_seconds": _longest_wait,
}
_OF_STATS = {
    "queries_pooled_total": _column("query_count"),
    "queries_duration_seconds_total": _column("query_time", factor=_MICROSECOND),
    "received_bytes_total": _column("bytes_received"),
    "sent_bytes_total": _column("bytes_sent"),
    "client_wait_seconds_total": _column("wait_time", factor=_MICROSECOND),
    "sql_transactions_pooled_total": _column("xact_count"),
    "server_in_transaction_seconds_total": _column("xact_time", factor=_MICROSECOND),
    "client_parses_total": _column("client_parse_count"),
    "server_parses_total": _column("server_parse_count"),
    "binds_total": _column("bind_count"),
    "server_assignments_total": _column("server_assignment_count"),
}
_OF_LISTS = {name: name for name in LISTS} | {
    "cached_dns_names": "dns_names",
    "cached_dns_zones": "dns_zones",
    "in_flight_dns_queries": "dns_queries",
}
_OF_CONFIG = {"max_client_connections": "max_client_conn", "max_user_connections": "max_user_connections"}


class PgBouncer(Collector, kind="pgbouncer"):
    """One PgBouncer, asked on its admin console."""

    dsn: Secret
    """How to connect, as libpq reads it: `host=db user=stats`, or a URL. The port is 6432 unless given.

    The user has to stand in `stats_users` or `admin_users` of pgbouncer.ini.
    """
    password: Secret | None = None
    """The password, where the connection string has none. From a file it is read again at each connection."""
    instance: str = ""
    """The label `instance`; host and port of the connection string unless given."""
    former_names: bool = False
    """Whether the counters are served a second time, named `pgbouncer_stats_*` as by pgbouncer_exporter until 0.10."""

    _console: Console = PrivateAttr()

    def model_post_init(self, _: object) -> None:
        self._console = Console(self.dsn, self.password)

    async def collect(self) -> Samples:
        instance = self.instance or address(self.dsn)
        samples: list[Sample] = []
        reasons: set[str] = set()
        await self._read(instance, samples, reasons)
        up = bool(samples) and not reasons & {Unreachable.reason, TimedOut.reason}
        yield UP(up, instance=instance)
        for reason in sorted(reasons):
            yield ERROR(1, instance=instance, reason=reason)
        if up:
            for sample in samples:
                yield sample

    async def close(self) -> None:
        await self._console.close()

    async def _read(self, instance: str, samples: list[Sample], reasons: set[str]) -> None:
        """Ask for each subject; one that is not answered leaves the others."""
        loop = asyncio.get_running_loop()
        until = loop.time() + max(self.timeout - 0.5, self.timeout / 2)
        answered = False
        for subject, of_rows in _SUBJECTS.items():
            try:
                rows = await self._console.show(subject, until - loop.time())
            except PollError as error:
                reasons.add(error.reason)
                if not answered or isinstance(error, Unreachable | TimedOut):  # it is gone, or lets nobody in
                    return
            else:
                answered = True
                samples += of_rows(rows, instance)
                if subject == "stats_totals" and self.former_names:
                    samples += _by_row(STATS_BEFORE_0_11, _OF_STATS)(rows, instance)


def _version(rows: Sequence[Row], instance: str) -> Iterator[Sample]:
    """Until 1.11 the version was said in a notice, and there is no row."""
    for row in rows:
        yield VERSION(1, instance=instance, version=str(row["version"]))


def _by_key(metrics: Mapping[str, Metric], keys: Mapping[str, str], key: str, value: str) -> "_OfRows":
    def samples(rows: Sequence[Row], instance: str) -> Iterator[Sample]:
        found = {row[key]: row[value] for row in rows}
        for name, metric in metrics.items():
            if found.get(keys[name]) is not None:
                yield metric(float(found[keys[name]]), instance=instance)

    return samples


def _by_row(metrics: Mapping[str, Metric], takes: Mapping[str, Take]) -> "_OfRows":
    def samples(rows: Sequence[Row], instance: str) -> Iterator[Sample]:
        for row in rows:
            for name, metric in metrics.items():
                value = takes[name](row)
                if value is not None:
                    yield metric(value, instance=instance, **_texts(row, metric.labels[1:]))

    return samples


def _clients(rows: Sequence[Row], instance: str) -> Iterator[Sample]:
    names = CLIENTS.labels[1:]
    for labels, count in Counter(tuple(_texts(row, names).values()) for row in rows).items():
        yield CLIENTS(count, instance=instance, **dict(zip(names, labels, strict=True)))


def _texts(row: Row, columns: Iterable[str]) -> dict[str, str]:
    return {column: "" if row.get(column) is None else str(row[column]) for column in columns}


_OfRows = Callable[[Sequence[Row], str], Iterable[Sample]]
_SUBJECTS: Mapping[str, _OfRows] = {
    "version": _version,
    "lists": _by_key(LISTS, _OF_LISTS, "list", "items"),
    "config": _by_key(CONFIG, _OF_CONFIG, "key", "value"),
    "databases": _by_row(DATABASES, _OF_DATABASES),
    "pools": _by_row(POOLS, _OF_POOLS),
    "stats_totals": _by_row(STATS, _OF_STATS),
    "clients": _clients,
}
