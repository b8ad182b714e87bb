"""The website over TLS: what ends the encryption in front of it, with a certificate of an authority of the demo's own."""

import asyncio
import contextlib
import ipaddress
import ssl
import tempfile
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_GOOD, _ENDING = timedelta(days=90), timedelta(days=5)
_CHUNK = 65_536


class Secured:
    """`async with Secured(site.port) as secured: secured.url`, to be trusted through `secured.authority`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._key, self._authority_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._cleanup = contextlib.AsyncExitStack()
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        async with self._cleanup:
            self._folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="bellwether-demo-")))
            self.authority = self._folder / "authority.pem"
            self.authority.write_bytes(_pem(self._certificate(timedelta(days=3650), authority=True)))
            self._present(_GOOD)
            server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=self._context)
            self._cleanup.push_async_callback(self._end)
            self._cleanup.callback(server.close)
            self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._cleanup = self._cleanup.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    @contextlib.asynccontextmanager
    async def ending(self) -> AsyncGenerator[None]:
        """Present a certificate that ends in days."""
        self._present(_ENDING)
        try:
            yield
        finally:
            self._present(_GOOD)

    def _present(self, lasts: timedelta) -> None:
        """Make a certificate, and show it in handshakes from now on."""
        form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        key = self._key.private_bytes(serialization.Encoding.PEM, form, bare)
        file = self._folder / "website.pem"
        file.touch(mode=0o600)
        file.write_bytes(key + _pem(self._certificate(lasts)))
        self._context.load_cert_chain(file)

    def _certificate(self, lasts: timedelta, *, authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        key = self._authority_key if authority else self._key
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name("Authority of the demo" if authority else "shop.example"))
            .issuer_name(_name("Authority of the demo"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._authority_key, hashes.SHA256())

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        with contextlib.suppress(OSError):
            inward, outward = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(_copy(reader, outward), _copy(inward, writer))

    async def _end(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
