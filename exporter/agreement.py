"""Agreement: by one name all collectors of the settings mean one thing, since it has one header on the page and one type."""

from collections.abc import Iterable, Iterator

from exporter import health
from exporter.collector import Collector, declared_in


def contradictions(collectors: Iterable[Collector]) -> Iterator[tuple[str, str]]:
    """The collectors that declare a name otherwise than one before them, each with what to tell of it.

    Several may feed a metric, as two databases do with one pack: then they declare it alike.
    """
    taken = {name: ("Bellwether itself", metric) for metric in declared_in(health) for name in metric.names}
    for collector in collectors:
        for metric in collector.declares():
            for name in sorted(metric.names):
                owner, known = taken.setdefault(name, (f"the collector {collector.name}", metric))
                if not known.agrees_with(metric):
                    declared, there = (f"{each.name}, {each.described}" for each in (metric, known))
                    yield collector.name, f"declares {declared}; {owner} declares {there}: rename it in one"
                    break
