"""Query: one question to a server as data, with the metrics that its columns become.

Source of what a server can be asked: https://www.postgresql.org/docs/current/monitoring-stats.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from exporter.clients.postgres import Cursor, Row
from exporter.metric import Metric, MetricType, Sample

INSTANCE = "instance"
"""The first label of every metric: the server."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One question to a server or to each of its databases.

    A column that is a key of `metrics` is a value, one named in a metric's labels is a label, and others are ignored. A value
    that is NULL is no sample, unless `zeros` names its column; a label that is NULL is an empty text.
    """

    name: str
    """What users switch on and off: the name that postgres_exporter's collector has, where there is one. Queries that take
    turns by version or role share a name."""
    sql: str
    metrics: Mapping[str, Metric]
    """By column. The labels of each begin with `instance`, which the SQL does not give."""
    since: int = 13
    """The first major version it is for."""
    until: int = 99
    """The last major version it is for."""
    role: Literal["any", "primary", "replica"] = "any"
    scope: Literal["server", "database"] = "server"
    """`database`: asked in every database found; the SQL gives `datname` itself, as `current_database()`."""
    extension: str = ""
    """Asked only where this extension is installed, in the database that is asked."""
    needs: str = ""
    """A predefined role that is needed for the answer to be right, such as `pg_read_all_stats`; not asked without it."""
    default: bool = True
    """Whether it is asked unless the settings say otherwise."""
    zeros: frozenset[str] = frozenset()
    """Columns of values in which NULL means 0."""
    every: float = 0.0
    """Seconds between two times that it is asked, its samples kept in between; 0 for at each poll."""
    lock_timeout: float = 0.1
    """Seconds that it may wait for a lock: whoever wants a stronger one queues behind it for as long."""

    async def rows(self, cursor: Cursor, state: dict[str, Any]) -> list[Row]:
        """Ask. `state` survives between polls: there is one per collector, query and database."""
        del state  # for those that remember
        await cursor.execute(self.sql.encode())
        return await cursor.fetchall()

    def samples(self, row: Row, instance: str) -> Iterator[Sample]:
        """The samples of one row."""
        for column, metric in self.metrics.items():
            value = row.get(column)
            if value is None and column not in self.zeros:
                continue
            texts = {name: "" if (text := row[name]) is None else str(text) for name in metric.labels[1:]}
            yield metric(float(value or 0), instance=instance, **texts)


def family(prefix: str, labels: str = "", type_: MetricType = "gauge", unit: str = "", /, **helps: str) -> dict[str, Metric]:
    """The metrics of one view, by the column that holds their values: prefix and column make the name."""
    all_labels = (INSTANCE, *labels.split())
    return {column: Metric(prefix + column, text, type_, all_labels, unit) for column, text in helps.items()}
