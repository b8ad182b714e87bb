"""Prometheus with figures of the past alone: it scrapes nothing, and answers from what is put into it."""

import contextlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from exporter.demo.stack import LARGE_BLOCKS
from tests.stack import free_port, until
from tests.tools import tool


class Series(NamedTuple):
    """What a series was, at seconds since 1970."""

    labels: Mapping[str, str]
    """With its name, as `__name__`."""
    points: list[tuple[float, str]]

    def lines(self) -> str:
        """As OpenMetrics has them."""
        own = {name: json.dumps(value, ensure_ascii=False) for name, value in self.labels.items() if name != "__name__"}
        labels = ",".join(f"{name}={text}" for name, text in own.items())
        return "".join(f"{self.labels['__name__']}{{{labels}}} {value} {at:.0f}\n" for at, value in self.points)


class Shelf:
    """`put()` before or between the times that it is `open()`; `ask()` while it is."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._address = folder, ""
        self._folder.mkdir()
        (self._folder / "prometheus.yml").write_text("{}")

    def put(self, part: Path) -> None:
        """Keep what an OpenMetrics file says."""
        make = [str(tool("promtool")), "tsdb", "create-blocks-from", LARGE_BLOCKS, "openmetrics", str(part)]
        subprocess.run([*make, str(self._folder / "tsdb")], check=True, capture_output=True)

    def put_series(self, found: Iterable[Series]) -> None:
        """Keep series."""
        part = self._folder / "part.om"
        with part.open("w") as file:
            for each in found:
                file.write(each.lines())
            file.write("# EOF\n")
        self.put(part)
        part.unlink()

    @contextlib.contextmanager
    def open(self) -> Iterator[Self]:
        """Answer what is asked while the block runs."""
        self._address = f"127.0.0.1:{free_port()}"
        command = [
            str(tool("prometheus")),
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/tsdb",
            "--storage.tsdb.retention.time=800d",
            f"--web.listen-address={self._address}",
        ]
        with (self._folder / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(self._is_ready)
            yield self
        finally:
            process.terminate()
            process.wait(60)

    def ask(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """What an expression was from a time to another, both included."""
        return asked_for(self._address, expression, start, end, step)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://{self._address}/-/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False


def asked_for(prometheus: str, expression: str, start: float, end: float, step: float) -> list[Series]:
    """The same, of any Prometheus."""
    data = {"query": expression, "start": start, "end": end, "step": step}
    answer: Any = httpx.post(f"http://{prometheus}/api/v1/query_range", data=data, timeout=120, trust_env=False).json()
    assert answer["status"] == "success", f"{expression}: {answer}"
    return [Series(each["metric"], [(float(at), value) for at, value in each["values"]]) for each in answer["data"]["result"]]
