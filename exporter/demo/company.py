"""The demo's company: its own database, filled from the story, mapped to the contract, and alive while it is entered."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString, Self

import psycopg
from psycopg import sql

from exporter.demo import chapters
from exporter.demo.database import Server
from exporter.demo.incidents import INCIDENTS
from exporter.demo.life import Life
from exporter.demo.story import Story, Subscription, tell
from exporter.errors import DemoError

_SCHEMA = Path(__file__).with_name("company.sql")
_APPLICATION, _MONITOR = "shop", "bellwether"
_DAYS_AHEAD = 14
"""How far the chapters are told beyond now; what lies ahead is not seen until its time comes."""
_COMES_BACK = 30.0  # seconds that a database may take to do so


def _now() -> datetime:
    return datetime.now(UTC)


class Company:
    """A company on a server: `async with Company(server) as company`. Its days go on inside the block (see `Life`).

    It takes a database and two roles there, `shop` for its application and `bellwether` to watch it, and drops them in the
    end. `living=False` leaves it as the story told it; then `life.go_on()` moves it. `told` are the chapters beside the story:
    all, unless given. Raises `DemoError`.
    """

    def __init__(
        self,
        server: Server,
        *,
        seed: int = 1,
        clock: Callable[[], datetime] = _now,
        database: str = "company",
        living: bool = True,
        told: Collection[str] | None = None,
    ) -> None:
        self._server, self._seed, self._clock, self._database, self._living = server, seed, clock, database, living
        self._told = chapters.chapters().keys() if told is None else told
        self._passwords = {role: secrets.token_urlsafe(24) for role in (_APPLICATION, _MONITOR)}
        self._cleanup = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.story = tell(self._seed, self._clock())
        async with self._cleanup:
            await self._create_database()
            self._cleanup.push_async_callback(self._drop_database)
            async with await psycopg.AsyncConnection.connect(self.application_dsn) as connection:
                try:
                    await connection.execute(_SCHEMA.read_bytes())
                    await _load(connection, self.story)
                    await _load_chapters(connection, self.story, self._seed, self._told)
                except asyncio.CancelledError:
                    await connection.close()  # which a rollback in the midst of a row cannot follow
                    raise
            async with await psycopg.AsyncConnection.connect(self.admin_dsn) as connection:
                await _grant(connection)
            self.life = Life(self.application_dsn, self._seed, self._clock)
            self._cleanup.push_async_callback(self.life.close)
            if self._living:
                self._cleanup.push_async_callback(_cancelled, asyncio.create_task(self.life.run(), name="company"))
            self._cleanup = self._cleanup.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    @property
    def admin_dsn(self) -> str:
        """The superuser's way into the company's database."""
        return self._server.dsn(self._database)

    @property
    def application_dsn(self) -> str:
        """The way in of the company's own application, who owns the tables."""
        return self._server.dsn(self._database, _APPLICATION, self._passwords[_APPLICATION])

    @property
    def monitor_dsn(self) -> str:
        """The way in of who watches: server statistics and the contract's views, nothing else, and nothing to write."""
        return self._server.dsn(self._database, _MONITOR, self._passwords[_MONITOR])

    async def start_incident(self, name: str) -> None:
        """Let something go wrong, until it is ended. Starting what goes on already changes nothing."""
        require_known(name)
        self.life.ending.discard(name)
        await self._execute(
            "insert into shop.incidents (name) select %(name)s"
            " where not exists (select from shop.incidents where name = %(name)s and ended_at is null)",
            name,
        )

    async def end_incident(self, name: str) -> None:
        """Put it right again."""
        require_known(name)
        self.life.ending.add(name)  # what has to come back first, comes back
        try:
            async with asyncio.timeout(_COMES_BACK):
                while not await self._ended(name):  # noqa: ASYNC110 - what is waited for is a server
                    await asyncio.sleep(0.2)
        except TimeoutError:
            self.life.ending.discard(name)
            raise DemoError(f"{name} cannot be ended: the company's database does not answer") from None

    async def _ended(self, name: str) -> bool:
        try:
            await self._execute("update shop.incidents set ended_at = now() where name = %(name)s and ended_at is null", name)
        except psycopg.OperationalError:
            return False
        return True

    async def _execute(self, statement: LiteralString, name: str) -> None:
        async with await psycopg.AsyncConnection.connect(self.application_dsn) as connection:
            await connection.execute(statement, {"name": name})

    async def _create_database(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._server.dsn(), autocommit=True) as connection:
            for role, password in self._passwords.items():
                # hashed here: the statement's text stays readable in pg_stat_statements
                hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
                try:
                    await connection.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(role), hashed))
                except psycopg.errors.DuplicateObject:
                    raise DemoError(f"the server already has a role {role!r}: one company fits on a server") from None
            database, owner = sql.Identifier(self._database), sql.Identifier(_APPLICATION)
            await connection.execute(sql.SQL("create database {} owner {}").format(database, owner))
            await connection.execute(sql.SQL("revoke all on database {} from public").format(database))
            await connection.execute(sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(_MONITOR)))

    async def _drop_database(self) -> None:
        """Leave the server as it was; one that is stopped takes everything with it anyway."""
        with contextlib.suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(self._server.dsn(), autocommit=True) as connection:
                await connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(self._database)))
                for role in self._passwords:
                    await connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


async def _load(connection: psycopg.AsyncConnection, story: Story) -> None:
    """The story's rows into the application's tables. Fields stand in the order of the columns, but for the status."""
    await _copy(connection, "accounts", map(astuple, story.accounts))
    await _copy(connection, "users", map(astuple, story.users))
    await _copy(connection, "subscriptions", ((*astuple(row), _status(row, story.until)) for row in story.subscriptions))
    await _copy(connection, "payments", map(astuple, story.payments))
    await _copy(connection, "known_incidents", INCIDENTS.items())


async def _load_chapters(connection: psycopg.AsyncConnection, story: Story, seed: int, names: Collection[str]) -> None:
    for name in names:
        await connection.execute(chapters.schema(name))
    days = (story.until - story.begins_at) // timedelta(days=1) + 1 + _DAYS_AHEAD
    for table, rows in chapters.tell(story, seed, story.begins_at, days, names).items():
        await _copy(connection, table, rows)


def _status(subscription: Subscription, at: datetime) -> str:
    if subscription.ended_at is not None:
        return "ended"
    return "active" if subscription.trial_ends_at is None or subscription.trial_ends_at <= at else "trialing"


async def _copy(connection: psycopg.AsyncConnection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    statement = sql.SQL("copy shop.{} from stdin").format(sql.Identifier(table))
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)


async def _grant(connection: psycopg.AsyncConnection) -> None:
    """Rights of the watching role, and fresh planner statistics: autovacuum would take a minute to gather them."""
    if "pg_stat_statements" in await _value(connection, "show shared_preload_libraries"):
        await connection.execute("create extension pg_stat_statements")
    watcher = sql.Identifier(_MONITOR)
    for grant in (
        "revoke create on schema public from public",
        "grant pg_monitor to {}",
        "grant usage on schema bellwether to {}",
        "grant select on all tables in schema bellwether to {}",
        "alter role {} set default_transaction_read_only = on",
    ):
        await connection.execute(sql.SQL(grant).format(watcher))
    await connection.execute("analyze")


async def _value(connection: psycopg.AsyncConnection, query: LiteralString) -> str:
    row = await (await connection.execute(query)).fetchone()
    return str(row[0]) if row else ""


def require_known(incident: str) -> None:
    """Raise `DemoError` for what is no incident."""
    if incident not in INCIDENTS:
        raise DemoError(f"no incident is called {incident!r}; known are: {', '.join(INCIDENTS)}")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
