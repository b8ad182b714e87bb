"""Processor time, and which processors are online, isolated or slowed down by heat.

Source: https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-devices-system-cpu,
https://www.kernel.org/doc/html/latest/admin-guide/cputopology.html
"""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
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
ONLINE = Metric("node_cpu_online", "1 when the processor takes work, 0 when it is switched off.", labels=("cpu",))
ISOLATED = Metric(
    "node_cpu_isolated", "Always 1: a processor that the kernel gives no work of its own accord.", labels=("cpu",)
)
CORE_THROTTLES = Metric(
    "node_cpu_core_throttles_total", "Times a core was slowed down because it was hot.", "counter", ("package", "core")
)
PACKAGE_THROTTLES = Metric(
    "node_cpu_package_throttles_total", "Times a whole chip was slowed down because it was hot.", "counter", ("package",)
)
INFO = Metric(
    "node_cpu_info",
    "Always 1: model and revision of a processor. Shown when the setting cpu_info is true.",
    labels=(
        "package", "core", "cpu", "vendor", "family", "model", "model_name", "microcode", "stepping", "cachesize",
    ),
)  # fmt: skip

_FIELDS = {
    "package": "physical id",
    "core": "core id",
    "cpu": "processor",
    "vendor": "vendor_id",
    "family": "cpu family",
    "model": "model",
    "model_name": "model name",
    "microcode": "microcode",
    "stepping": "stepping",
    "cachesize": "cache size",
}
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_GUEST_MODES = ("user", "nice")
_IDLE = _MODES.index("idle")
_RESTARTED = 3.0  # seconds
_FOLDER = "devices/system/cpu/"


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


class Constants(dict[str, str]):
    """Files that stay as they are while the host runs, by name: of each processor its core and chip, or all of cpuinfo."""

    def line(self, tree: proc.Tree, name: str) -> str:
        """What the file held when it was read first."""
        if name not in self:
            self[name] = tree.line(name)
        return self[name]


def samples(host: Host) -> Iterator[Sample]:
    processors = host.keep(Processors)
    for processor, times in host.stat.processors.items():
        seconds = processors.forward(processor, times)
        for mode, value in zip(_MODES, seconds, strict=False):
            yield CPU_SECONDS(value, cpu=processor, mode=mode)
        for mode, value in zip(_GUEST_MODES, seconds[len(_MODES) :], strict=False):
            yield CPU_GUEST_SECONDS(value, cpu=processor, mode=mode)
    online = set(host.sys.parsed(_FOLDER + "online", proc.number_list))
    for number in host.sys.parsed(_FOLDER + "present", proc.number_list):
        yield ONLINE(float(number in online), cpu=str(number))
    for number in host.sys.parsed(_FOLDER + "isolated", proc.number_list):
        yield ISOLATED(1.0, cpu=str(number))
    yield from _throttles(host, sorted(online))
    if host.settings.cpu_info:
        yield from _info(host.keep(Constants).line(host.proc, "cpuinfo"))


def _throttles(host: Host, online: list[int]) -> Iterator[Sample]:
    if not online or not host.sys.names(f"{_FOLDER}cpu{online[0]}/thermal_throttle"):  # as in any virtual machine
        return
    constants = host.keep(Constants)
    cores: set[tuple[str, str]] = set()
    packages: set[str] = set()
    for number in online:
        folder = f"{_FOLDER}cpu{number}/"
        package = constants.line(host.sys, folder + "topology/physical_package_id")
        core = constants.line(host.sys, folder + "topology/core_id")
        if (package, core) not in cores:  # threads of a core tell the same
            cores.add((package, core))
            count = host.sys.number(folder + "thermal_throttle/core_throttle_count")
            if count is not None:
                yield CORE_THROTTLES(count, package=package, core=core)
        if package not in packages:
            packages.add(package)
            count = host.sys.number(folder + "thermal_throttle/package_throttle_count")
            if count is not None:
                yield PACKAGE_THROTTLES(count, package=package)


def _info(text: str) -> Iterator[Sample]:
    for block in text.split("\n\n"):
        fields = proc.assignments(block.splitlines(), ":")
        if "processor" in fields:
            yield INFO(1.0, **{label: fields.get(field, "") for label, field in _FIELDS.items()})
