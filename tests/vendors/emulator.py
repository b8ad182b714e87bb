"""AWS as moto emulates it, in a process of its own. It takes no signature for wrong, so tests look at those."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.stack import free_port

_PATIENCE = 30.0  # seconds for it to start


@contextmanager
def emulated() -> Iterator[str]:
    """Its URL while the block runs."""
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    # Without credentials of AWS it would look for the machine's own.
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with subprocess.Popen(
        [str(program), "-H", "127.0.0.1", "-p", str(port)], env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url, server)
            yield url
        finally:
            server.terminate()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(httpx.TransportError):
            httpx.get(f"{url}/moto-api/data.json", trust_env=False)
            return
        time.sleep(0.05)
    raise AssertionError("moto_server does not answer")
