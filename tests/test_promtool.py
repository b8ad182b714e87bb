"""What promtool's linter says of the demo's whole page: nothing but what it says of the exporters whose names are kept."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.stack import free_port, until
from tests.tools import tool

# Names that node_exporter, postgres_exporter and blackbox_exporter made known, and what the linter has against them.
WELL_KNOWN = ("node_", "pg_", "probe_")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    address, log = f"127.0.0.1:{free_port()}", tmp_path_factory.mktemp("demo") / "log"
    with log.open("wb") as stream:
        demo = subprocess.Popen([sys.executable, "-m", "exporter", "demo", "--web.listen-address", address], stdout=stream)
    try:
        until(lambda: "Ctrl-C ends it." in log.read_text())
        return httpx.get(f"http://{address}/metrics", trust_env=False).content
    finally:
        demo.terminate()
        demo.wait(30)


def test_promtool_accepts_the_page_but_for_well_known_names(page: bytes, tmp_path: Path) -> None:
    result = subprocess.run([tool("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)
    assert result.returncode in {0, 3}, result.stderr  # 1: cannot be read; 3: findings
    findings = result.stderr.decode().splitlines()
    assert [finding for finding in findings if not finding.startswith(WELL_KNOWN)] == []
