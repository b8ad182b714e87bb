"""The families of series of containers: cAdvisor's where it has one, and a few beside them for what it does not tell."""

import re
from collections.abc import Iterable
from dataclasses import replace

from exporter.metric import Metric, MetricType

DEFAULT_LABELS = ("com.docker.compose.project", "com.docker.compose.service")
"""The containers' own labels that are shown unless others are asked for."""

_NO_LETTER = re.compile(r"[^a-zA-Z0-9_]")


def label_name(label: str) -> str:
    """What a container's own label is called in the series, as with cAdvisor."""
    return f"container_label_{_NO_LETTER.sub('_', label)}"


def identity(labels: Iterable[str]) -> tuple[str, ...]:
    """The labels that each series has, when these labels of the containers' own are shown."""
    return ("id", "name", "image", *(label_name(label) for label in labels))


_DEFAULT_IDENTITY = identity(DEFAULT_LABELS)


def with_labels(metric: Metric, labels: Iterable[str]) -> Metric:
    """A family of this module with these labels of the containers' own instead of the default ones."""
    if metric.labels[: len(_DEFAULT_IDENTITY)] != _DEFAULT_IDENTITY:
        return metric
    return replace(metric, labels=(*identity(labels), *metric.labels[len(_DEFAULT_IDENTITY) :]))


def _family(name: str, help_: str, type_: MetricType = "gauge", labels: tuple[str, ...] = (), unit: str = "") -> Metric:
    return Metric(name, help_, type_, labels=(*_DEFAULT_IDENTITY, *labels), unit=unit)


def _counter(name: str, help_: str, *labels: str) -> Metric:
    return _family(name, help_, "counter", labels)


_INTERFACE, _DEVICE = "interface", "device"

_METRICS = (
    _family(
        "container_last_seen",
        "When the container was last seen running, in Unix time; shown for five minutes after that.",
        unit="timestamp_seconds",
    ),
    _family(
        "container_health_state", "What the container's health check says: 1 healthy, 0 starting or unhealthy, -1 no check."
    ),
    _family("container_health_failing_streak", "How many checks of the container's health have failed in a row."),
    _family("container_state", "Set to 1 for the state that the container is in, 0 for the others.", labels=("state",)),
    _counter("container_restarts_total", "How often the engine has restarted the container by itself."),
    _family("container_exit_code", "The status with which the container, now stopped, has ended."),
    _counter(
        "container_oom_events_total",
        "Processes of the container killed for lack of memory, as far as they were seen while the exporter ran.",
    ),
    _family("container_creation_time_seconds", "When the container was made, in Unix time.", unit="timestamp_seconds"),
    _family("container_start_time_seconds", "When the container was last started, in Unix time.", unit="timestamp_seconds"),
    _counter(
        "container_cpu_usage_seconds_total", "Processor time spent; cpu is always total, as under control groups 2.", "cpu"
    ),
    _counter("container_cpu_user_seconds_total", "Processor time spent in user mode."),
    _counter("container_cpu_system_seconds_total", "Processor time spent in the kernel."),
    _counter("container_cpu_cfs_periods_total", "Periods that the processor quota has been enforced in."),
    _counter("container_cpu_cfs_throttled_periods_total", "Periods in which the container had used up its processor quota."),
    _counter(
        "container_cpu_cfs_throttled_seconds_total", "Time for which tasks waited because the processor quota was used up."
    ),
    _family("container_memory_usage_bytes", "Memory in use, with all of the page cache that is the container's."),
    _family("container_memory_working_set_bytes", "Memory in use that the kernel could not simply take back."),
    _family("container_memory_rss", "Memory that belongs to no file.", unit="bytes"),
    _family("container_memory_cache", "Page cache.", unit="bytes"),
    _family("container_memory_mapped_file", "Files mapped into memory.", unit="bytes"),
    _family("container_memory_swap", "Swap in use.", unit="bytes"),
    _family("container_memory_max_usage_bytes", "The most memory that was ever in use."),
    _counter(
        "container_memory_failures_total",
        "Page faults: pgfault all, pgmajfault those that had to wait for a disk; scope container and hierarchy are the same.",
        "failure_type",
        "scope",
    ),
    _counter("container_network_receive_bytes_total", "Bytes received.", _INTERFACE),
    _counter("container_network_receive_packets_total", "Packets received.", _INTERFACE),
    _counter("container_network_receive_errors_total", "Packets received with an error.", _INTERFACE),
    _counter("container_network_receive_packets_dropped_total", "Packets received and dropped.", _INTERFACE),
    _counter("container_network_transmit_bytes_total", "Bytes sent.", _INTERFACE),
    _counter("container_network_transmit_packets_total", "Packets sent.", _INTERFACE),
    _counter("container_network_transmit_errors_total", "Packets that could not be sent.", _INTERFACE),
    _counter("container_network_transmit_packets_dropped_total", "Packets dropped instead of sent.", _INTERFACE),
    _counter("container_fs_reads_total", "Reads from a block device.", _DEVICE),
    _counter("container_fs_writes_total", "Writes to a block device.", _DEVICE),
    _counter("container_fs_reads_bytes_total", "Bytes read from a block device.", _DEVICE),
    _counter("container_fs_writes_bytes_total", "Bytes written to a block device.", _DEVICE),
    _family("container_threads", "Tasks of the container: threads of all its processes."),
    _family("container_threads_max", "The most tasks that the container may have; 0 when there is no limit."),
    _family("container_spec_memory_limit_bytes", "The memory that the container may use; 0 when there is no limit."),
    _family("container_spec_memory_swap_limit_bytes", "Memory and swap that the container may use; 0 when there is no limit."),
    _family("container_spec_memory_reservation_limit_bytes", "The memory that is set aside for the container; 0 for none."),
    _family("container_spec_cpu_period", "The period of the processor quota, in microseconds."),
    _family("container_spec_cpu_quota", "The processor time in each period, in microseconds; absent when there is no limit."),
    _family("container_spec_cpu_shares", "The container's weight when processors are short; 1024 unless set."),
    _counter("container_pressure_cpu_waiting_seconds_total", "Time for which some task waited for a processor."),
    _counter("container_pressure_cpu_stalled_seconds_total", "Time for which all tasks waited for a processor."),
    _counter("container_pressure_memory_waiting_seconds_total", "Time for which some task waited for memory."),
    _counter("container_pressure_memory_stalled_seconds_total", "Time for which all tasks waited for memory."),
    _counter("container_pressure_io_waiting_seconds_total", "Time for which some task waited for a disk."),
    _counter("container_pressure_io_stalled_seconds_total", "Time for which all tasks waited for a disk."),
    Metric("container_scrape_error", "Whether figures of a running container could not be had in the last run: 1 or 0."),
    Metric("machine_cpu_cores", "Processors of the engine's machine."),
    Metric("machine_memory_bytes", "Memory of the engine's machine."),
    Metric(
        "bellwether_container_engine_info",
        "Where containers are read from: docker, podman, or cgroup, which has ids in place of names.",
        "info",
        labels=("engine", "version", "api_version"),
    ),
)

FAMILIES = {metric.name: metric for metric in _METRICS}
