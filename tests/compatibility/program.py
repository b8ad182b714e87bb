"""A server in a process of its own, on a free port, and its pages."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from tests.stack import ROOT, free_port, until

_PATIENCE = 60.0  # seconds until it answers


class Program:
    """A server that runs. `{port}` in its arguments stands for its port."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE, trust_env=False)

    def get(self, path: str) -> str:
        """The text of a page."""
        answer = self._client.get(path)
        answer.raise_for_status()
        return answer.text

    @classmethod
    @contextlib.contextmanager
    def running(cls, *command: str | Path, ready: str, env: Mapping[str, str] | None = None) -> Iterator["Program"]:
        """Start it, wait until the page `ready` can be had, and end it."""
        port = free_port()
        words = [str(word).replace("{port}", str(port)) for word in command]
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=log, stderr=log)
            program = cls(port)
            try:
                until(lambda: process.poll() is not None or program._answers(ready), _PATIENCE, pause=0.02)
                if process.poll() is not None:
                    log.seek(0)
                    raise RuntimeError(f"{words[0]} ended: {log.read()[-2000:]}")
                yield program
            finally:
                process.kill()
                process.wait()
                program._client.close()

    def _answers(self, path: str) -> bool:
        try:
            return self._client.get(path).is_success
        except httpx.TransportError:
            return False
