"""The command line, in processes of its own."""

import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from psycopg import sql

from exporter import arguments
from exporter.demo.database import Server
from exporter.serving import DEFAULT_ADDRESS, Web
from tests.stack import ROOT, free_port, until

COMMAND = [sys.executable, "-m", "exporter"]
SECRET = "hunter2-of-test_cli"
LEAKY = '''
import asyncio, logging, sys
from exporter.cli import main
from exporter.collector import Collector, Samples, Secret
from exporter.metric import Metric

UP = Metric("leaky_up", "Always 1.")

class Leaky(Collector, kind="leaky"):
    """Lets its secret out wherever it can."""
    token: Secret
    stubborn: bool = False
    async def collect(self) -> Samples:
        token = self.token.read()
        while self.stubborn:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
        logging.getLogger("leaky").debug("reading with %s", token)
        raise RuntimeError(f"could not read https://bob:{token}@example.com/")
        yield UP(1)

sys.exit(main(sys.argv[1:]))
'''


def bellwether(*given: str, command: list[str] = COMMAND, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *given], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


@contextmanager
def running(*given: str, command: list[str] = COMMAND) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*command, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def on_a_terminal(*given: str, width: int = 80) -> str:
    """What a command writes to a terminal of this width, its output and its errors."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen([*COMMAND, *given], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    try:
        while True:
            assert select.select([ours], [], [], 60)[0], f"nothing more came after {written!r}"
            try:
                part = os.read(ours, 65536)
            except OSError:  # so Linux reports that nobody has the other end any more
                break
            if not part:
                break
            written += part
    finally:
        os.close(ours)
        process.wait(60)
    return written.decode().replace("\r\n", "\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bellwether.yml"


@pytest.fixture
def leaky(tmp_path: Path) -> list[str]:
    """The command line with one more kind of collector, `leaky`."""
    program = tmp_path / "leaky.py"
    program.write_text(LEAKY)
    return [sys.executable, str(program)]


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


# Settings


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
@pytest.mark.parametrize("command", [("run",), ("check",), ("check", "--offline"), ("collect", "node")])
def test_a_wrong_setting_ends_a_command_with_one_message_and_status_2(
    file: Path, command: tuple[str, ...], settings: str, expected: str
) -> None:
    file.write_text(settings)
    result = bellwether(*command, "--config", str(file))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{file}{expected}")
    assert len(result.stderr.splitlines()) == 1


def test_an_unreadable_secret_file_is_refused_even_for_its_rights(tmp_path: Path, file: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()  # a folder cannot be read as a file, not even by root
    file.write_text(f"collectors:\n- kind: postgres\n  dsn_file: {secret}\n")
    result = bellwether("run", "--config", str(file))
    assert (result.returncode, result.stderr) == (
        2,
        f"{file}:3: collectors[0].dsn_file: '{secret}': cannot read the secret file {secret}: Is a directory\n",
    )


# run


def test_a_taken_address_is_refused(silent: socket.socket) -> None:
    result = bellwether("run", "--web.listen-address", address(silent), "--log.level", "error")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"--web.listen-address: cannot listen on {address(silent)}: Address already in use")


def test_an_unreachable_database_at_start_is_no_error_and_it_recovers_by_itself(file: Path, server: Server) -> None:
    name, port = "appears_later", free_port()
    file.write_text("collectors:\n- kind: postgres\n  dsn: ${DSN}\n  every: 200ms\n")
    with (file.parent / "log").open("wb") as log:
        exporter = subprocess.Popen(
            [*COMMAND, "run", "--config", str(file), "--web.listen-address", f"127.0.0.1:{port}"],
            stderr=log,
            env={**os.environ, "DSN": server.dsn(name)},
        )
    try:

        def up() -> str:
            page = metrics(port)
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


def metrics(port: int) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    except httpx.TransportError:
        return ""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_run_is_ended_by_a_signal_with_status_0_and_logs_as_json_where_told_to(stop: signal.Signals) -> None:
    port = free_port()
    with running("run", "--web.listen-address", f"127.0.0.1:{port}", "--log-format", "json") as process:
        until(lambda: metrics(port), pause=0.05)
        process.send_signal(stop)
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout) == (0, "")
    lines = [json.loads(line) for line in stderr.splitlines()]
    assert all(line.keys() == {"ts", "level", "component", "msg"} for line in lines)
    assert lines[0]["msg"] == "no --config: watching this host alone"
    assert f"listening on http://127.0.0.1:{port}" in [line["msg"] for line in lines]


def test_run_loads_nothing_that_only_other_commands_need() -> None:
    port = free_port()
    command = [sys.executable, "-X", "importtime", "-m", "exporter"]
    with running("run", "--web.listen-address", f"127.0.0.1:{port}", command=command) as process:
        until(lambda: metrics(port), pause=0.05)
        process.terminate()
        _, stderr = process.communicate(timeout=20)
    loaded = set(re.findall(r"\| +([\w.]+)$", stderr, re.MULTILINE))
    assert "exporter.app" in loaded
    assert not loaded & {"_gojsonnet", "shtab", "exporter.bundle", "exporter.demo", "exporter.checkup", "exporter.catalogue"}


def test_run_listens_on_every_address_and_refuses_a_wrong_web_configuration(file: Path) -> None:
    first, second = free_port(), free_port()
    given = [f"--web.listen-address=127.0.0.1:{port}" for port in (first, second)]
    with running("run", *given) as process:
        until(lambda: metrics(first) and metrics(second), pause=0.05)
        process.terminate()
    file.write_text("tls_server_config: {cert_file: nowhere.pem}\n")
    result = bellwether("run", *given, "--web.config.file", str(file), "--log.level", "error")
    assert (result.returncode, result.stdout) == (2, "")
    assert str(file) in result.stderr


def test_help_is_quick_because_nothing_heavy_is_loaded_for_it() -> None:
    stderr = bellwether("run", "--help", command=[sys.executable, "-X", "importtime", "-m", "exporter"]).stderr
    loaded = set(re.findall(r"\| +([\w.]+)$", stderr, re.MULTILINE))
    assert "exporter.arguments" in loaded
    assert not loaded & {"pydantic", "psycopg", "httpx", "uvicorn", "yaml", "prometheus_client"}


def test_how_to_serve_is_said_as_in_other_exporters() -> None:
    given = ["--web.listen-address=:1", "--web.listen-address", "[::1]:2", "--web.config.file=web.yml"]
    given += ["--web.systemd-socket", "--web.max-requests", "7"]
    assert arguments.web(arguments.parse(["run", *given])) == Web((":1", "[::1]:2"), Path("web.yml"), True, 7)
    assert arguments.web(arguments.parse(["run"])) == Web((DEFAULT_ADDRESS,), None, False, 40)


@pytest.mark.parametrize("spelling", [("--log.level", "--log.format"), ("--log-level", "--log-format")])
def test_logging_is_spelt_with_dots_or_dashes(spelling: tuple[str, str]) -> None:
    options = arguments.parse(["run", spelling[0], "debug", f"{spelling[1]}=json"])
    assert (options.log_level, options.log_format) == ("debug", "json")


# check


def test_check_of_this_host_is_a_table_and_status_0() -> None:
    result = bellwether("check")
    assert result.returncode == 0
    head, row, *_ = result.stdout.splitlines()
    assert head.split() == ["NAME", "KIND", "TIME", "SERIES", "MISSING", "DROPPED", "REDACTED", "RESULT"]
    assert (row.split()[:2], row.split()[-1]) == (["node", "node"], "ok")
    assert re.fullmatch(r"node: \d+ series \(.*\)\n", result.stderr)


def test_check_says_what_is_wrong_with_each_collector_and_ends_with_status_1(file: Path) -> None:
    port = free_port()
    file.write_text(
        "collectors:\n- kind: node\n"
        f"- {{kind: postgres, name: db, dsn: 'postgresql://bob:{SECRET}@127.0.0.1:{port}/shop'}}\n"
        f"- {{kind: http, name: website, target: 'http://127.0.0.1:{port}/'}}\n"
        f"- {{kind: sql, name: shop, dsn: 'host=127.0.0.1 port={port} user=bob password={SECRET}'}}\n"
    )
    result = bellwether("check", "--config", str(file))
    rows = {line.split()[0]: line for line in result.stdout.splitlines()[1:5]}
    assert result.returncode == 1
    assert list(rows) == ["node", "db", "website", "shop"]  # as in the file, whichever was done first
    assert rows["node"].endswith("  ok")
    assert rows["db"].endswith("  unreachable: no answer; check host and port, and whether the server runs")
    assert rows["website"].endswith("  refused: no connection to the target")
    assert "  unreachable: connection failed" in rows["shop"]
    assert SECRET not in result.stdout + result.stderr


def test_check_as_json_is_for_programs(file: Path) -> None:
    file.write_text(f"collectors:\n- kind: node\n- {{kind: http, target: 'http://127.0.0.1:{free_port()}/'}}\n")
    result = bellwether("check", "--config", str(file), "--format", "json")
    told = json.loads(result.stdout)
    assert (result.returncode, told["ok"]) == (1, False)
    assert [(each["name"], each["ok"]) for each in told["collectors"]] == [("node", True), ("http", False)]


def test_check_offline_connects_to_nothing(file: Path, silent: socket.socket) -> None:
    file.write_text(f"collectors:\n- {{kind: http, name: website, target: 'http://{address(silent)}/'}}\n- kind: node\n")
    result = bellwether("check", "--offline", "--config", str(file))
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{file}: valid; collectors: website, node\n", "")
    silent.settimeout(0)
    with pytest.raises(BlockingIOError):
        silent.accept()


def test_check_offline_looks_at_the_web_configuration_too(file: Path) -> None:
    file.write_text("basic_auth_users: {bob: not-a-hash}\n")
    result = bellwether("check", "--offline", "--web.config.file", str(file))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{file}:1: basic_auth_users")


def test_check_is_not_held_up_by_a_collector_that_cannot_be_ended(file: Path, leaky: list[str]) -> None:
    file.write_text(f"collectors:\n- {{kind: leaky, token: {SECRET}, stubborn: true, timeout: 100ms}}\n")
    result = bellwether("check", "--config", str(file), command=leaky)
    assert result.returncode == 1
    assert "timeout: the run does not end, though it was cancelled" in result.stdout


def test_check_on_a_terminal_shows_what_it_waits_for_and_fits_the_width(file: Path) -> None:
    file.write_text(f"collectors:\n- kind: node\n- {{kind: http, name: website, target: 'http://127.0.0.1:{free_port()}/'}}\n")
    written = on_a_terminal("check", "--config", str(file), width=90)
    assert written.startswith("\r\x1b[K")  # nothing but the moving line stood above the table
    table = written.rpartition("\x1b[K")[2]
    assert table.startswith("NAME     KIND")
    assert max(map(len, table.splitlines())) <= 90


def test_check_on_a_terminal_has_a_line_that_moves(file: Path, silent: socket.socket) -> None:
    file.write_text(f"collectors:\n- {{kind: http, name: website, target: 'http://{address(silent)}/', timeout: 1s}}\n")
    assert "0 of 1 checked, waiting for website 0 s" in on_a_terminal("check", "--config", str(file))


# collect


def test_collect_prints_metrics_to_one_stream_and_how_it_went_to_the_other() -> None:
    result = bellwether("collect", "node")
    samples = [sample for family in parse(result.stdout) for sample in family.samples]
    assert result.returncode == 0
    assert "node_load1" in {sample.name for sample in samples}
    assert re.fullmatch(rf"node: {len(samples)} series \(\d+ ms\)\n", result.stderr)


def test_collect_takes_a_collector_of_the_settings_by_name_or_by_its_kind_alone(file: Path) -> None:
    file.write_text(f"collectors:\n- {{kind: http, name: website, target: 'http://127.0.0.1:{free_port()}/'}}\n")
    by_name, by_kind = [bellwether("collect", name, "--config", str(file)) for name in ("website", "http")]
    assert (by_name.returncode, by_kind.returncode) == (1, 1)  # the page is down: the metrics say so
    assert "probe_success{" in by_name.stdout
    assert "probe_success{" in by_kind.stdout
    assert by_name.stderr.startswith("website: refused: no connection to the target (")


def test_collect_of_a_collector_that_fails_prints_no_metrics(file: Path) -> None:
    file.write_text(f"collectors:\n- {{kind: sql, dsn: 'host=127.0.0.1 port={free_port()}'}}\n")
    result = bellwether("collect", "sql", "--config", str(file))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("sql: unreachable: ")


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("nod", "", "no kind of collector is named 'nod'; expected one of "),
        ("postgres", "", "a postgres collector needs settings: give them with --config FILE"),
        ("webiste", "- {kind: node, name: website}", "has no collector named 'webiste'; expected one of website; did you mean"),
        (
            "node",
            "- {kind: node, name: a}\n- {kind: node, name: b}",
            "has several collectors named 'node'; expected one of a, b",
        ),
    ],
)
def test_collect_of_an_unknown_name_lists_those_that_are_known(file: Path, name: str, settings: str, told: str) -> None:
    file.write_text(f"collectors:\n{settings}\n")
    result = bellwether("collect", name, *(["--config", str(file)] if settings else []))
    assert (result.returncode, result.stdout) == (2, "")
    assert told in result.stderr


# catalog, schema, bundle


def test_the_catalogue_lists_every_metric() -> None:
    assert "| `saas_mrr` | gauge | `source`, `plan`, `currency` | sql, stripe |" in bellwether("catalog").stdout


def test_the_catalogue_as_json_can_be_narrowed_to_a_kind() -> None:
    listed = json.loads(bellwether("catalog", "--format", "json", "--kind", "postgres").stdout)
    assert {
        "name": "pg_locks_count",
        "type": "gauge",
        "unit": "",
        "labels": ["instance", "datname", "mode"],
        "kinds": ["postgres"],
        "help": "Locks held or waited for.",
    } in listed
    assert all(each["kinds"] == ["postgres"] for each in listed)


def test_the_catalogue_as_a_table_has_a_line_for_each_metric_where_no_screen_limits_it() -> None:
    lines = bellwether("catalog", "--format", "table", "--kind", "http").stdout.splitlines()
    assert "http" in lines
    [line] = [line for line in lines if line.startswith("  probe_success ")]
    assert re.fullmatch(r"  probe_success +gauge  Whether .*: 1 or 0\. {instance}", line)


def test_the_catalogue_on_a_terminal_is_a_table_that_fits_it() -> None:
    written = on_a_terminal("catalog", width=72)
    assert "  node_load1 " in written
    assert [line for line in written.splitlines() if len(line) > 72 and len(line.split()) > 1] == []  # a name is not broken


def test_a_wrong_kind_is_named_beside_those_that_there_are() -> None:
    result = bellwether("catalog", "--kind", "postgre")
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(
        r"--kind: no metrics are of kind 'postgre'; expected one of .*; did you mean postgres\?\n", result.stderr
    )


def test_the_schema_is_sql_that_postgresql_accepts(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(bellwether("schema").stdout.encode())
        assert connection.execute("select count(*) from bellwether.payments").fetchone() == (0,)


def test_the_schema_of_a_pack_is_that_of_an_engine_that_runs_it() -> None:
    result = bellwether("schema", "--engine", "clickhouse", "revenue")
    assert (result.returncode, result.stdout) == (2, "")
    assert "packs: 'revenue' does not run on ClickHouse; of those shipped, experience, features" in result.stderr
    made = bellwether("schema", "--engine", "clickhouse", "features").stdout
    assert ("bellwether.feature_uses" in made, "bellwether.payments" in made) == (True, False)


def test_the_bundle_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    result = bellwether("bundle", "--output", str(tmp_path))
    assert result.returncode == 0
    assert (tmp_path / "prometheus/alertmanager.yml").is_file()
    assert (tmp_path / "grafana/dashboards/Business/executive.json").is_file()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    result = bellwether("bundle", "--output", str(tmp_path / "taken"))
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(rf"bellwether: {tmp_path}/taken[^:]*: (Not a directory|File exists)\n", result.stderr)


# What is asked for


def test_help_lists_every_command_in_groups_with_examples_and_exit_statuses() -> None:
    result = bellwether("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for name, command in arguments.COMMANDS.items():
        assert re.search(rf"^  {name} +{command.summary}$", result.stdout, re.MULTILINE)
    for section in ("watch what is yours:", "examples:", "exit status:"):
        assert f"\n{section}\n" in result.stdout


@pytest.mark.parametrize("name", arguments.COMMANDS)
def test_each_command_has_help_of_its_own_that_fits_a_terminal(name: str) -> None:
    result = bellwether(name, "--help", COLUMNS="80")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: bellwether {name} ")
    assert max(len(line) for line in result.stdout.splitlines() if not line.startswith("  bellwether ")) <= 80


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "expected a command; `bellwether --help` lists them"),
        (("chek",), "there is no command 'chek'; did you mean check?"),
        (("frobnicate",), "there is no command 'frobnicate'; `bellwether --help` lists them"),
        (("run", "--confg", "x"), "run takes no option '--confg'; did you mean --config?"),
        (("run", "--conf", "x"), "run takes no option '--conf'; did you mean --config?"),  # no abbreviations: they age badly
        (("run", "extra"), "run takes no argument 'extra'; `bellwether run --help` lists what it takes"),
        (("run", "--web.max-requests", "-1"), "argument --web.max-requests: '-1': expected a whole number, 0 or more"),
        (("run", "--log.level", "loud"), "argument --log.level/--log-level: invalid choice: 'loud'"),
    ],
)
def test_what_cannot_be_understood_ends_with_status_2_and_says_how_to_go_on(given: tuple[str, ...], told: str) -> None:
    result = bellwether(*given)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: bellwether ")
    assert f"error: {told}" in result.stderr


def test_the_page_about_the_command_line_is_current() -> None:
    assert (ROOT / "docs/cli.md").read_text() == arguments.cli_markdown(), "run `make generate`"


# How it ends


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run([*COMMAND, "catalog"], stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writing)
    assert (result.returncode, result.stderr) == (141, b"")


def test_output_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run([*COMMAND, "schema"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (1, b"bellwether: standard output: No space left on device\n")


@pytest.mark.parametrize("command", [("check",), ("collect", "website")])
def test_ctrl_c_ends_it_with_status_130_and_no_traceback(file: Path, silent: socket.socket, command: tuple[str, ...]) -> None:
    file.write_text(f"collectors:\n- {{kind: http, name: website, target: 'http://{address(silent)}/', timeout: 60s}}\n")
    with running(*command, "--config", str(file)) as process:
        connection, _ = silent.accept()  # now it waits for an answer
        with connection:
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout, stderr) == (130, "", "")


# Completion


def completed(*words: str, folder: Path) -> set[str]:
    """What bash offers for the last of the words."""
    script = f"""
        source <("{sys.executable}" -m exporter completion bash)
        cd "{folder}"
        COMP_WORDS=(bellwether {" ".join(repr(word) for word in words)})
        COMP_CWORD={len(words)}
        COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
        $(complete -p bellwether | sed -E 's/.*-F ([^ ]+) .*/\\1/') bellwether "${{COMP_WORDS[COMP_CWORD]}}" ""
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("c",), {"check", "collect", "catalog", "completion"}),
        (("run", "--log.f"), {"--log.format"}),
        (("run", "--log.level", "d"), {"debug"}),
        (("completion", ""), {"bash", "zsh", "tcsh"}),
        (("collect", "n"), {"node"}),
        (("catalog", "--kind", "po"), {"postgres"}),
        (("check", "--config", "bell"), {"bellwether.yml"}),
    ],
)
def test_bash_completes_commands_options_values_kinds_and_files(
    tmp_path: Path, words: tuple[str, ...], offered: set[str]
) -> None:
    (tmp_path / "bellwether.yml").write_text("")
    assert completed(*words, folder=tmp_path) >= offered


@pytest.mark.parametrize("shell", arguments.SHELLS)
def test_there_is_a_completion_for_each_shell(shell: str) -> None:
    result = bellwether("completion", shell)
    assert (result.returncode, result.stderr) == (0, "")
    for expected in (*arguments.COMMANDS, "web.systemd-socket"):
        assert expected in result.stdout


# Secrets


def test_nothing_that_is_ever_printed_holds_a_secret(file: Path, leaky: list[str], server: Server) -> None:
    """At the most talkative level, over failing connections, a bug with the secret in its text, and every command."""
    port, key = free_port(), SECRET.replace("-", "%2D")
    (file.parent / "token").write_text(SECRET)
    file.write_text(
        f"collectors:\n- {{kind: leaky, token_file: {file.parent}/token, every: 100ms}}\n"
        f"- {{kind: postgres, name: down, dsn: 'postgresql://bob:{key}@127.0.0.1:{free_port()}/x', every: 100ms}}\n"
        f"- {{kind: postgres, name: denied, dsn: '{server.dsn(user='nobody_at_all', password=SECRET)}', every: 100ms}}\n"
        f"- {{kind: sql, dsn: '{server.dsn(user='nobody_at_all')}', password: {SECRET}, every: 100ms}}\n"
        f"- {{kind: http, target: 'http://127.0.0.1:{port}/config', headers: {{X-Token: {SECRET}}}, every: 100ms}}\n"
    )
    config = ["--config", str(file), "--log.level", "debug"]
    with running("run", *config, "--web.listen-address", f"127.0.0.1:{port}", command=leaky) as process:
        until(lambda: 'failures_total{collector="leaky"' in metrics(port), pause=0.05)
        process.send_signal(signal.SIGHUP)
        pages = [
            httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).text
            for path in ("/", "/config", "/metrics", "/-/ready")
        ]
        process.terminate()
        printed = [*process.communicate(timeout=20), *pages]
    results = [bellwether("check", *config, command=leaky)]
    results += [bellwether("collect", name, *config, command=leaky) for name in ("leaky", "down", "denied", "sql", "http")]
    file.write_text(file.read_text().replace("every: 100ms", "evry: 100ms"))
    results += [bellwether("check", *config, command=leaky)]
    printed += [text for result in results for text in (result.stdout, result.stderr)]
    assert not [text for text in printed if SECRET in text or key in text]
    assert 'msg="reading with redacted"' in printed[1]
    assert "RuntimeError: could not read https://bob:redacted@example.com/" in printed[1]
    assert "bug: RuntimeError: could not read https://bob:redacted@example.com/" in results[0].stdout
