"""Files that other programs leave in the text format."""

import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from exporter.collectors.node import Node
from exporter.exposition import Format
from exporter.poll import poll
from exporter.snapshot import Snapshot
from tests.collectors.node.reading import collected, on, write

Page = Callable[[], Awaitable[list[str]]]

ERROR = "node_textfile_scrape_error"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "textfiles").mkdir()
    return tmp_path / "textfiles"


@pytest.fixture
def page(procfs: Path, sysfs: Path, folder: Path) -> Page:
    """What a scrape shows of the files: lines without the subject's own, by way of the engine's guard and snapshot."""
    node = on(procfs, sysfs, textfile_directories=(folder,))

    async def read() -> list[str]:
        snapshot = Snapshot()
        snapshot.reserve(node.declares())
        draft = await poll(node, {metric.name: metric for metric in node.declares()})
        snapshot.publish("node", draft.lines)
        lines = snapshot.page(Format.TEXT).decode().splitlines()
        own = [line for line in lines if line.startswith((ERROR, "node_textfile_mtime"))]
        return [line for line in lines if "jobs" in line and line not in own] + own

    return read


async def test_a_file_is_served_as_it_is_with_help_and_type(folder: Path, page: Page) -> None:
    text = (
        "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\n"
        'jobs_total{queue="a"} 3\njobs_total{queue="b",host="x"} 4\n'
        "# HELP jobs_waiting Jobs left.\n# TYPE jobs_waiting gauge\njobs_waiting 5\njobs_odd 0.5\n"
        "# TYPE jobs_old counter\njobs_old 7\n"
        "# TYPE jobs_seconds histogram\n"
        'jobs_seconds_bucket{le="1"} 1\njobs_seconds_bucket{le="+Inf"} 2\njobs_seconds_sum 9\njobs_seconds_count 2\n'
        "# TYPE jobs_size summary\n"
        'jobs_size{quantile="0.5"} 10\njobs_size_sum 30\njobs_size_count 3\n'
    )
    write(folder, {"jobs.prom": text, "notes.txt": "no metrics\n", "jobs.prom.tmp": "half a li"})
    os.utime(folder / "jobs.prom", (1000, 1000))
    assert await page() == [
        "# HELP jobs_total Jobs done.",
        "# TYPE jobs_total counter",
        'jobs_total{queue="a",host=""} 3.0',
        'jobs_total{queue="b",host="x"} 4.0',
        "# HELP jobs_waiting Jobs left.",
        "# TYPE jobs_waiting gauge",
        "jobs_waiting 5.0",
        "# HELP jobs_odd No help text was given.",
        "# TYPE jobs_odd untyped",
        "jobs_odd 0.5",
        "# HELP jobs_old No help text was given.",
        "# TYPE jobs_old counter",
        "jobs_old 7.0",
        "# HELP jobs_seconds No help text was given.",
        "# TYPE jobs_seconds histogram",
        'jobs_seconds_bucket{le="1.0"} 1.0',
        'jobs_seconds_bucket{le="+Inf"} 2.0',
        "jobs_seconds_sum 9.0",
        "jobs_seconds_count 2.0",
        "# HELP jobs_size No help text was given.",
        "# TYPE jobs_size summary",
        'jobs_size{quantile="0.5"} 10.0',
        "jobs_size_sum 30.0",
        "jobs_size_count 3.0",
        f"{ERROR} 0.0",
        f'node_textfile_mtime_seconds{{file="{folder}/jobs.prom"}} 1000.0',
    ]


@pytest.mark.parametrize(
    ("mistaken", "said"),
    [
        ("jobs_left 3\njobs_right\n", "jobs_right"),
        ("jobs_left 3 1700000000000\n", "jobs_left has a timestamp"),
        ("# TYPE jobs_left gauge\njobs_left five\n", "five"),
    ],
    ids=["a line without a value", "a timestamp", "no number"],
)
async def test_a_file_with_a_mistake_is_left_out_whole_and_the_others_are_served(
    folder: Path,
    page: Page,
    mistaken: str,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(folder, {"bad.prom": mistaken, "good.prom": "jobs_done 1\n"})
    os.utime(folder / "good.prom", (1000, 1000))
    served = ["jobs_done 1.0", f"{ERROR} 1.0", f'node_textfile_mtime_seconds{{file="{folder}/good.prom"}} 1000.0']
    with caplog.at_level(logging.WARNING):
        assert [line for line in await page() if line[0] != "#"] == served
        assert [line for line in await page() if line[0] != "#"] == served
    (message,) = caplog.messages  # once, not at each scrape
    assert f"{folder}/bad.prom" in message
    assert said in message
    write(folder, {"bad.prom": "jobs_left 3\n"})
    assert "jobs_left 3.0" in await page()
    assert f"{ERROR} 0.0" in await page()


async def test_one_metric_in_two_files_is_one_and_of_two_types_the_first_files_counts(folder: Path, page: Page) -> None:
    write(
        folder,
        {
            "a.prom": '# TYPE jobs gauge\njobs{queue="a"} 1\n',
            "b.prom": '# TYPE jobs gauge\njobs{queue="b"} 2\n',
        },
    )
    values = [line for line in await page() if line[0] != "#" and not line.startswith("node_textfile_mtime")]
    assert values == ['jobs{queue="a"} 1.0', 'jobs{queue="b"} 2.0', f"{ERROR} 0.0"]
    write(folder, {"b.prom": '# TYPE jobs counter\njobs{queue="b"} 2\n'})
    os.utime(folder / "b.prom", (2000, 2000))
    values = [line for line in await page() if line[0] != "#" and not line.startswith("node_textfile_mtime")]
    assert values == ['jobs{queue="a"} 1.0', f"{ERROR} 1.0"]


@pytest.mark.parametrize(
    "text",
    [
        "node_load1 9999\n",
        "# TYPE node_forks counter\nnode_forks_total 9999\n",
        "# TYPE node_load1 histogram\nnode_load1_sum 9999\nnode_load1_count 1\n",
        "bellwether_jobs 9999\n",
    ],
)
async def test_a_name_that_is_taken_is_refused_and_costs_nothing_else(folder: Path, page: Page, text: str) -> None:
    write(folder, {"a.prom": f"{text}jobs 1\n"})
    lines = await page()
    assert "jobs 1.0" in lines
    assert f"{ERROR} 1.0" in lines
    assert not any("9999" in line for line in lines)


async def test_a_file_that_is_gone_is_gone_and_one_that_is_unchanged_is_not_read_again(
    folder: Path,
    page: Page,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(folder, {"a.prom": "jobs_a 1\n", "b.prom": "jobs_b 1\n"})
    assert "jobs_a 1.0" in await page()
    monkeypatch.setattr("exporter.clients.textformat.read", None)
    (folder / "a.prom").unlink()
    lines = await page()
    assert "jobs_b 1.0" in lines
    assert "jobs_a 1.0" not in lines


async def test_a_folder_that_is_missing_is_a_mistake(procfs: Path, sysfs: Path, folder: Path) -> None:
    node = on(procfs, sysfs, textfile_directories=(folder / "nowhere",))
    assert [sample.value for sample in await collected(node) if sample.metric.name == ERROR] == [1.0]


async def test_a_pipe_is_a_mistake_and_its_writer_is_not_waited_for(folder: Path, page: Page) -> None:
    os.mkfifo(folder / "pipe.prom")
    write(folder, {"jobs.prom": "jobs 1\n"})
    assert "jobs 1.0" in await page()
    assert f"{ERROR} 1.0" in await page()


async def test_without_a_folder_there_is_no_mistake(node: Node) -> None:
    assert [sample.value for sample in await collected(node) if sample.metric.name == ERROR] == [0.0]
