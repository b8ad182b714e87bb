"""Fixtures for all tests: a PostgreSQL server for the session, and a database of its own for each test that asks."""

import os
import secrets
from collections.abc import Generator, Iterator

import psycopg
import pytest
from psycopg import sql

from exporter import fields
from exporter.demo.database import Server


@pytest.fixture(autouse=True)
def _secrets_of_this_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test gave as a secret is an ordinary word in the next, whichever order they run in."""
    monkeypatch.setattr(fields, "_read", set())


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server for the whole session. A test that stops it must start it again."""
    with Server() as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """How the superuser connects to a fresh, empty database, gone after the test."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield server.dsn(name)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that all else is done beside it."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In continuous integration a test that was skipped has failed: what it needs has to be there."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not allow: {report.longrepr}"
    return report
