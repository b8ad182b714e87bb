"""Serves an ASGI application on several sockets until it is told to stop."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import cast

import uvicorn
from uvicorn.server import ServerState

from exporter.web import addresses as sockets
from exporter.web.connection import Connection
from exporter.web.gate import Application, Gate
from exporter.web.limits import Limits
from exporter.web.tls import Current
from exporter.web.watch import Watch

_PAUSE = 0.02  # seconds between two looks at what is still under way at the end
_FAREWELL = 0.5  # seconds for idle clients to close, and for requests that are ended to be answered so


class Listener:
    """Sockets, and who may use them how. Making one binds the sockets. Raises `SettingsError` for a wrong address or file.

    uvicorn's protocol and parser are used, its server is not: that one looks ten times a second whether it should end, takes
    the signals, and has no say in how long a TLS handshake may last.
    """

    def __init__(
        self,
        application: Application,
        addresses: Sequence[str],
        *,
        config_file: Path | None = None,
        systemd_socket: bool = False,
        max_requests: int = 40,
        limits: Limits = Limits(),  # noqa: B008 - immutable
    ) -> None:
        self._watch, self._limits = Watch(config_file), limits
        self._state, self._stopping = ServerState(), asyncio.Event()
        self._config = uvicorn.Config(
            Gate(application, self._watch, max_requests),
            http=Connection,
            interface="asgi3",
            lifespan="off",
            ws="none",
            proxy_headers=False,
            access_log=False,
            log_config=None,
            timeout_keep_alive=limits.idle,
        )
        self._config.load()
        self._sockets = sockets.inherited() if systemd_socket else sockets.bind(addresses)
        scheme = "http" if self._watch.config.context is None else "https"
        self._urls = [sockets.url(each, scheme) for each in self._sockets]

    @property
    def urls(self) -> list[str]:
        """Where it listens, an address for each socket."""
        return list(self._urls)

    async def serve(self) -> None:
        """Accept and answer until `stop` is called, and then until the requests under way are answered."""
        loop = asyncio.get_running_loop()
        tls = Current(lambda: cast("ssl.SSLContext", self._watch.config.context)) if self._watch.config.context else None
        servers = [
            await loop.create_server(
                lambda: Connection(self._config, self._state, self._limits, loop),
                sock=each,
                backlog=sockets.BACKLOG,
                ssl=tls,
                ssl_handshake_timeout=self._limits.receive if tls else None,
                ssl_shutdown_timeout=self._limits.send if tls else None,
            )
            for each in self._sockets
        ]
        try:
            while not self._stopping.is_set():
                self._sweep(loop.time())
                await self._pause()
            for server in servers:
                server.close()
            await self._drain(loop)
        finally:
            for server in servers:
                server.close()
            for connection in self._connections():
                connection.transport.abort()
            self.close()

    def stop(self) -> None:
        """Accept no more, and let requests under way have their time."""
        self._stopping.set()

    def close(self) -> None:
        """Close the sockets. `serve` does it at its end."""
        for each in self._sockets:
            each.close()

    def _connections(self) -> list[Connection]:
        return [connection for connection in self._state.connections if isinstance(connection, Connection)]

    def _sweep(self, now: float) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        for connection in self._connections():
            connection.sweep(now)
        if self._watch.refresh():
            for connection in self._connections():
                connection.shutdown()  # after its request, so that every client is looked at by the new rules

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.sweep):
                await self._stopping.wait()

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for what is under way, shortly for idle clients to say goodbye, and end what is left."""
        start, busy = loop.time(), {connection for connection in self._connections() if connection.busy}
        for connection in self._connections():
            connection.shutdown()
        while (waited := loop.time() - start) < self._limits.drain and self._state.connections | self._state.tasks:
            if waited > _FAREWELL and not self._state.tasks and busy.isdisjoint(self._connections()):
                break
            await asyncio.sleep(_PAUSE)
        for connection in self._connections():
            connection.give_up()
        await asyncio.sleep(0)
        if tasks := list(self._state.tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_FAREWELL)
