"""Source: the packs of one `sql` collector, asked about instants of the past instead of now."""

import dataclasses
import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from exporter.clients.postgres import Cursor, Postgres
from exporter.collectors.sql import Sql
from exporter.errors import PollError, SettingsError
from exporter.guard import Draft
from exporter.metric import Metric, Sample
from exporter.packs import survey
from exporter.packs.counter import Tally
from exporter.packs.load import choose
from exporter.packs.pack import Amounts, Figures, Query

_UTC = "select set_config('TimeZone', 'UTC', true)"  # as when polling


class Source:
    """One collector's queries. `open()` it first, `close()` it in the end.

    Raises `SettingsError` for a pack that is wrong, and for a label that cannot be added.
    """

    def __init__(self, collector: Sql, labels: Mapping[str, str]) -> None:
        self.name, self._max_series, self._added = collector.name, collector.max_series, labels
        self._postgres = Postgres(collector.dsn, collector.password, statement_timeout=collector.statement_timeout)
        choice = choose(collector.packs, collector.packs_dir)
        if choice.refused:
            raise SettingsError("\n".join(choice.refused.values()))
        self._queries = {
            f"{pack_name}/{name}": query for pack_name, pack in choice.packs.items() for name, query in pack.queries.items()
        }
        """By pack and name."""
        self._only_mapped = collector.packs is None
        self.left_out: list[str] = []
        """Queries that cannot be asked about the past."""
        self._tallies: dict[str, Tally] = {}
        self._targets: dict[Metric, Metric] = {}
        """What each metric is in Prometheus, with the labels that a scrape adds."""
        for query in self._queries.values():
            for metric in query.declares().values():
                self._targets[metric] = _labelled(metric, labels)
        self._declared = {metric.name: metric for metric in self._targets.values()}
        self._draft: Draft | None = None

    async def open(self) -> None:
        """Settle what to ask: as when polling, unless packs were chosen, the queries whose views are mapped."""
        if self._only_mapped:
            try:
                async with self._postgres.transaction() as cursor:
                    await cursor.execute(survey.SQL)
                    views = survey.survey(await cursor.fetchall())
            except PollError as error:
                raise type(error)(f"{self.name}: {error.reason}: {error}") from error
            self._queries = {name: query for name, query in self._queries.items() if not survey.unmapped(views, query.reads)}
        self.left_out = [name for name, query in self._queries.items() if not query.past]
        for name in self.left_out:
            del self._queries[name]

    @property
    def fingerprint(self) -> str:
        """Of all that it asks: another one means other figures."""
        text = "\n".join(f"{name}: {query.model_dump_json()}" for name, query in self._queries.items())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    async def at(self, instant: datetime) -> Draft:
        """What it says of an instant, as the guard lets it through; later than the one before. Raises `PollError`."""
        samples: list[Sample] = []
        place = f"{self.name}: "
        try:
            async with self._postgres.transaction() as cursor:
                await cursor.execute(_UTC)
                for name, query in self._queries.items():
                    place = f"{self.name}: pack {name.replace('/', ', query ')}, as of {instant:%Y-%m-%dT%H:%M:%SZ}: "
                    figures = await self._figures(cursor, name, query, instant)
                    samples += [query.sample(*key, figure, self.name) for key, figure in figures.items()]
        except PollError as error:
            raise type(error)(f"{place}{error.reason}: {error}") from error
        added = tuple(self._added.values())
        self._draft = Draft(self._declared, self._max_series, self._draft)
        for metric, values, value in samples:
            self._draft.add(Sample(self._targets[metric], values + added, value))
        return self._draft

    def begin_part(self) -> None:
        """Forget which series there were: whether a run was broken off before this part or not makes no difference then."""
        self._draft = None

    def counted(self) -> dict[str, Any]:
        """Where its counters stand: by query, the instant, and a list of metric, labels and amount."""
        return {
            name: [
                tally.settled_to.isoformat(),
                sorted([metric.name, list(labels), str(amount)] for (metric, labels), amount in tally.settled.items()),
            ]
            for name, tally in self._tallies.items()
        }

    def go_on_from(self, counted: Mapping[str, Any]) -> None:
        """Set the counters to where they stood."""
        for name, (settled_to, amounts) in counted.items():
            declared = self._queries[name].declares()
            settled: Amounts = {(declared[metric], tuple(labels)): Decimal(amount) for metric, labels, amount in amounts}
            self._tallies[name] = Tally(datetime.fromisoformat(settled_to), settled)

    async def close(self) -> None:
        """Close the connection."""
        await self._postgres.close()

    async def _figures(self, cursor: Cursor, name: str, query: Query, instant: datetime) -> Figures:
        if query.type != "counter":
            return query.figures(*await _ask(cursor, query, query.parameters(instant)))
        tally = self._tallies.get(name, Tally())
        window = query.parameters(instant, tally.settled_to)
        # No row of the past is still to come: nothing is counted twice, as polls do for what may be late.
        self._tallies[name] = tally = tally.grown(query, instant, query.amounts(*await _ask(cursor, query, window)), {})
        query.refuse_flood(len(tally.counted))
        return dict(tally.counted)


async def _ask(cursor: Cursor, query: Query, parameters: dict[str, datetime]) -> tuple[list[str], list[dict[str, Any]]]:
    await cursor.execute(query.statement.encode(), parameters)
    return [column.name for column in cursor.description or ()], await cursor.fetchall()


def _labelled(metric: Metric, added: Mapping[str, str]) -> Metric:
    """As Prometheus has it after a scrape: the target's labels win, a metric's own of that name is kept as `exported_`."""
    own = tuple(f"exported_{name}" if name in added else name for name in metric.labels)
    try:
        return dataclasses.replace(metric, labels=(*own, *added))
    except ValueError as error:
        raise SettingsError(f"--label: {error}") from None
