"""A PostgreSQL server, read and never written: one connection, read-only transactions, every wait bounded.

Source of the error classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

from exporter.errors import Denied, Malformed, PollError, TimedOut, Unreachable
from exporter.fields import Secret

Row = dict[str, Any]
Cursor = psycopg.AsyncCursor[Row]

_CONNECT_TIMEOUT = 5  # seconds; libpq counts in whole ones
_REFUSED = ("authentication failed", "no pg_hba.conf entry", "no password supplied", "does not exist", "permission denied")
_LIMITS = """
    select set_config('statement_timeout', %(statement)s, true),
           set_config('lock_timeout', %(lock)s, true),
           set_config('idle_in_transaction_session_timeout', %(idle)s, true)
"""


class Postgres:
    """One connection to one database, opened when first needed and again when it broke.

    `transaction()` is the only way in: it is read-only, and statement, lock and idle time are limited inside it, by
    `set_config(…, is_local => true)`, which also holds behind a connection pooler. One transaction runs at a time.
    """

    def __init__(self, dsn: Secret, password: Secret | None = None, *, statement_timeout: float = 5.0) -> None:
        self._dsn, self._password = dsn, password
        self._connection: psycopg.AsyncConnection[Row] | None = None
        self._turn = asyncio.Lock()
        self._limits = {
            "statement": _milliseconds(statement_timeout),
            "lock": _milliseconds(min(1.0, statement_timeout)),  # never queue for long behind a lock: others queue behind us
            "idle": _milliseconds(2 * statement_timeout),
        }

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Cursor]:
        """A cursor inside one read-only transaction, rows as dicts. Raises `PollError` for whatever goes wrong in it."""
        async with self._turn:
            connection = await self._begin()
            try:
                async with connection.cursor() as cursor:
                    yield cursor
                await connection.commit()  # nothing was written, but rollbacks are a figure that people watch
            except psycopg.Error as error:
                await self._recover(connection)
                raise _poll_error(error) from error
            except PollError:  # what came was not what the caller can use; the connection is as good as before
                await self._recover(connection)
                raise
            except BaseException:  # cancelled or broken off midway: what the connection holds is unknown
                await self.close()
                raise

    async def close(self) -> None:
        """Close the connection; the next transaction opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _begin(self) -> psycopg.AsyncConnection[Row]:
        """A connection inside a new transaction; one that was kept and has gone stale meanwhile is replaced, once."""
        kept = self._connection is not None
        connection = await self._open()
        try:
            await connection.execute(_LIMITS, self._limits)
        except psycopg.OperationalError as error:
            await self.close()
            if not kept:
                raise _poll_error(error) from error
            return await self._begin()
        return connection

    async def _open(self) -> psycopg.AsyncConnection[Row]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        try:  # secrets are read at each connection, so that a rotated password needs no restart
            password = {} if self._password is None else {"password": self._password.read()}
            dsn = self._dsn.read()
        except OSError as error:
            raise Denied(f"cannot read the secret file {error.filename}: {error.strerror}") from error
        try:
            connection = await psycopg.AsyncConnection.connect(
                dsn,
                **password,  # type: ignore[arg-type]  # mypy takes the mapping for any of connect()'s keywords
                autocommit=False,
                prepare_threshold=None,  # prepared statements do not survive a transaction pooler
                row_factory=dict_row,
                application_name="bellwether",
                connect_timeout=_CONNECT_TIMEOUT,
            )
        except psycopg.Error as error:
            raise _connect_error(error) from None  # the cause's text may hold the connection string
        await connection.set_read_only(True)
        self._connection = connection
        return connection

    async def _recover(self, connection: psycopg.AsyncConnection[Row]) -> None:
        try:
            await connection.rollback()
        except psycopg.Error:
            await self.close()


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _connect_error(error: psycopg.Error) -> PollError:
    if isinstance(error, psycopg.ProgrammingError):
        return Malformed("the connection string cannot be read; expected a URL or key=value pairs as libpq reads them")
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    if any(words in text for words in _REFUSED):
        return Denied(line)
    return Unreachable(line)


def _poll_error(error: psycopg.Error) -> PollError:
    """The reason a statement failed, without the values that PostgreSQL quotes in data errors."""
    match error:
        case errors.QueryCanceled() | errors.LockNotAvailable() | errors.IdleInTransactionSessionTimeout():
            return TimedOut(_primary(error))
        case errors.InsufficientPrivilege() | errors.ReadOnlySqlTransaction():
            return Denied(_primary(error))
        case psycopg.DataError() | psycopg.IntegrityError():
            return Malformed(f"{type(error).__name__} (SQLSTATE {error.sqlstate})")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return Unreachable(_primary(error))
        case _:
            return Malformed(_primary(error))


def _primary(error: psycopg.Error) -> str:
    return error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
