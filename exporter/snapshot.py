"""What every source last said, held as bytes ready to send: a scrape joins parts and renders nothing.

The format wants all series of a metric under one header, however many sources feed it. So a source's metrics that no other
source feeds form one part, headers and all; a metric that several feed has a header of its own and a part for each. A poll
replaces its source's parts and touches no other's, unless a metric begins or ceases to be shared.
"""

from collections.abc import Callable, Collection, Mapping

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
        self._own: dict[tuple[str, Format], Part] = {}
        """By source: the metrics that it alone feeds."""
        self._shared: dict[tuple[str, str], Part] = {}
        """By metric name and source."""
        self._pages: dict[tuple[frozenset[str] | None, Format, bool], bytes] = {}

    def publish(self, source: str, lines: Mapping[Metric, Collection[str]]) -> None:
        """Replace all that a source said before."""
        blocks = {metric.name: "".join(texts).encode() for metric, texts in lines.items()}
        self._metrics.update({metric.name: metric for metric in lines})
        before = self._blocks.get(source, {})
        changed = {source}
        for name in before.keys() - blocks.keys():
            self._feeders[name].discard(source)
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
        """Forget a source: its series are gone from the next page on."""
        self.publish(source, {})
        del self._blocks[source]
        for format_ in Format:
            del self._own[source, format_]

    def page(self, format_: Format = Format.TEXT, *, gzip: bool = False, sources: Collection[str] | None = None) -> bytes:
        """The page of all sources, or of some, as it goes over the wire."""
        key = (None if sources is None else frozenset(sources), format_, gzip)
        page = self._pages.get(key)
        if page is None:
            if len(self._pages) >= _PAGES_KEPT:
                self._pages.clear()
            join: Callable[[list[Part]], bytes] = gzipped if gzip else plain
            page = self._pages[key] = join(self._parts(format_, key[0]))
        return page

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
