"""Clickhouse: the figures of the business, by the queries of packs, from a ClickHouse server.

Source: https://clickhouse.com/docs/interfaces/http
"""

import asyncio
import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import PrivateAttr, field_validator, model_validator

from exporter.clients.clickhouse import ClickHouse, Result
from exporter.collector import Collector, Duration, Samples, Secret, declared_in
from exporter.errors import Malformed, PollError, Unreachable
from exporter.metric import Metric
from exporter.packs import dialect, standing, survey, warehouse
from exporter.packs.agenda import SPARE, Agenda, every_pack
from exporter.packs.counter import CountFrom, Tally
from exporter.packs.examination import Examination
from exporter.packs.pack import Figures
from exporter.packs.standing import Standing

log = logging.getLogger(__name__)

_NOW = "select toString(now64(6, 'UTC')) as as_of"
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
    count_from: CountFrom = "first_run"
    """What counters count: what came since the exporter's `first_run`, or, if rows are never deleted, since the `first_row`."""

    _agenda: Agenda = PrivateAttr()
    _server: ClickHouse = PrivateAttr()
    _as_of: datetime | None = PrivateAttr(default=None)
    """The instant to answer for, instead of the server's clock."""
    _count_from: CountFrom = PrivateAttr()

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

    _all_is_no_choice = field_validator("packs", mode="before")(every_pack)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        every = self.every if isinstance(self.every, float) else None
        self._count_from = self.count_from
        choice = dialect.chosen(self.packs, self.packs_dir)
        self._agenda = Agenda(self.name, choice, chosen=self.packs is not None, every=every)
        self._server = ClickHouse(
            self.url, self.user, self.password, database=self.database, ca_file=self.ca_file, verify=self.verify
        )
        return self

    def same_as(self, other: Collector) -> bool:
        """Whether settings and packs are the same: the files of packs may have changed since they were read."""
        return super().same_as(other) and isinstance(other, Clickhouse) and self._agenda.choice.same_as(other._agenda.choice)  # noqa: SLF001 - its own class

    def declares(self) -> Iterable[Metric]:
        """The metrics of the packs that it may run, and those about the packs."""
        return [*self._agenda.declares(), *declared_in(standing)]

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of all shipped packs that run on ClickHouse, and those about packs."""
        return [*(metric for pack in dialect.translations().values() for metric in pack.declares()), *declared_in(standing)]

    @property
    def refused(self) -> Mapping[str, str]:
        """What is wrong with the files of packs, by the pack's name."""
        return self._agenda.choice.refused

    async def collect(self) -> Samples:
        """Yield what the queries give at one instant. Of one that fails, the last figures stay a while; no counter moves."""
        self._agenda.tell_refused()
        as_of = await self._run()
        for sample in self._agenda.samples(as_of, self.max_age):
            yield sample

    def run_alone(self) -> None:
        """Have counters show all there is: of what came since an earlier run, a single one knows nothing."""
        self._count_from = "first_row"

    async def examine(self) -> Sequence[Examination]:
        """What there is to say of each query, after a run: how it went, and the rows that a later one is expected to read."""
        views = await self._look()
        found = self._agenda.refusals()
        for running, idle in self._agenda.by_pack(views):
            found += [self._agenda.examined(each, views, await self._planned(each)) for each in running]
            found += idle
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _run(self) -> datetime:
        """Ask the queries that are due, and give the instant that they answer for.

        One that fails takes no other with it; but where the server itself is away, the run fails.
        """
        deadline = asyncio.get_running_loop().time() + self.timeout * (1 - SPARE)
        as_of = await self._server_time()
        as_of = self._as_of or as_of
        if self._agenda.begin(as_of):
            self._agenda.discover(await self._look(), as_of)
        pending = self._agenda.due(as_of)
        while pending:
            asking, began = pending.popleft(), time.perf_counter()
            try:
                await self._ask(asking, as_of, deadline)
            except PollError as error:
                self._agenda.failed(asking, as_of, error, _why(asking, error))
                if isinstance(error, Unreachable):
                    await self._server_time()
            asking.seconds = time.perf_counter() - began
        return as_of

    async def _ask(self, asking: Standing, as_of: datetime, deadline: float) -> None:
        if deadline <= asyncio.get_running_loop().time():
            self._agenda.pass_over(asking)
            return
        figures: Figures
        asking.rows = 0
        if asking.query.type == "counter":
            asking.tally = await self._count(asking, as_of, deadline)
            figures = dict(asking.tally.exposed(self._count_from))
        else:
            result = await self._result(asking, deadline, as_of)
            figures = asking.query.figures(result.columns, result.rows)
        self._agenda.succeeded(asking, as_of, figures)

    async def _count(self, asking: Standing, as_of: datetime, deadline: float) -> Tally:
        query, tally = asking.query, asking.tally
        border = tally.border(as_of, timedelta(seconds=self.late_by))
        settled = await self._result(asking, deadline, border, tally.settled_to)
        fresh = await self._result(asking, deadline, as_of, border)
        grown = tally.grown(
            query, border, query.amounts(settled.columns, settled.rows), query.amounts(fresh.columns, fresh.rows)
        )
        query.refuse_flood(len(grown.counted))
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
        asking.rows += len(result.rows)  # a counter asks twice
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

    async def _planned(self, each: Standing) -> float | None:
        """How many rows a later run of the query is expected to read; nothing where it fails."""
        as_of = each.asked or self._agenda.now
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
