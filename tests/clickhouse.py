"""ClickHouse for tests: the real engine (chdb, ClickHouse as a library) behind the HTTP interface as it is documented.

The engine parses, checks rights, limits and settings, and says what is wrong; this file only carries requests to it. It runs
in a process of its own: `python -m tests.clickhouse FOLDER [CERTIFICATE]`.
Source: https://clickhouse.com/docs/interfaces/http
"""

import contextlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

ROOT = ("default", "root-of-all")
READER = ("reader", "s3cret-key")
"""Users and their keys. The reader's profile has readonly = 2."""

_NOT_SETTINGS = {"query", "database", "default_format", "wait_end_of_query", "user", "password", "buffer_size"}
_STATUS = {516: 403, 497: 403, 62: 400, 47: 404, 60: 404, 46: 404, 81: 404, 115: 404, 159: 408}


class Server:
    """A server in a folder of its own."""

    def __init__(self, folder: Path, certificate: Path | None = None) -> None:
        arguments = [sys.executable, "-W", "ignore", "-m", "tests.clickhouse", str(folder)]
        self._process = subprocess.Popen(
            [*arguments, *([] if certificate is None else [str(certificate)])], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http{'' if certificate is None else 's'}://localhost:{int(self._process.stdout.readline())}"
        self._certificate = certificate

    def execute(self, sql: str, data: str = "") -> str:
        """Run a statement as the superuser."""
        headers = {"X-ClickHouse-User": ROOT[0], "X-ClickHouse-Key": ROOT[1]}
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        answer = httpx.post(self.url, params={"query": sql}, content=data, headers=headers, timeout=60, verify=context)
        assert answer.status_code == 200, answer.text
        return answer.text

    def insert(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Insert rows of values in the order of the table's columns."""
        lines = ["\t".join(map(_cell, row)) + "\n" for row in rows]
        self.execute(f"insert into {table} format TabSeparated", "".join(lines))

    def close(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


@contextlib.contextmanager
def serving(certificate: Path | None = None) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), certificate)
        try:
            yield server
        finally:
            server.close()


def _cell(value: Any) -> str:
    match value:
        case None:
            return "\\N"
        case bool():
            return str(value).lower()
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        case int() | float() | Decimal() | date():
            return str(value)
        case str():
            return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    raise TypeError(f"no value for a table: {value!r}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = ""

    def do_GET(self) -> None:
        self._answer({"X-ClickHouse-Server-Display-Name": "test"}, b"Ok.\n")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        sql = given["query"] + "\n" + body if "query" in given else body
        user = self.headers.get("X-ClickHouse-User", "default")
        if (user, self.headers.get("X-ClickHouse-Key", "")) not in {ROOT, READER}:
            self._fail(
                f"Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, or there is no user with "
                "such name. (AUTHENTICATION_FAILED) (version 26.5.1.1)"
            )
            return
        try:
            result = self._run(sql, given, "2" if user == READER[0] else "0")
        except Exception as error:  # noqa: BLE001 - whatever the engine raises
            self._fail(str(error))
            return
        self._answer({"X-ClickHouse-Format": given.get("default_format", "TabSeparated")}, result)

    def _run(self, sql: str, given: dict[str, str], readonly: str) -> bytes:
        from chdb.state.sqlitelike import Connection

        connection = Connection(self.folder)
        try:
            # As the server does: settings of one request hold together, so that readonly comes last.
            connection.query(f"use {given.get('database', 'default')}")
            settings = {name: value for name, value in given.items() if name not in _NOT_SETTINGS and name != "readonly"}
            for name, value in settings.items():
                connection.query(f"set {name} = '{value}'")
            connection.query(f"set readonly = {given.get('readonly', readonly)}")
            result = connection.query(sql, given.get("default_format", "TabSeparated"))
            return bytes(result.bytes())
        finally:
            connection.close()

    def _fail(self, text: str) -> None:
        found = re.search(r"Code: (\d+)", text)
        code = int(found[1]) if found else 1002
        self._answer({"X-ClickHouse-Exception-Code": str(code)}, f"{text}\n".encode(), _STATUS.get(code, 500))

    def _answer(self, headers: dict[str, str], body: bytes, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called there
        """Say nothing."""


def _main(folder: str, certificate: str | None = None) -> None:
    _Handler.folder = folder
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    from chdb.state.sqlitelike import Connection

    keep = Connection(folder)  # the engine stays up between requests
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    signal.pause()
    keep.close()


if __name__ == "__main__":
    _main(*sys.argv[1:])
