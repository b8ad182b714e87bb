"""Watchdogs, which restart the host when it hangs: /sys/class/watchdog.

Source: https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-class-watchdog
"""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample


def _number(name: str, help: str) -> Metric:  # noqa: A002 - Metric's own name
    return Metric(f"node_watchdog_{name}", help, labels=("name",))


NUMBERS = {
    "bootstatus": _number("bootstatus", "Why the host was started last, as bits; 32 is that the watchdog did it."),
    "fw_version": _number("fw_version", "Version of the watchdog's firmware."),
    "nowayout": _number("nowayout", "1 when the watchdog cannot be stopped once it runs."),
    "timeleft": _number("timeleft_seconds", "Time left until the watchdog restarts the host."),
    "timeout": _number("timeout_seconds", "Time without a sign of life after which the watchdog restarts the host."),
    "pretimeout": _number("pretimeout_seconds", "How long before that the watchdog gives warning."),
    "access_cs0": _number("access_cs0", "1 when the host was started from its other boot source."),
}
INFO = Metric(
    "node_watchdog_info",
    "Always 1: which watchdog it is, and its state.",
    labels=("name", "options", "identity", "state", "status", "pretimeout_governor"),
)

_FOLDER = "class/watchdog"


def samples(host: Host) -> Iterator[Sample]:
    for name in host.sys.names(_FOLDER, "watchdog"):
        folder = f"{_FOLDER}/{name}"
        for file, metric in NUMBERS.items():
            number = host.sys.number(f"{folder}/{file}")
            if number is not None:
                yield metric(number, name=name)
        yield INFO(1.0, name=name, **{label: host.sys.line(f"{folder}/{label}") for label in INFO.labels[1:]})
