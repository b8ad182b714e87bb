"""The whole product, as a user runs it: the demo, Prometheus and Alertmanager, and receivers that keep what comes.

With a factor, all durations of rules, routing and scrapes are divided by it (`quickened`), so that what takes an hour fits a
test. What it does not divide: how often the demo's own collectors look (15 s and more), and seconds written as plain numbers.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psycopg
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from exporter import bundle
from exporter.demo import stack, weeks
from tests.tools import alertmanager_command, tool

ROOT = Path(__file__).parent.parent
T = TypeVar("T")
_PATIENCE = 60.0  # seconds for a program to answer
_NEVER_HANDED_OUT = (12_000, 32_000)  # Linux begins at 32768 (net.ipv4.ip_local_port_range)
_ALONE = {"WORKER": "gw0", "WORKER_COUNT": "1"}  # what pytest-xdist says to each of its workers
_given: set[int] = set()
_LOADING = 240.0  # seconds for the demo to make its company, on a machine that does other things too


def free_port() -> int:
    """A port of the loopback interface that nobody listens on.

    It is not among those that the kernel hands out, nor what another test of this run was given: either could get it before a
    program has started on it.
    """
    number, workers = (
        int(os.environ.get(f"PYTEST_XDIST_{name}", default).removeprefix("gw")) for name, default in _ALONE.items()
    )
    begin, end = _NEVER_HANDED_OUT
    while True:
        port = random.SystemRandom().randrange(begin + number, end, workers)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port not in _given:
                _given.add(port)
                return port


def until(get: Callable[[], T], patience: float = _PATIENCE, pause: float = 0.5) -> T:
    """The first result that is true. Raises `TimeoutError` with the last one."""
    deadline = time.monotonic() + patience
    while not (result := get()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {patience:g} s; last: {result!r}")
        time.sleep(pause)
    return result


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_IN_EXPRESSIONS = re.compile(rf"(?<=\[){_DURATION}|(?<=:){_DURATION}(?=\])|(?<=offset ){_DURATION}|(?<=offset -){_DURATION}")
_KEYS = {"for", "keep_firing_for", "interval", "group_wait", "group_interval", "repeat_interval", "scrape_interval",
         "scrape_timeout", "evaluation_interval"}  # fmt: skip


def quickened(content: Any, factor: float) -> Any:
    """Rules, routes or settings of Prometheus, as read from YAML, with every duration in them divided."""
    if isinstance(content, Mapping):
        return {
            key: _divided(str(value), factor)
            if key in _KEYS
            else _IN_EXPRESSIONS.sub(lambda found: _divided(found[0], factor), value)
            if key == "expr"
            else quickened(value, factor)
            for key, value in content.items()
        }
    return [quickened(each, factor) for each in content] if isinstance(content, list) else content


def _divided(duration: str, factor: float) -> str:
    seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))
    return f"{max(1, round(seconds * 1000 / factor))}ms" if seconds else duration


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

    def forget(self) -> None:
        """Keep only what comes from now on."""
        self.bodies.clear()
        self.mails.clear()

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self._mail.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._mail.stop()
        self._http.shutdown()
        self._http.server_close()


class Stack:
    """`bellwether demo`, Prometheus and Alertmanager, both on the bundle as it is rendered now.

    `history` puts so many days of the company's past into Prometheus before it starts; `changes` is what a
    user's configuration of the bundle would say; `factor` is how much faster all of it goes (see `quickened`).
    """

    def __init__(
        self, folder: Path, sink: Sink, *, factor: float = 1, history: int = 0, changes: Mapping[str, Any] | None = None
    ) -> None:
        self.folder, self.sink, self.factor, self._history, self._changes = folder, sink, factor, history, changes or {}
        self.exporter, self.prometheus, self.alertmanager = [f"127.0.0.1:{free_port()}" for _ in range(3)]
        self.admin_dsn = self.application = self.desk = ""
        self._began = datetime.now(UTC)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Start all three, end them by their process ids."""
        with contextlib.ExitStack() as programs:
            programs.enter_context(self._program("demo", self._demo()))
            until(lambda: self._printed("(from now on)"), _LOADING)
            self.admin_dsn = self._printed(r"psql '(.*)'")
            self.application, self.desk = self._printed(r"website +http://(\S+)/ "), self._printed(r"incidents +(http://\S+)/")
            self._configure()
            if self._history:
                self._load_history()
            programs.enter_context(self._program("alertmanager", self._alertmanager()))
            programs.enter_context(self._program("prometheus", self._prometheus()))
            for address in (self.prometheus, self.alertmanager):
                until(lambda address=address: self._answers(f"http://{address}/-/ready"))  # type: ignore[misc]
            if self._history and self.factor == 1:
                self._remember()
            yield self

    @contextlib.contextmanager
    def incident(self, name: str) -> Iterator[None]:
        """Let something of exporter/demo/incidents go wrong while the block runs."""
        self.start(name)
        try:
            yield
        finally:
            self.end(name)

    def start(self, name: str) -> None:
        """Start an incident; one that goes on already goes on."""
        httpx.post(f"{self.desk}/incidents/{name}", timeout=60, trust_env=False).raise_for_status()

    def end(self, name: str) -> None:
        """End an incident. One that takes the database away is over when that is back."""
        httpx.delete(f"{self.desk}/incidents/{name}", timeout=60, trust_env=False).raise_for_status()

    def seconds(self, promised: float) -> float:
        """What a promised time is here."""
        return promised / self.factor

    def firing(self) -> set[str]:
        """The alerts that fire now, without the one that always does."""
        return {each["metric"]["alertname"] for each in self.query('ALERTS{alertstate="firing", alertname!="Watchdog"}')}

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of a PromQL expression."""
        answer = httpx.get(f"http://{self.prometheus}/api/v1/query", params={"query": expression}, trust_env=False).json()
        if answer["status"] != "success":
            raise AssertionError(f"{expression}: {answer}")
        data = answer["data"]
        result: list[dict[str, Any]] = data["result"] if data["resultType"] == "vector" else [{"value": data["result"]}]
        return result

    def hand_over(self, name: str, past: str) -> None:
        """Give Prometheus figures of before, as OpenMetrics text, which it takes up within a minute."""
        part = self.folder / f"{name}.om"
        part.write_text(past)
        self._make_blocks(part, name)
        for block in (self.folder / name).iterdir():
            block.rename(self.folder / "tsdb" / block.name)

    def execute(self, statement: str) -> None:
        """Change the company's database."""
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _demo(self) -> list[str]:
        return [str(ROOT / ".venv/bin/bellwether"), "demo", "--no-stack", "--web.listen-address", self.exporter]

    def _configure(self) -> None:
        secrets = self.folder / "secrets"
        secrets.mkdir()
        (secrets / "pagerduty").write_text("a-routing-key")
        (secrets / "slack").write_text(f"{self.sink.url}/slack")
        receivers: dict[str, object] = {
            "pagerduty": {"routing_key_file": str(secrets / "pagerduty"), "url": f"{self.sink.url}/pagerduty"},
            "slack": {"api_url_file": str(secrets / "slack")},
            "email": {"smarthost": self.sink.smarthost, "require_tls": False},
            "sms": {"api_url": f"{self.sink.url}/sns"},
            "webhook": {"url": f"{self.sink.url}/webhook"},
        }
        receivers |= self._changes.get("receivers", {})
        configuration = bundle.Bundle.model_validate({**self._changes, "receivers": receivers})
        for path, text in bundle.render(configuration).items():
            if path.parts[0] == "prometheus":
                self._write(path, text)
        self._write(Path("prometheus/prometheus.yml"), (ROOT / "prometheus/prometheus.yml").read_text())
        own = {"alertmanager": self.alertmanager, "prometheus": self.prometheus, "app": self.application}
        for file in (ROOT / "prometheus/targets").glob("*.yml"):
            self._write(file.relative_to(ROOT), json.dumps([{"targets": [own.get(file.stem, self.exporter)]}]))

    def _write(self, path: Path, text: str) -> None:
        """A file of Prometheus or Alertmanager, in the time of this stack."""
        if self.factor != 1 and path.suffix in (".yml", ".yaml"):
            content = quickened(yaml.safe_load(text), self.factor)
            if path == Path("prometheus/prometheus.yml"):
                content["global"]["scrape_timeout"] = content["global"]["scrape_interval"]
            text = yaml.safe_dump(content, sort_keys=False)
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def _load_history(self) -> None:
        """As docs/history.md tells a user to."""
        settings = self.folder / "history.yml"
        for name, options in stack.spans(self._began, self._history).items():
            settings.write_text(stack.watched(self.admin_dsn, name))
            labels = ["--label", "job=bellwether", "--label", f"instance={self.exporter}"]
            files = ["--config", str(settings), "--output", str(self.folder / name)]
            run = [sys.executable, "-m", "exporter", "backfill", *options, *labels, *files]
            subprocess.run(run, check=True, cwd=ROOT, capture_output=True)
            for part in sorted((self.folder / name).glob("*.om")):
                self._make_blocks(part, "tsdb")

    def _remember(self) -> None:
        """What is usual at this hour of the week, as the demo does."""
        rules = (self.folder / "prometheus/rules/anomalies.yaml").read_text()
        self.hand_over("memory", asyncio.run(weeks.remembered(self.prometheus, rules, self._began)))

    def _make_blocks(self, part: Path, output: str) -> None:
        make = [str(tool("promtool")), "tsdb", "create-blocks-from", stack.LARGE_BLOCKS, "openmetrics", str(part)]
        subprocess.run([*make, f"{self.folder}/{output}"], check=True, capture_output=True)

    def _alertmanager(self) -> list[str]:
        return alertmanager_command(
            f"--config.file={self.folder}/prometheus/alertmanager.yml",
            f"--storage.path={self.folder}/alertmanager",
            f"--web.listen-address={self.alertmanager}",
            "--cluster.listen-address=",
        )

    def _prometheus(self) -> list[str]:
        return [
            str(tool("prometheus")),
            f"--config.file={self.folder}/prometheus/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/tsdb",
            "--storage.tsdb.retention.time=800d",
            *(["--query.lookback-delta=25h"] if self._history else []),
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
