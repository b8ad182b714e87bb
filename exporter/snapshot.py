"""What every source last said, held as bytes ready to send: a scrape joins parts and renders nothing.

The format wants all series of a metric under one header, however many sources feed it. So a source's metrics that no other
source feeds form one part, headers and all; a metric that several feed has a header of its own and a part for each. A poll
replaces its source's parts and touches no other's, unless a metric begins or ceases to be shared.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from exporter.deflate import Part, gzipped, plain
from exporter.exposition import Format, header
from exporter.metric import Metric

_PAGES_KEPT = 32  # full page and the usual selections, in two formats and two encodings; more are made again when asked for


class Snapshot:
    """The parts of all sources, and the pages made of them since the last change."""

    def __init__(self) -> None:
        self._blocks: dict[str, dict[str, bytes]] = {}
        """Lines by source, then by metric name."""
        self._metrics: dict[str, Metric] = {}
        self._feeders: dict[str, set[str]] = {}
        """Sources by the name of the metric they feed."""
        self._reserved: set[str] = set()
        self._holders: dict[str, Metric] = {}
        """By each name that stands on the page or in OpenMetrics' families: whose it was last."""
        self._claims: dict[str, dict[str, str]] = {}
        """Which source shows a series, by metric name and series, of metrics that several sources feed."""
        self._own: dict[tuple[str, Format], Part] = {}
        """By source: the metrics that it alone feeds."""
        self._shared: dict[tuple[str, str], Part] = {}
        """By metric name and source."""
        self._pages: dict[tuple[frozenset[str] | None, Format, bool], list[bytes]] = {}

    def reserve(self, metrics: Iterable[Metric]) -> None:
        """Keep the names of these metrics for those who declare them: a metric that was merely found may not take one."""
        self._reserved = {name for metric in metrics for name in metric.names}

    def publish(self, source: str, lines: Mapping[Metric, Collection[str]]) -> Counter[str]:
        """Replace all that a source said before; gives how many lines were refused.

        `duplicate`: another source shows the series. `taken`: the metric was found, and its name is another metric's.
        """
        blocks: dict[str, bytes] = {}
        refused: Counter[str] = Counter()
        for metric, texts in lines.items():
            if metric.found and self._is_taken(metric, source):
                refused["taken"] += len(texts)
                continue
            own = self._own_lines(source, metric.name, texts)
            if len(own) < len(texts):
                refused["duplicate"] += len(texts) - len(own)
            if own:
                blocks[metric.name] = "".join(own).encode()
                if self._feeders.get(metric.name, set()) <= {source}:  # else the header stays that of the first
                    self._metrics[metric.name] = metric
                    self._holders.update(dict.fromkeys(metric.names, metric))
        self._replace(source, blocks)
        return refused

    def _is_taken(self, metric: Metric, source: str) -> bool:
        if not self._reserved.isdisjoint(metric.names):
            return True
        holders = {self._holders[name] for name in metric.names if name in self._holders}
        fed_by_others = [holder for holder in holders if self._feeders.get(holder.name, set()) - {source}]
        return any((holder.name, holder.type) != (metric.name, metric.type) for holder in fed_by_others)

    def _own_lines(self, source: str, name: str, texts: Collection[str]) -> Collection[str]:
        """The lines of series that no other source shows: whoever showed a series first keeps it."""
        feeders = self._feeders.get(name, set())
        if feeders <= {source}:
            self._claims.pop(name, None)
            return texts
        claims = self._claims.get(name)
        if claims is None:  # the metric was one source's alone until now
            claims = {
                line.rpartition(" ")[0]: each for each in feeders for line in self._blocks[each][name].decode().splitlines()
            }
        claims = self._claims[name] = {series: each for series, each in claims.items() if each != source}
        own = [line for line in texts if line.rpartition(" ")[0] not in claims]
        claims.update((line.rpartition(" ")[0], source) for line in own)
        return own

    def _replace(self, source: str, blocks: dict[str, bytes]) -> None:
        before = self._blocks.get(source, {})
        changed = {source}
        for name in before.keys() - blocks.keys():
            self._feeders[name].discard(source)
            if name in self._claims:
                self._claims[name] = {series: each for series, each in self._claims[name].items() if each != source}
            self._shared.pop((name, source), None)
            if len(self._feeders[name]) == 1:
                changed |= self._feeders[name]
        for name in blocks.keys() - before.keys():
            feeders = self._feeders.setdefault(name, set())
            if len(feeders) == 1:
                changed |= feeders
            feeders.add(source)
        self._blocks[source] = blocks
        for each in changed:
            self._rebuild(each)
        self._pages.clear()

    def withdraw(self, source: str) -> None:
        """Forget a source: its series are gone from the next page on. One that never said anything is forgotten already."""
        if source not in self._blocks:
            return
        self.publish(source, {})
        del self._blocks[source]
        for format_ in Format:
            del self._own[source, format_]

    def page(self, format_: Format = Format.TEXT, *, gzip: bool = False, sources: Collection[str] | None = None) -> bytes:
        """The page of all sources, or of some, as it goes over the wire."""
        return b"".join(self.pieces(format_, gzip=gzip, sources=sources))

    def pieces(
        self, format_: Format = Format.TEXT, *, gzip: bool = False, sources: Collection[str] | None = None
    ) -> list[bytes]:
        """The same, in pieces: what a source said at length is handed on, not copied."""
        key = (None if sources is None else frozenset(sources), format_, gzip)
        pieces = self._pages.get(key)
        if pieces is None:
            if len(self._pages) >= _PAGES_KEPT:
                self._pages.clear()
            divide: Callable[[list[Part]], list[bytes]] = gzipped if gzip else plain
            pieces = self._pages[key] = divide(self._parts(format_, key[0]))
        return pieces

    def _rebuild(self, source: str) -> None:
        own: list[str] = []
        for name, lines in self._blocks[source].items():
            if len(self._feeders[name]) == 1:
                own.append(name)
                self._shared.pop((name, source), None)
            else:
                self._shared[name, source] = Part.of(lines)
        for format_ in Format:
            text = b"".join([header(self._metrics[name], format_) + self._blocks[source][name] for name in own])
            self._own[source, format_] = Part.of(text)

    def _parts(self, format_: Format, sources: frozenset[str] | None) -> list[Part]:
        chosen = [source for source in self._blocks if sources is None or source in sources]
        parts = [self._own[source, format_] for source in chosen]
        for name, feeders in self._feeders.items():
            if len(feeders) > 1:
                shared = [self._shared[name, source] for source in chosen if source in feeders]
                if shared:
                    parts += [Part.of(header(self._metrics[name], format_)), *shared]
        return [*parts, Part.of(format_.end)]
