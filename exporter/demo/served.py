"""An ASGI application on sockets of the demo, inside a process that has work of its own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping, Sequence
from typing import Any

import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@contextlib.asynccontextmanager
async def served(
    app: Callable[[Scope, Receive, Send], Awaitable[None]], sockets: Sequence[socket.socket]
) -> AsyncIterator[None]:
    """Answer on the sockets while the block runs, and close them."""
    config = uvicorn.Config(
        app, interface="asgi3", lifespan="off", ws="none", proxy_headers=False, log_config=None, access_log=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=list(sockets)), name="served")
    await server.listens.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        for each in sockets:
            each.close()


class _Server(uvicorn.Server):
    """One that leaves signals to the process it is part of, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
