"""Clickhouse: the figures of the business, by the queries of packs, from a ClickHouse server.

Source: https://clickhouse.com/docs/interfaces/http
"""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import PrivateAttr, field_validator, model_validator

from exporter.clients.clickhouse import ClickHouse, Result
from exporter.collector import Collector, Duration, Samples, Secret, declared_in
from exporter.errors import Malformed, PollError, TimedOut, Unreachable
from exporter.metric import Metric
from exporter.packs import dialect, standing, survey, warehouse
from exporter.packs.counter import Tally
from exporter.packs.examination import Examination
from exporter.packs.load import Choice
from exporter.packs.pack import Figures, Pack
from exporter.packs.standing import Standing

log = logging.getLogger(__name__)

_NOW = "select toString(now64(6, 'UTC')) as as_of"
_SPARE = 0.1  # of the timeout, for what is not a query
_LOOK_AGAIN = timedelta(minutes=10)  # for views that were mapped meanwhile
_MOST_VIEWS = 100_000  # tables, and columns of tables, that are looked at in the database of the contract
_LINE = re.compile(r"\(line (\d+), col \d+\)")


class Clickhouse(Collector, kind="clickhouse"):
    """Business figures from ClickHouse: the queries of one or more packs, read-only, each bounded in time and rows."""

    url: str
    """The server's HTTP interface, such as `https://clickhouse.example.com:8443`."""
    user: str = "default"
    """The user; one that may only read, with a profile of `readonly = 2`."""
    password: Secret | None = None
    """The user's password."""
    database: str = "default"
    """Where tables are looked for that a query names without a database; those of the contract are in `bellwether`."""
    ca_file: Path | None = None
    """Certificates of authorities to trust in place of the system's, as PEM; read once."""
    verify: bool = True
    """Whether the server's certificate must be valid."""
    packs: tuple[str, ...] | None = None
    """The packs to run; unless given, or `all`: all of `packs_dir`, and of those shipped each query whose views are mapped."""
    packs_dir: Path | None = None
    """A folder of packs of your own, one YAML file each, whose SQL is ClickHouse's."""
    query_timeout: Duration = 30.0
    """How long one query may take. The first run counts whole tables; later ones read only new rows."""
    timeout: Duration = 60.0
    """How long one run may take. Queries for which no time is left wait for the next one."""
    late_by: Duration = 300.0
    """How much later than its own date a row may appear and still be counted: inserts in batches, replication, queues."""

    _choice: Choice = PrivateAttr()
    _server: ClickHouse = PrivateAttr()
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

    @field_validator("url")
    @classmethod
    def _complete_url(cls, text: str) -> str:
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("expected an http or https URL with a host, such as http://localhost:8123")
        if url.userinfo or url.query:
            raise ValueError("expected no credentials and no query in the URL; give user, password and database")
        return text

    @field_validator("packs", mode="before")
    @classmethod
    def _all_is_no_choice(cls, packs: object) -> object:
        return None if packs == "all" else packs

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._choice = dialect.chosen(self.packs, self.packs_dir)
        self._standings = tuple(
            Standing(pack_name, name, query)
            for pack_name, pack in self._choice.packs.items()
            for name, query in pack.queries.items()
        )
        self._active = () if self.packs is None else self._standings
        self._server = ClickHouse(
            self.url, self.user, self.password, database=self.database, ca_file=self.ca_file, verify=self.verify
        )
        return self

    def same_as(self, other: Collector) -> bool:
        """Whether settings and packs are the same: the files of packs may have changed since they were read."""
        return super().same_as(other) and isinstance(other, Clickhouse) and self._choice == other._choice  # noqa: SLF001 - its own class

    def declares(self) -> Iterable[Metric]:
        """The metrics of the packs that it may run, and those about the packs."""
        return [*_declared_by(self._choice.packs), *declared_in(standing)]

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of all shipped packs that run on ClickHouse, and those about packs."""
        return [*_declared_by(dialect.translations()), *declared_in(standing)]

    @property
    def refused(self) -> Mapping[str, str]:
        """What is wrong with the files of packs, by the pack's name."""
        return self._choice.refused

    async def collect(self) -> Samples:
        """Yield what the queries give at one instant. Of one that fails, the last figures stay a while; no counter moves."""
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
        """What there is to say of each query, after a run: how it went, and the rows that a later one is expected to read."""
        views = await self._look()
        found = [Examination(pack, "", "refused", why) for pack, why in self.refused.items()]
        for pack in self._choice.packs:
            of_pack = [each for each in self._standings if each.pack == pack]
            found += [await self._examined(each, views) for each in of_pack if each in self._active]
            idle = [each for each in of_pack if each not in self._active]
            if idle:
                found.append(_unmapped(pack, idle, views, whole=len(idle) == len(of_pack)))
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _run(self) -> datetime:
        """Ask the queries that are due, and give the instant that they answer for.

        One that fails takes no other with it; but where the server itself is away, the run fails.
        """
        deadline = asyncio.get_running_loop().time() + self.timeout * (1 - _SPARE)
        as_of = await self._server_time()
        as_of = self._as_of or as_of
        pending = await self._due(as_of)
        while pending:
            asking, began = pending.popleft(), time.perf_counter()
            try:
                await self._ask(asking, as_of, deadline)
            except PollError as error:
                self._failed(asking, as_of, error)
                if isinstance(error, Unreachable):
                    await self._server_time()
            asking.seconds = time.perf_counter() - began
        return as_of

    async def _due(self, as_of: datetime) -> deque[Standing]:
        """The queries to be asked in a run. Those that were too slow come after all others."""
        if isinstance(self.every, float):
            self._interval = timedelta(seconds=self.every)
        elif self._now is not None:
            self._interval = as_of - self._now
        self._now = as_of
        if self.packs is None and (self._looked is None or not timedelta(0) <= as_of - self._looked < _LOOK_AGAIN):
            self._discover(await self._look(), as_of)
        due = [each for each in self._active if each.due(as_of, self._interval)]
        return deque(sorted(due, key=lambda each: each.slow))

    def _discover(self, views: survey.Survey, as_of: datetime) -> None:
        """Run the queries whose views are there and mapped."""
        active = tuple(each for each in self._standings if not survey.unmapped(views, each.query.reads))
        if active != self._active or self._looked is None:
            packs = ", ".join(dict.fromkeys(each.pack for each in active)) or "none, since no view of the contract is mapped"
            log.log(
                logging.INFO if active else logging.WARNING, "%s runs the packs whose views are mapped: %s", self.name, packs
            )
        self._active, self._looked = active, as_of

    async def _ask(self, asking: Standing, as_of: datetime, deadline: float) -> None:
        if deadline <= asyncio.get_running_loop().time():
            if asking.why == "":
                log.warning("%s: no time was left for pack %s, query %s", self.name, asking.pack, asking.name)
            asking.passed_over(TimedOut("no time was left in the run for it; raise timeout, or give slow queries an every"))
            return
        figures: Figures
        if asking.query.type == "counter":
            asking.tally = await self._count(asking, as_of, deadline)
            figures = dict(asking.tally.exposed)
        else:
            result = await self._result(asking, deadline, as_of)
            figures = asking.query.figures(result.columns, result.rows)
        if asking.failures:
            log.info("%s: pack %s, query %s works again", self.name, asking.pack, asking.name)
        asking.succeeded(as_of, figures)

    async def _count(self, asking: Standing, as_of: datetime, deadline: float) -> Tally:
        query, tally = asking.query, asking.tally
        border = tally.border(as_of, timedelta(seconds=self.late_by))
        settled = await self._result(asking, deadline, border, tally.settled_to)
        fresh = await self._result(asking, deadline, as_of, border)
        grown = tally.grown(
            query, border, query.amounts(settled.columns, settled.rows), query.amounts(fresh.columns, fresh.rows)
        )
        query.refuse_flood(len(grown.exposed))
        return grown

    async def _result(self, asking: Standing, deadline: float, as_of: datetime, since: datetime | None = None) -> Result:
        query = asking.query
        left = deadline - asyncio.get_running_loop().time()
        result = await self._server.ask(
            dialect.statement(query),
            dialect.parameters(query, as_of, since),
            limit=max(0.001, min(left, self.query_timeout)),
            max_rows=query.max_series * (len(query.buckets) + 1),
        )
        asking.rows = len(result.rows)
        return result

    async def _look(self) -> survey.Survey:
        tables = await self._server.ask(warehouse.TABLES, limit=self.query_timeout, max_rows=_MOST_VIEWS)
        columns = await self._server.ask(warehouse.COLUMNS, limit=self.query_timeout, max_rows=_MOST_VIEWS)
        return warehouse.found(tables.rows, columns.rows)

    async def _server_time(self) -> datetime:
        """The server's clock, which dates the rows, so that no skew can matter."""
        result = await self._server.ask(_NOW, limit=self.query_timeout)
        try:
            [row] = result.rows
            return datetime.fromisoformat(row["as_of"]).replace(tzinfo=UTC)
        except (ValueError, LookupError, TypeError) as error:
            raise Malformed("the server's clock gave no instant") from error

    def _failed(self, asking: Standing, as_of: datetime, error: PollError) -> None:
        why = _why(asking, error)
        if asking.error is None or asking.error.reason != error.reason:
            log.warning("%s: pack %s fails: %s: %s", self.name, asking.pack, error.reason, why)
        asking.failed(as_of, error, why)

    async def _examined(self, each: Standing, views: survey.Survey) -> Examination:
        query, why = each.query, each.why
        if each.error:
            why = f"{each.error.reason}: {'; '.join([why, *survey.differences(views, query.reads)])}"
        return Examination(
            each.pack,
            each.name,
            "failed" if each.error else "ok",
            why,
            tuple(query.metrics),
            each.rows,
            query.series(each.figures),
            each.seconds,
            await self._planned(each),
        )

    async def _planned(self, each: Standing) -> float | None:
        """How many rows a later run of the query is expected to read; nothing where it fails."""
        as_of = each.asked or self._now
        if as_of is None:
            return None
        since = as_of - timedelta(seconds=self.late_by) if each.query.type == "counter" else None
        try:
            plan = await self._server.ask(
                f"explain estimate {dialect.statement(each.query)}",
                dialect.parameters(each.query, as_of, since),
                limit=self.query_timeout,
            )
        except PollError as error:
            log.debug("no plan for pack %s, query %s: %s", each.pack, each.name, error)
            return None
        return float(sum(_rows(row) for row in plan.rows))


def _rows(row: Mapping[str, Any]) -> int:
    rows = row.get("rows", 0)
    return rows if isinstance(rows, int) else 0


def _declared_by(packs: Mapping[str, Pack]) -> Iterable[Metric]:
    for pack in packs.values():
        yield from pack.declares()


def _why(asking: Standing, error: PollError) -> str:
    """Why a query failed, with file and line, and the line of the SQL where ClickHouse names a place in it."""
    query = asking.query
    if query.origin is None:
        return f"pack {asking.pack}, query {asking.name}: {error}"
    place = _LINE.search(str(error))
    if place is None:
        return query.origin.message(str(error))
    line = int(place[1]) - dialect.lines_above(query)
    return query.origin.message(str(error), "\n" * (line - 1) + " ", line)


def _unmapped(pack: str, idle: Sequence[Standing], views: survey.Survey, *, whole: bool) -> Examination:
    """Queries that do not run, since views are not mapped."""
    missing = survey.unmapped(views, {view for each in idle for view in each.query.reads})
    queries = "" if whole else ", ".join(each.name for each in idle)
    metrics = tuple(name for each in idle for name in each.query.metrics)
    return Examination(pack, queries, "unmapped", f"not mapped: {', '.join(missing)}", metrics)
