"""The demo company's website: pages, its application's routes and metrics, and whether the database answers, over real HTTP."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Collection
from typing import Self

import psycopg

from exporter.demo.application import Application
from exporter.demo.served import Receive, Scope, Send, served
from exporter.errors import DemoError

_PATIENCE = 2.0  # seconds that a visitor of /healthz waits for the database
_PAGES = {
    "/": "<h1>Shop</h1><p>What a shop sells, by subscription.</p><p><a href='/pricing'>Pricing</a></p>",
    "/pricing": "<h1>Pricing</h1><p>Starter, Growth and Scale: by the month, or by the year for the price of ten months.</p>",
}
_HTML, _TEXT, _JSON = "text/html; charset=utf-8", "text/plain; charset=utf-8", "application/json"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_WRONG = b"Basic guest"  # credentials that nobody has


class Website:
    """A server on an address: `async with Website(dsn) as site: site.url`. Port 0 takes any that is free.

    `/` and `/pricing` are pages; `/healthz` answers 200 while the database of `dsn` does, else 503; `/metrics` is what the
    application measures of itself; all else is the application's. `going_on` names the incidents. Raises `DemoError`.
    """

    def __init__(
        self, dsn: str, port: int = 0, *, host: str = "127.0.0.1", going_on: Callable[[], Collection[str]] = tuple
    ) -> None:
        self._dsn, self._host, self._port = dsn, host, port
        self._application = Application(dsn, going_on)
        self._cleanup = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            listening = socket.create_server((self._host, self._port))
        except OSError as error:
            raise DemoError(
                f"the website cannot listen on {self._host}:{self._port}: {error.strerror}; give another port, or 0 for any"
            ) from None
        self.port: int = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        async with self._cleanup:
            self._cleanup.push_async_callback(self._application.pool.close)
            working = asyncio.create_task(self._application.work(), name="background jobs")
            self._cleanup.push_async_callback(asyncio.wait, [working])
            self._cleanup.callback(working.cancel)
            await self._cleanup.enter_async_context(served(self._answer, [listening]))
            self._cleanup = self._cleanup.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, kind, content = await self._page(scope)
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _page(self, scope: Scope) -> tuple[int, str, bytes]:
        method, path = scope["method"], scope["path"]
        if route := self._application.route("GET" if method == "HEAD" else method, path):
            status = await self._application.answer(route, credentials=(b"authorization", _WRONG) not in scope["headers"])
            if path in _PAGES:
                return status, _HTML, f"<!doctype html><title>Shop</title>{_PAGES[path]}\n".encode()
            return status, _JSON, b"{}\n"
        if self._application.serves(path) or method not in ("GET", "HEAD"):
            return 405, _TEXT, f"{path} does not answer {method}\n".encode()
        if path == "/metrics":
            return 200, _METRICS, self._application.metrics()
        if path == "/healthz":
            answers = await self._database_answers()
            return (200, _TEXT, b"ok\n") if answers else (503, _TEXT, b"the database does not answer\n")
        return 404, _TEXT, b"no such page\n"

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                async with await psycopg.AsyncConnection.connect(self._dsn, application_name="website") as connection:
                    await connection.execute("select 1")
        except (psycopg.Error, TimeoutError):
            return False
        return True
