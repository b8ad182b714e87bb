"""Datagrams to one address and from it: what others send is not heard.

Source: https://docs.python.org/3/library/asyncio-protocol.html#datagram-protocols
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self


class Datagrams(asyncio.DatagramProtocol):
    """A UDP socket that is connected."""

    def __init__(self) -> None:
        self._received: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport

    @classmethod
    @asynccontextmanager
    async def to(cls, ip: str, port: int, source: str | None = None) -> AsyncIterator[Self]:
        """A socket whose other end is an address; `source` is this machine's. Raises `OSError`."""
        local = None if source is None else (source, 0)
        loop = asyncio.get_running_loop()
        transport, self = await loop.create_datagram_endpoint(cls, local_addr=local, remote_addr=(ip, port))
        self._transport = transport
        try:
            yield self
        finally:
            transport.abort()

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        self._transport.sendto(data)

    async def receive(self) -> bytes:
        """The next datagram. Raises `OSError` when the other end says that nobody listens."""
        received = await self._received.get()
        if isinstance(received, Exception):
            raise received
        return received

    def datagram_received(self, data: bytes, _: object) -> None:
        self._received.put_nowait(data)

    def error_received(self, error: Exception) -> None:
        self._received.put_nowait(error)
