"""`bellwether demo`, run as a user runs it."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from tests.stack import free_port, until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_figures_that_it_read_itself_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    address = f"127.0.0.1:{free_port()}"
    output = tmp_path / "output"
    left_behind = Path(tempfile.mkdtemp(dir="/tmp", prefix="demo-test-"))  # where an unprivileged user may go, unlike tmp_path
    left_behind.chmod(0o755)
    with output.open("wb") as log:
        demo = subprocess.Popen(
            [sys.executable, "-m", "exporter", "demo", "--web.listen-address", address],
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
