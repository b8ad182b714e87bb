"""The machine that the demo runs on, as its exporter shows it: true, but for what incidents make of its figures."""

from collections.abc import Callable, Collection, Iterable, Iterator

from pydantic import PrivateAttr

from exporter.collector import Samples
from exporter.collectors.node import Node
from exporter.metric import Metric, Sample

_BUSY = 0.97  # share of the idle time that counts as work while there is load
_MEMORY_LEFT, _DISK_LEFT = 0.04, 0.03  # shares that are available in a shortage
_LOAD = 3.0  # processes for each processor that want to run
_AVAILABLE = ("node_memory_MemAvailable_bytes", "node_memory_MemFree_bytes")
_FREE = ("node_filesystem_avail_bytes", "node_filesystem_free_bytes")


class Machine(Node):
    """As `Node`; nothing on the machine itself is touched. `Machine.under(going_on)` knows the incidents."""

    _going_on: Callable[[], Collection[str]] = PrivateAttr(default=tuple)
    _idle: dict[str, float] = PrivateAttr(default_factory=dict)
    """The true idle seconds at the last run, by processor."""
    _moved: dict[str, float] = PrivateAttr(default_factory=dict)
    """Seconds shown as work that were idle."""

    @classmethod
    def under(cls, going_on: Callable[[], Collection[str]]) -> "Machine":
        """The machine, with incidents."""
        machine = cls.model_validate({"subjects": {"tcpstat": True}})
        machine._going_on = going_on  # noqa: SLF001 - its own
        return machine

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        return Node.declares_always()

    async def collect(self) -> Samples:
        samples = [sample async for sample in super().collect()]
        for sample in self._shown(samples):
            yield sample

    def _shown(self, samples: list[Sample]) -> Iterator[Sample]:
        going_on = self._going_on()
        sizes = {each.labels: each.value for each in samples if each.metric.name == "node_filesystem_size_bytes"}
        total = next((each.value for each in samples if each.metric.name == "node_memory_MemTotal_bytes"), 0.0)
        self._move([each for each in samples if each.metric.name == "node_cpu_seconds_total"], load="cpu-load" in going_on)
        for sample in samples:
            name, labels, value = sample.metric.name, dict(zip(sample.metric.labels, sample.labels, strict=True)), sample.value
            if name == "node_cpu_seconds_total" and labels["mode"] in ("idle", "user"):
                moved = self._moved.get(labels["cpu"], 0.0)
                value += moved if labels["mode"] == "user" else -moved
            elif name.startswith("node_load") and name[9:].isdigit() and "cpu-load" in going_on:
                value = max(value, _LOAD * len(self._idle))
            elif name in _AVAILABLE and "memory-shortage" in going_on:
                value = min(value, _MEMORY_LEFT * total)
            elif name in _FREE and "disk-full" in going_on and labels["mountpoint"] == "/":
                value = min(value, _DISK_LEFT * sizes.get(sample.labels, 0.0))
            yield sample._replace(value=value)

    def _move(self, seconds: list[Sample], *, load: bool) -> None:
        """Count what was idle since the last run as work."""
        for sample in seconds:
            labels = dict(zip(sample.metric.labels, sample.labels, strict=True))
            if labels["mode"] == "idle":
                before = self._idle.get(labels["cpu"], sample.value)
                if load:
                    grown = max(0.0, sample.value - before)
                    self._moved[labels["cpu"]] = self._moved.get(labels["cpu"], 0.0) + _BUSY * grown
                self._idle[labels["cpu"]] = sample.value
