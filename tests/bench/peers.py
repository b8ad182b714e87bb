"""The exporters that Bellwether is measured beside: Debian's, unpacked into `.tools`, and PyPI's, in environments there.

None is installed and no service is started. One that cannot be had is reported as missing.
"""

import functools
import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tools

_DEBIAN = ("prometheus-node-exporter", "prometheus-postgres-exporter", "prometheus-sql-exporter")
_QUERY_EXPORTER = tools.FOLDER / "query-exporter"


class Missing(Exception):
    """A peer that is not to be had on this machine."""


@functools.cache
def debian(package: str) -> Path:
    """The program of a Debian package that has the package's name. Raises `Missing`."""
    try:
        return tools.unpacked(package) / "usr/bin" / package
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        raise Missing(f"{package}: {error.msg}") from None


@functools.cache
def query_exporter() -> Path:
    """PyPI's query-exporter, with psycopg, in an environment of its own. Raises `Missing`."""
    program = _QUERY_EXPORTER / "bin/query-exporter"
    if not program.exists():
        pip: list[str | Path] = [
            _QUERY_EXPORTER / "bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "query-exporter",
            "psycopg[binary]",
        ]
        commands: tuple[list[str | Path], ...] = ([sys.executable, "-m", "venv", _QUERY_EXPORTER], pip)
        for command in commands:
            if subprocess.run(command, capture_output=True, check=False).returncode:
                raise Missing("query-exporter: `pip install query-exporter psycopg[binary]` fails")
    return program


def versions() -> list[str]:
    """Name and version of each peer, or that it is missing."""
    return [_query_exporter_version(), *map(_debian_version, _DEBIAN)]


def _query_exporter_version() -> str:
    try:
        said = subprocess.run([query_exporter(), "--version"], capture_output=True, text=True, check=True)
    except Missing as missing:
        return f"missing: {missing}"
    return said.stdout.strip().replace(", version", "")


def _debian_version(package: str) -> str:
    """As the package's own change log has it: not every one of the programs knows."""
    try:
        program = debian(package)
    except Missing as missing:
        return f"missing: {missing}"
    with gzip.open(program.parent.parent / f"share/doc/{package}/changelog.Debian.gz", "rt") as log:
        return log.readline().split(";")[0].partition(")")[0].replace("(", "")
