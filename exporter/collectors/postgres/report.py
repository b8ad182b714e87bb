"""Report: what a poll tells about itself, under postgres_exporter's names where it has some.

Source: https://github.com/prometheus-community/postgres_exporter/tree/v0.20.0/exporter
"""

from collections.abc import Iterable, Iterator

from exporter.collectors.postgres.capabilities import SERVICE
from exporter.collectors.postgres.query import INSTANCE, family
from exporter.collectors.postgres.runner import Runner
from exporter.metric import Metric, Sample

UP = Metric("pg_up", "Whether the server could be read: 1 or 0.", labels=(INSTANCE,))
ERROR = Metric(
    "bellwether_postgres_error",
    "Set to 1 while the server, or at pg_up 1 some of its figures, cannot be read: unreachable, denied, timeout, malformed.",
    labels=(INSTANCE, "reason"),
)
AVAILABLE = Metric(
    "bellwether_postgres_query_available",
    "Whether a query is answered: 1, or 0 with what is in the way: off (by the settings), version, role (for primaries or for "
    "replicas only), extension, right, unsupported, timeout, failed, unreachable.",
    labels=(INSTANCE, "query", "obstacle"),
)
LAST = family(
    "pg_exporter_last_scrape_",
    error="Whether anything could not be read in the last poll: 1 or 0.",
    duration_seconds="How long the last poll took.",
)
POLLS = family("pg_exporter_", "", "counter", scrapes_total="Polls of the server so far.")
QUERY = family(
    "pg_scrape_collector_",
    "collector",
    success="Whether all went well when the query was last asked, in the last poll: 1 or 0.",
    duration_seconds="How long the query took in the last poll, in all databases that were visited.",
)


def samples(runner: Runner, instance: str, off: Iterable[str], *, up: bool) -> Iterator[Sample]:
    """What was read, how each query fared, and why one gives nothing; of a server that is down, which queries failed."""
    for name, took in sorted(runner.took.items()):
        yield QUERY["success"](name not in runner.failed, instance=instance, collector=name)
        yield QUERY["duration_seconds"](took, instance=instance, collector=name)
    if not up:
        return
    yield from runner.samples()
    obstacles = runner.obstacles()
    for name, obstacle in (dict.fromkeys(off, "off") | obstacles).items():
        yield AVAILABLE(not obstacle, instance=instance, query=name, obstacle=obstacle)
    if runner.capabilities is not None:
        yield SERVICE(1, instance=instance, service=runner.capabilities.service)


def of_polls(instance: str, polls: int, took: float, *, failed: bool) -> Iterator[Sample]:
    """How the poll itself fared."""
    yield LAST["error"](failed, instance=instance)
    yield LAST["duration_seconds"](took, instance=instance)
    yield POLLS["scrapes_total"](polls, instance=instance)
