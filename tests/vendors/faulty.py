"""A proxy before a vendor that does to its answers what networks, proxies and vendors do to them. Bytes on real sockets."""

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

HUGE = 100_000_000
"""Bytes of the largest answer."""
LEAK = "joe@example.com"
"""What stands in the body of every error, and may stand nowhere else."""


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    head: bytes
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer in full."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """Its JSON; None where it is none."""
        with suppress(ValueError):
            return json.loads(self.body)
        return None

    def holding(self, data: Any) -> "Reply":
        """The same answer with other JSON."""
        return Reply(self.status, self.headers, json.dumps(data).encode())

    @property
    def text(self) -> bytes:
        """As it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status} Status", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join([*lines, f"content-length: {len(self.body)}", "", ""]).encode("latin-1") + self.body


Fault = Callable[[Reply, asyncio.StreamWriter], Reply | None]
"""What becomes of an answer: another one, or None when it has been dealt with."""


@dataclass
class Faulty:
    """`fault` holds for every request from the one numbered `begins_at` on, counted from 0."""

    upstream: str
    url: str = ""
    fault: "Fault | None" = None
    begins_at: int = 0
    recorded: list[tuple[Request, Reply]] = field(default_factory=list)
    """What was asked and answered without a fault."""
    replays: dict[tuple[str, str], list[Reply]] | None = None
    """Answers from memory by method and path, in order; what is beyond them is asked of the vendor."""
    requests: int = 0
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def reset(self) -> None:
        """Begin to count anew, without a fault."""
        self.fault, self.begins_at, self.requests = None, 0, 0
        self._asked.clear()

    def replay(self, replies: list[tuple[Request, Reply]]) -> None:
        """Answer from memory, with these replies in this order."""
        self.replays = {}
        for request, reply in replies:
            self.replays.setdefault((request.method, request.path), []).append(reply)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self._open.add(writer)
        try:
            while (request := await _request(reader)) is not None:
                if not await self._answer(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    def close(self) -> None:
        """Break off what hangs."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        number, self.requests = self.requests, self.requests + 1
        reply = await self._reply(request)
        if self.fault is not None and number >= self.begins_at:
            changed = self.fault(reply, writer)
            if changed is None:
                await _silence(writer)
                return False
            reply = changed
        writer.write(reply.text)
        await writer.drain()
        return True

    async def _reply(self, request: Request) -> Reply:
        key = (request.method, request.path)
        number, self._asked[key] = self._asked[key], self._asked[key] + 1
        known = (self.replays or {}).get(key, [])
        if number < len(known):
            return known[number]
        reply = await _forwarded(request, self.upstream)
        self.recorded.append((request, reply))
        return reply


@asynccontextmanager
async def faulty(upstream: str) -> AsyncIterator[Faulty]:
    """A proxy before the vendor at a URL, on a port of its own."""
    proxy = Faulty(upstream)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.close()
        await asyncio.sleep(0)


async def _request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    length = int(_headers(head).get("content-length", "0"))
    return Request(method, urlsplit(target).path, head, await reader.readexactly(length))


async def _forwarded(request: Request, upstream: str) -> Reply:
    parts = urlsplit(upstream)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request.head[:-2] + b"connection: close\r\n\r\n" + request.body)
    head = await reader.readuntil(b"\r\n\r\n")
    headers = _headers(head)
    body = await reader.read(-1)
    writer.close()
    if headers.pop("transfer-encoding", "") == "chunked":
        body = _unchunked(body)
    for name in ("content-length", "connection"):
        headers.pop(name, None)
    return Reply(int(head.split(b" ", 2)[1]), headers, body)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name.lower(): value.strip() for name, _, value in pairs}


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return whole


async def _silence(writer: asyncio.StreamWriter) -> None:
    """Say nothing until the other side goes."""
    while not writer.transport.is_closing():
        await asyncio.sleep(0.02)


def status(number: int, **headers: str) -> Fault:
    """Another status, with a body that holds what should not be passed on."""
    body = json.dumps({"error": {"message": f"the token of {LEAK} is wrong"}, "message": LEAK}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _, __: Reply(number, {"content-type": "application/json"} | named, body)


def html(_: Reply, __: asyncio.StreamWriter) -> Reply:
    """A page to sign in, with a status of success."""
    page = f"<!doctype html><title>Sign in</title><p>Write to {LEAK}".encode()
    return Reply(200, {"content-type": "text/html; charset=utf-8"}, page)


def truncated(reply: Reply, _: asyncio.StreamWriter) -> Reply:
    """The first half, as if that were all."""
    return Reply(reply.status, reply.headers, reply.body[: len(reply.body) // 2])


def hang(_: Reply, __: asyncio.StreamWriter) -> None:
    """Nothing, for ever."""


def reset(_: Reply, writer: asyncio.StreamWriter) -> None:
    """The connection is torn down."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def huge(reply: Reply, _: asyncio.StreamWriter) -> Reply:
    """A body of 100 MB."""
    return Reply(reply.status, reply.headers, bytes(HUGE))


def elsewhere(_: Reply, __: asyncio.StreamWriter) -> Reply:
    """Sent to another origin."""
    return Reply(302, {"location": "http://127.0.0.1:9/"}, b"")
