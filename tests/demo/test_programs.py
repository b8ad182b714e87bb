"""Programs that the demo runs to their end, ended before it."""

import asyncio
from pathlib import Path

import pytest

from exporter.demo.programs import run_to_end
from exporter.errors import DemoError
from tests.tools import tool


def openmetrics(file: Path, series: int) -> None:
    """As many series as take promtool a while."""
    samples = (f'saas_mrr{{plan="{plan}"}} {day} {day * 86_400}\n' for plan in range(series) for day in range(1, 401))
    file.write_text("".join([*samples, "# EOF\n"]))


async def test_promtool_that_is_cancelled_leaves_nothing_outside_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(outside))
    openmetrics(folder / "history.om", 2_000)
    make = [
        str(tool("promtool")),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        str(folder / "history.om"),
        str(folder / "blocks"),
    ]
    making = asyncio.create_task(run_to_end(folder, *make))
    async with asyncio.timeout(60):
        while not list(tmp_path.glob("*/head*")):  # what promtool keeps aside until a block is whole
            assert not making.done()
            await asyncio.sleep(0.01)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert list(tmp_path.glob("*/head*"))  # it was ended halfway
    assert not list(outside.iterdir())


async def test_a_program_that_fails_is_told_with_what_it_said_last(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"promtool check config .*: .*does not exist"):
        await run_to_end(tmp_path, str(tool("promtool")), "check", "config", str(tmp_path / "none.yml"))
