"""Volume: what stores of logs have in common, the metrics they feed and how counts of windows become counters.

Source of the levels: https://opentelemetry.io/docs/specs/otel/logs/data-model/#severity-fields and
https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1 (syslog)
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator

from exporter.metric import Metric, Sample

Level = Literal["trace", "debug", "info", "warning", "error", "critical", "other"]


def _in_small_letters(spellings: dict[str, Level]) -> dict[str, Level]:
    return {text.strip().lower(): level for text, level in spellings.items()}


Spellings = Annotated[dict[str, Level], AfterValidator(_in_small_letters)]
"""Levels by what stores have for them."""

LINES = Metric(
    "logs_lines_total",
    "Log lines since the exporter started, by level: trace, debug, info, warning, error, critical, other.",
    "counter",
    ("source", "level"),
)
NEWEST = Metric(
    "logs_newest_line_timestamp_seconds",
    "When the newest log line was written, in Unix time; how far behind now says whether lines still come in.",
    labels=("source",),
)
READY = Metric("logs_store_ready", "Whether the store of logs says that it is ready: 1 or 0.", labels=("source",))
INCOMPLETE = Metric(
    "logs_count_incomplete",
    "Whether the store could not look at all lines, so that logs_lines_total waits until it can: 1 or 0.",
    labels=("source",),
)

_SPELLINGS: dict[Level, str] = {
    "trace": "trace trc finest verbose",
    "debug": "debug dbg fine finer",
    "info": "info inf information informational notice",
    "warning": "warning warn wrn",
    "error": "error err eror severe",
    "critical": "critical crit fatal panic alert emerg emergency",
    "other": "",
}
_LEVELS: dict[str, Level] = {spelling: level for level, text in _SPELLINGS.items() for spelling in text.split()}
_LONGEST_WINDOW = (
    3600  # seconds; after a longer failure what is older stays uncounted, since asking for it could bring down the store
)


def by_level(counts: Mapping[str, int], spellings: Spellings) -> Counter[str]:
    """Counts by level, of counts by what the store has as level; `spellings` are known besides the common ones."""
    levels: Counter[str] = Counter()
    for text, count in counts.items():
        word = text.strip().lower()
        levels[spellings.get(word) or _LEVELS.get(word, "other")] += count
    return levels


class Window(NamedTuple):
    """A stretch of time in whole seconds of Unix time. Its beginning is not part of it, its end is."""

    after: int
    up_to: int

    @property
    def length(self) -> int:
        """In seconds."""
        return self.up_to - self.after


@dataclass(frozen=True, slots=True)
class Windows:
    """What to count at one poll; None where there is nothing to count."""

    settling: Window | None
    """Lines old enough that no more will turn up among them: counted for good."""
    fresh: Window | None
    """Younger lines: counted afresh at each poll."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Lines counted so far. Immutable: a poll that fails midway keeps the old one and has lost nothing.

    It begins at 0 when the exporter starts, so that a restart does not count the same lines again.
    """

    settled_to: int
    settled: Counter[str] = field(default_factory=Counter)
    exposed: Counter[str] = field(default_factory=Counter)
    """The counters themselves. They never fall, even where lines are deleted."""

    def windows(self, now: float, late_by: float) -> Windows:
        """The windows of a poll, given how late lines may come in."""
        end = max(int(now), self.settled_to)
        after = max(self.settled_to, end - int(late_by) - _LONGEST_WINDOW)
        border = max(after, end - int(late_by))
        return Windows(Window(after, border) if after < border else None, Window(border, end) if border < end else None)

    def grown(self, windows: Windows, settling: Counter[str], fresh: Counter[str]) -> Self:
        """The tally after these were counted."""
        settled = self.settled + settling
        current = settled + fresh
        exposed: Counter[str] = Counter({level: max(self.exposed[level], current[level]) for level in _SPELLINGS})
        return type(self)(windows.settling.up_to if windows.settling else self.settled_to, settled, exposed)

    def samples(self, source: str) -> Iterator[Sample]:
        """A counter for each level, those without a line at 0."""
        for level in _SPELLINGS:
            yield LINES(self.exposed[level], source=source, level=level)
