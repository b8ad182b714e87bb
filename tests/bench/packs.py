"""All packs on a large company, a funnel and three experiments: what a poll costs once the first has counted everything.

A later poll is one as they come, 15 s apart: what is due by its own interval and within the share of time that queries may
take. The poll that asks everything asks each query of each pack, as no poll but the first does; of what is asked in parts the
others follow after it. Counters read the rows of the last five minutes anew; of a smaller company, to which as much happens
in a longer time, those of that time, so that what differs is the size of the tables alone.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from exporter.collectors.experiments import Experiments
from exporter.collectors.funnel import Declared, Funnel
from exporter.collectors.sql import Sql
from exporter.demo.database import Server
from exporter.fields import Secret
from exporter.packs import contract
from exporter.packs.load import shipped
from tests.bench.compare import progress
from tests.bench.report import Cell, Section, Verdict

SMALL, LARGE = (100_000, 1_000_000), (100_000, 1_000_000, 10_000_000)  # events
_END = datetime(2026, 11, 1, tzinfo=UTC)  # of what the tables hold
_STEP = timedelta(seconds=15)
_LATE_BY = 300.0  # seconds
_POLLS = 40  # ten minutes: in them every figure of an interval up to five minutes is asked for twice
_APART, _RUNS = timedelta(minutes=5), 5  # of the funnel and the experiments
_ALSO = """
    create table big.mfa_factors as
    select 'm' || n as factor_id, 'u' || 1 + floor(big.chance(n, 1) * {events} / 10)::int as user_id,
           big.one_of('{{totp,sms,passkey}}', n, 2) as method, big.moment(n, {events} / 20) as enrolled_at,
           case when big.chance(n, 3) < 0.1 then big.moment(n, {events} / 20) + interval '60 days' end as removed_at
    from generate_series(1, {events} / 20) as n;
    create table big.marketing_spend as
    select big.moment(n, 1200) as spent_at, big.one_of('{{paid_search,partner}}', n, 1) as channel,
           big.one_of('{{spring,summer}}', n, 2) as campaign, 'EUR' as currency,
           round((100 + big.chance(n, 3) * 900)::numeric, 2) as amount
    from generate_series(1, 1200) as n;
    create unique index on big.accounts (account_id);
    create unique index on big.users (user_id);
    create index on big.subscriptions (account_id);
    create index on big.mfa_factors (user_id);
    create index on big.exposures (subject, user_id, exposed_at, variant);
    create index on big.outcomes (user_id)
"""  # beside what large.sql has, and the keys that docs/contract.md wants indexed
_STATEMENTS = """
    select left(regexp_replace(query, '\\s+', ' ', 'g'), 90) as text, mean_exec_time, max_exec_time, temp_blks_written,
           query ~ '> \\$1 and [\\w.]+ <= \\$2' as of_counter
    from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
    order by mean_exec_time desc
"""


def measure(sizes: Sequence[int]) -> Section:
    """Sizes are numbers of events; there are a tenth as many users."""
    section = Section(
        "All packs on a large company",
        (
            "events",
            "first poll, s",
            "later poll, ms",
            "longest of them, ms",
            "counters, ms",
            "all queries once, ms",
            "a funnel, ms",
            "experiments, ms",
            "slowest query, ms",
            "longest run of any, ms",
            "temporary files, MB",
        ),
    )
    for size in sizes:
        with Server() as server:
            _fill(server, size)
            section.rows.append((size, *asyncio.run(_row(server, late_by=_LATE_BY * sizes[-1] / size))))
    last = section.rows[-1]
    events = f"{sizes[-1]:,} events"
    section.remark = f"The slowest queries at {events}, in ms on the average and at the most:\n\n" + "\n".join(_slowest)
    section.verdicts = [
        Verdict(f"all packs, {events}: later poll", _number(last[2]) / 1000, 2, "s"),
        Verdict(f"all packs, {events}: longest later poll", _number(last[3]) / 1000, 2, "s"),
        Verdict(f"all packs, {events}: all queries in one poll", _number(last[5]) / 1000, 2, "s"),
        Verdict(f"all packs, {events}: slowest query after the first poll, on the average", _number(last[8]), 500, "ms"),
        Verdict(f"all packs, {events}: longest run of any query after the first poll", _number(last[9]), 500, "ms"),
        Verdict(f"all packs, {events}: temporary files after the first poll", _number(last[10]), 0, "MB"),
        Verdict(f"counters, {events} over 100,000", _number(last[4]) / _number(section.rows[0][4]), 2, "times"),
    ]
    return section


_slowest: list[str] = []
Polled = Sql | Funnel | Experiments


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else float("nan")


def _fill(server: Server, events: int) -> None:
    progress(f"packs: filling {events:,} events")
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute(contract.as_sql().encode())
        large = Path(__file__).with_name("large.sql").read_text().replace("%(events)s", str(events))
        for statement in (*large.split(";\n"), *_ALSO.format(events=events).split(";\n")):
            connection.execute(statement.encode())
        tables = [row[0] for row in connection.execute("select tablename from pg_tables where schemaname = 'big'")]
        for table in tables:
            columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in contract.views()[table].columns)
            connection.execute(
                sql.SQL("create or replace view {} as select {} from {}").format(
                    sql.Identifier("bellwether", table), columns, sql.Identifier("big", table)
                )
            )
            for column in contract.views()[table].columns:
                if column.type == "timestamptz":
                    connection.execute(
                        sql.SQL("create index on {} ({})").format(sql.Identifier("big", table), sql.Identifier(column.name))
                    )
        connection.execute("vacuum analyze")


async def _row(server: Server, late_by: float) -> tuple[float, ...]:
    steps = ("page_viewed", "signup_started", "signup_completed")
    limits: dict[str, Any] = {"dsn": Secret(server.dsn()), "statement_timeout": 600, "timeout": 3600}
    everything = Sql(name="large", packs=tuple(shipped()), every=15, late_by=late_by, **limits)
    others = (
        Funnel(name="funnel", funnels=(Declared(name="signup", steps=steps),), **limits),
        Experiments(name="tests", **limits),
    )
    progress("packs: the first poll")
    began = time.perf_counter()
    await _poll(everything, _END)
    first = time.perf_counter() - began
    for other in others:
        await _poll(other, _END - _RUNS * _APART)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("select pg_stat_statements_reset()")
        progress("packs: later polls")
        later = [await _timed(everything, _END + _STEP * number) for number in range(1, _POLLS + 1)]
        # Before the experiments, whose query also says how much was added since the last time.
        counted = [mean for _, mean, _, _, of_counter in connection.execute(_STATEMENTS.encode()) if of_counter]
        progress("packs: a poll that asks everything")
        for each in everything._agenda.standings:
            each.asked = None
        whole = await _timed(everything, _END + _STEP * (_POLLS + 1))
        progress("packs: the rest of what is asked in parts, a funnel, experiments")
        for number in range(max(each.query.parts for each in everything._agenda.standings)):
            await _poll(everything, _END + _STEP * (_POLLS + 2 + number))
        aside = [
            statistics.mean([await _timed(other, _END - _APART * number) for number in reversed(range(_RUNS))])
            for other in others
        ]
        found = connection.execute(_STATEMENTS.encode()).fetchall()
    for collector in (everything, *others):
        await collector.close()
    counters = 2 * sum(counted)  # each asks for two windows
    _slowest[:] = [f"- {mean:.0f}, {most:.0f}: `{text}`" for text, mean, most, *_ in found[:8]]
    mean, longest = (max(times) for times in zip(*((mean, most) for _, mean, most, *_ in found), strict=True))
    temporary = sum(blocks for *_, blocks, _ in found) * 8192 / 1e6
    milliseconds = [seconds * 1000 for seconds in (statistics.mean(later), max(later), whole, *aside)]
    return first, *milliseconds[:2], counters, *milliseconds[2:], mean, longest, temporary


async def _timed(collector: Polled, as_of: datetime) -> float:
    began = time.perf_counter()
    await _poll(collector, as_of)
    return time.perf_counter() - began


async def _poll(collector: Polled, as_of: datetime) -> list[Any]:
    collector._as_of = as_of
    return [sample async for sample in collector.collect()]
