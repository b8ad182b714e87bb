"""The originals and Bellwether, started side by side and read over HTTP, as Prometheus reads them.

The original is read just before Bellwether and just after, so that a figure that only grows has to lie between.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from tests import tools
from tests.compatibility import console, exposition, servers
from tests.compatibility.exposition import Family
from tests.compatibility.program import Program

_INSTANCE = "db:5432"
_AS_UPSTREAM = (  # Debian changes these defaults, or they have changed since
    f"--collector.textfile.directory={Path(__file__).parent}",  # one that is there and has no such files
    "--collector.netdev.device-exclude=^$",
    r"--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    "--collector.filesystem.mount-points-exclude",
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
)


class Side(NamedTuple):
    """One exporter's page before and after, and Bellwether's between the two."""

    before: Mapping[str, Family]
    ours: Mapping[str, Family]
    after: Mapping[str, Family]


def node_exporter() -> list[Side]:
    """This host."""
    with _original("node_exporter", *_AS_UPSTREAM) as original, _bellwether({"kind": "node"}) as ours:
        return [_read(_page(original), ours, "/metrics/node")]


def postgres_exporter() -> list[Side]:
    """One server."""
    with servers.database() as server:
        parts = conninfo_to_dict(server.dsn(servers.DATABASE))
        # not a URL, which cannot name a directory as host in the way that this version parses it
        source = f"user=postgres password={parts['password']} host={parts['host']} dbname={servers.DATABASE} sslmode=disable"
        collector = {"kind": "postgres", "dsn": server.dsn(servers.DATABASE), "instance": _INSTANCE, "every": "scrape"}
        with _original("postgres_exporter", DATA_SOURCE_NAME=source) as original, _bellwether(collector) as ours:
            return [_read(_page(original), ours, "/metrics/postgres")]


def blackbox_exporter() -> list[Side]:
    """Pages and ports, found, missing, moved, behind TLS that is trusted or not, and no server; a name server; a host."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        targets = stack.enter_context(servers.pages(folder))
        modules = folder / "blackbox.yml"
        by_name = {f"target{number}": target.original_module for number, target in enumerate(targets)}
        modules.write_text(json.dumps({"modules": by_name}))  # YAML, too
        original = stack.enter_context(_original("blackbox_exporter", f"--config.file={modules}"))
        collectors = [
            {
                "every": "scrape",
                "kind": target.kind,
                "name": f"target{number}",
                "target": target.address,
                "instance": str(number),
                **target.settings,
            }
            for number, target in enumerate(targets)
        ]
        ours = stack.enter_context(_bellwether(*collectors))
        return [
            _read(_page(original, _probe(target, f"target{number}")), ours, f"/metrics/target{number}")
            for number, target in enumerate(targets)
        ]


def pgbouncer_exporter() -> list[Side]:
    """One PgBouncer, which Bellwether is let in to look; the original's part is played by the console itself."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(servers.database())
        pooler = stack.enter_context(servers.pooler(server, folder))
        collector = {"kind": "pgbouncer", "dsn": pooler.dsn(user="stats"), "instance": _INSTANCE, "every": "scrape"}
        ours = stack.enter_context(_bellwether(collector))
        return [_read(lambda: console.families(pooler.dsn()), ours, "/metrics/pgbouncer")]


ORIGINALS: Mapping[str, Callable[[], list[Side]]] = {
    "node_exporter": node_exporter,
    "postgres_exporter": postgres_exporter,
    "blackbox_exporter": blackbox_exporter,
    "pgbouncer_exporter": pgbouncer_exporter,
}


def _read(theirs: Callable[[], Mapping[str, Family]], ours: Program, path: str) -> Side:
    theirs(), ours.get(path)  # what only a first request has, such as a cold cache, is not compared
    return Side(theirs(), exposition.read(ours.get(path)), theirs())


def _probe(target: servers.Target, module: str) -> str:
    return f"/probe?target={quote(target.address, safe='')}&module={module}"


def _page(original: Program, path: str = "/metrics") -> Callable[[], Mapping[str, Family]]:
    return lambda: exposition.read(original.get(path))


def _original(name: str, *options: str, **variables: str) -> contextlib.AbstractContextManager[Program]:
    address = "--web.listen-address=127.0.0.1:{port}"
    return Program.running(tools.tool(name), address, *options, ready="/metrics", env=tools.environment(name) | variables)


@contextlib.contextmanager
def _bellwether(*collectors: Mapping[str, object]) -> Iterator[Program]:
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"collectors": collectors}, file)
        file.flush()
        options = (f"--config={file.name}", "--web.listen-address=127.0.0.1:{port}", "--log.level=error")
        with Program.running(sys.executable, "-m", "exporter", "run", *options, ready="/-/ready") as program:
            yield program
