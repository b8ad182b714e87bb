"""Origin: where a query's SQL stands, so that what the database says of it can be told with file and line."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from exporter.document import Document

_PLACEHOLDER = re.compile(r"%\(\w+\)s")


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of one query's SQL in its pack's file."""

    file: str
    query: str
    line: int
    """That of the key `sql`."""
    first: int | None
    """That of the first line of SQL; None where lines of the file are not lines of SQL."""
    metrics: Mapping[str, int]
    """That of each metric's name."""

    def of_metric(self, name: str, text: str) -> str:
        """A message about one of its metrics."""
        return f"{self.file}:{self.metrics[name]}: queries.{self.query}.metrics.{name}: {text}"

    def message(self, text: str, sql: str = "", position: int | None = None) -> str:
        """A message about the query, or about a position in its SQL as the database got it, counted in characters from 1."""
        line = self.line
        if position is not None and position > 0 and self.first is not None:
            # The database saw two characters in place of each name, and none of them is a line's end.
            seen = _PLACEHOLDER.sub("$1", sql).replace("%%", "%")
            line = self.first + seen.count("\n", 0, position - 1)
        return f"{self.file}:{line}: queries.{self.query}.sql: {text}"


def origin(document: Document, query: str, sql: str, metrics: Iterable[str]) -> Origin:
    """Where the SQL and the metrics of a query stand, `sql` being what was kept of it."""
    key = document.line(("queries", query, "sql"))
    node = document.node
    for part in ("queries", query, "sql"):
        if isinstance(node, yaml.MappingNode):
            node = next((value for name, value in node.value if name.value == part), None)
    first = None
    if isinstance(node, yaml.ScalarNode) and node.style == "|":
        first = node.start_mark.line + 2 + node.value[: node.value.find(sql)].count("\n")
    elif isinstance(node, yaml.ScalarNode) and node.start_mark.line == node.end_mark.line:
        first = node.start_mark.line + 1
    lines = {name: document.line(("queries", query, "metrics", name)) for name in metrics}
    return Origin(document.file, query, key, first, lines)
