"""Runner: asks a server its queries, and each of its databases theirs, as far as one poll's time goes."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence

from exporter.clients.postgres import Postgres
from exporter.collectors.postgres import capabilities, databases
from exporter.collectors.postgres.capabilities import Capabilities
from exporter.collectors.postgres.databases import Databases
from exporter.collectors.postgres.query import INSTANCE, Query
from exporter.collectors.postgres.standing import RETRY, Standing, error_of, worst
from exporter.errors import Denied, PollError, Unreachable
from exporter.metric import Metric, Sample

VISITED = Metric(
    "bellwether_postgres_database_last_visit_timestamp_seconds",
    "When a database was last asked for its own tables and indexes, in Unix time.",
    labels=(INSTANCE, "datname"),
)

_FOUND_AGAIN = 300.0  # seconds after which rights and extensions are looked up again on a connection that lasts
_FAILED_VISITS = 3  # in a row, after which the rest wait for the next poll: it is the server rather than its databases


class Runner:
    """All that is remembered of one server from poll to poll.

    Each query has a transaction of its own, so that it fails alone and holds no lock while others run.
    """

    def __init__(self, postgres: Postgres, queries: Sequence[Query], chosen: Databases | None) -> None:
        self._postgres, self._queries, self._databases = postgres, queries, chosen
        self.instance = ""
        """The value of the label in all samples."""
        self.capabilities: Capabilities | None = None
        self.reasons: set[str] = set()
        """What was wrong in the poll under way or last done, beyond single queries."""
        self.answered = False
        """Whether that poll was told anything."""
        self.took: dict[str, float] = {}
        """Seconds that each query took in it, by name, of those that were asked."""
        self.failed: set[str] = set()
        """The names of those that failed in it."""
        self._found_at, self._found_on, self._own = float("-inf"), 0, ""
        self._standings: dict[tuple[Query, str], Standing] = {}
        """By query and database; those of the whole server are under an empty name."""
        self._due: dict[str, float] = {}
        """When each database is to be visited, by the clock that never jumps."""
        self._visited: dict[str, float] = {}
        """When each was, in Unix time."""

    async def poll(self, time_for_databases: float) -> None:
        """Ask what is due. Databases are visited one after the other, oldest first; none after that many seconds from now.

        May be cancelled at any time: what was told until then is there. Raises `PollError` when the server cannot be asked.
        """
        self.reasons, self.answered, self.took, self.failed = set(), False, {}, set()
        stop = time.monotonic() + time_for_databases
        for (query, name), standing in self._standings.items():
            if name in ("", self._own) and query.every == 0:  # should the poll be cut short, they would be taken for new
                standing.samples = []
        with self._postgres.holding():
            found = await self._look()
            await self._ask_all(self._postgres, "", found, (query for query in self._queries if query.scope == "server"))
            self._own, names = await self._names()
            self._forget(names)
            if self._own in names:
                await self._visit(self._postgres, self._own, found)
        failures = 0
        now = time.monotonic()
        for name in sorted(
            (name for name in names if name != self._own and now >= self._due.get(name, 0.0)), key=self._last_due
        ):
            if time.monotonic() >= stop or failures == _FAILED_VISITS:
                break
            failures = 0 if await self._travel(name) else failures + 1

    def samples(self) -> Iterator[Sample]:
        """What is known of the server: the samples of this poll, and those that are kept from earlier ones."""
        for standing in self._standings.values():
            yield from standing.samples
        for name, visited in self._visited.items():
            yield VISITED(visited, instance=self.instance, datname=name)

    def obstacles(self) -> dict[str, str]:
        """Why each query that was asked or considered gives nothing, by name; empty for one that is answered."""
        reasons: dict[str, list[str]] = {}
        for (query, _), standing in self._standings.items():
            if standing.is_known:
                reasons.setdefault(query.name, []).append(standing.reason)
        return {name: worst(found) for name, found in sorted(reasons.items())}

    def errors(self) -> set[str]:
        """What is wrong: with the server, or with any query at any database."""
        return (self.reasons | {error_of(standing.reason) for standing in self._standings.values()}) - {""}

    async def _look(self) -> Capabilities:
        """What the server lets us ask: its role in every poll, all else once per connection and now and then."""
        async with self._postgres.transaction() as cursor:
            known, now = self.capabilities, time.monotonic()
            fresh = self._found_on == self._postgres.opened and now < self._found_at + _FOUND_AGAIN
            if known is not None and fresh and await capabilities.is_replica(cursor) == known.replica:
                return known
            found = await capabilities.find(cursor)
        self._found_at, self._found_on = now, self._postgres.opened
        if found != known:
            for standing in self._standings.values():  # what was refused may be allowed by now
                standing.retry_at = 0.0
            self._due.clear()
        self.capabilities = found
        return found

    async def _names(self) -> tuple[str, list[str]]:
        if not any(query.scope == "database" for query in self._queries):
            return "", []
        async with self._postgres.transaction() as cursor:
            own, names = await databases.find(cursor)
        return own, [own] if self._databases is None else self._databases.chosen(names)

    def _forget(self, names: Sequence[str]) -> None:
        """Drop what is known of databases that are gone."""
        kept = {"", *names}
        self._standings = {key: standing for key, standing in self._standings.items() if key[1] in kept}
        self._due = {name: due for name, due in self._due.items() if name in kept}
        self._visited = {name: visited for name, visited in self._visited.items() if name in kept}

    def _last_due(self, name: str) -> float:
        return self._due.get(name, 0.0)

    async def _travel(self, name: str) -> bool:
        """Visit another database over a connection that is closed after it. Whether that could be done."""
        assert self._databases is not None  # noqa: S101 - only then are there others
        self._due[name] = time.monotonic() + self._databases.every  # also when it hangs: then the others have their turn first
        client = self._postgres.of_database(name)
        try:
            with client.holding():
                async with client.transaction() as cursor:
                    found = await capabilities.find(cursor)
                await self._visit(client, name, found)
        except PollError as error:
            self.reasons.add(error.reason)
            if isinstance(error, Denied):
                self._due[name] = time.monotonic() + RETRY
            return False
        finally:
            await client.close()
        return True

    async def _visit(self, client: Postgres, name: str, found: Capabilities) -> None:
        await self._ask_all(client, name, found, (query for query in self._queries if query.scope == "database"))
        self._visited[name] = time.time()

    async def _ask_all(self, client: Postgres, name: str, found: Capabilities, queries: Iterable[Query]) -> None:
        for query in queries:
            standing = self._standings.setdefault((query, name), Standing())
            if obstacle := found.obstacle(query):
                standing.refused(obstacle)
            elif standing.is_due(time.monotonic(), query.every):
                await self._ask(client, query, standing)

    async def _ask(self, client: Postgres, query: Query, standing: Standing) -> None:
        began = time.monotonic()
        try:
            async with client.transaction(lock_timeout=query.lock_timeout) as cursor:
                rows = await query.rows(cursor, standing.state)
            samples = [sample for row in rows for sample in query.samples(row, self.instance)]
            await asyncio.sleep(0)  # an answer may be long: others get their turn between two
        except PollError as error:
            self.failed.add(query.name)
            interval = 0.0 if client is self._postgres or self._databases is None else self._databases.every
            standing.failed(error, time.monotonic(), max(query.every, interval))
            if isinstance(error, Unreachable):
                raise
        else:
            self.answered = True
            standing.answered(samples, began)
        finally:
            self.took[query.name] = self.took.get(query.name, 0.0) + time.monotonic() - began
