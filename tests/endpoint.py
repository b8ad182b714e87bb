"""An HTTP server of a test's own on a real socket: it answers as it is told, and keeps what it was asked."""

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    raw_query: str = ""

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    """After how many bytes of the body the connection is closed."""
    after: threading.Event | None = None
    """What to wait for before anything is sent."""

    @classmethod
    def json(cls, data: Any, status: int = 200, **headers: str) -> "Response":
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(json.dumps(data).encode(), status, {"Content-Type": "application/json", **names})

    @classmethod
    def text(
        cls, text: str, media_type: str = "text/plain; version=0.0.4", status: int = 200, *, zipped: bool = False
    ) -> "Response":
        body = text.encode()
        headers = {"Content-Type": media_type} | ({"Content-Encoding": "gzip"} if zipped else {})
        return cls(gzip.compress(body) if zipped else body, status, headers)

    @classmethod
    def recorded(cls, name: str) -> "Response":
        """An answer as documented, from `tests/recorded`: each file says where it is documented."""
        record = json.loads((RECORDED / f"{name}.json").read_text())
        body = record["body"]
        text = body if isinstance(body, str) else json.dumps(body)
        return cls(text.encode(), record.get("status", 200), {"Content-Type": "application/json"} | record.get("headers", {}))


Answer = Response | Callable[[Request], Response]


class Endpoint:
    """`answers` by path may be changed while it runs; what has no answer is 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.url = ""

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]


@contextmanager
def endpoint(tls: ssl.SSLContext | None = None) -> Iterator[Endpoint]:
    served = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, ssl.SSLError):
                self.close_connection = True

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Request(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                body,
                parts.query,
            )
            served.requests.append(request)
            answer = served.answers.get(parts.path, Response.text("not found", "text/plain", 404))
            response = answer(request) if callable(answer) else answer
            if response.after is not None:
                response.after.wait(10)
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body[: response.cut_at])
            self.close_connection = response.cut_at is not None

        do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self) -> Any:
            connection, address = super().get_request()
            return (
                tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) if tls else connection
            ), address

    server = Server(("127.0.0.1", 0), Handler)
    served.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
