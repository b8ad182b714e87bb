"""Each database is asked for its own, in turns; new ones are found, and what is gone is forgotten."""

import secrets
from collections.abc import Iterator

import pytest
from psycopg import conninfo

from exporter.clients.postgres import Postgres
from exporter.collector import Secret
from exporter.collectors.postgres import PostgresServer
from exporter.collectors.postgres.databases import Databases
from exporter.collectors.postgres.query import Query, family
from exporter.collectors.postgres.runner import Runner
from exporter.demo.database import Server
from tests.collectors.postgres.asking import OF_THE_COLLECTOR, as_role, database_of, databases, execute, login, rows

HERE = Query(
    "here",
    "select 1 as number, current_database() as datname",
    family("test_", "datname", number="A number."),
    scope="database",
)
PREFIX = f"of_{secrets.token_hex(4)}_"
ONE, TWO = PREFIX + "one", PREFIX + "two"


@pytest.fixture
def two(server: Server) -> Iterator[None]:
    with databases(server, ONE, TWO):
        yield


def runner_of(dsn: str, chosen: Databases | None, *queries: Query) -> tuple[Runner, Postgres]:
    client = Postgres(Secret(dsn), statement_timeout=0.5)
    return Runner(client, queries or [HERE], chosen), client


def read_from(runner: Runner) -> set[str]:
    return {sample.labels[1] for sample in runner.samples() if sample.metric.name == "test_number"}


OURS = Databases(include=(PREFIX + "*",))


async def test_every_database_that_lets_us_in_is_asked_and_no_template(database: str, two: None) -> None:
    runner, client = runner_of(database, Databases())
    await runner.poll(time_for_databases=5)
    await client.close()
    assert {ONE, TWO, "postgres", database_of(database)} <= read_from(runner)
    assert {"template0", "template1"} & read_from(runner) == set()


async def test_globs_choose_and_leave_out(database: str, two: None) -> None:
    for chosen, expected in [
        (OURS, {ONE, TWO}),
        (Databases(include=(PREFIX + "*",), exclude=("*two",)), {ONE}),
        (Databases(include=(ONE, database_of(database))), {ONE, database_of(database)}),
        (None, {database_of(database)}),
    ]:
        runner, client = runner_of(database, chosen)
        await runner.poll(time_for_databases=5)
        await client.close()
        assert read_from(runner) == expected


async def test_without_databases_only_that_of_the_connection_string_is_asked(database: str) -> None:
    made = PostgresServer.model_validate({"dsn": database, "databases": False})
    assert made.databases is False
    assert made._runner._databases is None


async def test_a_new_database_is_found_and_a_dropped_one_forgotten(server: Server, database: str) -> None:
    runner, client = runner_of(database, OURS)
    with databases(server, ONE):
        await runner.poll(time_for_databases=5)
        assert read_from(runner) == {ONE}
        with databases(server, TWO):
            await runner.poll(time_for_databases=5)
            assert read_from(runner) == {ONE, TWO}
        await runner.poll(time_for_databases=5)
        assert read_from(runner) == {ONE}
    await client.close()


async def test_the_one_unvisited_for_longest_has_its_turn_first_and_the_others_keep_their_samples(
    database: str, two: None
) -> None:
    slow = Query("here", HERE.sql + " from pg_sleep(0.3)", HERE.metrics, scope="database")
    runner, client = runner_of(database, OURS.model_copy(update={"every": 0.0}), slow)
    visits: list[str] = []
    while len(visits) < 4:
        runner._visited.clear()
        await runner.poll(time_for_databases=0.25)  # enough to begin one visit
        visits += runner._visited
        assert read_from(runner) == {*visits}
    await client.close()
    assert visits == [ONE, TWO] * 2


async def test_a_database_is_visited_no_more_often_than_its_interval(database: str, two: None) -> None:
    runner, client = runner_of(database, OURS)
    await runner.poll(time_for_databases=5)
    assert "here" in runner.took
    await runner.poll(time_for_databases=5)
    assert "here" not in runner.took
    assert read_from(runner) == {ONE, TWO}
    await client.close()


async def test_a_database_that_lets_nobody_in_leaves_the_others(server: Server, database: str, two: None) -> None:
    execute(database, "alter database {one} connection limit 0", one=ONE)
    with login(server) as role:
        runner, client = runner_of(as_role(database, role), OURS)
        await runner.poll(time_for_databases=5)
        assert (read_from(runner), runner.errors()) == ({TWO}, {"unreachable"})
        execute(database, "alter database {one} connection limit -1", "revoke connect on database {one} from public", one=ONE)
        await runner.poll(time_for_databases=5)
        assert (read_from(runner), runner.errors()) == ({TWO}, set())
        await client.close()


async def test_when_a_database_was_visited_is_told(database: str, two: None) -> None:
    runner, client = runner_of(database, OURS)
    await runner.poll(time_for_databases=5)
    await client.close()
    (now,) = rows(database, "select extract(epoch from now())::float8")[0]
    told = {sample.labels[1]: sample.value for sample in runner.samples() if "last_visit" in sample.metric.name}
    assert told.keys() == {ONE, TWO}
    assert all(abs(float(str(now)) - visited) < 30 for visited in told.values())


async def test_between_polls_one_connection_is_kept(database: str, two: None) -> None:
    runner, client = runner_of(database, Databases())
    for _ in range(2):
        await runner.poll(time_for_databases=5)
        kept = rows(database, f"select datname from pg_stat_activity where {OF_THE_COLLECTOR}")
        assert kept == [(database_of(database),)]
    await client.close()


async def test_an_extension_is_looked_for_in_each_database(server: Server, database: str, two: None) -> None:
    execute(conninfo.make_conninfo(server.dsn(), dbname=ONE), "create extension pg_stat_statements")
    here = Query("here", HERE.sql, HERE.metrics, scope="database", extension="pg_stat_statements")
    runner, client = runner_of(database, OURS, here)
    await runner.poll(time_for_databases=5)
    await client.close()
    assert (read_from(runner), runner.obstacles()) == ({ONE}, {"here": ""})
