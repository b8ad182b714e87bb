"""The collector of PgBouncer, on a real one in front of a real PostgreSQL."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from exporter.clients.pgbouncer import Console
from exporter.collector import declared_in
from exporter.collectors import pgbouncer
from exporter.collectors.pgbouncer import PgBouncer
from exporter.demo.database import Server
from exporter.errors import Malformed
from exporter.fields import Secret
from tests.compatibility import servers
from tests.compatibility.servers import DATABASE, PASSWORD, Pooler

Figures = dict[tuple[str, ...], float]
SINCE_1_23 = {
    f"pgbouncer_stats_totals_{name}_total" for name in ("client_parses", "server_parses", "binds", "server_assignments")
}


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    with servers.database() as server:
        yield server


@pytest.fixture
def pooler(database: Server, tmp_path: Path) -> Iterator[Pooler]:
    with servers.pooler(database, shared(tmp_path)) as pooler:
        yield pooler


def shared(folder: Path) -> Path:
    """A folder below it whose way is open to any user: PgBouncer is not run as root."""
    inside = folder / "pgbouncer"
    inside.mkdir(exist_ok=True)
    for parent in (folder, *folder.parents):
        if parent.owner() == inside.owner() and parent != Path("/") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    return inside


@contextlib.asynccontextmanager
async def collector(dsn: str, **settings: object) -> AsyncIterator[PgBouncer]:
    made = PgBouncer.model_validate({"dsn": dsn, **settings})
    try:
        yield made
    finally:
        await made.close()


async def figures(collector: PgBouncer) -> Figures:
    """One run's values, by the metric's name and the labels after `instance`."""
    return {(sample.metric.name, *sample.labels[1:]): sample.value async for sample in collector.collect()}


async def read(dsn: str, **settings: object) -> Figures:
    async with collector(dsn, **settings) as made:
        return await figures(made)


def down(reason: str) -> Figures:
    return {("pgbouncer_up",): 0, ("bellwether_pgbouncer_error", reason): 1}


def pool(found: Figures, name: str) -> float:
    return found[f"pgbouncer_pools_{name}", DATABASE, "postgres"]


async def test_stats_user_sees_every_figure_that_the_version_has(pooler: Pooler) -> None:
    found = await read(pooler.dsn(user="stats"))
    assert found["pgbouncer_up",] == 1
    declared = {metric.name for metric in declared_in(pgbouncer)}
    former = {metric.name for metric in pgbouncer.STATS_BEFORE_0_11.values()}
    expected = declared - former - SINCE_1_23 - {"bellwether_pgbouncer_error"}
    assert {name for name, *_ in found} - SINCE_1_23 == expected


async def test_instance_is_host_and_port_unless_given(pooler: Pooler) -> None:
    async with collector(pooler.dsn()) as plain, collector(pooler.dsn(), instance="pool") as named:
        assert {sample.labels[0] async for sample in plain.collect()} == {f"127.0.0.1:{pooler.port}"}
        assert {sample.labels[0] async for sample in named.collect()} == {"pool"}


async def test_traffic_is_counted_in_base_units(pooler: Pooler) -> None:
    async with collector(pooler.dsn(), former_names=True) as made:
        before = await figures(made)
        async with await psycopg.AsyncConnection.connect(pooler.dsn(DATABASE, "postgres"), autocommit=True) as client:
            for _ in range(7):
                await client.execute("select 1")
            await client.execute("select pg_sleep(0.3)")
        after = await figures(made)

    def grown(name: str, prefix: str = "pgbouncer_stats_totals_") -> float:
        return after[prefix + name, DATABASE] - before[prefix + name, DATABASE]

    assert 8 <= grown("queries_pooled_total") <= 10  # PgBouncer itself may set a session's parameters
    assert 8 <= grown("sql_transactions_pooled_total") <= 10
    assert 0.3 <= grown("queries_duration_seconds_total") < 60  # seconds, not microseconds
    assert grown("received_bytes_total") > 8 * len("select 1")
    assert grown("queries_pooled_total", "pgbouncer_stats_") == grown("queries_pooled_total")


async def test_clients_waiting_for_a_paused_database_are_seen_and_how_long(pooler: Pooler) -> None:
    async with await psycopg.AsyncConnection.connect(pooler.dsn(), autocommit=True) as console, collector(pooler.dsn()) as made:
        await console.execute(f"pause {DATABASE}".encode())
        waiting = asyncio.create_task(ask(pooler))
        found = await figures(made)
        while pool(found, "client_waiting_connections") != 1 or not pool(found, "client_maxwait_seconds"):
            found = await figures(made)
        [paused] = [
            value for (name, *labels), value in found.items() if name == "pgbouncer_databases_paused" and DATABASE in labels
        ]
        assert (found["pgbouncer_up",], paused) == (1, 1)
        clients = {key[1:]: value for key, value in found.items() if key[0] == "pgbouncer_client_connections"}
        assert clients[DATABASE, "postgres", "waits", "waiting"] == 1
        await console.execute(f"resume {DATABASE}".encode())
        await waiting
        assert pool(await figures(made), "client_waiting_connections") == 0


async def ask(pooler: Pooler) -> None:
    async with await psycopg.AsyncConnection.connect(
        pooler.dsn(DATABASE, "postgres"), autocommit=True, application_name="waits"
    ) as client:
        await client.execute("select 1")


async def test_wrong_password_is_denied_and_told_by_no_figure(pooler: Pooler) -> None:
    assert await read(pooler.dsn(password="wrong")) == down("denied")


async def test_user_without_the_right_is_denied(pooler: Pooler) -> None:
    assert await read(pooler.dsn(user="postgres")) == down("denied")


async def test_password_that_was_rotated_in_its_file_is_used_at_the_next_connection(pooler: Pooler, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("old")
    dsn = f"host=127.0.0.1 port={pooler.port} user=stats"
    async with collector(dsn, password_file=str(secret)) as made:
        assert await figures(made) == down("denied")
        secret.write_text(PASSWORD + "\n")
        assert (await figures(made))["pgbouncer_up",] == 1
        secret.unlink()
        await made.close()
        assert await figures(made) == down("denied")


async def test_one_that_ended_is_unreachable_and_found_again_when_it_is_back(database: Server, tmp_path: Path) -> None:
    folder = shared(tmp_path)
    with servers.pooler(database, folder) as first:
        async with collector(first.dsn()) as made:
            assert (await figures(made))["pgbouncer_up",] == 1
            first.process.kill()
            first.process.wait()
            assert await figures(made) == down("unreachable")
            with servers.pooler(database, folder, first.port):
                assert (await figures(made))["pgbouncer_up",] == 1
            with servers.pooler(database, folder, first.port):
                # restarted between two runs: the connection that was kept is gone, which nobody needs to hear of
                assert (await figures(made))["pgbouncer_up",] == 1


@pytest.mark.parametrize("connected", [True, False])
async def test_one_that_hangs_ends_the_run_in_time_and_gathers_no_connections(pooler: Pooler, connected: bool) -> None:
    async with collector(pooler.dsn(), timeout="1s") as made:
        if connected:
            await figures(made)
        os.kill(pooler.process.pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                async with asyncio.timeout(5):
                    assert await figures(made) == down("timeout")
            assert open_sockets() <= 1  # the attempt that was broken off last lives until its traceback is collected
        finally:
            os.kill(pooler.process.pid, signal.SIGCONT)
        assert (await figures(made))["pgbouncer_up",] == 1


def open_sockets() -> int:
    """TCP connections of this process, whoever is at the other end."""
    return len([found for found in psutil.Process().net_connections("tcp") if found.raddr])


async def test_a_run_uses_one_connection_and_keeps_it(pooler: Pooler) -> None:
    async with collector(pooler.dsn()) as made:
        for _ in range(3):
            found = await figures(made)
        consoles = [value for key, value in found.items() if key[0] == "pgbouncer_client_connections" and key[1] == "pgbouncer"]
        assert consoles == [1]


async def test_columns_of_other_versions_are_found_by_name() -> None:
    old = {"database": "d", "user": "u", "cl_active": 1, "cl_cancel_req": 2, "maxwait": 3}
    new = old | {"cl_waiting_cancel_req": 4, "maxwait_us": 500_000}
    read_pools = pgbouncer._SUBJECTS["pools"]
    assert {sample.metric.name: sample.value for sample in read_pools([old], "i")} == {
        "pgbouncer_pools_client_active_connections": 1,
        "pgbouncer_pools_client_waiting_cancel_connections": 2,
        "pgbouncer_pools_client_maxwait_seconds": 3,
    }
    values = {sample.metric.name: sample.value for sample in read_pools([new], "i")}
    assert values["pgbouncer_pools_client_waiting_cancel_connections"] == 4
    assert values["pgbouncer_pools_client_maxwait_seconds"] == 3.5
    databases = {"name": "d", "host": None, "reserve_pool_size": 5}
    [sample] = pgbouncer._SUBJECTS["databases"]([databases], "i")
    assert (sample.metric.name, sample.labels, sample.value) == (
        "pgbouncer_databases_reserve_pool",
        ("i", "d", "", "", "", "", ""),
        5,
    )


async def test_a_question_that_it_does_not_know_leaves_the_connection_usable(pooler: Pooler) -> None:
    console = Console(Secret(pooler.dsn()))
    try:
        with pytest.raises(Malformed, match="nonsense"):
            await console.show("nonsense", 5)
        assert (await console.show("version", 5))[0]["version"].startswith("PgBouncer ")
    finally:
        await console.close()


async def test_a_connection_string_that_cannot_be_read_is_malformed_and_not_repeated() -> None:
    assert await read("nonsense hunter2", timeout="1s") == down("malformed")
