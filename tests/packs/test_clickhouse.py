"""Packs on ClickHouse say what they say on PostgreSQL: the same company in both, every figure of every pack compared."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.collectors.clickhouse import Clickhouse
from exporter.demo.company import Company
from exporter.fields import Secret
from exporter.metric import Distribution
from exporter.packs import contract, dialect, warehouse
from tests.clickhouse import READER, Server, serving
from tests.packs.conftest import NOW, OF_PACKS, Figures, ask

MONTH = timedelta(days=30)
VIEWS = sorted({view for pack in dialect.translations().values() for view in pack.reads})


@pytest.fixture(scope="module")
def warehouse_of_company(told: Company) -> Iterator[Server]:
    """The rows of the company's views, in tables that are mapped to the views of the contract."""
    with serving() as server, psycopg.connect(told.monitor_dsn) as connection:
        create(server)
        for view in VIEWS:
            columns = [column.name for column in contract.views()[view].columns]
            server.insert(f"shop.{view}", connection.execute(f"select {', '.join(columns)} from bellwether.{view}").fetchall())
        yield server


def create(server: Server) -> None:
    """The contract's views, as they are printed, mapped to empty tables of the same names in a database `shop`."""
    for statement in warehouse.as_sql().split(";\n"):
        code = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
        if code.strip():
            server.execute(code)
    server.execute("create database shop")
    for view in VIEWS:
        server.execute(f"create table shop.{view} as bellwether.{view} engine = MergeTree order by tuple()")
        server.execute(f"create or replace view bellwether.{view} as select * from shop.{view}")


async def asked(server: Server, pack: str, as_of: datetime) -> Figures:
    """As `ask`, of ClickHouse."""
    user, key = READER
    settings = {"url": server.url, "user": user, "password": Secret(key), "packs": (pack,), "count_from": "first_row"}
    collector = Clickhouse.model_validate({"name": "company", **settings})
    collector._as_of = as_of
    found: Figures = {metric.name: {} for metric in collector.declares() if metric not in OF_PACKS}
    try:
        async for sample in collector.collect():
            value = sample.value.parts if isinstance(sample.value, Distribution) else sample.value
            if sample.metric not in OF_PACKS:
                found[sample.metric.name][sample.labels[1:]] = value
        assert [each.why for each in collector._agenda.standings if each.error] == []
    finally:
        await collector.close()
    return found


def close_to(expected: Any) -> Any:
    """Equal but for the last digits of what was divided; PostgreSQL's mean of intervals has microseconds."""
    if isinstance(expected, tuple):
        return tuple((suffix, bound, close_to(value)) for suffix, bound, value in expected)
    return pytest.approx(expected, rel=1e-9, abs=1e-6 if expected > 1 else 0)


async def compare(told: Company, server: Server, pack: str, as_of: datetime) -> Figures:
    """Both engines' figures for an instant, which have to be the same."""
    runs = {metric.name for metric in dialect.translations()[pack].declares()}
    figures = await ask(told.monitor_dsn, pack, as_of)
    found = await asked(server, pack, as_of)
    assert found.keys() == runs
    for name in runs:
        assert found[name] == {labels: close_to(figure) for labels, figure in figures[name].items()}, name
    return found


@pytest.mark.parametrize("pack", dialect.translations())
@pytest.mark.parametrize(
    "as_of",
    [
        NOW,
        datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2025, 10, 26, 1, 30, tzinfo=UTC),
        datetime(2020, 2, 29, tzinfo=UTC),
    ],
    ids=lambda as_of: f"{as_of:%F}",
)
async def test_every_figure_is_that_of_postgresql(
    told: Company, warehouse_of_company: Server, pack: str, as_of: datetime
) -> None:
    found = await compare(told, warehouse_of_company, pack, as_of)
    if as_of == NOW:
        assert [name for name, figures in found.items() if not figures] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pack", "column"),
    [
        ("users", "started_at from bellwether.sessions where user_id is not null and"),
        ("users", "ended_at from bellwether.sessions where user_id is not null and"),
        ("traffic", "started_at from bellwether.sessions where"),
        ("features", "used_at from bellwether.feature_uses where"),
        ("experience", "occurred_at from bellwether.page_timings where"),
        ("experience", "occurred_at from bellwether.api_calls where"),
    ],
)
async def test_windows_open_and_close_at_the_same_instants(
    told: Company, warehouse_of_company: Server, pack: str, column: str
) -> None:
    """A row on the very bound of a window: at its end it counts, at its start no more."""
    time, _, source = column.partition(" ")
    with psycopg.connect(told.monitor_dsn) as connection:
        row = connection.execute(f"select {time} {source} {time} <= %s order by {time} desc limit 1", [NOW - MONTH]).fetchone()
    assert row is not None
    for window in (timedelta(0), timedelta(minutes=5), timedelta(days=1), timedelta(days=7), MONTH):
        await compare(told, warehouse_of_company, pack, row[0] + window)


async def test_the_views_of_the_docs_have_a_visit_last_until_half_an_hour_after_its_last_event() -> None:
    text = (Path(__file__).parents[2] / "docs" / "clickhouse.md").read_text().partition("## Views")[2]
    now = datetime.now(UTC)
    with serving() as server:
        create(server)
        server.execute("drop table shop.events")
        server.execute("drop table shop.sessions")
        server.execute(
            "create table shop.events (id UUID default generateUUIDv4(), name String, session String, user String,"
            " anonymous String, device String, utm_source String, utm_medium String, campaign String,"
            " received_at DateTime64(3, 'UTC'))"
            " engine = MergeTree order by received_at"
        )
        for statement in text.partition("```sql")[2].partition("```")[0].split(";\n")[:-1]:
            server.execute(statement)
        for session, ago in (("over", 31), ("lasts", 29)):  # minutes
            for at in (now - timedelta(hours=2), now - timedelta(minutes=ago)):
                server.execute(
                    "insert into shop.events (name, session, user, received_at) values"
                    f" ('page_view', '{session}', 'user of {session}', '{at:%F %T}')"
                )
        found = await asked(server, "users", now)
        assert found["saas_online_users"] == found["saas_open_sessions"] == {(): 1}
        assert found["saas_session_bounce_ratio"]["unknown", "1d"] == 0
        assert server.execute("select count(ended_at), count() from bellwether.sessions format CSV") == "1,2\n"
