"""The exporter's own metrics: how each collector fares, and what the process itself uses."""

import functools
import os
import platform
import resource
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter import __version__
from exporter.metric import Metric, Sample

SOURCE = "bellwether"
"""Under which the exporter's own metrics stand in the snapshot; no collector may have this name."""
PROCESS_SOURCE = f"{SOURCE} process"
"""Under which those stand that are others at each scrape; shown with the others, whoever asks for these."""

UP = Metric("bellwether_collector_up", "Whether the collector's last run succeeded: 1 or 0.", labels=("collector",))
DURATION = Metric("bellwether_collector_duration_seconds", "How long the collector's last run took.", labels=("collector",))
LAST_SUCCESS = Metric(
    "bellwether_collector_last_success_timestamp_seconds",
    "When the collector last succeeded, in Unix time; tells the age of its series.",
    labels=("collector",),
)
POLLS = Metric("bellwether_collector_polls_total", "Runs of the collector, failed ones included.", "counter", ("collector",))
FAILURES = Metric(
    "bellwether_collector_failures_total",
    "Failed runs of the collector, by reason: unreachable, throttled, denied, malformed, timeout, bug.",
    "counter",
    ("collector", "reason"),
)
SERIES = Metric("bellwether_collector_series", "Series that the collector exposes now.", labels=("collector",))
DROPPED = Metric(
    "bellwether_collector_dropped_series_total",
    "Series refused in runs of the collector, by reason: budget, duplicate, label_length, taken, value.",
    "counter",
    ("collector", "reason"),
)
REDACTED = Metric(
    "bellwether_collector_redacted_series_total",
    "Series shown with a label value replaced, because it looked like personal data or a credential.",
    "counter",
    ("collector",),
)
BUILD = Metric("bellwether_build_info", "The exporter's version and that of Python; always 1.", labels=("version", "python"))
RELOAD_OK = Metric("bellwether_config_last_reload_successful", "Whether the settings were valid when last read: 1 or 0.")
RELOAD_TIME = Metric(
    "bellwether_config_last_reload_success_timestamp_seconds", "When valid settings were last taken up, in Unix time."
)
PROCESS = {
    metric.name: metric
    for metric in (
        Metric("process_cpu_seconds_total", "CPU time that the exporter has used, user and system.", "counter"),
        Metric("process_open_fds", "File descriptors that the exporter holds open."),
        Metric("process_max_fds", "File descriptors that the exporter may hold open."),
        Metric("process_resident_memory_bytes", "Memory of the exporter that is in RAM."),
        Metric("process_virtual_memory_bytes", "Address space of the exporter."),
        Metric("process_start_time_seconds", "When the exporter started, in Unix time."),
    )
}

_PAGE = resource.getpagesize()
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Health:
    """How one collector fares."""

    up: bool = False
    duration: float = 0.0
    """Seconds that the last run took."""
    last_success: float | None = None
    """Unix time."""
    polls: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Failed runs by reason."""
    failing: str = ""
    """Why the last run failed: reason and message; empty while all is well."""
    series: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Series refused, by reason."""
    redacted: int = 0
    next_run: float | None = None
    """Unix time; None for a collector that runs at the scrape."""


@dataclass(slots=True)
class Reload:
    """How the last reading of the settings went."""

    successful: bool
    time: float
    """Unix time of the last success."""


def samples(healths: Mapping[str, Health], reload: Reload) -> Iterator[Sample]:
    """How the collectors fare and what the exporter is, as of now; `healths` by collector name."""
    for name, health in healths.items():
        yield POLLS(health.polls, collector=name)
        yield SERIES(health.series, collector=name)
        yield REDACTED(health.redacted, collector=name)
        if health.polls:  # before its first run a collector is neither up nor down
            yield UP(health.up, collector=name)
            yield DURATION(health.duration, collector=name)
        if health.last_success is not None:
            yield LAST_SUCCESS(health.last_success, collector=name)
        for reason, count in health.failures.items():
            yield FAILURES(count, collector=name, reason=reason)
        for reason, count in health.dropped.items():
            yield DROPPED(count, collector=name, reason=reason)
    yield BUILD(1, version=__version__, python=platform.python_version())
    yield RELOAD_OK(reload.successful)
    yield RELOAD_TIME(reload.time)


def process_lines() -> dict[Metric, list[str]]:
    """The lines of the process' own metrics, as of now."""
    return {metric: [f"{metric.name} {float(value)!r}\n"] for metric, _, value in process()}


def process() -> Iterator[Sample]:
    """What prometheus_client's `ProcessCollector` gives, at a third of its cost, which would be a fifth of a scrape's.

    Nothing where the kernel does not tell. Source: proc(5), getrusage(2)
    """
    try:
        with open("/proc/self/statm", "rb", buffering=0) as sizes:  # noqa: PTH123 - half of what Path takes, at each scrape
            virtual, resident = sizes.read().split()[:2]
        descriptors, start = len(os.listdir("/proc/self/fd")), _start_time()  # noqa: PTH208
    except OSError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield PROCESS["process_cpu_seconds_total"](used.ru_utime + used.ru_stime)
    yield PROCESS["process_open_fds"](descriptors)
    yield PROCESS["process_max_fds"](resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield PROCESS["process_resident_memory_bytes"](int(resident) * _PAGE)
    yield PROCESS["process_virtual_memory_bytes"](int(virtual) * _PAGE)
    yield PROCESS["process_start_time_seconds"](start)


@functools.cache
def _start_time() -> float:
    started = float(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19]) / _TICKS
    booted = next(line for line in Path("/proc/stat").read_bytes().splitlines() if line.startswith(b"btime "))
    return float(booted.split()[1]) + started
