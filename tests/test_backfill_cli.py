"""`bellwether backfill` as a user meets it: what it prints, how it ends, and how it goes on."""

import re
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from exporter.demo.database import Server
from tests import past
from tests.stack import until
from tests.test_cli import COMMAND, bellwether, on_a_terminal

SPAN = ("--from", "2024-02-01", "--to", "2024-06-01")
KEPT = "what is done is kept: the same command goes on after it"
JOINED = ("--label", "job=bellwether", "--label", "instance=127.0.0.1:11042")


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[str]:
    """A database with a past, for tests that only read it."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create database past")
    past.fill(server.dsn("past"))
    yield server.dsn("past")
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("drop database past with (force)")


@pytest.fixture
def config(shop: str, tmp_path: Path) -> Path:
    return past.settings(tmp_path, shop)


@pytest.fixture
def given(config: Path) -> list[str]:
    return ["backfill", "--config", str(config), *JOINED]


@pytest.fixture(scope="module")
def whole(shop: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history that is to come of it however often it is broken off: `history`, a folder, and `history.om`, one file."""
    folder = tmp_path_factory.mktemp("whole")
    config = past.settings(folder, shop)
    for name in ("history", "history.om"):
        result = bellwether("backfill", "--config", str(config), *JOINED, *SPAN, "--output", str(folder / name))
        assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> list[str]:
    """Arguments with settings that name a database which nobody has to have."""
    file = tmp_path / "bellwether.yml"
    file.write_text("collectors: [{kind: sql, dsn: 'host=127.0.0.1 port=1', packs: [revenue]}]")
    return ["backfill", "--config", str(file), *JOINED]


@contextmanager
def begun(given: list[str], output: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A backfill that has two parts done."""
    command = [*COMMAND, *given, *SPAN, *options, "--output", str(output)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    folder = output.with_name(f"{output.name}.parts") if output.suffix else output
    try:
        until(lambda: len(list(folder.glob("*.om"))) >= 2 or process.poll() is not None, pause=0.005)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def contents(output: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (output.iterdir() if output.is_dir() else [output])}


def test_it_prints_the_files_to_one_stream_and_how_it_goes_to_the_other(given: list[str], tmp_path: Path) -> None:
    output = tmp_path / "history"
    result = bellwether(*given, "--from", "2024-01-15", "--to", "2024-03-01", "--output", str(output))
    assert result.returncode == 0
    assert result.stdout == f"{output}/20240115T000000Z.om\n{output}/20240201T000000Z.om\n"
    left_out, first, second = result.stderr.splitlines()
    assert left_out == "shop: left out, since they know no past: present/rows"
    assert first.startswith("20240115T000000Z.om: 17 instants, ")
    assert second.startswith("20240201T000000Z.om: 29 instants, ")


def test_without_the_labels_of_a_scrape_it_says_that_past_and_present_do_not_join(config: Path, tmp_path: Path) -> None:
    result = bellwether(
        *("backfill", "--config", str(config), "--label", "job=x", "--from", "2024-01-15", "--to", "2024-01-16"),
        *("--output", str(tmp_path / "day.om")),
    )
    assert (result.returncode, result.stdout) == (0, f"{tmp_path}/day.om\n")
    assert result.stderr.startswith("without --label job=… and --label instance=… ")
    assert 'saas_mrr{source="shop",plan="pro",currency="EUR",job="x"} ' in (tmp_path / "day.om").read_text()


def test_a_label_that_a_metric_has_itself_is_kept_as_prometheus_keeps_it(given: list[str], tmp_path: Path) -> None:
    output = tmp_path / "day.om"
    given += ["--label", "plan=b", "--from", "2024-01-15", "--to", "2024-01-16", "--output", str(output)]
    assert bellwether(*given).returncode == 0
    assert 'saas_mrr{source="shop",exported_plan="pro",currency="EUR",job="bellwether",instance="' in output.read_text()


@pytest.mark.parametrize("name", ["history", "history.om"])
def test_broken_off_by_ctrl_c_and_resumed_it_gives_the_same_bytes(
    given: list[str], whole: Path, tmp_path: Path, name: str
) -> None:
    output = tmp_path / name
    with begun(given, output) as process:
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
        assert (process.returncode, stdout) == (130, "")
        assert stderr.splitlines()[-1] == KEPT
        assert "Traceback" not in stderr
    result = bellwether(*given, *SPAN, "--output", str(output))
    assert result.returncode == 0
    assert "going on after 20" in result.stderr
    assert contents(output) == contents(whole / name)


def test_killed_it_goes_on_all_the_same(given: list[str], whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "history"
    with begun(given, output) as process:
        process.kill()
        process.wait()
    (output / "20240401T000000Z.om.unfinished").write_text("as a power cut may leave it")
    assert bellwether(*given, *SPAN, "--output", str(output)).returncode == 0
    assert contents(output) == contents(whole / "history")


def test_a_database_that_goes_away_is_told_and_what_is_done_is_kept(
    given: list[str], whole: Path, server: Server, tmp_path: Path
) -> None:
    output = tmp_path / "history"
    with begun(given, output) as process:
        server.stop()
        try:
            stdout, stderr = process.communicate(timeout=20)
            again = bellwether(*given, *SPAN, "--output", str(output))
        finally:
            server.start()
    kept, told = stderr.splitlines()[-2:]
    assert (process.returncode, stdout) == (1, "")
    assert kept == KEPT
    assert re.match(r"bellwether: shop: (pack \w+, query \w+, as of 202\d-\d\d-\d\dT00:00:00Z: )?unreachable: ", told)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.splitlines()[-1].startswith("bellwether: shop: unreachable: ")
    assert bellwether(*given, *SPAN, "--output", str(output)).returncode == 0
    assert contents(output) == contents(whole / "history")


@pytest.mark.parametrize("name", ["history", "history.om"])
def test_a_full_disk_is_told_and_what_is_done_is_kept(given: list[str], whole: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / name
    folder = output.with_name(f"{name}.parts") if output.suffix else output
    sizes = {part: part.stat().st_size for part in sorted((whole / "history").glob("*.om"))}
    if output.suffix:  # there is room for the parts and none for what is made of them
        most, file = max(sizes.values()) + 1, output
    else:  # February is shorter than the others
        most, file = sizes[whole / "history/20240201T000000Z.om"] + 1, folder / "20240301T000000Z.om"
    result = subprocess.run(
        [*COMMAND, *given, *SPAN, "--output", str(output)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    kept, told = result.stderr.splitlines()[-2:]
    assert (result.returncode, result.stdout) == (1, "")
    assert kept == KEPT
    assert told == f"bellwether: {file}: File too large"
    assert not list(folder.glob("*.unfinished"))
    assert not output.is_file()
    assert bellwether(*given, *SPAN, "--output", str(output)).returncode == 0
    assert contents(output) == contents(whole / name)


def test_a_query_that_fails_is_told_with_the_instant(database: str, tmp_path: Path) -> None:
    past.fill(database)
    given = ["backfill", "--config", str(past.settings(tmp_path, database)), *JOINED]
    with psycopg.connect(database) as connection:
        connection.execute(
            "update payment set outcome = 'maybe' where created_at between '2024-03-03Z' and '2024-03-03 12:00Z'"
        )
    result = bellwether(*given, *SPAN, "--output", str(tmp_path / "history"))
    assert (result.returncode, result.stdout) == (1, "")
    kept, told = result.stderr.splitlines()[-2:]
    assert kept == KEPT
    assert told.startswith(
        "bellwether: shop: pack revenue, query payments, as of 2024-03-04T00:00:00Z: malformed: the label 'outcome'"
    )


# What is refused


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--from", "2024-01-02", "--to", "2024-01-01"), "--from: '2024-01-02' is not before --to: '2024-01-01'"),
        (("--from", "2024-01-01", "--to", "2999-01-01"), "--to: '2999-01-01' is in the future, of which there is no history"),
        (("--from", "2024-01-01", "--to", "2024-01-02", "--step", "1x"), "--step: '1x': expected a duration"),
        (("--from", "2024-01-01", "--to", "2024-01-02", "--time-zone", "Mars"), "--time-zone: 'Mars': expected a time zone"),
        (("--from", "2024-01-01", "--to", "2024-01-02", "--label", "job=x"), "--label: expected each name once"),
        (("--from", "2024-01-01", "--to", "2024-01-02", "--label", "a-b=x"), "--label: "),
        (("--from", "2024-01-01", "--to", "2024-01-02", "--label", "le=x"), "--label: "),
        (("--from", "2024-01-01", "--to", "2024-01-02", "--label", "x"), "usage: "),
        (("--from", "2024-01-01"), "usage: "),
    ],
)
def test_what_cannot_be_asked_for_ends_with_status_2(
    empty: list[str], tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    if "le=x" in options:
        (tmp_path / "bellwether.yml").write_text("collectors: [{kind: sql, dsn: 'port=1', packs: [support]}]")
    result = bellwether(*empty, *options, "--output", str(tmp_path / "history"))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(told)
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "history").exists()


def test_settings_without_packs_have_no_past(empty: list[str], tmp_path: Path) -> None:
    (tmp_path / "bellwether.yml").write_text("collectors: [{kind: node}]")
    result = bellwether(*empty, *SPAN, "--output", str(tmp_path / "history"))
    assert (result.returncode, result.stderr) == (
        2,
        "--config: expected a collector of kind sql: only packs can be asked about the past\n",
    )


def test_another_history_is_not_mixed_into_the_folder(given: list[str], config: Path, tmp_path: Path) -> None:
    days = ["--from", "2024-01-01", "--to", "2024-01-04", "--output", str(tmp_path / "history")]
    assert bellwether(*given, *days).returncode == 0
    before = contents(tmp_path / "history")
    other_step = bellwether(*given, *days, "--step", "1h")
    other_labels = bellwether(*given, *days, "--label", "team=a")
    config.write_text(config.read_text().replace("revenue, support", "revenue"))
    other_packs = bellwether(*given, *days)
    for result, told in (
        (other_step, "another --step ('1d', now '1h'): expected the same, or another folder"),
        (other_labels, "another --label ('instance=127.0.0.1:11042,job=bellwether', now "),
        (other_packs, "another set of queries for shop ('"),
    ):
        assert (result.returncode, result.stdout) == (2, "")
        assert f"--output: what is in {tmp_path}/history was begun with {told}" in result.stderr
    assert contents(tmp_path / "history") == before


def test_nothing_that_is_there_is_overwritten(given: list[str], tmp_path: Path) -> None:
    days = ["--from", "2024-01-01", "--to", "2024-01-04"]
    (tmp_path / "mine.om").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/backfill.json").write_text("{}")
    for output, status, told in (
        ("mine.om", 2, f"--output: {tmp_path}/mine.om is there already: expected a new file"),
        (".", 2, f"--output: {tmp_path} holds mine.om and no backfill.json: expected a folder of its own"),
        ("odd", 2, f"--output: {tmp_path}/odd/backfill.json cannot be read; delete the folder to begin anew"),
        ("file", 1, f"bellwether: {tmp_path}/file: File exists"),
    ):
        result = bellwether(*given, *days, "--output", str(tmp_path / output))
        assert (result.returncode, result.stdout) == (status, "")
        assert result.stderr.splitlines()[-1] == told
    assert (tmp_path / "mine.om").read_text() == (tmp_path / "file").read_text() == "mine"


def test_two_do_not_work_in_one_folder(given: list[str], tmp_path: Path) -> None:
    output = tmp_path / "history"
    with begun(given, output) as process:
        process.send_signal(signal.SIGSTOP)  # however long the other takes, this one is not done before it
        second = bellwether(*given, *SPAN, "--output", str(output))
        assert process.poll() is None
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr.splitlines()[-1] == f"--output: another backfill is at work in {output}"


def test_on_a_terminal_a_line_moves(given: list[str], tmp_path: Path) -> None:
    written = on_a_terminal(*given, *SPAN[:2], "--to", "2024-03-01", "--output", str(tmp_path / "history"))
    assert re.search(r"\d+ of 29 instants, at 202\d-\d\d-\d\d 00:00 ", written)
