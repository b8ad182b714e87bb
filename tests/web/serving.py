"""Listeners on the loopback interface, with small applications behind them."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import trustme

from exporter.web import Limits, Listener
from exporter.web.gate import Application, Receive, Scope, Send

LOCAL = ("127.0.0.1:0",)
QUICK = Limits(receive=0.3, send=0.3, sweep=0.02, drain=1.0)
PATIENT = Limits(sweep=0.02)


async def answer(send: Send, body: bytes, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"hello")


def page(size: int) -> Application:
    body = b"x" * size

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, body)

    return application


class Waiting:
    """An application that answers when `go_on` is set; `under_way` counts those that wait."""

    def __init__(self) -> None:
        self.go_on, self.under_way = asyncio.Event(), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/-/"):
            await answer(send, b"healthy")
            return
        self.under_way += 1
        try:
            await self.go_on.wait()
            await answer(send, b"waited")
        finally:
            self.under_way -= 1

    async def reached(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.under_way != count:
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(
    application: Application = hello, addresses: Sequence[str] = LOCAL, limits: Limits = PATIENT, **options: Any
) -> AsyncIterator[Listener]:
    listener = Listener(application, addresses, limits=limits, **options)
    task = asyncio.create_task(listener.serve())
    try:
        yield listener
    finally:
        listener.stop()
        await task


def client(listener: Listener, verify: ssl.SSLContext | bool = True, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=listener.urls[0], verify=verify, trust_env=False, **options)


async def sent(http: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
    """The answer, asked for once more if the connection was closed meanwhile: what Go's client does of itself."""
    try:
        return await http.send(request, **options)
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return await http.send(request, **options)


@contextlib.asynccontextmanager
async def connected(listener: Listener, **options: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to a listener."""
    url = httpx.URL(listener.urls[0])
    reader, writer = await asyncio.open_connection(url.host, url.port, **options)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class Files:
    """A folder with a certificate authority's papers and a web configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, trustme.CA()
        self.config = folder / "web.yml"
        self.authority.cert_pem.write_to_path(folder / "ca.pem")
        self.renew()

    def renew(self) -> None:
        """Write a new certificate for the server."""
        server = self.authority.issue_cert("127.0.0.1", "localhost")
        server.private_key_pem.write_to_path(self.folder / "key.pem")
        server.cert_chain_pems[0].write_to_path(self.folder / "cert.pem")

    def tls(self, *lines: str) -> Path:
        """A configuration with TLS, and these lines more in its section."""
        section = ["cert_file: cert.pem", "key_file: key.pem", *lines]
        return self.write("tls_server_config:\n" + "".join(f"  {line}\n" for line in section))

    def write(self, text: str) -> Path:
        self.config.write_text(text)
        return self.config

    def trust(self, *names: str, issuer: trustme.CA | None = None) -> ssl.SSLContext:
        """A client's context that trusts the server, and has a certificate of these names if there are any."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if names:
            (issuer or self.authority).issue_cert(*names).configure_cert(context)
        return context


def users(**passwords: str) -> str:
    """The section `basic_auth_users`, hashed cheaply."""
    hashes = {user: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode() for user, password in passwords.items()}
    return "basic_auth_users:\n" + "".join(f"  {user}: {hash_}\n" for user, hash_ in hashes.items())
