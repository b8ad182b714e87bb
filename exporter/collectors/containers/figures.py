"""What one container uses, by family and further labels, whether the kernel's files tell it or the engine does."""

from collections.abc import Mapping

from exporter.clients import cgroup, proc
from exporter.clients.cgroup import Cgroups
from exporter.clients.docker import Json
from exporter.errors import Malformed

Figures = dict[tuple[str, ...], float]
"""Values by the family's name and the values of its labels beside those that tell the container."""

USAGE = ("container_memory_usage_bytes",)
PROCESSOR = ("container_cpu_usage_seconds_total", "total")
OOM_EVENTS = ("container_oom_events_total",)

_NANO, _MICRO = 1e9, 1e6  # parts of a second

_INTERFACE = {  # the family, its place among the figures of /proc/PID/net/dev, and its name in the engine's answer
    "container_network_receive_bytes_total": (0, "rx_bytes"),
    "container_network_receive_packets_total": (1, "rx_packets"),
    "container_network_receive_errors_total": (2, "rx_errors"),
    "container_network_receive_packets_dropped_total": (3, "rx_dropped"),
    "container_network_transmit_bytes_total": (8, "tx_bytes"),
    "container_network_transmit_packets_total": (9, "tx_packets"),
    "container_network_transmit_errors_total": (10, "tx_errors"),
    "container_network_transmit_packets_dropped_total": (11, "tx_dropped"),
}
_DEVICE = {  # by the names in io.stat, which Podman passes on
    "rbytes": "container_fs_reads_bytes_total",
    "wbytes": "container_fs_writes_bytes_total",
    "rios": "container_fs_reads_total",
    "wios": "container_fs_writes_total",
}
_BLOCK_BYTES = _DEVICE | {"read": "container_fs_reads_bytes_total", "write": "container_fs_writes_bytes_total"}
_BLOCK_TIMES = {"read": "container_fs_reads_total", "write": "container_fs_writes_total"}
_PROCESSOR = {
    "usage_usec": PROCESSOR,
    "user_usec": ("container_cpu_user_seconds_total",),
    "system_usec": ("container_cpu_system_seconds_total",),
}
_MEMORY = {  # by the names in memory.stat: those of version 2, then those of version 1
    "anon": "container_memory_rss",
    "file": "container_memory_cache",
    "file_mapped": "container_memory_mapped_file",
    "rss": "container_memory_rss",
    "cache": "container_memory_cache",
    "mapped_file": "container_memory_mapped_file",
    "swap": "container_memory_swap",
}
_ONE_NUMBER = {  # by the names of files
    "memory.current": "container_memory_usage_bytes",
    "memory.peak": "container_memory_max_usage_bytes",
    "memory.swap.current": "container_memory_swap",
    "memory.max": "container_spec_memory_limit_bytes",
    "pids.current": "container_threads",
    "pids.max": "container_threads_max",
}
_PRESSURE = {"some": "waiting", "full": "stalled"}


def of_files(groups: Cgroups, path: str) -> Figures:
    """From the files of a container's control group."""
    figures = _processor_files(groups, path)
    for name, family in _ONE_NUMBER.items():
        value = groups.read(path, name, cgroup.number)
        if value is not None:
            figures[family,] = value
    figures |= _memory(figures.get(USAGE), groups.read(path, "memory.stat", cgroup.numbers))
    killed = groups.read(path, "memory.events", cgroup.numbers).get("oom_kill")
    if killed is not None:
        figures[OOM_EVENTS] = killed
    for number, pairs in groups.read(path, "io.stat", cgroup.devices).items():
        figures |= {(_DEVICE[key], groups.device(number)): pairs[key] for key in _DEVICE.keys() & pairs}
    for resource in ("cpu", "memory", "io"):
        for who, seconds in groups.read(path, f"{resource}.pressure", proc.pressure).items():
            figures[f"container_pressure_{resource}_{_PRESSURE[who]}_seconds_total",] = seconds
    return figures


def _processor_files(groups: Cgroups, path: str) -> Figures:
    spent = groups.read(path, "cpu.stat", cgroup.numbers)
    figures: Figures = {family: spent[key] / _MICRO for key, family in _PROCESSOR.items() if key in spent}
    allowed = groups.read(path, "cpu.max", cgroup.quota)
    if allowed is not None:
        quota, figures["container_spec_cpu_period",] = allowed
        if quota is not None:
            figures["container_spec_cpu_quota",] = quota
            figures |= _throttled(spent, ("nr_periods", "nr_throttled", "throttled_usec"), _MICRO)
    return figures


def of_interfaces(interfaces: Mapping[str, list[float]]) -> Figures:
    """From the network interfaces that a container sees."""
    return {(name, device): values[place] for device, values in interfaces.items() for name, (place, _) in _INTERFACE.items()}


def of_stats(stats: Json, groups: Cgroups, *, podman: bool) -> Figures:
    """From the engine's own figures. Raises `Malformed` for what they cannot be."""
    try:
        return _of_stats(stats, groups, podman=podman)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Malformed(f"the engine gives figures otherwise than the Engine API does: {error!r}") from None


def _of_stats(stats: Json, groups: Cgroups, *, podman: bool) -> Figures:
    processor = stats.get("cpu_stats") or {}
    usage = processor.get("cpu_usage") or {}
    if not usage.get("total_usage"):  # the answer for a container that has ended meanwhile is full of zeros
        return {}
    figures: Figures = {
        PROCESSOR: usage["total_usage"] / _NANO,
        ("container_cpu_user_seconds_total",): usage.get("usage_in_usermode", 0) / _NANO,
        ("container_cpu_system_seconds_total",): usage.get("usage_in_kernelmode", 0) / _NANO,
    }
    throttled = processor.get("throttling_data") or {}
    if throttled.get("periods"):
        figures |= _throttled(throttled, ("periods", "throttled_periods", "throttled_time"), _NANO)
    figures |= _memory_stats(stats.get("memory_stats") or {}, podman=podman)
    if tasks := (stats.get("pids_stats") or {}).get("current"):
        figures["container_threads",] = float(tasks)
    for device, values in (stats.get("networks") or {}).items():
        figures |= {(name, str(device)): float(values.get(key) or 0) for name, (_, key) in _INTERFACE.items()}
    blocks = stats.get("blkio_stats") or {}
    for kind, families in (("io_service_bytes_recursive", _BLOCK_BYTES), ("io_serviced_recursive", _BLOCK_TIMES)):
        for entry in blocks.get(kind) or ():
            if family := families.get(str(entry["op"]).lower()):
                figures[family, groups.device(f"{entry['major']}:{entry['minor']}")] = float(entry["value"])
    return figures


def _memory_stats(memory: Json, *, podman: bool) -> Figures:
    figures: Figures = {}
    if memory.get("usage") and podman and not memory.get("stats"):
        # Podman subtracts what can be taken back, and in some versions all but anonymous memory: usage it is not.
        figures["container_memory_working_set_bytes",] = float(memory["usage"])
    elif memory.get("usage"):
        figures[USAGE] = float(memory["usage"])
        figures |= _memory(figures[USAGE], memory.get("stats") or {})
    if memory.get("max_usage"):
        figures["container_memory_max_usage_bytes",] = float(memory["max_usage"])
    return figures


def filled(figures: Figures, others: Figures) -> Figures:
    """Figures, and the families of others that are missing among them: never two sources in one family."""
    present = {key[0] for key in figures}
    return figures | {key: value for key, value in others.items() if key[0] not in present}


def _throttled(counts: Mapping[str, float], keys: tuple[str, str, str], unit: float) -> Figures:
    families = ("periods_total", "throttled_periods_total", "throttled_seconds_total")
    return {
        (f"container_cpu_cfs_{name}",): counts[key] / (unit if key == keys[2] else 1)
        for name, key in zip(families, keys, strict=True)
        if key in counts
    }


def _memory(usage: float | None, stat: Mapping[str, float]) -> Figures:
    figures: Figures = {(name,): float(stat[key]) for key, name in _MEMORY.items() if key in stat}
    reclaimable = stat.get("total_inactive_file", stat.get("inactive_file"))
    if usage is not None and reclaimable is not None:
        figures["container_memory_working_set_bytes",] = max(0.0, usage - reclaimable)
    for fault in ("pgfault", "pgmajfault"):
        if fault in stat:
            for scope in ("container", "hierarchy"):
                figures["container_memory_failures_total", fault, scope] = float(stat[fault])
    return figures
