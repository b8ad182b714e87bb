"""The application's connections to its database: a few, for which its requests wait.

Metrics are named as OpenTelemetry's conventions have it, with the label `source` that the exporter's own scrapes of pools add.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge

SIZE = 8
_SOURCE, _NAME = "shop", "main"
_PATIENCE, _WAIT = 2.0, 5.0  # seconds that opening a connection may take, and waiting for one


class Pool:
    """`async with pool.connection() as connection`.

    Raises `TimeoutError` when none becomes free, `psycopg.OperationalError` while the database is away.
    """

    def __init__(self, dsn: str, registry: CollectorRegistry) -> None:
        self._dsn, self._turn = dsn, asyncio.Semaphore(SIZE)
        self._idle: list[psycopg.AsyncConnection] = []
        whose, state = ["source", "db_client_connection_pool_name"], "db_client_connection_state"
        self._count = Gauge("db_client_connection_count", "Connections of the pool.", [*whose, state], registry=registry)
        most = Gauge("db_client_connection_max", "The most connections that the pool opens.", whose, registry=registry)
        waiting = Gauge(
            "db_client_connection_pending_requests", "Requests that wait for a connection.", whose, registry=registry
        )
        timeouts = Counter(
            "db_client_connection_timeouts", "Requests that waited in vain for a connection.", whose, registry=registry
        )
        most.labels(_SOURCE, _NAME).set(SIZE)
        self._waiting, self._timeouts = waiting.labels(_SOURCE, _NAME), timeouts.labels(_SOURCE, _NAME)
        self._used = 0
        self._tell()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncGenerator[psycopg.AsyncConnection]:
        """A connection for the length of the block, in its turn."""
        with self._waiting.track_inprogress():
            try:
                async with asyncio.timeout(_WAIT):
                    await self._turn.acquire()
            except TimeoutError:
                self._timeouts.inc()
                raise
        self._used += 1
        self._tell()
        try:
            connection = self._idle.pop() if self._idle else await self._open()
            try:
                yield connection
            except psycopg.OperationalError:
                for broken in (connection, *self._idle):  # the server was away for all of them
                    await broken.close()
                self._idle.clear()
                raise
            except BaseException:
                await connection.close()
                raise
            self._idle.append(connection)
        finally:
            self._used -= 1
            self._turn.release()
            self._tell()

    async def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            await self._idle.pop().close()

    async def _open(self) -> psycopg.AsyncConnection:
        async with asyncio.timeout(_PATIENCE):
            return await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, application_name="website")

    def _tell(self) -> None:
        self._count.labels(_SOURCE, _NAME, "used").set(self._used)
        self._count.labels(_SOURCE, _NAME, "idle").set(len(self._idle))
