"""The whole product, as a user runs it: the demo, Prometheus and Alertmanager, and receivers that keep what comes."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psycopg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from exporter import bundle
from tests.tools import alertmanager_command, tool

ROOT = Path(__file__).parent.parent
T = TypeVar("T")
_PATIENCE = 60.0  # seconds for a program to answer


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def until(get: Callable[[], T], patience: float = _PATIENCE, pause: float = 0.5) -> T:
    """The first result that is true. Raises `TimeoutError` with the last one."""
    deadline = time.monotonic() + patience
    while not (result := get()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {patience:g} s; last: {result!r}")
        time.sleep(pause)
    return result


class Sink:
    """What was sent over HTTP, by path, and by mail."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[str]] = {}
        self.mails: list[Message] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                sink.bodies.setdefault(self.path, []).append(body)
                answer = b'{"status":"success","message":"ok","dedup_key":"x"}' if self.path == "/pagerduty" else b"ok"
                self.send_response(202 if self.path == "/pagerduty" else 200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        class Mailbox:
            async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
                assert isinstance(envelope.content, bytes)
                sink.mails.append(message_from_bytes(envelope.content))
                return "250 OK"

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._mail = Controller(Mailbox(), hostname="127.0.0.1", port=free_port())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def smarthost(self) -> str:
        return f"127.0.0.1:{self._mail.port}"

    def json(self, path: str) -> list[Any]:
        return [json.loads(body) for body in self.bodies.get(path, [])]

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self._mail.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._mail.stop()
        self._http.shutdown()
        self._http.server_close()


class Stack:
    """`bellwether demo`, Prometheus on the committed configuration and rules, Alertmanager on the committed routing."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.folder, self.sink = folder, sink
        self.exporter, self.prometheus, self.alertmanager = [f"127.0.0.1:{free_port()}" for _ in range(3)]
        self.admin_dsn = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Start all three, end them by their process ids."""
        with contextlib.ExitStack() as programs:
            programs.enter_context(self._program("demo", self._demo()))
            self.admin_dsn = until(lambda: self._printed(r"psql '(.*)'"))
            self._configure()
            programs.enter_context(self._program("alertmanager", self._alertmanager()))
            programs.enter_context(self._program("prometheus", self._prometheus()))
            for address in (self.prometheus, self.alertmanager):
                until(lambda address=address: self._answers(f"http://{address}/-/ready"))  # type: ignore[misc]
            yield self

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of a PromQL expression."""
        answer = httpx.get(f"http://{self.prometheus}/api/v1/query", params={"query": expression}, trust_env=False).json()
        if answer["status"] != "success":
            raise AssertionError(f"{expression}: {answer}")
        data = answer["data"]
        result: list[dict[str, Any]] = data["result"] if data["resultType"] == "vector" else [{"value": data["result"]}]
        return result

    def execute(self, statement: str) -> None:
        """Change the company's database."""
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _demo(self) -> list[str]:
        return [str(ROOT / ".venv/bin/bellwether"), "demo", "--web.listen-address", self.exporter]

    def _configure(self) -> None:
        shutil.copytree(ROOT / "prometheus", self.folder / "prometheus")
        for target in (self.folder / "prometheus/targets").glob("*.yml"):
            address = self.alertmanager if target.stem == "alertmanager" else self.exporter
            target.write_text(json.dumps([{"targets": [address]}]))
        secrets = self.folder / "secrets"
        secrets.mkdir()
        (secrets / "pagerduty").write_text("a-routing-key")
        (secrets / "slack").write_text(f"{self.sink.url}/slack")
        receivers = {
            "pagerduty": {"routing_key_file": str(secrets / "pagerduty"), "url": f"{self.sink.url}/pagerduty"},
            "slack": {"api_url_file": str(secrets / "slack")},
            "email": {"smarthost": self.sink.smarthost, "require_tls": False},
            "sms": {"api_url": f"{self.sink.url}/sns"},
            "webhook": {"url": f"{self.sink.url}/webhook"},
        }
        bundle.write(self.folder / "routing", bundle.Bundle.model_validate({"receivers": receivers}))

    def _alertmanager(self) -> list[str]:
        return alertmanager_command(
            f"--config.file={self.folder}/routing/prometheus/alertmanager.yml",
            f"--storage.path={self.folder}/alertmanager",
            f"--web.listen-address={self.alertmanager}",
            "--cluster.listen-address=",
        )

    def _prometheus(self) -> list[str]:
        return [
            str(tool("prometheus")),
            f"--config.file={self.folder}/prometheus/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address={self.prometheus}",
        ]

    @contextlib.contextmanager
    def _program(self, name: str, command: list[str]) -> Iterator[None]:
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
            try:
                yield
                assert process.poll() is None, f"{name} ended: {(self.folder / f'{name}.log').read_text()[-2000:]}"
            finally:
                process.terminate()
                process.wait(_PATIENCE)

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, (self.folder / "demo.log").read_text())
        return found[1] if found else ""

    def _answers(self, url: str) -> bool:
        try:
            return httpx.get(url, trust_env=False).is_success
        except httpx.TransportError:
            return False
