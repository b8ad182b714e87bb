"""What goes wrong at the company when an incident is started, and that it stops with its end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from exporter.collectors.node import Node
from exporter.demo.company import Company
from exporter.demo.database import Server
from exporter.demo.incidents import INCIDENTS
from exporter.demo.incidents.rows import ROWS
from exporter.demo.incidents.upheavals import blocked, follow, stopped
from exporter.demo.machine import Machine

pytestmark = pytest.mark.xdist_group("incidents")  # one company for all
NOW = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)
TABLES = {
    "access-denied": "audit_log where not allowed and against_policy and at",
    "brute-force": "sign_ins where error = 'wrong_password' and happened_at",
    "conversion-drop": "events where name = 'landing_viewed' and happened_at",
    "error-burst": "requests where status = 500 and answered_at",
    "mfa-failures": "sign_ins where step = 'mfa_verification' and error = 'wrong_code' and happened_at",
    "notification-failures": "messages where failed_at",
    "realtime-disconnects": "sockets where failed_at",
    "security-breach": "findings where severity = 'critical' and closed_at is null and found_at",
    "support-spike": "tickets where answered_at is null and opened_at",
}
"""Where the rows of each are found, those of NOW alone with `= NOW` after it."""


async def value(company: Company, query: str) -> int:
    async with await psycopg.AsyncConnection.connect(company.admin_dsn) as connection:
        row = await (await connection.execute(query.encode())).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def told(server: Server) -> Iterator[Company]:
    company = Company(server, clock=lambda: NOW, living=False)
    asyncio.run(company.__aenter__())
    yield company
    asyncio.run(company.__aexit__())


@pytest.fixture
async def company(told: Company) -> AsyncIterator[Company]:
    yield told
    await told.life.close()  # with the loop that it was opened in


def is_up(server: Server) -> bool:
    return server.pid is not None


def test_every_incident_that_leaves_rows_is_looked_at() -> None:
    assert TABLES.keys() == ROWS.keys() <= INCIDENTS.keys()


@pytest.mark.parametrize("name", TABLES)
async def test_rows_come_while_it_goes_on_and_no_longer(company: Company, name: str) -> None:
    async def rows() -> int:
        return await value(company, f"select count(*) from shop.{TABLES[name]} = '{NOW.isoformat()}'")

    await company.life.go_on(0)
    before = await rows()
    await company.start_incident(name)
    await company.life.go_on(60)
    during = await rows()
    assert company.life.going_on == {name}
    await company.end_incident(name)
    await company.life.go_on(60)
    assert during >= before + 2
    assert await rows() == during
    assert company.life.going_on == set()


async def test_nobody_signs_up_in_a_conversion_drop(company: Company) -> None:
    coming = f"events where name = 'signup_completed' and happened_at between '{NOW.isoformat()}' and '{NOW.isoformat()}'"
    await company.start_incident("conversion-drop")
    before = await value(company, "select count(*) from shop.accounts")
    await company.life.go_on(1200)
    await company.end_incident("conversion-drop")
    await company.life.go_on(0)
    assert await value(company, "select count(*) from shop.accounts") == before
    assert await value(company, f"select count(*) from shop.{coming}::timestamptz + interval '1 minute'") == 0


async def test_an_incident_can_be_started_again_after_its_end(company: Company) -> None:
    for _ in range(2):
        await company.start_incident("payment-outage")
        await company.life.go_on(0)
        assert "payment-outage" in company.life.going_on
        await company.end_incident("payment-outage")
        assert "payment-outage" not in company.life.going_on
    await company.life.go_on(0)


async def test_a_database_that_is_down_comes_back_before_its_incident_is_over(company: Company, server: Server) -> None:
    following = asyncio.create_task(follow(lambda: company.life.going_on, {"database-down": lambda: stopped(server)}))
    try:
        await company.start_incident("database-down")
        await company.life.go_on(0)
        while is_up(server):
            await asyncio.sleep(0.05)
        with pytest.raises(psycopg.OperationalError):
            await company.life.go_on(0)
        assert "database-down" in company.life.going_on
        await company.end_incident("database-down")
        assert is_up(server)
        await company.life.go_on(0)
        assert company.life.going_on == set()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@pytest.mark.parametrize("after", [False, True])
async def test_what_an_incident_took_away_is_back_when_following_ends(server: Server, after: bool) -> None:
    """Whether that is in the middle of taking it away or after."""
    gone = asyncio.Event()

    @contextlib.asynccontextmanager
    async def watched() -> AsyncGenerator[None]:
        async with stopped(server):
            gone.set()
            yield

    following = asyncio.create_task(follow(lambda: {"database-down"}, {"database-down": watched}))
    while is_up(server):
        await asyncio.sleep(0)
    if after:
        await gone.wait()
    assert gone.is_set() == after
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert is_up(server)
    with psycopg.connect(server.dsn()):
        pass


async def test_a_server_comes_back_when_following_ends_in_the_middle_of_its_return(server: Server) -> None:
    going_on = {"database-down"}
    following = asyncio.create_task(follow(lambda: going_on, {"database-down": lambda: stopped(server)}))
    while is_up(server):
        await asyncio.sleep(0)
    going_on.clear()
    while not is_up(server):
        await asyncio.sleep(0)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    with psycopg.connect(server.dsn()):
        pass


async def test_three_sessions_wait_for_the_one_that_has_the_row(company: Company) -> None:
    waiting = "select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0"
    async with blocked(company.application_dsn):
        while await value(company, waiting) != 3:
            await asyncio.sleep(0.05)
    assert await value(company, waiting) == 0


async def figures(machine: Node) -> dict[tuple[str, ...], float]:
    return {(sample.metric.name, *sample.labels): sample.value async for sample in machine.collect()}


async def test_a_machine_without_incidents_shows_what_is_true() -> None:
    machine = Machine.under(tuple)
    assert set(machine.declares()) == set(Node.model_validate({}).declares())
    true, shown = await figures(Node.model_validate({})), await figures(machine)
    for name in ("node_memory_MemTotal_bytes", "node_filesystem_size_bytes", "node_boot_time_seconds"):
        assert {key: value for key, value in shown.items() if key[0] == name} == {
            key: value for key, value in true.items() if key[0] == name
        }


async def test_a_machine_in_trouble_says_so_and_no_counter_falls() -> None:
    going_on: set[str] = set()
    machine = Machine.under(lambda: going_on)
    before = await figures(machine)
    going_on |= {"cpu-load", "memory-shortage", "disk-full"}
    for _ in range(3):
        await asyncio.sleep(0.2)
        during = await figures(machine)
    going_on.clear()
    after = await figures(machine)

    total = during["node_memory_MemTotal_bytes",]
    assert during["node_memory_MemAvailable_bytes",] == pytest.approx(0.04 * total)
    [size] = [value for key, value in during.items() if key[0] == "node_filesystem_size_bytes" and "/" in key]
    [left] = [value for key, value in during.items() if key[0] == "node_filesystem_avail_bytes" and "/" in key]
    assert left <= 0.03 * size
    seconds = [key for key in before if key[0] == "node_cpu_seconds_total"]

    def grown(mode: str) -> float:
        return sum(during[key] - before[key] for key in seconds if key[2] == mode)

    assert grown("idle") < 0.2 * sum(map(grown, {key[2] for key in seconds}))
    for key in seconds:
        assert before[key] <= during[key] <= after[key] + 1e-6, key
    assert after["node_memory_MemAvailable_bytes",] > 0.04 * total
