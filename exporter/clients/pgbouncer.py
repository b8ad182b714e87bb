"""PgBouncer's admin console: it speaks PostgreSQL's protocol, but only simple queries and no transactions.

Source: https://www.pgbouncer.org/usage.html#admin-console
"""

import asyncio
import os
import socket
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from exporter.errors import Denied, Malformed, PollError, TimedOut, Unreachable
from exporter.fields import Secret

Row = dict[str, Any]

_REFUSED = ("authentication failed", "no such user", "not allowed", "no password supplied", "login rejected", "login denied")
_DEFAULTS = {"port": "6432", "dbname": "pgbouncer"}


class Console:
    """One connection to the console, opened when first needed and again when it broke. One question is asked at a time."""

    def __init__(self, dsn: Secret, password: Secret | None = None) -> None:
        self._dsn, self._password = dsn, password
        self._connection: psycopg.AsyncConnection[Row] | None = None
        self._turn = asyncio.Lock()

    async def show(self, subject: str, patience: float) -> list[Row]:
        """The rows of `SHOW subject`, within that many seconds. Raises `PollError`."""
        async with self._turn:
            kept = self._connection is not None and not self._connection.closed
            until = asyncio.get_running_loop().time() + patience
            try:
                return await self._ask(subject, until)
            except Unreachable:
                if not kept:
                    raise
            return await self._ask(subject, until)  # it was restarted since the last question

    async def close(self) -> None:
        """Close the connection; the next question opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self, subject: str, until: float) -> list[Row]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until):
                connection = await self._open()
        except TimeoutError:
            raise TimedOut("PgBouncer lets nobody in within the time that it was given") from None
        # The socket is shut, rather than the task cancelled: psycopg would wait for a hanging server to agree to that.
        hangs_up = loop.call_at(until, _hang_up, connection)
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(f"show {subject}".encode())
                return await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            if not connection.closed:  # it was heard and refused; the connection is as good as before
                raise _refusal(error) from error
            await self.close()
            if loop.time() >= until:
                raise TimedOut(f"PgBouncer does not answer `show {subject}` within the time that it was given") from error
            raise Unreachable(error.diag.message_primary or "PgBouncer closed the connection") from error
        except BaseException:  # broken off midway: what the connection holds is unknown
            await self.close()
            raise
        finally:
            hangs_up.cancel()

    async def _open(self) -> psycopg.AsyncConnection[Row]:
        if self._connection is None or self._connection.closed:
            try:  # secrets are read at each connection, so that a rotated password needs no restart
                parts = {**_DEFAULTS, **parts_of(self._dsn)}
                if self._password is not None:
                    parts["password"] = self._password.read()
            except OSError as error:
                raise Denied(f"cannot read the secret file {error.filename}: {error.strerror}") from error
            try:
                self._connection = await psycopg.AsyncConnection.connect(
                    make_conninfo("", **{**parts, "application_name": "bellwether"}),
                    autocommit=True,
                    prepare_threshold=None,
                    row_factory=dict_row,
                )
            except psycopg.Error as error:
                raise _connect_error(error) from None  # the cause's text may hold the connection string
        return self._connection


def address(dsn: Secret) -> str:
    """Host and port of a connection string; empty when it cannot be read, which the poll reports."""
    try:
        parts = {"host": "localhost", **_DEFAULTS, **parts_of(dsn)}
    except (PollError, OSError):
        return ""
    return f"{parts['host']}:{parts['port']}"


def parts_of(dsn: Secret) -> dict[str, str]:
    """What a connection string says, beside PGHOST and PGPORT. Raises `Malformed`; `OSError` when its file cannot be read."""
    given = {"host": os.environ.get("PGHOST"), "port": os.environ.get("PGPORT")}
    try:
        parts = conninfo_to_dict(dsn.read())
    except psycopg.ProgrammingError:
        raise Malformed(
            "the connection string cannot be read; expected a URL or key=value pairs as libpq reads them"
        ) from None  # the cause's text may hold it
    return {name: str(value) for name, value in {**given, **parts}.items() if value}


def _hang_up(connection: psycopg.AsyncConnection[Row]) -> None:
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)


def _connect_error(error: psycopg.Error) -> PollError:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return Denied(line) if any(words in str(error) for words in _REFUSED) else Unreachable(line)


def _refusal(error: psycopg.Error) -> PollError:
    message = error.diag.message_primary or type(error).__name__
    if "admin access needed" in message:
        return Denied(f"{message}; name the user in `stats_users` or `admin_users` of pgbouncer.ini")
    return Malformed(message)
