"""Incidents that something has to be done for at their beginning and undone at their end, such as stopping a server."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import NoReturn

import psycopg

from exporter.demo.database import Server

_PAUSE = 0.5  # seconds between two looks at what goes on
_WAITING = 3  # sessions, for a row that another one has
_log = logging.getLogger(__name__)

Upheaval = Callable[[], AbstractAsyncContextManager[None]]
"""Enters the block when its incident begins, and leaves it when that ends."""


async def follow(going_on: Callable[[], Collection[str]], upheavals: Mapping[str, Upheaval]) -> NoReturn:
    """Begin and end what incidents ask for, until cancelled; then all is as it was."""
    async with contextlib.AsyncExitStack() as stack:
        open_: dict[str, AbstractAsyncContextManager[None]] = {}
        stack.push_async_callback(_leave, open_, frozenset())
        while True:
            wanted = going_on()
            await _leave(open_, wanted)
            for name, upheaval in upheavals.items():
                if name in wanted and name not in open_:
                    block = upheaval()
                    await block.__aenter__()
                    open_[name] = block
            await asyncio.sleep(_PAUSE)


async def _leave(open_: dict[str, AbstractAsyncContextManager[None]], wanted: Collection[str]) -> None:
    for name in [name for name in open_ if name not in wanted]:
        await open_.pop(name).__aexit__(None, None, None)


@contextlib.asynccontextmanager
async def stopped(server: Server) -> AsyncGenerator[None]:
    """A database server that is not there."""
    try:
        await _to_its_end(server.stop)
        yield
    finally:
        await _to_its_end(server.start)


async def _to_its_end(step: Callable[[], None]) -> None:
    """Take a step in a thread and wait for its end, even when cancelled: what follows would meet a server half stopped."""
    taken = asyncio.create_task(asyncio.to_thread(step))
    try:
        await asyncio.shield(taken)
    except asyncio.CancelledError:
        await taken
        raise


@contextlib.asynccontextmanager
async def blocked(dsn: str) -> AsyncGenerator[None]:
    """A transaction that has a row and does nothing, and others that want it."""
    async with contextlib.AsyncExitStack() as stack:
        tasks = [asyncio.create_task(_take(dsn)) for _ in range(1 + _WAITING)]
        stack.push_async_callback(asyncio.gather, *tasks, return_exceptions=True)
        for task in tasks:
            stack.callback(task.cancel)
        yield


async def _take(dsn: str) -> NoReturn:
    """Lock the row of the monthly closing and keep it. Again after the server was away."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(dsn, application_name="closing") as connection:
                await connection.execute("select from shop.turns where job = 'monthly closing' for update")
                await asyncio.Event().wait()
        except psycopg.OperationalError as error:
            _log.debug("the monthly closing begins again: %s", error)
            await asyncio.sleep(1)
