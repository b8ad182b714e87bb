"""What every source last said, held as bytes ready to send: a scrape joins parts and renders nothing.

The format wants all series of a metric under one header, however many sources feed it. So a source's metrics that no other
source feeds form one part, headers and all; a metric that several feed has a header of its own and a part for each. A poll
replaces its source's parts and touches no other's, unless a metric begins or ceases to be shared.

A page goes out in four forms: two text formats, each plain or gzipped. Lines are held once, since they are alike in both
formats. Of the forms, those that somebody asked for lately are made at publication; most scrapers ask for one.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from exporter.deflate import Part
from exporter.exposition import Format, header
from exporter.metric import Metric

_PAGES_KEPT = 32  # full page and the usual selections, in two formats and two encodings; more are made again when asked for
_LATELY = 600.0  # seconds for which a form is made ahead after it was asked for: some intervals of any usual scraper

_Page = tuple[frozenset[str] | None, Format, bool]
"""Which sources, in which text format, and whether gzipped."""
T = TypeVar("T")


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
        self._headers: dict[Format, dict[str, bytes]] = {format_: {} for format_ in Format}
        """By metric name, of the metrics that stand on the page."""
        self._standing: dict[str, dict[str, Metric]] = {}
        """What a metric adds to the holders, by its name."""
        self._own: dict[tuple[str, Format], Part] = {}
        """By source: the metrics that it alone feeds."""
        self._shared: dict[tuple[str, str], Part] = {}
        """By metric name and source."""
        self._polled: set[str] = set()
        self._openings: dict[_Page, Part] = {}
        """What chosen sources that are polled feed alone, since the last of them spoke."""
        self._together: dict[_Page, Part] = {}
        """All metrics that several of the chosen sources feed, since the last of these sources spoke."""
        self._pages: dict[_Page, list[bytes]] = {}
        self._asked: dict[tuple[Format, bool], float] = {}
        """When each form, plain or gzipped, was last asked for, by the clock that never jumps."""

    def reserve(self, metrics: Iterable[Metric]) -> None:
        """Keep the names of these metrics for those who declare them: a metric that was merely found may not take one."""
        self._reserved = {name for metric in metrics for name in metric.names}

    def publish(self, source: str, lines: Mapping[Metric, Collection[str]], *, polled: bool = False) -> Counter[str]:
        """Replace all that a source said before; gives how many lines were refused.

        `polled`: it speaks in its own time, not at each scrape; what such sources said stays together from page to page.
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
                    self._take_up(metric)
        before = source in self._polled
        (self._polled.add if polled else self._polled.discard)(source)
        changed = self._replace(source, blocks)
        if before or not self._polled.isdisjoint(changed):
            self._openings.clear()
        return refused

    def _take_up(self, metric: Metric) -> None:
        """Let the metric stand under its name, with its own header."""
        name = metric.name
        if self._metrics.get(name) is not metric:
            self._step_down(name)
            self._metrics[name], self._standing[name] = metric, dict.fromkeys(metric.names, metric)
            for format_, headers in self._headers.items():
                headers[name] = header(metric, format_)
        self._holders.update(self._standing[name])

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
            claims = {line.rpartition(" ")[0]: each for each in feeders for line in _lines(self._blocks[each][name])}
        claims = self._claims[name] = {series: each for series, each in claims.items() if each != source}
        own = [line for line in texts if line.rpartition(" ")[0] not in claims]
        claims.update((line.rpartition(" ")[0], source) for line in own)
        return own

    def _replace(self, source: str, blocks: dict[str, bytes]) -> set[str]:
        """Gives the sources whose parts are others now."""
        before = self._blocks.get(source, {})
        changed = {source}
        for name in before.keys() - blocks.keys():
            self._feeders[name].discard(source)
            if name in self._claims:
                self._claims[name] = {series: each for series, each in self._claims[name].items() if each != source}
            if self._shared.pop((name, source), None) is not None:
                self._together.clear()
            if not self._feeders[name]:
                self._forget(name)
            elif len(self._feeders[name]) == 1:
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
        return changed

    def _forget(self, name: str) -> None:
        """Keep nothing of a metric that no source feeds any more."""
        self._step_down(name)
        del self._feeders[name], self._metrics[name]
        self._claims.pop(name, None)
        for headers in self._headers.values():
            del headers[name]

    def _step_down(self, name: str) -> None:
        for taken, metric in self._standing.pop(name, {}).items():
            if self._holders.get(taken) is metric:
                del self._holders[taken]

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
        self._asked[format_, gzip] = time.monotonic()
        key = (None if sources is None else frozenset(sources), format_, gzip)
        pieces = self._pages.get(key)
        if pieces is None:
            pieces = _kept(self._pages, key, Part.joined(self._parts(*key), gzip=gzip).page(gzip=gzip))
        return pieces

    def _rebuild(self, source: str) -> None:
        """Make the parts of a source, in the forms that are likely to be asked for."""
        blocks, own, rebuilt = self._blocks[source], [], []
        for name, lines in blocks.items():
            if len(self._feeders[name]) == 1:
                own.append(name)
                shared = self._shared.pop((name, source), None)
            else:
                shared = self._shared[name, source] = Part([lines])
                rebuilt.append(shared)
            if shared is not None:
                self._together.clear()
        for format_, headers in self._headers.items():
            self._own[source, format_] = Part([text for name in own for text in (headers[name], blocks[name])])
        oldest = time.monotonic() - _LATELY
        for (format_, gzip), asked in self._asked.items():
            if asked > oldest:
                for part in (self._own[source, format_], *rebuilt):
                    part.pieces(gzip=gzip)

    def _parts(self, sources: frozenset[str] | None, format_: Format, gzip: bool) -> list[Part]:
        key = (sources, format_, gzip)
        chosen = [source for source in self._blocks if sources is None or source in sources]
        opening, together = self._openings.get(key), self._together.get(key)
        if opening is None:
            own = [self._own[source, format_] for source in chosen if source in self._polled]
            opening = _kept(self._openings, key, Part.opening(own, gzip=gzip))
        if together is None:
            together = _kept(self._together, key, Part.joined(self._shared_parts(chosen, format_), gzip=gzip))
        fresh = [self._own[source, format_] for source in chosen if source not in self._polled]
        return [opening, together, *fresh, _END[format_]]

    def _shared_parts(self, chosen: list[str], format_: Format) -> list[Part]:
        parts = []
        for name, feeders in self._feeders.items():
            if len(feeders) > 1:
                shared = [self._shared[name, source] for source in chosen if source in feeders]
                if shared:
                    parts += [Part([self._headers[format_][name]]), *shared]
        return parts


def _lines(block: bytes) -> list[str]:
    return block.decode().removesuffix("\n").split("\n")  # labels may hold whatever else str.splitlines() takes for an end


def _kept(pages: dict[_Page, T], page: _Page, made: T) -> T:
    """What was made, kept for the next who asks."""
    if len(pages) >= _PAGES_KEPT:
        pages.clear()
    pages[page] = made
    return made


_END = {format_: Part([format_.end]) for format_ in Format}
