"""The command line, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from exporter.demo.database import Server
from tests.stack import free_port, until


def bellwether(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("collectors:\n- kind: node\n  evry: 5s\n", ":3: collectors[0].evry: unknown key; did you mean every?"),
        ("collectors:\n- kind: node\n  every: five\n", ":3: collectors[0].every: 'five': expected a duration"),
        (
            "collectors:\n- kind: postgres\n  dsn: ${NO_SUCH_VARIABLE}\n",
            ":3: collectors[0].dsn: the environment variable NO_SUCH_VARIABLE",
        ),
        (
            "collectors:\n- kind: postgres\n  dsn_file: /nonexistent\n",
            ":3: collectors[0].dsn_file: '/nonexistent': cannot read",
        ),
    ],
)
def test_a_wrong_setting_ends_start_up_with_one_message_and_status_2(tmp_path: Path, settings: str, expected: str) -> None:
    file = tmp_path / "bellwether.yml"
    file.write_text(settings)
    result = bellwether("run", "--config", str(file))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{file}{expected}")
    assert len(result.stderr.splitlines()) == 1


def test_an_unreadable_secret_file_is_refused_even_for_its_rights(tmp_path: Path) -> None:
    secret, file = tmp_path / "secret", tmp_path / "bellwether.yml"
    secret.mkdir()  # a folder cannot be read as a file, not even by root
    file.write_text(f"collectors:\n- kind: postgres\n  dsn_file: {secret}\n")
    result = bellwether("run", "--config", str(file))
    assert (result.returncode, result.stderr) == (
        2,
        f"{file}:3: collectors[0].dsn_file: '{secret}': cannot read the secret file {secret}: Is a directory\n",
    )


def test_a_taken_address_is_refused() -> None:
    port = free_port()
    with (
        httpx.Client(),
        subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)], stderr=-3) as other,
    ):
        try:
            until(lambda: "Address already in use" in bellwether("run", "--web.listen-address", f"127.0.0.1:{port}").stderr)
        finally:
            other.terminate()


def test_an_unreachable_database_at_start_is_no_error_and_it_recovers_by_itself(tmp_path: Path, server: Server) -> None:
    name, port = "appears_later", free_port()
    file = tmp_path / "bellwether.yml"
    file.write_text("collectors:\n- kind: postgres\n  dsn: ${DSN}\n  every: 200ms\n")
    with (tmp_path / "log").open("wb") as log:
        exporter = subprocess.Popen(
            [sys.executable, "-m", "exporter", "run", "--config", str(file), "--web.listen-address", f"127.0.0.1:{port}"],
            stderr=log,
            env={**os.environ, "DSN": server.dsn(name)},
        )
    try:

        def up() -> str:
            try:
                page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
            except httpx.TransportError:
                return ""
            return next((line.rsplit(" ", 1)[1] for line in page.splitlines() if line.startswith("pg_up{")), "")

        assert until(up, pause=0.05) == "0.0"
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        until(lambda: up() == "1.0", pause=0.05)
    finally:
        exporter.send_signal(signal.SIGTERM)
        assert exporter.wait(20) == 0
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def test_the_schema_is_sql_that_postgresql_accepts(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(bellwether("schema").stdout.encode())
        assert connection.execute("select count(*) from bellwether.payments").fetchone() == (0,)


def test_the_catalogue_lists_every_metric() -> None:
    assert "| `saas_mrr` | gauge | `source`, `plan`, `currency` | sql |" in bellwether("catalog").stdout


def test_the_bundle_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    result = bellwether("bundle", "--output", str(tmp_path))
    assert result.returncode == 0
    assert (tmp_path / "prometheus/alertmanager.yml").is_file()
    assert (tmp_path / "grafana/dashboards/Business/executive.json").is_file()


def test_no_command_is_an_error_that_shows_how_to_go_on() -> None:
    result = bellwether()
    assert result.returncode == 2
    assert "usage: bellwether" in result.stderr
