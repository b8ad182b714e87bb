"""Vendor: a third-party service as the demo's company would use it. Importing a vendor's file is registering it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row
from starlette.routing import BaseRoute

_vendors: dict[str, type["Vendor"]] = {}


class Books:
    """What the company knows, and what time it is there. All vendors draw their figures from it."""

    def __init__(self, dsn: str, clock: Callable[[], datetime]) -> None:
        self._dsn, self._clock = dsn, clock
        self._connection: psycopg.AsyncConnection[DictRow] | None = None
        self._turn = asyncio.Lock()

    async def rows(self, sql: LiteralString, params: Mapping[str, Any] | Sequence[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query over the schemas `shop` and `bellwether`, by column."""
        async with self._turn:
            if self._connection is None or self._connection.closed:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._dsn, autocommit=True, row_factory=dict_row, application_name="vendors", connect_timeout=5
                )
            return await (await self._connection.execute(sql, params)).fetchall()

    def now(self) -> datetime:
        """The instant at the company, in UTC."""
        return self._clock().astimezone(UTC)

    async def close(self) -> None:
        """Close the connection; the next query opens another."""
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()


class Vendor(ABC):
    """One service, in the shapes that its documentation shows.

    It is served at the root of an address of its own, so that absolute links and checks of the origin are as with the real one.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not name:
            return
        if name in _vendors and _vendors[name].__module__ != cls.__module__:
            raise TypeError(f"two vendors have the name {name!r}: {_vendors[name].__module__} and {cls.__module__}")
        cls.name = name
        _vendors[name] = cls

    def __init__(self, books: Books) -> None:
        self.books = books

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """What it answers, and where."""

    @abstractmethod
    def settings(self, url: str) -> dict[str, object]:
        """Settings of the collector of the same kind that the demo runs against it, when it is served at `url`.

        A key `kind` names another kind; without any settings the vendor is served and not watched.
        """


def vendors() -> Mapping[str, type[Vendor]]:
    """The vendors known so far, by name."""
    return dict(sorted(_vendors.items()))
