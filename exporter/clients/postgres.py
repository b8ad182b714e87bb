"""PostgreSQL servers, read and never written: few connections, read-only transactions, every wait bounded.

All clients of this process share one budget of connections per server. A connection counts from the moment that it is asked
for until the server has let it go: one that hangs keeps its place, so that a server that hangs is not asked for ever more.
Source of the error classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

import psycopg
from psycopg import errors, waiting
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from exporter.errors import Denied, Malformed, PollError, TimedOut, Unreachable
from exporter.fields import Secret

Row = dict[str, Any]
Cursor = psycopg.AsyncCursor[Row]

MAX_CONNECTIONS = 3
"""How many connections a server gives this process unless a client says otherwise: one that a collector keeps, one that goes
from database to database, and one for a second collector."""

_CONNECT_TIMEOUT = 5  # seconds that a caller waits for each host; libpq counts in whole ones
_PATIENCE, _LONGEST_PATIENCE = 30.0, 300.0  # seconds that a connection which hangs keeps its place, and at most so after others
_FAREWELL = 1.0  # seconds that `close` waits for the server to let a connection go
_INTERVAL = 1.0  # seconds between two looks of psycopg at a line that is silent
_REFUSED = (
    "authentication failed",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "no password supplied",
    "does not exist",
    "permission denied",
)
# By the kernel it is known within seconds that a host or the way to it is gone, so what else hangs is a server that is alive.
_NETWORK = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 10_000}
_BEGIN = """
    begin read only;
    select set_config('statement_timeout', '{statement}ms', true),
           set_config('lock_timeout', '{lock}ms', true),
           set_config('idle_in_transaction_session_timeout', '{idle}ms', true);
    savepoint before_all
"""
# Large objects before PostgreSQL 16, and notifications, are not kept from a read-only transaction. To commit what is left after
# everything was undone leaves nothing of them; a rollback would, too, but rollbacks are a figure that people watch.
_END = "rollback to savepoint before_all; commit"


class Postgres:
    """A client of one database: it has a connection while it needs one, and keeps it until another client needs the place.

    `transaction()` is the only way in: it is read-only, and statement, lock and idle time are limited inside it, by
    `set_config(…, is_local => true)`, which also holds behind a connection pooler. One transaction runs at a time.
    """

    def __init__(
        self,
        dsn: Secret,
        password: Secret | None = None,
        *,
        database: str = "",
        statement_timeout: float = 5.0,
        max_connections: int | None = None,
    ) -> None:
        self._dsn, self._password, self._database = dsn, password, database
        self._statement_timeout = statement_timeout
        self._server: _Server | None = None
        self._turn = asyncio.Lock()
        self.max_connections = max_connections
        """How many connections all clients of the server may have; the least that one of them says counts."""
        self.opened = 0
        """How many connections it has opened: what was found out on one need not hold on the next."""
        self.held = False
        """Whether it goes on to its next transaction at once, so that no other client may have its connection before."""
        self.closed = False
        """Whether it was closed and not used since: a connection that comes late is of no use to it."""

    def of_database(self, name: str) -> "Postgres":
        """A client of another database of the server, with the same credentials and limits."""
        limits = {"statement_timeout": self._statement_timeout, "max_connections": self.max_connections}
        return Postgres(self._dsn, self._password, database=name, **limits)  # type: ignore[arg-type]

    @contextlib.asynccontextmanager
    async def transaction(self, *, lock_timeout: float = 1.0) -> AsyncIterator[Cursor]:
        """A cursor inside one read-only transaction, rows as dicts. Raises `PollError` for whatever goes wrong in it.

        Waits for a place in the server's budget as long as it takes. To be cancelled costs no time, whatever hangs.
        """
        async with self._turn:
            self.closed = False
            connection, server = await self._begin(lock_timeout)
            try:
                async with connection.cursor() as cursor:
                    yield cursor
                await connection.execute(_END)
            except psycopg.Error as error:
                await self._recover(connection, server)
                raise _poll_error(error) from error
            except PollError:  # what came was not what the caller can use; the connection is as good as before
                await self._recover(connection, server)
                raise
            except BaseException:  # cancelled or broken off midway: what the connection holds is unknown
                server.retire(connection)
                raise
            server.keep(self, connection)

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Keep the connection from one transaction to the next. Whoever waits for a place waits for the end of this.

        Not to be nested with that of another client of the server: each could wait for the other's place.
        """
        self.held = True
        try:
            yield
        finally:
            self.held = False
            if self._server is not None:
                self._server.tell()

    async def close(self) -> None:
        """Close the connection that is kept; the next transaction opens a new one."""
        self.closed = True
        if self._server is not None and (ending := self._server.let_go(self)):
            await asyncio.wait([ending], timeout=_FAREWELL)

    async def _begin(self, lock_timeout: float) -> tuple["_Connection", "_Server"]:
        """A connection inside a new transaction; one that was kept and has gone stale meanwhile is replaced, once."""
        limits = {"statement": self._statement_timeout, "lock": min(lock_timeout, self._statement_timeout)}
        begin = _BEGIN.format(
            idle=round(2000 * self._statement_timeout), **{name: round(1000 * limit) for name, limit in limits.items()}
        )
        while True:
            parameters = self._parameters()
            server = _server_of(parameters)
            if self._server is not None and server is not self._server:  # the connection string's file names another one
                self._server.let_go(self)
            self._server = server
            server.clients.add(self)
            kept = connection = await server.take(self)
            if connection is None:
                connection = await self._connect(server, parameters)
            try:
                await connection.execute(begin)
            except psycopg.OperationalError as error:
                server.retire(connection)
                if kept is None:
                    raise _poll_error(error) from error
            except BaseException:
                server.retire(connection)
                raise
            else:
                return connection, server

    def _parameters(self) -> dict[str, Any]:
        """How to connect. Secrets are read at each transaction, so that a rotated password needs no restart."""
        try:
            dsn = self._dsn.read()
            password = {} if self._password is None else {"password": self._password.read()}
        except OSError as error:
            raise Denied(f"cannot read the secret file {error.filename}: {error.strerror}") from error
        try:
            given = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:  # whose text may hold the connection string
            raise Malformed(
                "the connection string cannot be read; expected a URL or key=value pairs as libpq reads them"
            ) from None
        database = {"dbname": self._database} if self._database else {}
        return _NETWORK | given | password | database | {"application_name": "bellwether"}

    async def _connect(self, server: "_Server", parameters: dict[str, Any]) -> "_Connection":
        """Open a connection in the place that was taken. What does not answer in time goes on hanging in that place."""
        hosts = str(parameters.get("host", "")).count(",") + 1
        parameters = {"connect_timeout": _CONNECT_TIMEOUT if hosts > 1 else round(_LONGEST_PATIENCE)} | parameters
        opening = asyncio.ensure_future(
            _Connection.connect(
                **parameters,
                autocommit=True,  # BEGIN is sent together with the limits
                prepare_threshold=None,  # prepared statements do not survive a transaction pooler
                row_factory=dict_row,
            )
        )
        try:
            done, _ = await asyncio.wait({opening}, timeout=_CONNECT_TIMEOUT * hosts)
        except BaseException:
            server.outlast(self, opening)
            raise
        if not done:
            server.outlast(self, opening)
            raise Unreachable(f"no answer to a connection within {_CONNECT_TIMEOUT * hosts} s")
        if (error := opening.exception()) is not None:
            server.free()
            raise (_connect_error(error) if isinstance(error, psycopg.Error) else error) from None  # it may hold the secrets
        self.opened += 1
        return opening.result()

    async def _recover(self, connection: "_Connection", server: "_Server") -> None:
        try:
            await connection.execute("rollback")
        except psycopg.Error:
            server.retire(connection)
        except BaseException:
            server.retire(connection)
            raise
        else:
            server.keep(self, connection)


class _Connection(psycopg.AsyncConnection[Row]):
    """A connection that can be left in the middle of a statement at once: what the statement waits for goes on by itself.

    psycopg would ask the server to cancel it, over one more connection, and wait for that.
    """

    pending: asyncio.Future[Any] | None = None
    """What was last waited for."""

    async def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - psycopg's
        limit = {} if timeout is None else {"timeout": timeout}
        self.pending = asyncio.ensure_future(waiting.wait_async(gen, self.pgconn.socket, interval, **limit))
        return await asyncio.shield(self.pending)


class _Server:
    """What this process has open at one server, whoever opened it."""

    def __init__(self) -> None:
        self.clients: WeakSet[Postgres] = WeakSet()
        self._taken = 0
        """Places taken: by connections in use, kept, being opened, hanging, and being closed."""
        self._kept: dict[Postgres, _Connection] = {}
        """The connection of each client that has one and does not use it; the one longest unused first."""
        self._freed = asyncio.Event()
        self._patience = _PATIENCE
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def _limit(self) -> int:
        limits = (client.max_connections for client in self.clients if client.max_connections and not client.closed)
        return min(limits, default=MAX_CONNECTIONS)

    async def take(self, client: Postgres) -> _Connection | None:
        """The connection that was kept for a client, or None once there is a place in which it may open one."""
        while True:
            if kept := self._kept.pop(client, None):
                return kept
            if self._taken < self._limit:
                self._taken += 1
                return None
            freed = self._freed
            if idle := next((other for other in self._kept if not other.held), None):
                self.let_go(idle)
            await freed.wait()

    def keep(self, client: Postgres, connection: _Connection) -> None:
        """Keep a connection for the client's next transaction, or until the place is needed; one, should it have several."""
        self._patience = _PATIENCE
        if client.closed or client in self._kept:
            self.retire(connection)
        else:
            self._kept[client] = connection
            self.tell()

    def let_go(self, client: Postgres) -> asyncio.Task[None] | None:
        """Close what is kept for a client, if anything is."""
        kept = self._kept.pop(client, None)
        return None if kept is None else self.retire(kept)

    def retire(self, connection: _Connection) -> asyncio.Task[None]:
        """Close a connection, once what it waits for has come, and free its place, once the server has let it go."""
        task = self._spawn(self._see_off(connection))
        task.add_done_callback(lambda _: self._close(connection))
        return task

    def outlast(self, client: Postgres, opening: asyncio.Future[_Connection]) -> None:
        """Wait for a connection that nobody waits for any more; the client finds it the next time."""
        task = self._spawn(self._wait(opening))
        task.add_done_callback(lambda task: self._take_in(client, opening, late=task.cancelled()))

    def free(self) -> None:
        """Give a place back."""
        self._taken -= 1
        self.tell()

    async def _see_off(self, connection: _Connection) -> None:
        if connection.pending is not None:
            await self._wait(connection.pending)
        await self._wait(asyncio.ensure_future(_end(connection)))

    def _close(self, connection: _Connection) -> None:
        connection.pgconn.finish()
        self.free()

    def _take_in(self, client: Postgres, opening: asyncio.Future[_Connection], *, late: bool) -> None:
        """Keep or close what came of an attempt, should anything have. It is late when the process is about to end."""
        if not opening.done():
            opening.add_done_callback(lambda opening: self._take_in(client, opening, late=True))
        elif opening.cancelled() or opening.exception() is not None:
            self.free()
        elif late:
            self._close(opening.result())
        else:
            client.opened += 1
            self.keep(client, opening.result())

    async def _wait(self, pending: asyncio.Future[Any]) -> None:
        """Wait for what hangs, for ever longer as long as the server lets nothing succeed, and then no more."""
        try:
            done, _ = await asyncio.wait([pending], timeout=self._patience)
        finally:
            pending.cancel()
        if not done:
            self._patience = min(2 * self._patience, _LONGEST_PATIENCE)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    def tell(self) -> None:
        """Let those who wait for a place look again."""
        self._freed.set()
        self._freed = asyncio.Event()


_servers: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, _Server]] = WeakKeyDictionary()


def _server_of(parameters: Mapping[str, Any]) -> _Server:
    """The server that a connection string names, as known to this process: the same for all that name it so."""
    known = _servers.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    server = known.get(address := ";".join((address_of(parameters), str(parameters.get("service", "")))))
    if server is None:
        server = known[address] = _Server()
    return server


def address_of(parameters: Mapping[str, Any]) -> str:
    """The hosts and ports that the parts of a connection string name, as libpq finds them: `host:port,host:port`."""
    hosts = str(parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST") or "localhost").split(",")
    ports = str(parameters.get("port") or os.environ.get("PGPORT") or "5432").split(",")
    return ",".join(f"{host}:{ports[index % len(ports)]}" for index, host in enumerate(hosts))


async def _end(connection: _Connection) -> None:
    """Say goodbye, and wait until the server has hung up: not before then does it count one session less."""
    if connection.pgconn.socket < 0:
        return
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
        line.setblocking(False)
        connection.pgconn.finish()
        with contextlib.suppress(OSError):
            while await asyncio.get_running_loop().sock_recv(line, 4096):
                pass


def _connect_error(error: psycopg.Error) -> PollError:
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    if isinstance(error, psycopg.ProgrammingError):
        return Malformed("the connection string cannot be read; expected a URL or key=value pairs as libpq reads them")
    if any(words in text for words in _REFUSED):
        return Denied(line)
    return Unreachable(line)


def _poll_error(error: psycopg.Error) -> PollError:
    """The reason a statement failed, without the values that PostgreSQL quotes in data errors."""
    match error:
        case errors.QueryCanceled() | errors.LockNotAvailable() | errors.IdleInTransactionSessionTimeout():
            return TimedOut(_primary(error))
        case errors.ReadOnlySqlTransaction():
            return Denied(f"it would write, and only reading is allowed ({_primary(error)})")
        case errors.InsufficientPrivilege():
            return Denied(_primary(error))
        case psycopg.DataError() | psycopg.IntegrityError():
            return Malformed(f"{type(error).__name__} (SQLSTATE {error.sqlstate})")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return Unreachable(_primary(error))
        case _:
            return Malformed(_primary(error))


def _primary(error: psycopg.Error) -> str:
    return error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
