"""A TCP connection to the first of a target's addresses that accepts one, and TLS on it.

Source: https://docs.python.org/3/library/asyncio-stream.html
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence

from exporter.collectors.probes import handshake
from exporter.collectors.probes.probe import Finding
from exporter.collectors.probes.resolve import Address, use


class Connection:
    """An open connection, as a probe uses it."""

    def __init__(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.address = address
        self.reader, self._writer = reader, writer

    async def start_tls(self, context: ssl.SSLContext, host: str, finding: Finding) -> None:
        """Begin TLS, and take down what it shows. Raises `OSError`, in the phase `tls`."""
        finding.begin("tls")
        await self._writer.start_tls(context, server_hostname=host)
        finding.end()
        handshake.take_down(finding, self._writer.get_extra_info("ssl_object"))

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises `OSError`."""
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """End it without waiting for the other side."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def connect(addresses: Sequence[Address], finding: Finding, source: str | None = None) -> AsyncIterator[Connection]:
    """A connection to the first address that accepts one, each given its share of the time left.

    Raises `OSError` or `TimeoutError`, in the phase `connect`, when none does.
    """
    connection = await _first(addresses, finding, source)
    finding.end()
    finding.note(f"connected to {connection.address.ip} port {connection.address.port}")
    try:
        yield connection
    finally:
        await connection.close()


async def _first(addresses: Sequence[Address], finding: Finding, source: str | None) -> Connection:
    finding.begin("connect")
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        use(address, finding)
        try:
            async with asyncio.timeout(finding.left / left):
                local = None if source is None else (source, 0)
                return Connection(address, *await asyncio.open_connection(address.ip, address.port, local_addr=local))
        except OSError as error:  # TimeoutError among them
            if left == 1:
                raise
            finding.note(f"{address.ip}: {error or type(error).__name__}")
    raise AssertionError("resolve() gives at least one address")
