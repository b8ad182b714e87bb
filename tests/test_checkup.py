"""Checks of collectors: each run once, side by side, and what the run shows of the target."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter import columns, report
from exporter.checkup import Report, check, check_all, refusals
from exporter.collector import Collector, load_kinds
from exporter.demo.database import Server
from exporter.errors import Denied
from exporter.metric import Metric, Sample
from exporter.packs.contract import as_sql
from exporter.packs.examination import Examination
from tests.stack import free_port
from tests.toy import EVENTS, LEVEL, Script, Toy, constant

BAD = Metric("bellwether_toy_error", "Set to 1 while the toy is broken.", labels=("reason",))


class Broken(Toy):
    """Says itself that something is wrong, as collectors of databases do."""

    def declares(self) -> Iterable[Metric]:
        return (LEVEL, BAD)


def raising(error: BaseException) -> Script:
    async def script() -> AsyncGenerator[Sample, None]:
        if error:
            raise error
        yield LEVEL(1, place="a")

    return script


def make(kind: str, **settings: Any) -> Collector:
    return load_kinds()[kind].model_validate(settings)


async def test_a_run_that_succeeds_is_ok_and_names_the_metrics_that_gave_nothing() -> None:
    toy = Toy.of(constant(LEVEL(1, place="a"), LEVEL(2, place="b")))
    found = await check(toy)
    assert (found.ok, found.result, found.series) == (True, "ok", 2)
    assert found.missing == ("toy_events_total", "toy_literal_count")
    assert b'# TYPE toy_level gauge\ntoy_level{place="a"} 1' in found.page
    assert toy._closed


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Denied("no such role"), "denied: no such role"),
        (RuntimeError("a bug"), "bug: RuntimeError: a bug"),
    ],
)
async def test_a_run_that_fails_gives_the_reason_and_the_message(error: Exception, result: str) -> None:
    toy = Toy.of(raising(error))
    found = await check(toy)
    assert (found.ok, found.result, found.series, found.missing) == (False, result, 0, ())
    assert toy._closed


async def test_a_run_takes_no_longer_than_its_timeout() -> None:
    async def forever() -> AsyncGenerator[Sample, None]:
        await asyncio.Event().wait()
        yield EVENTS(1)

    found = await check(Toy.of(forever, timeout=0.05))
    assert (found.result, found.out_of_time) == ("timeout: not done within 0.05 s", True)


async def test_a_run_that_cannot_be_ended_is_not_waited_for() -> None:
    let_go = asyncio.Event()

    async def stubborn() -> AsyncGenerator[Sample, None]:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        yield EVENTS(1)

    try:
        found = await asyncio.wait_for(check(Toy.of(stubborn, timeout=0.05)), 20)
        assert found.result == "timeout: the run does not end, though it was cancelled"
        assert found.out_of_time
    finally:
        let_go.set()


async def test_collectors_run_side_by_side_and_are_reported_as_they_end() -> None:
    first_done = asyncio.Event()

    async def first() -> AsyncGenerator[Sample, None]:
        await first_done.wait()
        yield EVENTS(1)

    async def second() -> AsyncGenerator[Sample, None]:
        first_done.set()
        yield EVENTS(1)

    toys = [Toy.of(first, name="first"), Toy.of(second, name="second")]
    assert sorted([found.name async for found in check_all(toys)]) == ["first", "second"]
    assert first_done.is_set()


async def test_checks_that_are_broken_off_close_their_collectors() -> None:
    started = asyncio.Event()

    async def forever() -> AsyncGenerator[Sample, None]:
        started.set()
        await asyncio.Event().wait()
        yield EVENTS(1)

    toy = Toy.of(forever)

    async def all_of_them() -> None:
        async for _ in check_all([toy]):
            pass

    checking = asyncio.create_task(all_of_them())
    await started.wait()
    checking.cancel()
    await asyncio.wait([checking])
    assert toy._closed


async def test_what_is_dropped_and_redacted_is_told() -> None:
    samples = [LEVEL(1, place="bob@example.com"), LEVEL(1, place="a"), LEVEL(1, place="a"), LEVEL(1, place="b")]
    found = await check(Toy.of(constant(*samples), max_series=2))
    assert (dict(found.dropped), found.redacted, found.ok) == ({"duplicate": 1, "budget": 1}, 1, True)


async def test_an_error_metric_among_the_samples_is_a_finding() -> None:
    found = await check(Broken.of(constant(LEVEL(1, place="a"), BAD(1, reason="denied"))))
    assert (found.ok, found.result) == (False, "denied, for some of its figures: Set to 1 while the toy is broken.")
    assert found.missing == ()


async def test_an_error_metric_that_says_0_is_none() -> None:
    assert (await check(Broken.of(constant(LEVEL(1, place="a"), BAD(0, reason="denied"))))).ok


async def test_a_metric_that_is_there_only_while_something_is_wrong_is_not_missing() -> None:
    found = await check(Broken.of(constant(LEVEL(1, place="a"))))
    assert (found.ok, found.missing) == (True, ())


async def test_a_database_that_lets_nobody_in_is_a_finding_in_words(server: Server) -> None:
    found = await check(make("postgres", dsn=server.dsn(user="nobody_of_this_name"), instance="db"))
    assert found.result.startswith("denied: the role is refused or lacks a right; check user, password")
    assert (found.ok, found.failure, found.missing) == (False, "", ())


async def test_a_role_that_lacks_rights_is_told_which_to_be_granted(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create role lacks_rights login password 'lacks'")
        connection.execute("revoke select on pg_stat_archiver, pg_locks from public")  # in this database alone
        try:
            dsn = psycopg.conninfo.make_conninfo(database, user="lacks_rights", password="lacks")
            found = await check(make("postgres", dsn=dsn, instance="db"))
        finally:
            connection.execute("drop role lacks_rights")
    assert found.result.startswith("denied, for some of its figures: ")
    assert "grant it pg_monitor" in found.result
    assert "pg_locks_count" in found.missing


async def test_a_database_that_can_be_read_is_ok(server: Server) -> None:
    found = await check(make("postgres", dsn=server.dsn(), instance="db"))
    assert (found.ok, found.result) == (True, "ok")


async def test_a_database_and_a_page_that_do_not_answer_are_findings() -> None:
    port = free_port()
    database = await check(make("postgres", dsn=f"host=127.0.0.1 port={port}"))
    page = await check(make("http", target=f"http://127.0.0.1:{port}/"))
    assert database.result == "unreachable: no answer; check host and port, and whether the server runs"
    assert page.result == "refused: no connection to the target"


ORDERS = """
description: Orders.
queries:
  orders:
    type: counter
    metrics:
      shop_orders_total: {help: Orders., value: orders}
    sql: select count(*) as orders from orders where created_at > %(since)s and created_at <= %(as_of)s
  lately:
    metrics:
      shop_orders_lately: {help: Orders of an hour., value: orders}
    sql: select count(*) as orders from orders where created_at > %(as_of)s - interval '1 hour' and created_at <= %(as_of)s
"""
WRONG = "description: Wrong.\nqueries:\n  one:\n    metrics: {shop_one: {help: One., value: one}}\n    sql: select 1 as one\n"


@pytest.fixture
def packs(database: str, tmp_path: Path) -> dict[str, Any]:
    """Settings of packs over a database in which of the contract tickets alone is mapped, and orders have no index."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(as_sql(["tickets", "payments"]))
        connection.execute("create table ticket as select * from bellwether.tickets")
        connection.execute("drop view bellwether.tickets")
        connection.execute("alter table ticket alter priority type int using 1, drop channel")
        connection.execute("create view bellwether.tickets as select * from ticket")
        connection.execute(
            "create table orders as select now() - number * interval '1 minute' as created_at"
            " from generate_series(1, 150000) as number"
        )
        connection.execute("analyze orders")
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    return {"name": "shop", "dsn": database, "packs_dir": tmp_path}


async def test_of_each_query_of_a_pack_it_is_told_how_it_went_what_it_costs_and_what_would_help(packs: dict[str, Any]) -> None:
    found = await check(make("sql", **packs))
    told = {(each.pack, each.query): each for each in found.examined}
    index = ("create index on public.orders (created_at)",)
    orders, lately = told["orders", "orders"], told["orders", "lately"]
    assert [(each.state, each.series, each.advice) for each in (orders, lately)] == [("ok", 1, index), ("ok", 1, index)]
    assert (orders.rows, lately.rows) == (2, 1)  # a counter has two windows
    assert all(each.seconds and each.cost and each.cost > 1000 for each in (orders, lately))
    assert told["wrong", ""].state == "refused"
    assert told["wrong", ""].why.endswith(
        "wrong.yaml:3: queries.one: sql: a gauge's query uses %(as_of)s; this one uses neither"
    )
    assert told["revenue", ""].why.startswith("not mapped: payments, ")
    tickets = told["support", "tickets"]
    assert (tickets.state, tickets.cost, tickets.advice) == ("failed", None, ())
    assert re.fullmatch(
        r'malformed: .*/support\.yaml:\d+: queries\.tickets\.sql: column "channel" does not exist; '
        r"bellwether\.tickets: the column channel is missing; "
        r"bellwether\.tickets: the column priority is of type int4, expected text",
        tickets.why,
    )
    failed = sum(each.state == "failed" for each in found.examined)
    every = failed + sum(each.state == "ok" for each in found.examined)
    assert found.result == f"refused: 1 pack with a wrong file; failed: {failed} of {every} queries"
    assert not found.missing or not {"support_tickets_open", "saas_mrr", "shop_one"} & set(found.missing)


def test_queries_are_told_in_a_table_and_as_json() -> None:
    index = ("create index on public.orders (created_at)",)
    examined = (
        Examination("wrong", "", "refused", "wrong.yaml:3: no such unit"),
        Examination("orders", "orders", "ok", rows=2, series=1, seconds=0.0123, cost=12345.6, advice=index),
        Examination("orders", "lately", "ok", rows=1, series=1, seconds=2.5, cost=7, advice=index),
        Examination("orders", "soon", "failed", "denied: orders.yaml:7: no", seconds=0.001),
        Examination("support", "", "unmapped", "not mapped: tickets"),
    )
    shown = Report("shop", "sql", 2.6, series=2, findings=("failed: 1 of 3 queries",), examined=examined)
    assert report.as_table([shown], None).splitlines()[2:] == [
        "",
        "shop:",
        "PACK     QUERY   ROWS  SERIES   TIME    COST  RESULT",
        "wrong                                         refused: wrong.yaml:3: no such unit",
        "orders   orders     2       1  12 ms  12,346  ok",
        "orders   lately     1       1  2.5 s       7  ok",
        "orders   soon       0       0   1 ms          denied: orders.yaml:7: no",
        "support                                       not mapped: tickets",
        "",
        f"shop: {index[0]}; without it the whole table is read to find a few of its rows, by orders.orders, orders.lately",
    ]
    wrong, orders, *_ = json.loads(report.as_json([shown]))["collectors"][0]["queries"]
    assert orders == {
        "pack": "orders",
        "query": "orders",
        "state": "ok",
        "why": "",
        "rows": 2,
        "series": 1,
        "duration_seconds": 0.0123,
        "cost": 12345.6,
        "advice": list(index),
    }
    assert (wrong["state"], wrong["duration_seconds"], wrong["cost"]) == ("refused", None, None)


async def test_where_nothing_is_mapped_there_is_something_to_mend(database: str) -> None:
    found = await check(make("sql", dsn=database))
    assert found.result == "idle: no query runs, since no view of the contract is mapped; bellwether schema prints them"
    assert found.missing == ()
    assert {each.state for each in found.examined} == {"unmapped"}


async def test_a_chosen_pack_that_is_refused_has_nothing_to_do_with_mapping(database: str, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("description: Nothing.\n")
    found = await check(make("sql", dsn=database, packs=("shop",), packs_dir=tmp_path))
    assert found.result == "refused: 1 pack with a wrong file"


async def test_wrong_files_of_packs_are_told_without_a_run(packs: dict[str, Any], server: Server) -> None:
    collectors = [make("sql", **packs), make("postgres", dsn=server.dsn())]
    assert [why.partition("wrong.yaml")[2] for why in refusals(collectors)] == [
        ":3: queries.one: sql: a gauge's query uses %(as_of)s; this one uses neither"
    ]


REPORTS = [
    Report("node", "node", 0.0123, series=507, missing=("node_a", "node_b"), dropped={"budget": 3, "value": 1}, redacted=2),
    Report("website", "http", 2.5, findings=("tls: no TLS with the target",)),
    Report("shop", "sql", 60.2, failure="timeout: not done within 60 s"),
]


def test_reports_as_a_table_have_a_line_each_and_then_remarks() -> None:
    assert report.as_table(REPORTS, None).splitlines() == [
        "NAME     KIND    TIME  SERIES  MISSING  DROPPED  REDACTED  RESULT",
        "node     node   12 ms     507        2        4         2  ok",
        "website  http   2.5 s       0        0        0         0  tls: no TLS with the target",
        "shop     sql   60.2 s       0        0        0         0  timeout: not done within 60 s",
        "",
        "node: no series of 2 declared metrics: node_a, node_b",
        "",
        "node: series dropped: budget 3, value 1; raise max_series, or let it find less",
        "",
        "node: 2 series with a label value replaced, since it looked like personal data or a credential",
    ]


def test_many_metrics_without_series_are_told_by_what_they_begin_with() -> None:
    missing = (*(f"node_hwmon_{number}" for number in range(9)), "node_md_disks", "node_md_state", "pg_up")
    lines = report.as_table([Report("node", "node", 0.01, missing=missing)], None).splitlines()
    assert lines[-1] == "node: no series of 12 declared metrics: node_hwmon_* (9), node_md_disks, node_md_state, pg_up"


def test_reports_in_short_are_one_line() -> None:
    assert [report.in_short(each) for each in REPORTS] == [
        "node: 507 series, dropped budget 3, value 1, 2 redacted (12 ms)",
        "website: tls: no TLS with the target (2.5 s)",
        "shop: timeout: not done within 60 s (60.2 s)",
    ]


def test_reports_as_json_are_for_programs() -> None:
    told = json.loads(report.as_json(REPORTS))
    assert told["ok"] is False
    assert [each["ok"] for each in told["collectors"]] == [True, False, False]
    assert told["collectors"][0] == {
        "name": "node",
        "kind": "node",
        "ok": True,
        "failure": "",
        "findings": [],
        "duration_seconds": 0.0123,
        "series": 507,
        "missing": ["node_a", "node_b"],
        "dropped": {"budget": 3, "value": 1},
        "redacted": 2,
        "queries": [],
    }


def test_the_last_column_of_a_table_is_wrapped_to_the_width() -> None:
    rows = [("a", "17", "one two three four five six seven")]
    assert columns.table(("NAME", "N", "RESULT"), rows, [1], 34) == [
        "NAME   N  RESULT",
        "a     17  one two three four five",
        "          six seven",
    ]
