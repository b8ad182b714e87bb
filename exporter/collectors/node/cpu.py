"""Processor time, and what the kernel counts since the host started: /proc/stat."""

from collections.abc import Iterator

from exporter.clients.proc import Stat
from exporter.metric import Metric, Sample

CPU_SECONDS = Metric(
    "node_cpu_seconds_total", "Time a processor has spent in a mode, since the host started.", "counter", ("cpu", "mode")
)
CPU_GUEST_SECONDS = Metric(
    "node_cpu_guest_seconds_total",
    "Time a processor has spent running virtual machines; also counted in the modes user and nice.",
    "counter",
    ("cpu", "mode"),
)
TOTALS = {
    "btime": Metric("node_boot_time_seconds", "When the host started, in Unix time.", unit="timestamp_seconds"),
    "ctxt": Metric("node_context_switches_total", "Times a processor changed from one task to another.", "counter"),
    "intr": Metric("node_intr_total", "Interrupts served.", "counter"),
    "processes": Metric("node_forks_total", "Processes and threads started.", "counter"),
    "procs_running": Metric("node_procs_running", "Tasks running, or ready to run."),
    "procs_blocked": Metric("node_procs_blocked", "Tasks waiting for a disk or the like."),
}

_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_GUEST_MODES = ("user", "nice")
_IDLE = _MODES.index("idle")
_RESTARTED = 3.0  # seconds


class Processors:
    """The times of each processor, kept from running backwards.

    The kernel estimates idle and iowait, and at times corrects them downwards, which Prometheus would take for a restart of
    the counter. A processor whose idle time falls by more than that was taken out and put back, and does start anew.
    """

    def __init__(self) -> None:
        self._last: dict[str, list[float]] = {}

    def forward(self, processor: str, seconds: list[float]) -> list[float]:
        """These times, or where they would fall, those told last."""
        last = self._last.get(processor, seconds)
        if last[_IDLE] - seconds[_IDLE] < _RESTARTED:
            seconds = list(map(max, last, seconds))
        self._last[processor] = seconds
        return seconds


def samples(stat: Stat, processors: Processors) -> Iterator[Sample]:
    for processor, times in stat.processors.items():
        seconds = processors.forward(processor, times)
        for mode, value in zip(_MODES, seconds, strict=False):
            yield CPU_SECONDS(value, cpu=processor, mode=mode)
        for mode, value in zip(_GUEST_MODES, seconds[len(_MODES) :], strict=False):
            yield CPU_GUEST_SECONDS(value, cpu=processor, mode=mode)
    for name, metric in TOTALS.items():
        if name in stat.totals:
            yield metric(stat.totals[name])
