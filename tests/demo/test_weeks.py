"""What a Prometheus remembers of the weeks before, on a real one."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.demo import weeks
from exporter.demo.stack import LARGE_BLOCKS, spans, watched
from tests.stack import free_port, until
from tests.tools import tool

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
RULES = """
groups:
- name: anomalies
  rules:
  - {record: 'anomaly:level', labels: {anomaly: sign-ups}, expr: 'sum(increase(saas_users_registered_total[1h]))'}
  - {record: 'anomaly:level', labels: {anomaly: nothing}, expr: 'sum(absent_total)'}
  - {record: 'anomaly:learned', expr: 'anomaly:level'}
"""


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """One that knows of 12 people an hour who registered."""
    part = tmp_path / "part.om"
    lines = [
        f"saas_users_registered_total {(at - begin.timestamp()) / 300} {at}\n"
        for begin, end in weeks.hours(NOW)
        for at in range(int(begin.timestamp()), int(end.timestamp()), 300)
    ]
    part.write_text("".join([*lines, "# EOF\n"]))
    make = [str(tool("promtool")), "tsdb", "create-blocks-from", LARGE_BLOCKS, "openmetrics", str(part), str(tmp_path / "tsdb")]
    subprocess.run(make, check=True, capture_output=True)
    (tmp_path / "prometheus.yml").write_text("{}")
    address = f"127.0.0.1:{free_port()}"
    options = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    command = [str(tool("prometheus")), *options, "--storage.tsdb.retention.time=90000d", f"--web.listen-address={address}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: "ready to receive" in (tmp_path / "log").read_text())
        yield address
    finally:
        process.terminate()
        process.wait(60)


def test_it_remembers_the_figures_of_the_hours_around_this_one(prometheus: str) -> None:
    said = asyncio.run(weeks.remembered(prometheus, RULES, NOW)).splitlines()
    assert said.pop() == "# EOF"
    points = [line.rsplit(" ", 2) for line in said]
    assert {name for name, _, _ in points} == {'anomaly:learned{anomaly="sign-ups"}'}
    for week in range(1, 5):
        then = NOW.timestamp() - week * 604_800
        [value] = [float(value) for _, value, at in points if float(at) == then]
        assert value == pytest.approx(12, rel=0.1)


def test_those_hours_are_part_of_the_history_and_only_what_anomalies_watch_is_asked_about() -> None:
    closely = {name: options for name, options in spans(NOW).items() if name.startswith("week")}
    assert [(options[1], options[3], options[5]) for options in closely.values()] == [
        (f"{begin:%Y-%m-%dT%H:%M:00Z}", f"{end:%Y-%m-%dT%H:%M:00Z}", "5m") for begin, end in weeks.hours(NOW)
    ]
    assert all("packs" in watched("dbname=x", name) for name in closely)
    assert "packs" not in watched("dbname=x", "days") + watched("dbname=x", "hours")
