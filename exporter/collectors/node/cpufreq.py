"""Clock frequency of each processor: /sys/devices/system/cpu/cpuN/cpufreq.

Source: https://docs.kernel.org/admin-guide/pm/cpufreq.html
"""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample


def _frequency(name: str, help: str) -> Metric:  # noqa: A002 - Metric's own name
    return Metric(f"node_cpu_{name}", help, labels=("cpu",), unit="hertz")


FREQUENCIES = {
    "cpuinfo_cur_freq": _frequency("frequency_hertz", "Frequency, as the processor tells it."),
    "cpuinfo_min_freq": _frequency("frequency_min_hertz", "Lowest frequency that the processor can have."),
    "cpuinfo_max_freq": _frequency("frequency_max_hertz", "Highest frequency that the processor can have."),
    "scaling_cur_freq": _frequency("scaling_frequency_hertz", "Frequency, as the kernel set or last saw it."),
    "scaling_min_freq": _frequency("scaling_frequency_min_hertz", "Lowest frequency that the kernel will set."),
    "scaling_max_freq": _frequency("scaling_frequency_max_hertz", "Highest frequency that the kernel will set."),
}
GOVERNOR = Metric(
    "node_cpu_scaling_governor",
    "1 for the rule by which the kernel sets the frequency, 0 for others.",
    labels=("cpu", "governor"),
)

_FOLDER = "devices/system/cpu"
_PER_UNIT = 1000  # the files are in kilohertz


def samples(host: Host) -> Iterator[Sample]:
    for processor in host.sys.names(_FOLDER, "cpu"):
        number = processor.removeprefix("cpu")
        if not number.isdigit():
            continue
        folder = f"{_FOLDER}/{processor}/cpufreq"
        files = host.sys.names(folder)
        for file, metric in FREQUENCIES.items():
            frequency = host.sys.number(f"{folder}/{file}") if file in files else None
            if frequency is not None:
                yield metric(frequency * _PER_UNIT, cpu=number)
        if governor := host.sys.line(f"{folder}/scaling_governor") if files else "":
            for name in host.sys.line(f"{folder}/scaling_available_governors").split():
                yield GOVERNOR(float(name == governor), cpu=number, governor=name)
