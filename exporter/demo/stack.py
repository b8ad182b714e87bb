"""Prometheus with the company's history, and Alertmanager whose receivers all lead to the page of incidents.

Both run on the bundle as `bellwether bundle` writes it. The history comes afterwards, as `bellwether backfill` and promtool
make it: dashboards go back 400 days some minutes after the demo has begun.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import yaml

from exporter.demo import weeks
from exporter.demo.programs import Children, Programs, run_to_end
from exporter.errors import DemoError
from exporter.sources import sources_folder

_DAYS, _CLOSELY = 400, timedelta(days=8)  # of history: a value a day, and of the last days, which are compared, one an hour
_RECENT = timedelta(hours=3)  # before now, when it ends: what is newer Prometheus has in memory
_RETENTION, _LOOKBACK = "800d", "25h"  # a value a day is to be seen all day
COSTS = {
    "hosts": {"monthly": 180, "currency": "USD"},
    "database": {"monthly": 60, "currency": "USD"},
    "email": {"monthly": 25, "currency": "USD"},
}
"""What the company pays for in a month: examples, such as a company of its size may have on its bills."""
LARGE_BLOCKS = "--max-block-duration=486h"
"""For promtool: blocks of weeks, rather than hundreds of a day each."""
_PATIENCE = 60.0  # seconds for a program to answer


class Stack:
    """`run()` starts all of it, and ends it when it is cancelled. Nothing is left in the folder that it makes.

    `exporter` and `application` are addresses to scrape, as `host:port`; `desk` the URL that notifications are sent to; `dsn`
    the database whose history is told.
    """

    def __init__(
        self, programs: Programs, *, exporter: str, application: str, desk: str, dsn: str, say: Callable[[str], None]
    ) -> None:
        self._programs, self._exporter, self._application = programs, exporter, application
        self._desk, self._dsn, self._say = desk, dsn, say

    async def run(self) -> None:
        """Go on until cancelled. Where a program fails, say so; the rest of the demo does without."""
        try:
            await self._run()
        except DemoError as error:
            self._say(f"without Prometheus and Alertmanager: {error}")

    async def _run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="bellwether-demo-", ignore_cleanup_errors=True) as made:
            folder = Path(made)
            with Children(folder) as children:
                with contextlib.ExitStack() as held:  # so that nobody else is given them in the meantime
                    ports = [held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(2)]
                    prometheus, alertmanager = (f"127.0.0.1:{port}" for port in ports)
                    await self._configure(folder, {"prometheus": prometheus, "alertmanager": alertmanager})
                children.start("alertmanager", self._alertmanager(folder, alertmanager))
                children.start("prometheus", self._prometheus(folder, prometheus))
                for name, address in (("prometheus", prometheus), ("alertmanager", alertmanager)):
                    await _answers(name, address, children)
                    self._say(f"{name:12} http://{address}")
                await self._load_history(folder, prometheus)
                while True:
                    await asyncio.sleep(5)
                    _require_running(children)

    async def _configure(self, folder: Path, addresses: Mapping[str, str]) -> None:
        receivers = {
            "pagerduty": {"routing_key_file": str(folder / "routing-key"), "url": f"{self._desk}/sent/pagerduty"},
            "slack": {"api_url_file": str(folder / "slack-url")},
            "webhook": {"url": f"{self._desk}/sent/webhook"},
            "heartbeat": {"url": f"{self._desk}/sent/heartbeat"},
            "email": None,
            "sms": None,
        }
        (folder / "routing-key").write_text("demo")
        (folder / "slack-url").write_text(f"{self._desk}/sent/slack")
        links = {"runbooks": f"http://{self._exporter}/runbooks"}
        links |= {name: f"http://{address}" for name, address in addresses.items()}
        (folder / "bundle.yml").write_text(yaml.safe_dump({"links": links, "receivers": receivers, "costs": COSTS}))
        await _bellwether(folder, "bundle", "--config", str(folder / "bundle.yml"), "--output", str(folder))
        shutil.copy(sources_folder() / "prometheus/prometheus.yml", folder / "prometheus")
        configuration = yaml.safe_load((folder / "prometheus/prometheus.yml").read_text())
        (folder / "prometheus/targets").mkdir()
        found = [*configuration["scrape_configs"], *configuration["alerting"]["alertmanagers"]]
        for file in {file for each in found for discovery in each["file_sd_configs"] for file in discovery["files"]}:
            own = {**addresses, "app": self._application}
            target = own.get(Path(file).stem, self._exporter)
            (folder / "prometheus" / file).write_text(json.dumps([{"targets": [target]}]))

    def _alertmanager(self, folder: Path, address: str) -> list[str]:
        return self._programs.alertmanager_command(
            f"--config.file={folder}/prometheus/alertmanager.yml",
            f"--storage.path={folder}/alertmanager",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        )

    def _prometheus(self, folder: Path, address: str) -> list[str]:
        return [
            str(self._programs.prometheus),
            f"--config.file={folder}/prometheus/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--storage.tsdb.retention.time={_RETENTION}",
            f"--query.lookback-delta={_LOOKBACK}",
            f"--web.listen-address={address}",
        ]

    async def _load_history(self, folder: Path, prometheus: str) -> None:
        """Ask the packs about each day, and hand what they say to Prometheus, which takes up blocks within a minute."""
        settings, now = folder / "history.yml", datetime.now(UTC)
        settings.touch(mode=0o600)
        for name, options in spans(now).items():
            settings.write_text(watched(self._dsn, name))
            labels = ["--label", "job=bellwether", "--label", f"instance={self._exporter}"]
            await _bellwether(folder, "backfill", *options, *labels, "--config", str(settings), "--output", str(folder / name))
            for part in sorted((folder / name).glob("*.om")):
                await self._make_blocks(folder, part)
            shutil.rmtree(folder / name)
        _hand_over(folder)
        self._say("history      400 days, in Prometheus within a minute from now")
        memory = folder / "memory.om"
        rules = (folder / "prometheus/rules/anomalies.yaml").read_text()
        memory.write_text(await weeks.remembered(prometheus, rules, now))
        await self._make_blocks(folder, memory)
        _hand_over(folder)

    async def _make_blocks(self, folder: Path, part: Path) -> None:
        promtool = [str(self._programs.promtool), "tsdb", "create-blocks-from", LARGE_BLOCKS, "openmetrics"]
        await run_to_end(folder, *promtool, str(part), str(folder / "blocks"))


def spans(now: datetime, days: int = _DAYS) -> dict[str, list[str]]:
    """What to ask `bellwether backfill` for, each part under the name of a folder."""
    ends = now - _RECENT
    turns = [ends - timedelta(days=days), ends - min(_CLOSELY, timedelta(days=days)), ends]
    first, middle, last = (f"{each:%Y-%m-%dT%H:00:00Z}" for each in turns)
    closely = {
        f"week-{number}": ["--from", f"{begin:%Y-%m-%dT%H:%M:00Z}", "--to", f"{end:%Y-%m-%dT%H:%M:00Z}", "--step", "5m"]
        for number, (begin, end) in enumerate(weeks.hours(now))
    }
    return {
        "days": ["--from", first[:10], "--to", middle[:10], "--step", "1d"],
        "hours": ["--from", middle[:10], "--to", last, "--step", "1h"],
        **closely,
    }


def watched(dsn: str, name: str) -> str:
    """Settings for the part of the history of that name."""
    packs = {"packs": weeks.PACKS} if name.startswith("week") else {}
    return yaml.safe_dump({"collectors": [{"kind": "sql", "dsn": dsn, **packs}]})


def _hand_over(folder: Path) -> None:
    """Give Prometheus the blocks that are made."""
    for block in (folder / "blocks").iterdir():
        block.rename(folder / "tsdb" / block.name)


async def _bellwether(folder: Path, *arguments: str) -> None:
    await run_to_end(folder, sys.executable, "-m", "exporter", *arguments)


async def _answers(name: str, address: str, children: Children) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(_PATIENCE):
        while True:
            if children.ended(name):
                raise DemoError(f"{name} ended as soon as it was started: {children.said(name)}")
            try:
                if (await client.get(f"http://{address}/-/ready")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


def _require_running(children: Children) -> None:
    for name in ("prometheus", "alertmanager"):
        if children.ended(name):
            raise DemoError(f"{name} has ended: {children.said(name)}")
