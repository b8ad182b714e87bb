"""The page on writing a collector: its example is installed, configured, run by the engine and tested as the page says."""

import asyncio
import random
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from exporter import collector as collectors
from exporter.collector import kind_of, load_kinds
from exporter.document import Document
from exporter.errors import SettingsError
from exporter.scheduler import Scheduler
from exporter.settings import settings_of
from exporter.snapshot import Snapshot

PAGE = (Path(__file__).parent.parent / "docs/writing-a-collector.md").read_text()
EXAMPLE, TEST = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SETTINGS, MOUNT = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(PACKAGE,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with the example in it, installed as the page's pyproject.toml says; undone after the test."""
    project = tomllib.loads(PACKAGE)["project"]
    ((group, offers),) = project["entry-points"].items()
    folder = tmp_path / "installed"
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *(f"{kind} = {at}" for kind, at in offers.items())]))
    (folder / "acme_spool.py").write_text(EXAMPLE)
    monkeypatch.setattr(collectors, "_kinds", dict(load_kinds()))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "acme_spool", raising=False)
    return folder


async def test_the_example_is_found_configured_and_run_by_the_engine(installed: Path, tmp_path: Path) -> None:
    assert kind_of("spool") is not None
    settings = yaml.safe_load(SETTINGS)
    for entry in settings["collectors"]:
        entry["folder"] = str(tmp_path / entry["name"])
    (tmp_path / "mail").mkdir()
    for number in range(3):
        (tmp_path / "mail" / str(number)).touch()
    spools = settings_of(Document.parse(yaml.safe_dump(settings), "bellwether.yml"), {}).collectors
    snapshot = Snapshot()
    scheduler = Scheduler(spools, snapshot, randomness=random.Random(1))
    running = asyncio.create_task(scheduler.run())
    try:
        await scheduler.first_turns()
        healths = scheduler.healths
        page = snapshot.page().decode()
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert 'spool_files{queue="mail"} 3.0\n' in page
    assert 'spool_oldest_file_age_seconds{queue="mail"} ' in page
    assert "invoices" not in page
    assert (healths["mail"].up, healths["invoices"].up) == (True, False)
    folder = tmp_path / "invoices"
    assert healths["invoices"].failing == (
        f"unreachable: {folder}: No such file or directory; the setting folder must name an existing folder"
    )
    assert scheduler.kinds == {"mail": "spool", "invoices": "spool"}


def test_the_examples_settings_are_checked(installed: Path) -> None:
    with pytest.raises(SettingsError, match=r"bellwether.yml:1: collectors\[0\].folder: a value is required"):
        settings_of(Document.parse("collectors: [{kind: spool}]", "bellwether.yml"), {})


def test_the_example_passes_the_tests_on_the_page(installed: Path) -> None:
    (installed / "test_acme_spool.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", str(installed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=installed)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_what_the_page_mounts_has_settings_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_exporter").mkdir()
    (tmp_path / "acme_exporter/collector.py").write_text(
        "class WarehouseCollector:\n"
        "    def __init__(self, url: str, token: str) -> None: ...\n"
        "    def collect(self): return []\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (mounted,) = settings_of(Document.parse(MOUNT, "bellwether.yml"), {"WAREHOUSE_TOKEN": "hunter2"}).collectors
    assert (mounted.kind, mounted.name) == ("python", "warehouse")
