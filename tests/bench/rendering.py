"""Rendering, in one process: from samples to a gzipped page ready to send, beside prometheus_client's, which is plain."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import prometheus_client

from exporter.guard import Draft
from exporter.metric import Metric, Sample
from exporter.snapshot import Snapshot
from tests.bench.compare import Effort, progress
from tests.bench.process import python
from tests.bench.report import Section, Verdict
from tests.bench.serve import registered
from tests.bench.synthetic import CHILDREN, LABELS, label_values, values

_SIZES = (1_000, 10_000, 100_000)


def measure(effort: Effort) -> Section:
    section = Section(
        "Rendering at publication, µs a series",
        ("series", "first run", "later runs", "of which publish", "prometheus_client", "ratio"),
    )
    for size in _SIZES:
        progress(f"rendering: {size} series")
        command = python("tests.bench.rendering", str(size), str(effort.rounds))
        first, later, publish, theirs = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        section.rows.append((size, first, later, publish, theirs, theirs / later))
        if size == _SIZES[-1]:
            section.verdicts.append(Verdict("rendering at publication, 100,000 series, later runs", later, 2, "µs a series"))
    return section


def figures(series: int, rounds: int) -> list[float]:
    """Microseconds a series: first run, later runs, publication alone, prometheus_client. Medians of the rounds."""
    registry = registered(series)
    metrics = [
        Metric(f"level_{number}", "A level that was made up.", labels=LABELS) for number in range(-(-series // CHILDREN))
    ]
    declared = {metric.name: metric for metric in metrics}
    labels = list(label_values(min(series, CHILDREN)))
    source = values()
    taken: dict[str, list[float]] = {"first": [], "later": [], "publish": [], "theirs": []}

    def timed(name: str, do: Callable[[], object]) -> None:
        began = time.process_time()
        do()
        taken[name].append((time.process_time() - began) / series * 1e6)

    def gathered(known: Draft | None) -> Draft:
        draft = Draft(declared, 10_000_000, known)
        for sample in samples:
            draft.add(sample)
        return draft

    def keep(draft: Draft) -> Draft:
        drafts[:] = [draft]
        return draft

    def fresh() -> list[Sample]:
        return [Sample(metric, each, next(source)) for metric in metrics for each in labels]

    def published(on: Snapshot, draft: Draft) -> None:
        on.publish("bench", draft.lines, polled=True)
        on.pieces(gzip=True)

    snapshot = Snapshot()
    samples = fresh()
    drafts = [gathered(None)]
    for _ in range(rounds):
        samples = fresh()
        timed("first", lambda: published(Snapshot(), gathered(None)))
        samples = fresh()
        timed("later", lambda: published(snapshot, keep(gathered(drafts[-1]))))
        timed("publish", lambda: published(snapshot, drafts[-1]))
        timed("theirs", lambda: prometheus_client.generate_latest(registry))
    return [statistics.median(each) for each in taken.values()]


if __name__ == "__main__":
    json.dump(figures(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
