"""One HTTP connection: uvicorn's, with a limit to all that a client can make it hold or wait for.

uvicorn parses and answers, but knows one limit of time, for idle connections. A byte a second of headers, a header without
end, a reader that never reads: each keeps a connection for ever. What is added here: sizes are looked at where the parser
reports them, and times by `sweep`, which the listener calls for all connections every second. That costs a request a look at
the clock, where a timer for each request would be set and cancelled thousands of times for nothing.
"""

import asyncio
import socket
from http import HTTPStatus

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from exporter.web.limits import Limits

_LINGER = 1.0  # seconds in which a refused client can read why, before the connection is closed under what it still sends


class Connection(HttpToolsProtocol):
    """A connection that ends when its client takes too long or sends too much."""

    def __init__(self, config: uvicorn.Config, state: ServerState, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, state, {}, loop)
        self._limits = limits
        self._in_head = True  # between requests, or in a request line or its headers
        self._head = self._body = 0  # bytes of the request that have come
        self._receive_until: float | None = None
        self._send_until: float | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it too
        super().connection_made(transport)
        _answer_at_once(transport)
        self._receive_until = self.loop.time() + self._limits.receive
        if len(self.connections) > self._limits.connections:
            self._refuse(503, "too many connections are open")
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn lets it run after an error, and the timer holds all of this

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unset_keepalive_if_required()
        if self._receive_until is None:
            self._receive_until = self.loop.time() + self._limits.receive
        self._head += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # the request was answered as HTTP/1.1; what follows may be anything
            self._last()
        except httptools.HttpParserError:
            self._refuse(400, "not a request in HTTP/1.1")
        if self._in_head and self._head > self._limits.head:
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._receive_until is None:
            self._receive_until = self.loop.time() + self._limits.receive

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        size, body = len(self.url), 0
        for name, value in self.headers:
            size += len(name) + len(value)
            if name == b"content-length":
                body = int(value)
        if size > self._limits.head:
            self._refuse_head()
        elif body > self._limits.body:
            self._refuse_body()
        else:
            super().on_headers_complete()
            self._in_head, self._body = False, 0

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._body += len(body)
        if self._body > self._limits.body:
            self._refuse_body()
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        self._in_head, self._head, self._receive_until = True, 0, None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._send_until = None
        super().on_response_complete()

    def sweep(self, now: float) -> None:
        """End the connection if its client has taken too long."""
        if self.transport.get_write_buffer_size() == 0:
            self._send_until = None
        elif self._send_until is None:
            self._send_until = now + self._limits.send
        elif now > self._send_until:
            self.transport.abort()
            return
        # While uvicorn does not read, it is not the client that keeps it waiting.
        if self._receive_until is not None and now > self._receive_until and not self.flow.read_paused:
            if self._refused or self.headers is None:  # or nothing was asked
                self.transport.close()
            else:
                self._refuse(408, f"the request was not complete within {self._limits.receive:g} s")

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, or its answer sent."""
        answering = self.cycle is not None and not self.cycle.response_complete
        return answering or self.transport.get_write_buffer_size() > 0

    def give_up(self) -> None:
        """End the connection if it is in the middle of an answer: nobody waits for the rest any more."""
        if self.cycle is not None and self.cycle.response_started:
            self.transport.abort()

    def _refuse_head(self) -> None:
        self._refuse(431, f"request line and headers are longer than {self._limits.head} bytes")

    def _refuse_body(self) -> None:
        self._refuse(413, f"the body is longer than {self._limits.body} bytes")

    def _refuse(self, status: int, reason: str) -> None:
        """Answer in the application's place, if that is still possible, and read nothing more."""
        if self._refused:
            return
        self._refused = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self._in_head or cycle.response_started:  # it is another request that is wrong, or too late for a word
                self._last()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        elif not self._in_head:  # answered already, and the rest of its body is of no interest
            self.transport.close()
            return
        text = f"{reason}\n".encode()
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
        for name, value in self.server_state.default_headers:
            head += name + b": " + value + b"\r\n"
        head += b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(text)
        self.transport.write(head + text)
        self._receive_until = self.loop.time() + _LINGER

    def _last(self) -> None:
        """Close the connection after the request under way."""
        self._refused, self._receive_until = True, None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self.cycle.keep_alive = False


def _answer_at_once(transport: asyncio.Transport) -> None:
    """Switch Nagle's algorithm off, as asyncio does for sockets that it makes itself: else the second part of an answer, its
    body, waits up to 40 ms for the reader to acknowledge the first.
    """
    connected = transport.get_extra_info("socket")
    if connected.family in (socket.AF_INET, socket.AF_INET6):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
