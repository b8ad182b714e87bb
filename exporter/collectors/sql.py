"""Sql: the figures of the business, by the queries of packs, from a PostgreSQL database.

Source of the clock that it goes by: https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr, model_validator

from exporter.clients.postgres import Cursor, Postgres
from exporter.collector import Collector, Duration, Samples, Secret
from exporter.errors import Malformed, PollError
from exporter.metric import Metric
from exporter.packs.counter import Tally
from exporter.packs.load import choose, shipped
from exporter.packs.pack import Figures, Pack, Query

# Days and months are counted in UTC, so that the same rows give the same figures on every server.
_NOW = "select now() as as_of, set_config('TimeZone', 'UTC', true)"


class Sql(Collector, kind="sql"):
    """Business figures from a database: the queries of one or more packs, all in one read-only transaction per run."""

    dsn: Secret
    """The database: a URL or key=value pairs, as libpq reads them."""
    password: Secret | None = None
    """The password, when it is not part of `dsn`."""
    packs: tuple[str, ...] | None = None
    """The packs to run; unless given, `revenue` and every pack of `packs_dir`."""
    packs_dir: Path | None = None
    """A folder of packs of your own, one YAML file each."""
    statement_timeout: Duration = 30.0
    """How long one query may take. The first run counts whole tables; later ones read only new rows."""
    timeout: Duration = 60.0
    """How long one run may take."""
    late_by: Duration = 300.0
    """How much later than its own date a row may appear and still be counted: the longest transaction, plus a replica's lag."""

    _packs: dict[str, Pack] = PrivateAttr()
    _postgres: Postgres = PrivateAttr()
    _tallies: dict[tuple[str, str], Tally] = PrivateAttr(default_factory=dict)
    _as_of: datetime | None = PrivateAttr(default=None)
    """The instant to answer for, instead of the server's clock."""

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._packs = choose(self.packs, self.packs_dir)
        self._postgres = Postgres(self.dsn, self.password, statement_timeout=self.statement_timeout)
        return self

    def same_as(self, other: Collector) -> bool:
        """Whether settings and packs are the same: the files of packs may have changed since they were read."""
        return super().same_as(other) and isinstance(other, Sql) and self._packs == other._packs  # noqa: SLF001 - its own class

    def declares(self) -> Iterable[Metric]:
        """The metrics of the packs that it runs."""
        for pack in self._packs.values():
            yield from pack.declares()

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of all packs that Bellwether ships."""
        for pack in shipped().values():
            yield from pack.declares()

    async def collect(self) -> Samples:
        """Yield what all queries give at one instant. Counters move only when every query has succeeded."""
        figures: Figures = {}
        tallies = dict(self._tallies)
        place = ""
        try:
            async with self._postgres.transaction() as cursor:
                now = await _server_time(cursor)
                as_of = self._as_of or now
                for name, query in self._queries():
                    place = f"pack {name[0]}, query {name[1]}: "
                    if query.type == "counter":
                        tallies[name] = await self._count(cursor, query, tallies.get(name, Tally()), as_of)
                        figures |= tallies[name].exposed
                    else:
                        figures |= await _ask(cursor, query, query.parameters(as_of))
        except PollError as error:
            raise type(error)(f"{place}{error}") from error
        self._tallies = tallies
        for (metric, labels), value in figures.items():
            yield metric(float(value), **dict(zip(metric.labels, (self.name, *labels), strict=True)))

    async def close(self) -> None:
        """Close the connection."""
        await self._postgres.close()

    def _queries(self) -> Iterable[tuple[tuple[str, str], Query]]:
        for pack_name, pack in self._packs.items():
            for query_name, query in pack.queries.items():
                yield (pack_name, query_name), query

    async def _count(self, cursor: Cursor, query: Query, tally: Tally, as_of: datetime) -> Tally:
        border = tally.border(as_of, timedelta(seconds=self.late_by))
        settling = await _ask(cursor, query, query.parameters(border, tally.settled_to))
        fresh = await _ask(cursor, query, query.parameters(as_of, border))
        return tally.grown(query, border, settling, fresh)


async def _ask(cursor: Cursor, query: Query, parameters: dict[str, Any]) -> Figures:
    await cursor.execute(query.sql.encode(), parameters)
    columns = [column.name for column in cursor.description or ()]
    return query.figures(columns, await cursor.fetchall())


async def _server_time(cursor: Cursor) -> datetime:
    """The server's clock at the transaction's start: the clock that dates the rows, so that no skew can matter."""
    await cursor.execute(_NOW)
    row = await cursor.fetchone()
    if row is None:
        raise Malformed("select now() gave no row")
    as_of: datetime = row["as_of"]
    return as_of
