"""PostgreSQL servers, 13 to 18, and each of their databases. Only the server's own views are read.

Names, types and units of postgres_exporter 0.20, with the label `instance` before its own; a NULL is no sample rather than 0.
What is asked stands in `views`, one file per view.
Source: https://www.postgresql.org/docs/current/monitoring-stats.html,
https://github.com/prometheus-community/postgres_exporter/tree/v0.20.0/collector
"""

import asyncio
import difflib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, PrivateAttr, field_validator

from exporter.clients.postgres import MAX_CONNECTIONS, Postgres, address_of
from exporter.collector import Collector, Duration, Samples, Secret, declared_in
from exporter.collectors.postgres import capabilities, report, runner
from exporter.collectors.postgres.databases import Databases
from exporter.collectors.postgres.query import Query
from exporter.collectors.postgres.report import ERROR, UP
from exporter.collectors.postgres.runner import Runner
from exporter.collectors.postgres.views import QUERIES
from exporter.errors import PollError, TimedOut, Unreachable
from exporter.metric import Metric

_NAMES = sorted({query.name for query in QUERIES})


class PostgresServer(Collector, kind="postgres"):
    """A PostgreSQL server and all its databases. The role needs `pg_monitor`, no more (docs/postgres.md).

    A server that does not answer is a successful poll with `pg_up` 0: it is what the poll was for.
    """

    dsn: Secret
    """Where to connect: a URL or key=value pairs, as libpq reads them. Any database of the server will do."""
    password: Secret | None = None
    """The password, when it is not part of `dsn`."""
    instance: str = ""
    """The value of the label `instance`; `host:port` of `dsn` unless given."""
    queries: dict[str, bool] = Field(default_factory=dict)
    """Queries to switch on or off, by name, such as `stat_statements: true`; docs/postgres.md has the names."""
    databases: Databases | Literal[False] = Field(default_factory=Databases)
    """Which databases are asked for their own tables and indexes; `false` for that of `dsn` alone."""
    max_connections: int = Field(default=MAX_CONNECTIONS, ge=1)
    """The most connections to the server, of this collector and all others that are pointed at the same host and port."""
    timeout: Duration = 10.0
    """How long one run may take; half a second earlier, what was not read by then is given up."""
    statement_timeout: Duration = 3.0
    """How long one query may take. What it would have told is left out; the others still run."""
    max_series: int = Field(default=50_000, ge=1)
    """The most series it may expose; what is beyond is dropped and counted."""

    _postgres: Postgres = PrivateAttr()
    _runner: Runner = PrivateAttr()
    _polls: int = PrivateAttr(default=0)

    @field_validator("queries")
    @classmethod
    def _known_queries(cls, queries: Mapping[str, bool]) -> Mapping[str, bool]:
        for name in queries:
            if name not in _NAMES:
                near = difflib.get_close_matches(name, _NAMES, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(_NAMES)}"
                raise ValueError(f"there is no query {name!r}{hint}")
        return queries

    def model_post_init(self, context: Any, /) -> None:
        self._postgres = Postgres(
            self.dsn, self.password, statement_timeout=self.statement_timeout, max_connections=self.max_connections
        )
        asked = [query for query in QUERIES if self._asks(query)]
        self._runner = Runner(self._postgres, asked, self.databases or None)

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of every query, and those that tell how they fare."""
        return _declared(QUERIES)

    def declares(self) -> Iterable[Metric]:
        """The metrics of the queries that are asked."""
        return _declared(query for query in QUERIES if self._asks(query))

    async def collect(self) -> Samples:
        instance = self._instance()
        self._runner.instance = instance
        began, up, reasons = time.monotonic(), True, set[str]()
        try:
            async with asyncio.timeout(max(self.timeout - 0.5, self.timeout / 2)):
                await self._runner.poll(time_for_databases=self.timeout / 2)
        except TimeoutError:
            reasons.add(TimedOut.reason)
        except PollError as error:
            reasons.add(error.reason)
            up = not isinstance(error, Unreachable)
        self._polls += 1
        up = up and self._runner.answered
        if up:
            reasons |= self._runner.errors()
        yield UP(up, instance=instance)
        for reason in sorted(reasons):
            yield ERROR(1, instance=instance, reason=reason)
        off = [query.name for query in QUERIES if not self._asks(query)]
        for sample in report.samples(self._runner, instance, off, up=up):
            yield sample
        for sample in report.of_polls(instance, self._polls, time.monotonic() - began, failed=bool(reasons)):
            yield sample

    async def close(self) -> None:
        await self._postgres.close()

    def _asks(self, query: Query) -> bool:
        return self.queries.get(query.name, query.default)

    def _instance(self) -> str:
        """The label's value. A connection string that cannot be read has no address, which the poll reports."""
        try:
            return self.instance or address_of(conninfo_to_dict(self.dsn.read()))
        except (psycopg.Error, OSError):
            return self.name


def _declared(queries: Iterable[Query]) -> Iterator[Metric]:
    for module in (report, runner, capabilities):
        yield from declared_in(module)
    yield from dict.fromkeys(metric for query in queries for metric in query.metrics.values())
