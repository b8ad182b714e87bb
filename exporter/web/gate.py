"""What a request passes on its way to the application: rate limit, authentication, scrape limit; and the answer on its way."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from exporter.web.config import Headers
from exporter.web.watch import Watch

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_PIECE = 1024 * 1024  # bytes of an answer that are given to the transport at a time; each further one costs a wait
_CHALLENGE = (b"www-authenticate", b'Basic realm="bellwether", charset="UTF-8"')


class Gate:
    """An ASGI application around another."""

    def __init__(self, application: Application, watch: Watch, max_requests: int) -> None:
        self._application, self._watch, self._max_requests = application, watch, max_requests
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send, self._watch.config.headers)
        try:
            await self._pass(scope, receive, answer)
        except asyncio.CancelledError:  # the listener ends, and has waited long enough
            if not answer.started:
                await _refuse(answer, 503, "the exporter is stopping\n", (b"connection", b"close"))
        finally:
            answer.end()

    async def _pass(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        config = self._watch.config
        if config.bucket is not None and not config.bucket.take():
            await _refuse(answer, 429, "too many requests: the web configuration sets a rate_limit\n")
        elif config.access is not None and not await config.access.allows(_authorization(scope)):
            await _refuse(answer, 401, "a user name and a password are expected (HTTP basic authentication)\n", _CHALLENGE)
        elif scope["path"].startswith("/-/"):  # health and reload take no time, and are wanted most when all else is stuck
            await self._application(scope, receive, answer)
        elif 0 < self._max_requests <= self._under_way:
            text = f"{self._under_way} requests are under way, all that --web.max-requests allows; ask again later\n"
            await _refuse(answer, 503, text)
        else:
            self._under_way += 1
            answer.complete = self._leave
            await self._application(scope, receive, answer)

    def _leave(self) -> None:
        self._under_way -= 1


class _Answer:
    """Sends an answer: with the configured headers, and a long one in pieces, so that a slow reader holds one piece of memory
    and not a page. Calls `complete` as soon as the application has given all of it, which may be long before all is sent.
    """

    __slots__ = ("_headers", "_send", "complete", "started")

    def __init__(self, send: Send, headers: Headers) -> None:
        self._send, self._headers = send, headers
        self.started = False
        self.complete: Callable[[], None] | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if self._headers:
                own = dict(self._headers)
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() not in own]
                message = {**message, "headers": [*headers, *self._headers]}
            await self._send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if not more:
            self.end()
        if len(body) <= _PIECE:
            await self._send(message)
            return
        view = memoryview(body)
        for start in range(0, len(view), _PIECE):
            end = start + _PIECE
            await self._send({"type": message["type"], "body": view[start:end], "more_body": more or end < len(view)})

    def end(self) -> None:
        if self.complete is not None:
            self.complete()
            self.complete = None


def _authorization(scope: Scope) -> bytes:
    return next((value for name, value in scope["headers"] if name == b"authorization"), b"")


async def _refuse(answer: _Answer, status: int, text: str, *extra: tuple[bytes, bytes]) -> None:
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *extra]
    await answer({"type": "http.response.start", "status": status, "headers": headers})
    await answer({"type": "http.response.body", "body": body})
