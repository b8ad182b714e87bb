"""An engine for tests: recorded answers of the Engine API, over HTTP on a real unix socket or port, to be spoilt at will."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent.parent / "recorded" / "docker"

WEB = "8dfafdbc3a40f0d1e2c3b4a5968778695a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d"
DB = "9cd87474be90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182930"
IMPORT = "3176a2479c92b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819203041"

HANG = object()
"""Instead of an answer: none, ever."""
_PREFIX = re.compile(r"^/v(\d+\.\d+)(?=/)")


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


class Recorded:
    """`answers` by path without version and query: JSON, a status and text, or HANG. `asked` is what came, in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/version": recorded("version"),
            "/info": recorded("info"),
            "/containers/json": recorded("containers"),
            f"/containers/{WEB}/stats": recorded("stats-web"),
            f"/containers/{DB}/stats": recorded("stats-v1"),
            **{f"/containers/{id_}/json": recorded(f"inspect-{name}") for id_, name in NAMES.items()},
        }
        self.asked: list[str] = []
        self.versions: set[str] = set()
        self.pause = 0.0
        """Seconds before each answer."""
        self.at_once = 0
        self.most_at_once = 0

    @asynccontextmanager
    async def at(self, socket: Path) -> AsyncIterator[str]:
        """Serve on a unix socket. Gives its address."""
        server = await asyncio.start_unix_server(self._serve, socket)
        try:
            yield f"unix://{socket}"
        finally:
            server.close()

    @asynccontextmanager
    async def behind_tls(self, context: ssl.SSLContext) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        try:
            yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := (await reader.readuntil(b"\r\n\r\n")).decode():
                writer.write(await self._answer(request.split()[1]))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, target: str) -> bytes:
        path = target.partition("?")[0]
        if version := _PREFIX.match(path):
            self.versions.add(version[1])
            path = path[version.end() :]
        self.asked.append(path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.pause)
            answer = self.answers.get(path, (404, '{"message":"no such container"}'))
            if answer is HANG:
                await asyncio.sleep(60)
            status, text = answer if isinstance(answer, tuple) else (200, json.dumps(answer))
        finally:
            self.at_once -= 1
        kind = "application/json" if text.startswith(("{", "[")) else "text/html"
        return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


NAMES = {WEB: "web", DB: "db", IMPORT: "import"}
