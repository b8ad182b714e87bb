"""The collector as the tests of this package run it: real servers, the figures by name and labels."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from exporter.collectors.postgres import PostgresServer
from exporter.demo.database import Server

Figures = dict[tuple[str, ...], float]

PASSWORD = "correct horse battery staple"
OF_THE_COLLECTOR = "application_name = 'bellwether' and backend_type = 'client backend'"
OF_EACH_POLL = ("pg_exporter_", "pg_scrape_collector_")
"""Names of what a poll tells about itself, whether the server answers or not."""


@contextlib.asynccontextmanager
async def collector(dsn: str, **settings: object) -> AsyncIterator[PostgresServer]:
    made = PostgresServer.model_validate({"dsn": dsn, "instance": "db:5432", **settings})
    try:
        yield made
    finally:
        await made.close()


async def figures(collector: PostgresServer) -> Figures:
    """One run's values, by the metric's name and the labels after `instance`."""
    return {(sample.metric.name, *sample.labels[1:]): sample.value async for sample in collector.collect()}


async def read(dsn: str, **settings: object) -> Figures:
    async with collector(dsn, **settings) as made:
        return await figures(made)


def told(found: Figures) -> Figures:
    """The figures without those of the poll itself."""
    return {key: value for key, value in found.items() if not key[0].startswith(OF_EACH_POLL)}


def down(reason: str) -> Figures:
    """All that is told of a server that cannot be read."""
    return {("pg_up",): 0, ("bellwether_postgres_error", reason): 1}


def reasons(found: Figures, metric: str = "bellwether_postgres_error") -> set[str]:
    return {key[1] for key in found if key[0] == metric}


def obstacle(found: Figures, query: str) -> str | None:
    """Why a query is not answered; empty when it is, None when nothing is told about it."""
    told = {key[2]: value for key, value in found.items() if key[:2] == ("bellwether_postgres_query_available", query)}
    assert len(told) <= 1, told
    for reason, available in told.items():
        assert available == (not reason)
        return reason
    return None


def names(found: Figures) -> set[str]:
    return {name for name, *_ in found}


def database_of(dsn: str) -> str:
    return str(conninfo_to_dict(dsn)["dbname"])


def as_role(dsn: str, role: str, password: str = PASSWORD) -> str:
    return psycopg.conninfo.make_conninfo(dsn, user=role, password=password)


def execute(dsn: str, *statements: str, **names: str) -> None:
    identifiers = {name: sql.Identifier(value) for name, value in names.items()}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement).format(**identifiers))


def rows(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


@contextlib.contextmanager
def login(server: Server) -> Iterator[str]:
    """A role that may log in, and nothing else."""
    name = f"role_{secrets.token_hex(6)}"
    statement = sql.SQL("create role {} login password {}").format(sql.Identifier(name), sql.Literal(PASSWORD))
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(statement)
    yield name
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@contextlib.contextmanager
def databases(server: Server, *names: str) -> Iterator[None]:
    """Databases, empty, gone afterwards."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        yield
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for name in names:
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
