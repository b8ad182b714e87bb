"""The demo company's website: three pages over real HTTP, one of which tells whether the database answers."""

import asyncio
import socket
from typing import Self

import psycopg

from exporter.demo.served import Receive, Scope, Send, served
from exporter.errors import DemoError

_PATIENCE = 2.0  # seconds that a visitor of /healthz waits for the database
_PAGES = {
    "/": "<h1>Shop</h1><p>What a shop sells, by subscription.</p><p><a href='/pricing'>Pricing</a></p>",
    "/pricing": "<h1>Pricing</h1><p>Starter, Growth and Scale: by the month, or by the year for the price of ten months.</p>",
}
_HTML, _TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"


class Website:
    """A server on a loopback port: `async with Website(dsn) as site: site.url`. Port 0 takes any that is free.

    `/` and `/pricing` are pages; `/healthz` answers 200 while the database of `dsn` does, else 503. Raises `DemoError`.
    """

    def __init__(self, dsn: str, port: int = 0) -> None:
        self._dsn, self._port = dsn, port

    async def __aenter__(self) -> Self:
        try:
            self._socket = socket.create_server(("127.0.0.1", self._port))
        except OSError as error:
            raise DemoError(
                f"the website cannot listen on 127.0.0.1:{self._port}: {error.strerror}; give another port, or 0 for any"
            ) from None
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._serving = served(self._answer, [self._socket])
        await self._serving.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._serving.__aexit__(None, None, None)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, kind, body = await self._page(scope["path"])
        if scope["method"] not in ("GET", "HEAD"):
            status, kind, body = 405, _TEXT, "only GET and HEAD are answered\n"
        content = body.encode()
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _page(self, path: str) -> tuple[int, str, str]:
        if path == "/healthz":
            return (200, _TEXT, "ok\n") if await self._database_answers() else (503, _TEXT, "the database does not answer\n")
        if path in _PAGES:
            return 200, _HTML, f"<!doctype html><title>Shop</title>{_PAGES[path]}\n"
        return 404, _TEXT, "no such page\n"

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                async with await psycopg.AsyncConnection.connect(self._dsn, application_name="website") as connection:
                    await connection.execute("select 1")
        except (psycopg.Error, TimeoutError):
            return False
        return True
