"""What goes on at the demo's company from now on, by the wall clock, and what goes wrong while an incident is open.

Livelier than the past, so that there is something to see: a purchase every two seconds rather than a dozen a day, a
sign-up every two minutes rather than four a day. Only customers leave at a pace that a company survives for weeks. What
happens is the seed's; when, the clock's. Subscriptions that the story began are not renewed here.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from exporter.demo import story
from exporter.demo.incidents.rows import ROWS, Scene

PURCHASE, SIGN_UP, CONVERSION, DEPARTURE = 2.0, 120.0, 600.0, 21_600.0  # mean seconds between two of a kind
_OUTAGE_FAILS = 0.85
_LONGEST_STEP = 5.0  # seconds; a machine that slept does not catch up
_log = logging.getLogger(__name__)

Cursor = psycopg.AsyncCursor[TupleRow]


class Subscribed(NamedTuple):
    """What a charge needs to know of a subscription."""

    id: str
    account_id: str
    currency: str
    cents: int


class Life:
    """Changes the application's tables as the application would. Goes on after the database was away for a while."""

    def __init__(self, dsn: str, seed: int, clock: Callable[[], datetime]) -> None:
        self._dsn, self._clock = dsn, clock
        self._random = story.stream(seed, "from now on")
        self._connection: psycopg.AsyncConnection | None = None
        self._unended: frozenset[str] = frozenset()
        self.ending: set[str] = set()
        """Incidents that are over although their row may not say so yet."""

    @property
    def going_on(self) -> frozenset[str]:
        """The incidents that go on; while the database does not answer, those that did."""
        return self._unended - self.ending

    async def run(self) -> None:
        """Go on, second by second, until cancelled."""
        answers, before = True, time.monotonic()
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            try:
                await self.go_on(min(now - before, _LONGEST_STEP))
            except psycopg.OperationalError:
                if answers:
                    _log.warning("the company's database does not answer; its life goes on when it does")
                answers = False
            else:
                answers = True
            before = now

    async def go_on(self, seconds: float) -> None:
        """Let happen what happens in so many seconds, all of it at this instant, in one transaction."""
        connection, now = await self._open(), self._clock()
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.execute("select name from shop.incidents where ended_at is null order by name")
            self._unended = frozenset(name for (name,) in await cursor.fetchall())
            self.ending &= self._unended
            await self._go_wrong(cursor, now, seconds)
            await self._decide_ended_trials(cursor, now)
            sign_ups = story.poisson(self._random, seconds / SIGN_UP)
            for _ in range(0 if "conversion-drop" in self.going_on else sign_ups):
                await self._sign_up(cursor, now)
            for _ in range(story.poisson(self._random, seconds / CONVERSION)):
                await self._convert_early(cursor, now)
            for _ in range(story.poisson(self._random, seconds / DEPARTURE)):
                await self._leave(cursor, now)
            for _ in range(story.poisson(self._random, seconds / PURCHASE)):
                await self._purchase(cursor, now)

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name="shop", connect_timeout=5
            )
        return self._connection

    async def _go_wrong(self, cursor: Cursor, now: datetime, seconds: float) -> None:
        """What incidents make of these seconds."""
        if "conversion-drop" in self.going_on:  # whom the story has sign up in the next minute stays away
            await cursor.execute(
                "delete from shop.events where name = 'signup_completed' and happened_at between %s and %s",
                [now, now + timedelta(minutes=1)],
            )
        names = sorted(self.going_on & ROWS.keys())
        if not names:
            return
        await cursor.execute("select id, account_id from shop.users where deleted_at is null order by id limit 200")
        scene = Scene(self._random, now, seconds, await cursor.fetchall())
        for name in names:
            for table, row in ROWS[name](scene):
                values = sql.SQL(", ").join(sql.Placeholder() * len(row))
                await cursor.execute(sql.SQL("insert into shop.{} values ({})").format(sql.Identifier(table), values), row)

    async def _sign_up(self, cursor: Cursor, now: datetime) -> None:
        account = story.new_account(self._random, now)
        trial = story.new_trial(self._random, account)
        await cursor.execute("insert into shop.accounts values (%s, %s, %s, %s)", astuple(account))
        user = [story.new_id(self._random, "user"), account.account_id, now]
        await cursor.execute("insert into shop.users values (%s, %s, %s, null)", user)
        await cursor.execute(
            "insert into shop.subscriptions values (%s, %s, %s, %s, %s, %s, %s, %s, null, 'trialing')",
            [trial.subscription_id, trial.account_id, trial.plan, trial.currency, trial.cents, trial.interval_months, now,
             trial.trial_ends_at],
        )  # fmt: skip

    async def _decide_ended_trials(self, cursor: Cursor, now: datetime) -> None:
        await cursor.execute(
            "select id, account_id, currency, price_cents from shop.subscriptions"
            " where status = 'trialing' and trial_until <= %s order by trial_until, id",
            [now],
        )
        for trial in [Subscribed(*row) for row in await cursor.fetchall()]:
            converts = self._random.random() < story.CONVERSION
            if converts and await self._pay(cursor, now, trial, "subscription", trial.cents):
                await cursor.execute("update shop.subscriptions set status = 'active' where id = %s", [trial.id])
            else:
                await cursor.execute(
                    "update shop.subscriptions set status = 'ended', ends_at = trial_until where id = %s", [trial.id]
                )

    async def _convert_early(self, cursor: Cursor, now: datetime) -> None:
        trial = await self._any(cursor, "trialing")
        if trial and await self._pay(cursor, now, trial, "subscription", trial.cents):
            await cursor.execute(
                "update shop.subscriptions set status = 'active', trial_until = %s where id = %s", [now, trial.id]
            )

    async def _leave(self, cursor: Cursor, now: datetime) -> None:
        subscription = await self._any(cursor, "active")
        if subscription:
            await cursor.execute(
                "update shop.subscriptions set status = 'ended', ends_at = %s where id = %s and status = 'active'",
                [now, subscription.id],
            )

    async def _purchase(self, cursor: Cursor, now: datetime) -> None:
        subscription = await self._any(cursor, "active")
        if subscription:
            await self._pay(cursor, now, subscription, "top_up", story.top_up_cents(self._random))

    async def _pay(self, cursor: Cursor, now: datetime, payer: Subscribed, kind: str, cents: int) -> bool:
        """Try to take money. Whether that succeeded."""
        reason = story.failure_reason(self._random)
        if "payment-outage" in self.going_on:
            reason = "provider_unavailable" if self._random.random() < _OUTAGE_FAILS else None
        taken = story.provider_and_fee(payer.account_id, cents, reason)
        await cursor.execute(
            "insert into shop.payments values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [story.new_id(self._random, "pay"), payer.account_id, now, kind, cents, payer.currency, reason, *taken],
        )
        return reason is None

    async def _any(self, cursor: Cursor, status: str) -> Subscribed | None:
        """One of the subscriptions of a status, by chance."""
        await cursor.execute(
            "select id, account_id, currency, price_cents from shop.subscriptions where status = %(status)s order by id"
            " offset floor(%(chance)s * (select count(*) from shop.subscriptions where status = %(status)s)) limit 1",
            {"status": status, "chance": self._random.random()},
        )
        row = await cursor.fetchone()
        return Subscribed(*row) if row else None
