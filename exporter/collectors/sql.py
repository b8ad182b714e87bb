"""Sql: the figures of the business, by the queries of packs, from a PostgreSQL database.

Source of the clock that it goes by: https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT
"""

import asyncio
import logging
import marshal
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import psycopg
from pydantic import Field, PrivateAttr, field_validator, model_validator

from exporter.clients.postgres import Cursor, Postgres, Row
from exporter.collector import Collector, Duration, Samples, Secret, declared_in
from exporter.errors import Malformed, PollError
from exporter.metric import Metric
from exporter.packs import plan, standing, survey
from exporter.packs.agenda import SPARE, Agenda, every_pack
from exporter.packs.counter import CountFrom, Tally
from exporter.packs.examination import Examination
from exporter.packs.load import choose, shipped
from exporter.packs.pack import Figures
from exporter.packs.standing import Standing

log = logging.getLogger(__name__)

# Days and months are counted in UTC, so that the same rows give the same figures on every server. Queries are not compiled
# (JIT): that would be done anew at each run.
_BEGIN = """
    select now() as as_of,
           set_config('TimeZone', 'UTC', true),
           set_config('work_mem', coalesce(nullif(%(memory)s, ''), current_setting('work_mem')), true),
           case current_setting('jit', true) when 'on' then set_config('jit', 'off', true) end
"""
_LIMIT = "select set_config('statement_timeout', %(limit)s, true)"


class Sql(Collector, kind="sql"):
    """Business figures from a database: the queries of one or more packs, in a read-only transaction per run."""

    dsn: Secret
    """The database: a URL or key=value pairs, as libpq reads them."""
    password: Secret | None = None
    """The password, when it is not part of `dsn`."""
    packs: tuple[str, ...] | None = None
    """The packs to run; unless given, or `all`: all of `packs_dir`, and of those shipped each query whose views are mapped."""
    packs_dir: Path | None = None
    """A folder of packs of your own, one YAML file each."""
    statement_timeout: Duration = 30.0
    """How long one query may take. The first run counts whole tables; later ones read only new rows."""
    timeout: Duration = 60.0
    """How long one run may take. Queries for which no time is left wait for the next one."""
    work_mem: str = Field(default="64MB", pattern=r"^([1-9][0-9]* ?(kB|MB|GB))?$")
    """Memory that one step of a query may use, lest it write temporary files; empty for what the server has by default."""
    late_by: Duration = 300.0
    """How much later than its own date a row may appear and still be counted: the longest transaction, plus a replica's lag."""
    count_from: CountFrom = "first_run"
    """What counters count: what came since the exporter's `first_run`, or, if rows are never deleted, since the `first_row`."""

    _agenda: Agenda = PrivateAttr()
    _postgres: Postgres = PrivateAttr()
    _as_of: datetime | None = PrivateAttr(default=None)
    """The instant to answer for, instead of the server's clock."""
    _count_from: CountFrom = PrivateAttr()

    _all_is_no_choice = field_validator("packs", mode="before")(every_pack)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        every = self.every if isinstance(self.every, float) else None
        self._count_from = self.count_from
        choice = choose(self.packs, self.packs_dir)
        self._agenda = Agenda(self.name, choice, chosen=self.packs is not None, every=every)
        self._postgres = Postgres(self.dsn, self.password, statement_timeout=self.statement_timeout)
        return self

    def same_as(self, other: Collector) -> bool:
        """Whether settings and packs are the same: the files of packs may have changed since they were read."""
        return super().same_as(other) and isinstance(other, Sql) and self._agenda.choice.same_as(other._agenda.choice)  # noqa: SLF001 - its own class

    def declares(self) -> Iterable[Metric]:
        """The metrics of the packs that it may run, and those about the packs."""
        return [*self._agenda.declares(), *declared_in(standing)]

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of all packs that Bellwether ships, and those about packs."""
        return [*(metric for pack in shipped().values() for metric in pack.declares()), *declared_in(standing)]

    @property
    def refused(self) -> Mapping[str, str]:
        """What is wrong with the files of packs, by the pack's name."""
        return self._agenda.choice.refused

    async def collect(self) -> Samples:
        """Yield what the queries give at one instant. Of one that fails the last figures stay a while, and no counter moves."""
        self._agenda.tell_refused()
        as_of = await self._run()
        for sample in self._agenda.samples(as_of, self.max_age):
            yield sample

    def run_alone(self) -> None:
        """Have counters show all there is: of what came since an earlier run, a single one knows nothing."""
        self._count_from = "first_row"

    async def examine(self) -> Sequence[Examination]:
        """What there is to say of each query, after a run: how it went, what it costs, the index that would help."""
        async with self._postgres.transaction() as cursor:
            views = await _look(cursor)
        found = self._agenda.refusals()
        for running, idle in self._agenda.by_pack(views):
            found += [self._agenda.examined(each, views, *await self._planned(each)) for each in running]
            found += idle
        return found

    async def close(self) -> None:
        """Close the connection."""
        await self._postgres.close()

    async def _run(self) -> datetime:
        """Ask the queries that are due, and give the instant that they answer for.

        They share one transaction for as long as none fails; after one that does, the others go on in the next. What goes
        wrong before a query is asked is the server's, and the run fails.
        """
        deadline = asyncio.get_running_loop().time() + self.timeout * (1 - SPARE)
        as_of: datetime | None = None
        pending: deque[Standing] | None = None
        while True:
            asking: Standing | None = None
            began = time.perf_counter()
            try:
                async with self._postgres.transaction() as cursor:
                    now = await _server_time(cursor, self.work_mem)
                    as_of = as_of or self._as_of or now
                    if pending is None:
                        pending = await self._due(cursor, as_of)
                    while pending:
                        asking, began = pending.popleft(), time.perf_counter()
                        await self._ask(cursor, asking, as_of, deadline)
                        asking.seconds = time.perf_counter() - began
                        asking = None
                    return as_of
            except PollError as error:
                if asking is None or as_of is None:
                    raise
                asking.seconds = time.perf_counter() - began
                self._agenda.failed(asking, as_of, error, _why(asking, error))

    async def _due(self, cursor: Cursor, as_of: datetime) -> deque[Standing]:
        if self._agenda.begin(as_of):
            self._agenda.discover(await _look(cursor), as_of)
        return self._agenda.due(as_of)

    async def _ask(self, cursor: Cursor, asking: Standing, as_of: datetime, deadline: float) -> None:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            self._agenda.pass_over(asking)
            return
        if left < self.statement_timeout:
            await cursor.execute(_LIMIT, {"limit": f"{max(1, round(left * 1000))}ms"})
        figures: Figures
        asking.rows = 0
        if asking.query.type == "counter":
            asking.tally = await self._count(cursor, asking, as_of)
            figures = dict(asking.tally.exposed(self._count_from))
        elif asking.query.parts > 1:
            under_way = asking.next_part(as_of)
            parameters = asking.query.parameters(under_way.as_of, part=under_way.part)
            if under_way.take(*await _result(cursor, asking, parameters)):
                figures = asking.query.figures(under_way.columns, under_way.rows)
                self._agenda.succeeded(asking, under_way.as_of, figures)
            asking.asked = as_of
            return
        else:
            await _execute(cursor, asking, asking.query.parameters(as_of))
            answer, figures = _fingerprint(cursor), asking.figures
            if not answer or answer != asking.answer:
                figures = asking.query.figures(*await _rows(cursor))
                asking.answer = answer
        self._agenda.succeeded(asking, as_of, figures)

    async def _count(self, cursor: Cursor, asking: Standing, as_of: datetime) -> Tally:
        query, tally = asking.query, asking.tally
        border = tally.border(as_of, timedelta(seconds=self.late_by))
        settling = query.amounts(*await _result(cursor, asking, query.parameters(border, tally.settled_to)))
        fresh = query.amounts(*await _result(cursor, asking, query.parameters(as_of, border)))
        grown = tally.grown(query, border, settling, fresh)
        query.refuse_flood(len(grown.counted))
        return grown

    async def _planned(self, each: Standing) -> tuple[float | None, tuple[str, ...]]:
        """What the planner expects a later run of the query to cost, and indexes that would help; nothing where it fails."""
        as_of = each.asked or self._agenda.now
        if as_of is None:
            return None, ()
        since = as_of - timedelta(seconds=self.late_by) if each.query.type == "counter" else None
        try:
            async with self._postgres.transaction() as cursor:
                await cursor.execute(plan.EXPLAIN + each.query.statement.encode(), each.query.parameters(as_of, since))
                [row] = await cursor.fetchall()
                [explained] = row["QUERY PLAN"]
                advice = dict.fromkeys([await _advice(cursor, scan) for scan in plan.scans(explained["Plan"])])
        except PollError as error:
            log.debug("no plan for pack %s, query %s: %s", each.pack, each.name, error)
            return None, ()
        return explained["Plan"]["Total Cost"], tuple(filter(None, advice))


async def _result(cursor: Cursor, asking: Standing, parameters: dict[str, Any]) -> tuple[list[str], list[Row]]:
    """The columns and rows of a query's result."""
    await _execute(cursor, asking, parameters)
    return await _rows(cursor)


async def _execute(cursor: Cursor, asking: Standing, parameters: dict[str, Any]) -> None:
    query = asking.query
    await cursor.execute(query.statement.encode(), parameters)
    asking.rows += cursor.rowcount
    query.refuse_flood(cursor.rowcount // (len(query.buckets) + 1))  # before rows beyond measure are made objects of


async def _rows(cursor: Cursor) -> tuple[list[str], list[Row]]:
    return [column.name for column in cursor.description or ()], await cursor.fetchall()


def _fingerprint(cursor: Cursor) -> bytes:
    """What tells a result from another as it came from the server, in a fifth of the time that it takes to read it."""
    result = cursor.pgresult
    if result is None:
        return b""
    columns, value = range(result.nfields), result.get_value
    cells = [value(row, column) for row in range(result.ntuples) for column in columns]
    told = [[(result.fname(column), result.ftype(column)) for column in columns], cells]
    return blake2b(marshal.dumps(told, 2), digest_size=16).digest()  # version 2: alike for what is equal


async def _look(cursor: Cursor) -> survey.Survey:
    await cursor.execute(survey.SQL)
    return survey.survey(await cursor.fetchall())


async def _advice(cursor: Cursor, scan: plan.Scan) -> str:
    await cursor.execute(plan.TABLE, {"schema": scan.schema, "table": scan.table})
    facts = await cursor.fetchone()
    return plan.advice(scan, facts) if facts else ""


async def _server_time(cursor: Cursor, work_mem: str) -> datetime:
    """The server's clock at the transaction's start: the clock that dates the rows, so that no skew can matter."""
    await cursor.execute(_BEGIN, {"memory": work_mem})
    row = await cursor.fetchone()
    if row is None:
        raise Malformed("select now() gave no row")
    as_of: datetime = row["as_of"]
    return as_of


def _why(asking: Standing, error: PollError) -> str:
    """Why a query failed, with file and line, and the line of the SQL where the database names a place in it."""
    query, cause = asking.query, error.__cause__
    if query.origin is None:
        return f"pack {asking.pack}, query {asking.name}: {error}"
    given = cause.diag.statement_position if isinstance(cause, psycopg.Error) else None
    return query.origin.message(str(error), query.sql, None if given is None else int(given) - query.lead)
