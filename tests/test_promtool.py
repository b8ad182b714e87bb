"""What promtool's linter says of our metrics: nothing but what it says of names that others made known."""

import subprocess
import sys

import httpx
import pytest

from exporter.catalogue import catalogue
from exporter.metric import Metric
from tests.stack import free_port, until
from tests.tools import tool

# The names of node_exporter, postgres_exporter, blackbox_exporter, OpenTelemetry's pools of connections, and Supabase's own
# page, which is passed on: what the linter has against them is theirs.
WELL_KNOWN = ("node_", "pg_", "probe_", "db_client_", "supabase_")
_LOADING, _ASKING = 120.0, 120.0  # seconds, on a machine that does other things too


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    address, log = f"127.0.0.1:{free_port()}", tmp_path_factory.mktemp("demo") / "log"
    command = [sys.executable, "-m", "exporter", "demo", "--no-stack", "--web.listen-address", address]
    with log.open("wb") as stream:
        demo = subprocess.Popen(command, stdout=stream)
    try:
        until(lambda: "Ctrl-C ends it." in log.read_text(), _LOADING)
        with httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=30) as exporter:
            until(lambda: exporter.get("/-/ready").is_success, _ASKING)  # the services too
            return exporter.get("/metrics").content
    finally:
        demo.terminate()
        demo.wait(30)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_promtool_accepts_the_demos_page_but_for_well_known_names(page: bytes) -> None:
    assert b"\nsupabase_" in page
    assert _findings(page) == []


def test_promtool_accepts_every_metric_of_the_catalogue_but_for_well_known_names() -> None:
    declared = [entry.metric for entry in catalogue()]
    assert _findings("".join(_one_of(metric) for metric in declared if metric.type in {"gauge", "counter"}).encode()) == []


def test_the_linter_finds_what_is_wrong() -> None:
    found = _findings(b'# HELP visits_count x\n# TYPE visits_count gauge\nvisits_count{quantile="0.5"} 1\n')
    assert [finding.partition(" ")[0] for finding in found] == ["visits_count"] * 2


def _one_of(metric: Metric) -> str:
    labels = ",".join(f'{label}="a"' for label in metric.labels)
    return f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.type}\n{metric.name}{{{labels}}} 1\n"


def _findings(page: bytes) -> list[str]:
    result = subprocess.run([tool("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)
    assert result.returncode in {0, 3}, result.stderr  # 1: cannot be read; 3: findings
    return [finding for finding in result.stderr.decode().splitlines() if not finding.startswith(WELL_KNOWN)]
