"""A scraper as plain as can be: one kept socket, the whole body read, nothing unpacked or parsed while the clock runs."""

import gzip
import io
import socket
from collections.abc import Mapping


class Client:
    """Scrapes one path of a server on the loopback interface."""

    def __init__(self, port: int, path: str = "/metrics", *, gzip: bool = False) -> None:
        self._port, self._gzip = port, gzip
        encoding = "gzip" if gzip else "identity"
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/plain;version=0.0.4\r\n"
            f"Accept-Encoding: {encoding}\r\nUser-Agent: bench\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
        ).encode()
        self._connection: tuple[socket.socket, io.BufferedReader] | None = None

    def status(self) -> int:
        """The status of one answer."""
        return self._answer()[0]

    def scrape(self) -> bytes:
        """One page, as it came over the wire."""
        status, body = self._answer()
        if status != 200:
            raise RuntimeError(f"port {self._port} answered {status}: {body[:200]!r}")
        return body

    def lines(self) -> list[str]:
        """The series of one page, without comments."""
        body = self.scrape()
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        return [line for line in text.decode().splitlines() if line and not line.startswith("#")]

    def _answer(self) -> tuple[int, bytes]:
        _, stream, line = self._ask()
        if not line:  # a server closes what was kept for too long
            self.close()
            _, stream, line = self._ask()
        version, status, *_ = line.split()
        headers = dict(_headers(stream))
        if headers.get(b"transfer-encoding") == b"chunked":
            body = b"".join(_chunks(stream))
        elif b"content-length" in headers:
            body = stream.read(int(headers[b"content-length"]))
        else:
            body = stream.read()
        if version == b"HTTP/1.0" or headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return int(status), body

    def close(self) -> None:
        """Let go of the connection; the next scrape opens another."""
        if self._connection is not None:
            connection, stream = self._connection
            self._connection = None
            stream.close()
            connection.close()

    def _ask(self) -> tuple[socket.socket, io.BufferedReader, bytes]:
        connection, stream = self._connection or self._connect()
        connection.sendall(self._request)
        return connection, stream, stream.readline()

    def _connect(self) -> tuple[socket.socket, io.BufferedReader]:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection, connection.makefile("rb")
        return self._connection


def _headers(stream: io.BufferedReader) -> Mapping[bytes, bytes]:
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    return headers


def _chunks(stream: io.BufferedReader) -> list[bytes]:
    chunks = []
    while size := int(stream.readline().split(b";")[0], 16):
        chunks.append(stream.read(size))
        stream.readline()
    stream.readline()
    return chunks
