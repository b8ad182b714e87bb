"""`bellwether demo`, run as a user runs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import httpx
import pytest

from tests.stack import free_port, until
from tests.tools import FOLDER, tool


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_figures_that_it_read_itself_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    address = f"127.0.0.1:{free_port()}"
    output = tmp_path / "output"
    left_behind = Path(tempfile.mkdtemp(dir="/tmp", prefix="demo-test-"))  # where an unprivileged user may go, unlike tmp_path
    left_behind.chmod(0o755)
    with output.open("wb") as log:
        demo = subprocess.Popen(
            [sys.executable, "-m", "exporter", "demo", "--no-stack", "--web.listen-address", address],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(left_behind)},
        )
    try:
        until(lambda: "Ctrl-C ends it." in output.read_text() or demo.poll() is not None)
        text = output.read_text()
        page = httpx.get(f"http://{address}/metrics", trust_env=False).text
        assert any(left_behind.iterdir())
    finally:
        demo.send_signal(number)
        status = demo.wait(30)
    assert status == 0
    left_behind.rmdir()  # which works for an empty folder alone
    figures = re.findall(r"^  (MRR|customers|churn, 30 days|payments|database) .*\d", text, re.MULTILINE)
    assert figures == ["MRR", "customers", "churn, 30 days", "payments", "database"]
    for currency in ("eur", "usd"):
        shown = re.search(rf"([\d,.]+) {currency.upper()}", text)
        read = re.findall(rf'^saas_mrr{{source="sql",[^}}]*currency="{currency}"}} (\S+)$', page, re.MULTILINE)
        assert shown
        assert float(shown[1].replace(",", "")) == pytest.approx(sum(map(float, read)), rel=0.05)  # it goes on living
    assert "Traceback" not in output.read_text()


@pytest.mark.slow
def test_an_incident_named_on_the_command_line_goes_on_from_the_beginning_and_ends_at_the_desk(tmp_path: Path) -> None:
    output = tmp_path / "output"
    command = [sys.executable, "-m", "exporter", "demo", "--web.listen-address", f"127.0.0.1:{free_port()}"]
    command += [
        "--incident",
        "mfa-failures",
        "--application.listen-address",
        f"127.0.0.1:{(port := free_port())}",
        "--no-stack",
    ]
    with output.open("wb") as log:
        demo = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: "Ctrl-C ends it." in output.read_text() or demo.poll() is not None)
        found = re.search(r"^incidents +(\S+)/$", output.read_text(), re.MULTILINE)
        assert found, output.read_text()
        assert httpx.post(f"http://127.0.0.1:{port}/api/mfa", trust_env=False).status_code == 401
        assert httpx.get(f"{found[1]}/incidents", trust_env=False).json()["mfa-failures"]["going_on"]
        assert httpx.delete(f"{found[1]}/incidents/mfa-failures", trust_env=False, timeout=30).status_code == 204
        assert httpx.post(f"http://127.0.0.1:{port}/api/mfa", trust_env=False).status_code in (200, 500)
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_with_prometheus_and_alertmanager_it_shows_who_was_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    left_behind = Path(tempfile.mkdtemp(dir="/tmp", prefix="demo-test-"))
    left_behind.chmod(0o755)
    programs = [tool("prometheus"), tool("promtool"), tool("alertmanager")]
    if not all(program.is_relative_to(FOLDER) for program in programs):
        programs = []  # all on the PATH
    output = tmp_path / "output"
    command = [sys.executable, "-m", "exporter", "demo", "--web.listen-address", f"127.0.0.1:{free_port()}"]
    command += ["--tools", str(FOLDER)] if programs else []
    with output.open("wb") as log:
        environment = {**os.environ, "TMPDIR": str(left_behind)}
        demo = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)

    def printed(name: str) -> str:
        found = re.search(rf"^{name} +(\S+)", output.read_text(), re.MULTILINE)
        return found[1] if found else ""

    try:
        prometheus = until(lambda: demo.poll() is not None or printed("prometheus"), 120)
        assert isinstance(prometheus, str), output.read_text()
        until(lambda: printed("alertmanager"))
        targets = f"{prometheus}/api/v1/query?query=count(up==1)"
        until(lambda: httpx.get(targets, trust_env=False).json()["data"]["result"], 120)
        until(lambda: "heartbeat" in httpx.get(printed("incidents"), trust_env=False).text, 120)
        until(lambda: printed("history"), 600)
        past = f"{prometheus}/api/v1/query?query=sum(saas_mrr offset 200d)"
        until(lambda: httpx.get(past, trust_env=False).json()["data"]["result"], 180, 2)
    finally:
        demo.send_signal(signal.SIGINT)
        status = demo.wait(60)
    assert status == 0
    left_behind.rmdir()  # which works for an empty folder alone
    assert "without Prometheus" not in output.read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_needs_nothing_that_make_demo_does_not_install(tmp_path: Path) -> None:
    """As a new user: a fresh copy, without the environment that tests run in."""
    made = shutil.ignore_patterns(".git", ".venv", ".tools", ".*_cache", ".hypothesis", "__pycache__")
    copy = shutil.copytree(FOLDER.parent, tmp_path / "bellwether", ignore=made)
    own = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS"}}
    subprocess.run(["make", ".venv/.demo"], cwd=copy, env=own, check=True, capture_output=True)
    output = tmp_path / "output"
    command = [str(copy / ".venv/bin/bellwether"), "demo", "--no-stack", "--web.listen-address", f"127.0.0.1:{free_port()}"]
    with output.open("wb") as log:
        demo = subprocess.Popen(command, cwd=copy, stdout=log, stderr=subprocess.STDOUT, env=own)
    try:
        until(lambda: "Ctrl-C ends it." in output.read_text() or demo.poll() is not None, 120)
    finally:
        demo.send_signal(signal.SIGINT)
        status = demo.wait(60)
    said = output.read_text()
    assert re.search(r"from now on also its \d+ services. Ctrl-C ends it.", said), said
    assert "Traceback" not in said
    assert status == 0


def test_the_demo_is_installed_with_all_that_its_kinds_need() -> None:
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {*extras["aws"], *extras["google"], *extras["stats"]} <= set(extras["demo"])
