"""What both sides are pointed at: a database with something in it, a PgBouncer before it, HTTP and TLS servers on loopback."""

import contextlib
import os
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import DatagramRequestHandler, ThreadingUDPServer

import dns.message
import dns.rdatatype
import dns.rrset
import psycopg
import trustme
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from exporter.demo.database import Server
from tests import tools
from tests.stack import free_port, until

DATABASE = "shop"
PASSWORD = "correct horse battery staple"
_SCHEMA = """
    create table orders (id int primary key, note text);
    insert into orders select n, repeat('x', 100) from generate_series(1, 5000) as n;
    update orders set note = 'y' where id % 10 = 0;
    delete from orders where id % 100 = 1;
    analyze orders;
    vacuum orders;
    checkpoint
"""


@dataclass(frozen=True)
class Target:
    """What a probe is told to try: the original's module, beyond the address, and the settings that mean the same to us."""

    address: str
    kind: str
    module: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def original_module(self) -> Mapping[str, object]:
        """The module as the original's configuration has it; it prefers IPv6 unless told, and Bellwether IPv4."""
        return {"prober": self.kind, self.kind: {"preferred_ip_protocol": "ip4", **self.module}}


@contextlib.contextmanager
def database() -> Iterator[Server]:
    """PostgreSQL 15, of the time of Debian's postgres_exporter, with one table that has been written, read and vacuumed."""
    with Server(tools.postgresql(15)) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"create database {DATABASE}".encode())
        with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement.encode())
        yield server


@dataclass
class Pooler:
    """A running PgBouncer before the database. Its console lets in `admin`, and `stats` to look only."""

    port: int
    process: subprocess.Popen[bytes]

    def dsn(self, database: str = "pgbouncer", user: str = "admin", password: str = PASSWORD) -> str:
        """How a client connects through it, or to its console."""
        return make_conninfo(host="127.0.0.1", port=self.port, dbname=database, user=user, password=password)


@contextlib.contextmanager
def pooler(server: Server, folder: Path, port: int | None = None, **settings: str) -> Iterator[Pooler]:
    """A PgBouncer that has forwarded one transaction. As root it would refuse to run: then it runs as `nobody`."""
    port = port or free_port()
    database = conninfo_to_dict(server.dsn(DATABASE))
    options = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "md5",
        "auth_file": str(folder / "users.txt"),
        "admin_users": "admin",
        "stats_users": "stats",
        "ignore_startup_parameters": "extra_float_digits",  # of the Go driver
        **settings,
    }
    (folder / "users.txt").write_text("".join(f'"{user}" "{PASSWORD}"\n' for user in ("admin", "stats", "postgres")))
    backend = f"host={database['host']} port={database['port']} user=postgres password={database['password']}"
    lines = ["[databases]", f"{DATABASE} = {backend}", "[pgbouncer]", *(f"{name} = {value}" for name, value in options.items())]
    (folder / "pgbouncer.ini").write_text("\n".join(lines))
    folder.chmod(0o755)
    user = "nobody" if os.geteuid() == 0 else None
    with (folder / "pgbouncer.log").open("wb") as log:
        command = [tools.tool("pgbouncer"), folder / "pgbouncer.ini"]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=tools.environment("pgbouncer"), user=user)
    made = Pooler(port, process)
    try:
        until(lambda: _forwards(made), 10, pause=0.02)
        yield made
    finally:
        process.kill()
        process.wait()


def _forwards(pooler: Pooler) -> bool:
    assert pooler.process.poll() is None, "PgBouncer ended"
    try:
        with psycopg.connect(pooler.dsn(DATABASE, "postgres"), prepare_threshold=None) as connection:
            connection.execute("select count(*) from orders")
            time.sleep(0.02)  # idle in the transaction, so that transactions take longer than their queries
            connection.execute("select count(*) from orders")
            return True
    except psycopg.OperationalError:
        return False


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A probe that has seen enough hangs up."""


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        moved = self.path == "/moved"
        body = b"" if moved else b"hello"
        self.send_response(302 if moved else 200 if self.path == "/" else 404)
        self.send_header(*(("location", "/") if moved else ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def pages(folder: Path) -> Iterator[list[Target]]:
    """An HTTP server, one with TLS, a name server, and what to probe of them. `ca.pem` gets the authority's certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with contextlib.ExitStack() as stack:
        plain, secure = (stack.enter_context(_Server(("127.0.0.1", 0), _Page)) for _ in range(2))
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        for server in (plain, secure):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        name_server = stack.enter_context(ThreadingUDPServer(("127.0.0.1", 0), _Names))
        threading.Thread(target=name_server.serve_forever, daemon=True).start()
        stack.callback(name_server.shutdown)
        yield _targets(plain.server_port, secure.server_port, name_server.server_address[1], str(folder / "ca.pem"))


class _Names(DatagramRequestHandler):
    """Answers with an address, or with who is responsible."""

    def handle(self) -> None:
        query = dns.message.from_wire(self.rfile.read())
        [question] = query.question
        answer = dns.message.make_response(query)
        data = {"A": "192.0.2.1", "SOA": "ns.example.com. admin.example.com. 2026010101 1 1 1 1"}[
            dns.rdatatype.to_text(question.rdtype)
        ]
        answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", question.rdtype, data))
        self.wfile.write(answer.to_wire())


def _targets(plain: int, secure: int, names: int, authority: str) -> list[Target]:
    trusting: dict[str, object] = {"tls_config": {"ca_file": authority}}
    says = {"query_response": [{"send": "GET / HTTP/1.0\r\n\r"}, {"expect": "^HTTP/1.. 200"}]}
    unlike = {"query_response": [{"send": "GET / HTTP/1.0\r\n\r"}, {"expect": "^SSH"}]}
    address, responsible = ({"query_name": "example.com", "query_type": type_} for type_ in ("A", "SOA"))
    return [
        Target(f"http://127.0.0.1:{plain}/", "http"),
        Target(f"http://127.0.0.1:{plain}/gone", "http"),
        Target(f"http://127.0.0.1:{plain}/moved", "http"),
        Target(f"https://localhost:{secure}/", "http", trusting, {"ca_file": authority}),
        Target(f"https://localhost:{secure}/", "http"),
        Target(f"http://127.0.0.1:{free_port()}/", "http"),
        Target(f"127.0.0.1:{plain}", "tcp"),
        Target(f"127.0.0.1:{plain}", "tcp", says, says),
        Target(f"127.0.0.1:{plain}", "tcp", unlike, unlike),
        Target(f"localhost:{secure}", "tcp", {"tls": True, **trusting}, {"tls": True, "ca_file": authority}),
        Target(f"127.0.0.1:{free_port()}", "tcp"),
        Target(f"127.0.0.1:{names}", "dns", address, address),
        Target(f"127.0.0.1:{names}", "dns", responsible, responsible),
        Target("127.0.0.1", "icmp"),
    ]
