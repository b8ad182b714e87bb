"""What other programs measure, from the files `*.prom` of the folders that the setting textfile_directories names.

A file that is read without a mistake is served; one with a mistake is not, and takes nothing from the others. Files are read
again when they change. How old they are is in node_textfile_mtime_seconds: those that nobody renews any more are still served.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exporter.clients import textformat
from exporter.collectors.node.host import Host
from exporter.errors import Malformed
from exporter.metric import Metric, MetricType, Sample

log = logging.getLogger(__name__)

SCRAPE_ERROR = Metric(
    "node_textfile_scrape_error", "1 when a file or folder of textfile_directories cannot be served whole, 0 otherwise."
)
MTIME = Metric(
    "node_textfile_mtime_seconds",
    "When a file that is served last changed, in Unix time.",
    labels=("file",),
    unit="timestamp_seconds",
)

_OWN_NAMES = ("bellwether_", "process_")  # the exporter's own figures, and those of this process
_NO_HELP = "No help text was given."
_BOUNDS = {"histogram": "le", "summary": "quantile"}


@dataclass(slots=True)
class _File:
    """A file as it was when it last changed."""

    changed: tuple[int, int, int]
    mtime: float
    families: list[textformat.Family]
    mistake: str


@dataclass(slots=True)
class Files:
    """All files, and the samples made of them since one last changed."""

    known: dict[Path, _File] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    logged: set[str] = field(default_factory=set)

    def update(self, folders: tuple[Path, ...], declared: Callable[[], Iterable[Metric]]) -> list[str]:
        """Read what has changed, and tell the mistakes there are."""
        missing: list[str] = []
        files: dict[Path, _File] = {}
        for folder in folders:
            try:
                names = sorted(name for name in os.listdir(folder) if name.endswith(".prom"))  # noqa: PTH208 - of names, not paths
            except OSError as error:
                missing.append(f"{folder}: {error.strerror}")
                continue
            for path in (folder / name for name in names):
                file = _read(path, self.known.get(path))
                if file is not None:
                    files[path] = file
        if files != self.known:
            self.known = files
            self.mistakes = [file.mistake for file in files.values() if file.mistake]
            self.samples = list(self._merged({name for metric in declared() for name in metric.names}))
        mistakes = missing + self.mistakes
        for mistake in set(mistakes) - self.logged:  # once, when it begins: the rest is served, so no run fails
            log.warning("textfile: %s", mistake)
        self.logged = set(mistakes)
        return mistakes

    def _merged(self, taken: set[str]) -> Iterator[Sample]:
        """The samples of all files. A metric may stand in several; the first says what it is. `taken` are others' names."""
        families: dict[str, list[textformat.Family]] = {}
        for path, file in self.known.items():
            for family in file.families:
                alike = families.setdefault(family.name, [])
                if alike and alike[0].type != family.type:
                    self.mistakes.append(f"{path}: {family.name} is a {family.type}, and a {alike[0].type} in another file")
                else:
                    alike.append(family)
        for alike in families.values():
            try:
                metric = _metric(alike, taken)
                samples = list(_samples(metric, alike))
            except (TypeError, ValueError) as error:
                self.mistakes.append(f"textfile_directories: {error}")
                continue
            taken |= metric.names
            yield from samples


def samples(host: Host) -> Iterator[Sample]:
    files = host.keep(Files)
    folders = host.settings.textfile_directories
    mistakes = files.update(folders, host.settings.declares) if folders else []
    yield SCRAPE_ERROR(float(bool(mistakes)))
    yield from files.samples
    for path, file in files.known.items():
        if not file.mistake:
            yield MTIME(file.mtime, file=str(path))


def _read(path: Path, known: _File | None) -> _File | None:
    """The file as it is; the one known when it has not changed, None when it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    changed = (status.st_mtime_ns, status.st_size, status.st_ino)
    if known is not None and known.changed == changed:
        return known
    try:
        families, mistake = textformat.read(path, status.st_size, status.st_mode), ""
    except Malformed as error:
        families, mistake = [], str(error)
    return _File(changed, status.st_mtime, families, mistake)


def _metric(alike: list[textformat.Family], taken: set[str]) -> Metric:
    """One declaration for a metric of several files. Raises `ValueError` when there can be none."""
    first = alike[0]
    bound = _BOUNDS.get(first.type)
    labels = dict.fromkeys(name for family in alike for _, labels, _ in family.rows for name in labels if name != bound)
    help_ = next((family.help for family in alike if family.help.strip()), _NO_HELP)
    type_: MetricType = first.type  # type: ignore[assignment] # one of textformat's five
    metric = Metric(first.name, help_, type_, tuple(labels), found=True)
    if metric.name.startswith(_OWN_NAMES) or not taken.isdisjoint(metric.names):
        raise ValueError(f"{metric.name}: the name is taken by another metric")
    return metric


def _samples(metric: Metric, alike: list[textformat.Family]) -> Iterator[Sample]:
    """A label that only others of the metric have is empty, which is as good as absent. Raises `ValueError`."""
    bound = _BOUNDS.get(metric.type)
    spreads: dict[tuple[str, ...], tuple[dict[float, float], dict[str, float]]] = {}
    for family in alike:
        for suffix, labels, value in family.rows:
            values = tuple(labels.get(name, "") for name in metric.labels)
            if bound is None:
                yield metric(value, **dict(zip(metric.labels, values, strict=True)))
                continue
            bounds, totals = spreads.setdefault(values, ({}, {}))
            if bound in labels:
                bounds[float(labels[bound])] = value
            else:
                totals[suffix] = value
    make = metric.histogram if metric.type == "histogram" else metric.summary
    for values, (bounds, totals) in spreads.items():
        labels = dict(zip(metric.labels, values, strict=True))
        yield make(bounds, sum=totals.get("_sum"), count=totals.get("_count"), **labels)
