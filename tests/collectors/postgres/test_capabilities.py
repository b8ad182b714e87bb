"""What a server lets be asked is found out, told as a metric, and looked at again now and then."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.clients.postgres import Cursor, Postgres, Row
from exporter.collector import Secret
from exporter.collectors.postgres import runner as of_runner
from exporter.collectors.postgres.capabilities import Capabilities, find
from exporter.collectors.postgres.query import Query, family
from exporter.collectors.postgres.runner import Runner
from exporter.collectors.postgres.standing import RETRY
from exporter.collectors.postgres.views import QUERIES
from exporter.demo.database import Server
from tests.collectors.postgres.asking import as_role, collector, execute, figures, login, names, obstacle, read, reasons

NUMBER = family("test_", number="A number.")
ASKS = "select 1 as number"
SERVER = Capabilities(15, False, 0.0, frozenset({"plpgsql"}), frozenset({"pg_monitor"}), "self")


@pytest.fixture
def role(server: Server) -> Iterator[str]:
    with login(server) as name:
        yield name


@pytest.mark.parametrize(
    ("query", "obstacle"),
    [
        (Query("q", ASKS, NUMBER), ""),
        (Query("q", ASKS, NUMBER, since=15, until=15, role="primary", extension="plpgsql", needs="pg_monitor"), ""),
        (Query("q", ASKS, NUMBER, since=16), "version"),
        (Query("q", ASKS, NUMBER, until=14), "version"),
        (Query("q", ASKS, NUMBER, role="replica"), "role"),
        (Query("q", ASKS, NUMBER, extension="pg_stat_statements"), "extension"),
        (Query("q", ASKS, NUMBER, needs="pg_read_all_stats"), "right"),
    ],
)
def test_a_query_is_asked_where_version_role_extension_and_right_allow_it(query: Query, obstacle: str) -> None:
    assert SERVER.obstacle(query) == obstacle
    if query.role != "any":
        assert dataclasses.replace(SERVER, replica=True).obstacle(query) == ("role" if query.role == "primary" else "")


async def test_what_a_server_has_is_found(database: str, role: str) -> None:
    execute(database, "grant pg_monitor to {role}", role=role)
    client = Postgres(Secret(as_role(database, role)))
    async with client.transaction() as cursor:
        found = await find(cursor)
    await client.close()
    with psycopg.connect(database) as connection:
        version = connection.info.server_version // 10000
    assert (found.version, found.replica, found.service) == (version, False, "self")
    assert found.extensions == {"plpgsql"}
    assert found.member_of >= {"pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables"}
    assert "pg_write_all_data" not in found.member_of


async def test_a_managed_service_is_known_by_the_roles_it_comes_with(server: Server, database: str) -> None:
    for name, service in [
        ("rds_superuser", "rds"),
        ("cloudsqlsuperuser", "cloudsql"),
        ("azure_pg_admin", "azure"),
        ("supabase_admin", "supabase"),
    ]:
        execute(database, "create role {role}", role=name)
        try:
            found = await read(database)
        finally:
            execute(database, "drop role {role}", role=name)
        assert found["bellwether_postgres_service_info", service] == 1


async def test_a_right_that_is_granted_later_is_noticed_without_a_restart(
    database: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_runner, "_FOUND_AGAIN", 0.0)  # in place of minutes
    async with collector(as_role(database, role)) as made:
        found = await figures(made)
        assert (obstacle(found, "stat_activity"), reasons(found)) == ("right", {"denied"})
        assert "pg_stat_activity_count" not in names(found)
        execute(database, "grant pg_monitor to {role}", role=role)
        found = await figures(made)
        assert (obstacle(found, "stat_activity"), reasons(found)) == ("", set())
        assert "pg_stat_activity_count" in names(found)


@pytest.mark.parametrize(
    ("sql", "obstacle", "reason"),
    [
        ("select 1 as number from pg_authid", "right", "denied"),
        ("select no_such_function() as number", "unsupported", ""),
        ("select no_such_column as number", "unsupported", ""),
        ("select number from no_such_view", "unsupported", ""),
        ("select 'text'::int as number", "failed", "malformed"),
    ],
)
async def test_what_the_server_refuses_is_not_asked_again_for_long_and_sinks_nothing_else(
    database: str, role: str, sql: str, obstacle: str, reason: str
) -> None:
    queries = [Query("first", ASKS, NUMBER), Query("refused", sql, NUMBER), Query("last", ASKS, NUMBER)]
    runner = Runner(client := Postgres(Secret(as_role(database, role))), queries, None)
    for asked in (["first", "last", "refused"], ["first", "last"]):
        await runner.poll(time_for_databases=1)
        assert sorted(runner.took) == asked
        assert runner.obstacles() == {"first": "", "last": "", "refused": obstacle}
        assert runner.errors() == {reason} - {""}
        assert len(list(runner.samples())) == 2
    for standing in runner._standings.values():
        standing.retry_at -= RETRY
    await runner.poll(time_for_databases=1)
    assert "refused" in runner.took
    await client.close()


async def test_an_extension_that_is_missing_is_told_and_no_error(database: str) -> None:
    runner = Runner(
        client := Postgres(Secret(database)), [Query("statements", ASKS, NUMBER, extension="pg_stat_statements")], None
    )
    await runner.poll(time_for_databases=1)
    assert (runner.obstacles(), runner.errors(), list(runner.samples())) == ({"statements": "extension"}, set(), [])
    await client.close()


async def test_queries_are_switched_on_and_off_by_name(database: str) -> None:
    found = await read(database, queries={"locks": False})
    assert (obstacle(found, "locks"), obstacle(found, "database")) == ("off", "")
    assert "pg_locks_count" not in names(found)


async def test_a_query_of_no_such_name_is_refused_with_the_nearest(database: str) -> None:
    with pytest.raises(ValueError, match="there is no query 'stat_databse'; did you mean stat_database\\?"):
        await read(database, queries={"stat_databse": True})


def test_every_query_stands_in_the_documentation_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "postgres.md").read_text(encoding="utf-8")
    table = page[page.index("| asked | queries |") : page.index("`queries` switches")]
    documented = {
        place: set(re.findall(r"`(\w+)`", line))
        for line in table.strip().splitlines()[2:]
        if (place := line.split("|")[1].strip())
    }
    expected: dict[str, set[str]] = {}
    for query in QUERIES:
        expected.setdefault(_place(query), set()).add(query.name)
    assert documented == expected


def _place(query: Query) -> str:
    if not query.default:
        return "only when switched on"
    often = {0: "", 60: "once a minute", 300: "every five minutes", 3600: "once an hour"}[int(query.every)]
    if query.scope == "server":
        return f"{often or 'in every run'}, of the server"
    return f"in a visit, {often} at most" if often else "in every visit to a database"


async def test_a_query_asked_seldom_keeps_its_samples_in_between_and_what_it_remembers(database: str) -> None:
    class Counting(Query):
        async def rows(self, cursor: Cursor, state: dict[str, Any]) -> list[Row]:
            state["asked"] = state.get("asked", 0) + 1
            return [{"number": state["asked"]}]

    seldom = Counting("seldom", "", NUMBER, every=3600)
    often = Counting("often", "", family("test_often_", number="A number."))
    runner = Runner(client := Postgres(Secret(database)), [seldom, often], None)
    for number in (1, 2, 3):
        await runner.poll(time_for_databases=1)
        assert [sample.value for sample in runner.samples()] == [1, number]
    await client.close()


async def test_null_is_no_sample_unless_it_means_nothing_and_a_null_label_is_an_empty_text(database: str) -> None:
    metrics = family("test_", "place", number="A number.", other="Another.", third="A third.")
    query = Query(
        "q", "select null as place, null::int as number, 2 as other, null::int as third", metrics, zeros=frozenset({"third"})
    )
    runner = Runner(client := Postgres(Secret(database)), [query], None)
    await runner.poll(time_for_databases=1)
    assert [(sample.metric.name, sample.labels, sample.value) for sample in runner.samples()] == [
        ("test_other", ("", ""), 2),
        ("test_third", ("", ""), 0),
    ]
    await client.close()
