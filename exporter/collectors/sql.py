"""Sql: the figures of the business, by the queries of packs, from a PostgreSQL database.

Source of the clock that it goes by: https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psycopg
from pydantic import Field, PrivateAttr, field_validator, model_validator

from exporter.clients.postgres import Cursor, Postgres, Row
from exporter.collector import Collector, Duration, Samples, Secret, declared_in
from exporter.errors import Malformed, PollError, TimedOut
from exporter.metric import Metric
from exporter.packs import plan, standing, survey
from exporter.packs.counter import Tally
from exporter.packs.examination import Examination
from exporter.packs.load import Choice, choose, shipped
from exporter.packs.pack import Figures, Pack
from exporter.packs.standing import Standing

log = logging.getLogger(__name__)

# Days and months are counted in UTC, so that the same rows give the same figures on every server.
_NOW = "select now() as as_of, set_config('TimeZone', 'UTC', true)"
_MEMORY = "select set_config('work_mem', %(memory)s, true)"
_LIMIT = "select set_config('statement_timeout', %(limit)s, true)"
_SPARE = 0.1  # of the timeout, for what is not a query
_LOOK_AGAIN = timedelta(minutes=10)  # for views that were mapped meanwhile


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

    _choice: Choice = PrivateAttr()
    _postgres: Postgres = PrivateAttr()
    _standings: tuple[Standing, ...] = PrivateAttr()
    """Every query of every pack."""
    _active: tuple[Standing, ...] = PrivateAttr()
    """Those that run: all of packs that were chosen, else those whose views are there and mapped."""
    _looked: datetime | None = PrivateAttr(default=None)
    """When it last looked which views are mapped."""
    _interval: timedelta = PrivateAttr(default=timedelta(0))
    """From one run to the next."""
    _now: datetime | None = PrivateAttr(default=None)
    """The instant of the last run."""
    _told: bool = PrivateAttr(default=False)
    """Whether the log has the packs that were refused."""
    _as_of: datetime | None = PrivateAttr(default=None)
    """The instant to answer for, instead of the server's clock."""

    @field_validator("packs", mode="before")
    @classmethod
    def _all_is_no_choice(cls, packs: object) -> object:
        if isinstance(packs, str) and packs != "all":
            raise ValueError("expected a list of packs, or all")
        return None if packs == "all" else packs

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._choice = choose(self.packs, self.packs_dir)
        self._standings = tuple(
            Standing(pack_name, name, query)
            for pack_name, pack in self._choice.packs.items()
            for name, query in pack.queries.items()
        )
        self._active = () if self.packs is None else self._standings
        self._postgres = Postgres(self.dsn, self.password, statement_timeout=self.statement_timeout)
        return self

    def same_as(self, other: Collector) -> bool:
        """Whether settings and packs are the same: the files of packs may have changed since they were read."""
        return super().same_as(other) and isinstance(other, Sql) and self._choice.same_as(other._choice)  # noqa: SLF001 - its own class

    def declares(self) -> Iterable[Metric]:
        """The metrics of the packs that it may run, and those about the packs."""
        return [*_declared_by(self._choice.packs), *declared_in(standing)]

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of all packs that Bellwether ships, and those about packs."""
        return [*_declared_by(shipped()), *declared_in(standing)]

    @property
    def refused(self) -> Mapping[str, str]:
        """What is wrong with the files of packs, by the pack's name."""
        return self._choice.refused

    async def collect(self) -> Samples:
        """Yield what the queries give at one instant. Of one that fails the last figures stay a while, and no counter moves."""
        if not self._told:
            for message in self.refused.values():
                log.error("%s runs without a pack that is wrong: %s", self.name, message)
            self._told = True
        as_of = await self._run()
        max_age = None if self.max_age is None else timedelta(seconds=self.max_age)
        by_pack: dict[str, list[Standing]] = {}
        for each in self._active:
            by_pack.setdefault(each.pack, []).append(each)
            for key, figure in each.shown(as_of, self._interval, max_age).items():
                yield each.query.sample(*key, figure, self.name)
        for sample in standing.own_samples(self.name, self.refused, by_pack):
            yield sample

    async def examine(self) -> Sequence[Examination]:
        """What there is to say of each query, after a run: how it went, what it costs, the index that would help."""
        async with self._postgres.transaction() as cursor:
            views = await _look(cursor)
        found = [Examination(pack, "", "refused", why) for pack, why in self.refused.items()]
        for pack in self._choice.packs:
            of_pack = [each for each in self._standings if each.pack == pack]
            found += [await self._examined(each, views) for each in of_pack if each in self._active]
            idle = [each for each in of_pack if each not in self._active]
            if idle:
                found.append(_unmapped(pack, idle, views, whole=len(idle) == len(of_pack)))
        return found

    async def close(self) -> None:
        """Close the connection."""
        await self._postgres.close()

    async def _run(self) -> datetime:
        """Ask the queries that are due, and give the instant that they answer for.

        They share one transaction for as long as none fails; after one that does, the others go on in the next. What goes
        wrong before a query is asked is the server's, and the run fails.
        """
        deadline = asyncio.get_running_loop().time() + self.timeout * (1 - _SPARE)
        as_of: datetime | None = None
        pending: deque[Standing] | None = None
        while True:
            asking: Standing | None = None
            began = time.perf_counter()
            try:
                async with self._postgres.transaction() as cursor:
                    now = await _server_time(cursor)
                    as_of = as_of or self._as_of or now
                    if self.work_mem:
                        await cursor.execute(_MEMORY, {"memory": self.work_mem})
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
                self._failed(asking, as_of, error)

    async def _due(self, cursor: Cursor, as_of: datetime) -> deque[Standing]:
        """The queries to be asked in a run. Those that were too slow come after all others."""
        if isinstance(self.every, float):
            self._interval = timedelta(seconds=self.every)
        elif self._now is not None:
            self._interval = as_of - self._now
        self._now = as_of
        if self.packs is None and (self._looked is None or not timedelta(0) <= as_of - self._looked < _LOOK_AGAIN):
            self._discover(await _look(cursor), as_of)
        due = [each for each in self._active if each.due(as_of, self._interval)]
        return deque(sorted(due, key=lambda each: each.slow))

    def _discover(self, views: survey.Survey, as_of: datetime) -> None:
        """Run the queries whose views are there and mapped."""
        active = tuple(each for each in self._standings if not survey.unmapped(views, each.query.reads))
        if active != self._active or self._looked is None:
            packs = ", ".join(dict.fromkeys(each.pack for each in active)) or "none, since no view of the contract is mapped"
            log.info("%s runs the packs whose views are mapped: %s", self.name, packs)
        self._active, self._looked = active, as_of

    async def _ask(self, cursor: Cursor, asking: Standing, as_of: datetime, deadline: float) -> None:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            if asking.why == "":
                log.warning("%s: no time was left for pack %s, query %s", self.name, asking.pack, asking.name)
            asking.passed_over(TimedOut("no time was left in the run for it; raise timeout, or give slow queries an every"))
            return
        if left < self.statement_timeout:
            await cursor.execute(_LIMIT, {"limit": f"{max(1, round(left * 1000))}ms"})
        figures: Figures
        asking.rows = 0
        if asking.query.type == "counter":
            asking.tally = await self._count(cursor, asking, as_of)
            figures = dict(asking.tally.exposed)
        else:
            figures = asking.query.figures(*await _result(cursor, asking, asking.query.parameters(as_of)))
        if asking.failures:
            log.info("%s: pack %s, query %s works again", self.name, asking.pack, asking.name)
        asking.succeeded(as_of, figures)

    async def _count(self, cursor: Cursor, asking: Standing, as_of: datetime) -> Tally:
        query, tally = asking.query, asking.tally
        border = tally.border(as_of, timedelta(seconds=self.late_by))
        settling = query.amounts(*await _result(cursor, asking, query.parameters(border, tally.settled_to)))
        fresh = query.amounts(*await _result(cursor, asking, query.parameters(as_of, border)))
        grown = tally.grown(query, border, settling, fresh)
        query.refuse_flood(len(grown.exposed))
        return grown

    def _failed(self, asking: Standing, as_of: datetime, error: PollError) -> None:
        why = _why(asking, error)
        if asking.error is None or asking.error.reason != error.reason:
            log.warning("%s: pack %s fails: %s: %s", self.name, asking.pack, error.reason, why)
        asking.failed(as_of, error, why)

    async def _examined(self, each: Standing, views: survey.Survey) -> Examination:
        query, why = each.query, each.why
        if each.error:
            why = f"{each.error.reason}: {'; '.join([why, *survey.differences(views, query.reads)])}"
        cost, advice = await self._planned(each)
        return Examination(
            each.pack,
            each.name,
            "failed" if each.error else "ok",
            why,
            tuple(query.metrics),
            each.rows,
            query.series(each.figures),
            each.seconds,
            cost,
            advice,
        )

    async def _planned(self, each: Standing) -> tuple[float | None, tuple[str, ...]]:
        """What the planner expects a later run of the query to cost, and indexes that would help; nothing where it fails."""
        as_of = each.asked or self._now
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
    query = asking.query
    await cursor.execute(query.statement.encode(), parameters)
    asking.rows += cursor.rowcount
    query.refuse_flood(cursor.rowcount // (len(query.buckets) + 1))  # before rows beyond measure are made objects of
    return [column.name for column in cursor.description or ()], await cursor.fetchall()


async def _look(cursor: Cursor) -> survey.Survey:
    await cursor.execute(survey.SQL)
    return survey.survey(await cursor.fetchall())


async def _advice(cursor: Cursor, scan: plan.Scan) -> str:
    await cursor.execute(plan.TABLE, {"schema": scan.schema, "table": scan.table})
    facts = await cursor.fetchone()
    return plan.advice(scan, facts) if facts else ""


async def _server_time(cursor: Cursor) -> datetime:
    """The server's clock at the transaction's start: the clock that dates the rows, so that no skew can matter."""
    await cursor.execute(_NOW)
    row = await cursor.fetchone()
    if row is None:
        raise Malformed("select now() gave no row")
    as_of: datetime = row["as_of"]
    return as_of


def _declared_by(packs: Mapping[str, Pack]) -> Iterable[Metric]:
    for pack in packs.values():
        yield from pack.declares()


def _why(asking: Standing, error: PollError) -> str:
    """Why a query failed, with file and line, and the line of the SQL where the database names a place in it."""
    query, cause = asking.query, error.__cause__
    if query.origin is None:
        return f"pack {asking.pack}, query {asking.name}: {error}"
    given = cause.diag.statement_position if isinstance(cause, psycopg.Error) else None
    return query.origin.message(str(error), query.sql, None if given is None else int(given) - query.lead)


def _unmapped(pack: str, idle: Sequence[Standing], views: survey.Survey, *, whole: bool) -> Examination:
    """Queries that do not run, since views are not mapped."""
    missing = survey.unmapped(views, {view for each in idle for view in each.query.reads})
    queries = "" if whole else ", ".join(each.name for each in idle)
    metrics = tuple(name for each in idle for name in each.query.metrics)
    return Examination(pack, queries, "unmapped", f"not mapped: {', '.join(missing)}", metrics)
