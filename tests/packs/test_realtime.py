"""The pack `realtime`: every figure, against the same worked out from the story."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import psycopg
import pytest

from exporter.demo.chapters import Row
from exporter.packs.contract import as_sql
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.windows import by_then, counted, edges, shown, spreads, within

DAY = timedelta(days=1)
TRANSPORTS = ("websocket", "sse", "polling")


class Socket(NamedTuple):
    """A row of shop.sockets."""

    id: str
    transport: str
    tried: datetime
    stood: datetime | None
    failed: datetime | None
    error: str | None
    ended: datetime | None
    reason: str | None
    fell_back: bool
    latency: float | None
    messages: int | None


@pytest.fixture
def sockets(chapter: Callable[[str], dict[str, list[Row]]]) -> list[Socket]:
    return [Socket(*row) for row in chapter("realtime")["sockets"]]  # type: ignore[arg-type]


def instants(sockets: list[Socket]) -> list[datetime]:
    """Now and long ago, and those at which something lies on the edge of a window."""
    found = [NOW, NOW - 100 * DAY]
    for step in ("tried", "stood", "failed", "ended"):
        instants = (getattr(row, step) for row in sockets)
        found += edges(max(at for at in instants if at and at < NOW - 20 * DAY), 1)
    return found + edges(max(row.stood for row in sockets if row.stood and row.fell_back and row.stood < NOW - 20 * DAY))


async def test_every_count_is_that_of_the_story(sockets: list[Socket], asked: Asking) -> None:
    zeros = [(transport,) for transport in TRANSPORTS]
    for as_of in instants(sockets):
        found = await asked("realtime", as_of)
        stood = [row for row in sockets if by_then(row.stood, as_of)]
        failed = [row for row in sockets if by_then(row.failed, as_of)]
        ended = [row for row in sockets if by_then(row.ended, as_of)]
        for metric, rows in (
            ("realtime_attempts_total", [row for row in sockets if row.tried <= as_of]),
            ("realtime_established_total", stood),
            ("realtime_failures_total", failed),
            ("realtime_disconnects_total", ended),
            ("realtime_fallbacks_total", [row for row in stood if row.fell_back]),
            ("realtime_connections", [row for row in stood if not by_then(row.ended, as_of)]),
        ):
            assert found[metric] == counted(((row.transport,) for row in rows), *zeros), metric
        assert found["realtime_messages_total"] == {
            (transport,): sum(row.messages or 0 for row in ended if row.transport == transport) for transport in TRANSPORTS
        }
        assert found["realtime_errors_total"] == counted((row.error or "unknown",) for row in failed)
        assert found["realtime_disconnect_reasons_total"] == counted((row.reason or "unknown",) for row in ended)
        assert "server_restart" in {row.reason for row in ended}
        assert found["realtime_fallbacks_total"]["polling",] < found["realtime_established_total"]["polling",]


async def test_every_ratio_and_spread_is_that_of_the_story(sockets: list[Socket], asked: Asking) -> None:
    for as_of in instants(sockets):
        found = await asked("realtime", as_of)
        tried = [row for row in sockets if within(row.tried, as_of, 1)]
        succeeded = [row for row in tried if by_then(row.stood, as_of)]
        failed = [row for row in tried if by_then(row.failed, as_of)]
        success = len(succeeded) / (len(succeeded) + len(failed))
        assert found["realtime_success_ratio"] == pytest.approx({("1d",): success})
        fallback = sum(row.fell_back for row in succeeded) / len(succeeded)
        assert found["realtime_fallback_ratio"] == pytest.approx({("1d",): fallback})
        stood = [row for row in sockets if within(row.stood, as_of, 1)]
        assert shown(found["realtime_latency_seconds"]) == spreads(
            "realtime", "latencies", (((row.transport, "1d"), row.latency) for row in stood)
        )
        assert shown(found["realtime_establish_seconds"]) == spreads(
            "realtime",
            "openings",
            (((row.transport, "1d"), (row.stood - row.tried).total_seconds()) for row in stood if row.stood),
        )
        assert shown(found["realtime_connection_seconds"]) == spreads(
            "realtime",
            "durations",
            [
                ((row.transport, "1d"), (row.ended - row.stood).total_seconds())
                for row in sockets
                if row.stood and within(row.ended, as_of, 1)
            ],
        )


async def test_an_attempt_under_way_is_neither_success_nor_failure(database: str) -> None:
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute(as_sql(["connections"]))
        connection.execute("create table connection (like bellwether.connections)")
        connection.execute("create or replace view bellwether.connections as select * from connection")
        connection.execute(
            "insert into connection (connection_id, transport, attempted_at, fell_back)"
            " values ('one', 'websocket', '2026-03-01 10:00', false)"
        )
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    found = await ask(database, "realtime", at)
    assert found["realtime_success_ratio"] == found["realtime_fallback_ratio"] == {}
    assert found["realtime_connections"] == {("websocket",): 0, ("sse",): 0, ("polling",): 0}
    assert found["realtime_attempts_total"]["websocket",] == 1
    with psycopg.connect(database) as connection:
        connection.execute("update connection set failed_at = '2026-03-01 10:00:10Z'")
    later = await ask(database, "realtime", at + timedelta(seconds=10))
    assert later["realtime_success_ratio"] == {("1d",): 0}
    assert later["realtime_fallback_ratio"] == {}
    assert later["realtime_errors_total"] == {("unknown",): 1}


async def test_before_the_company_opened_there_is_nothing_but_zeros(asked: Asking) -> None:
    found = await asked("realtime", NOW - 1000 * DAY)
    assert found["realtime_connections"] == {}
    assert not any(value for series in found.values() for value in series.values())
