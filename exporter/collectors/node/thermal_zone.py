"""Temperatures of the host's zones, and how much it is being cooled: /sys/class/thermal.

Source: https://docs.kernel.org/driver-api/thermal/sysfs-api.html
"""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

TEMPERATURE = Metric(
    "node_thermal_zone_temp", "Temperature of a zone, in degrees Celsius.", labels=("zone", "type"), unit="celsius"
)
COOLING = {
    "cur_state": Metric("node_cooling_device_cur_state", "How hard a cooling device works; 0 is not.", labels=("name", "type")),
    "max_state": Metric("node_cooling_device_max_state", "How hard a cooling device can work.", labels=("name", "type")),
}

_FOLDER = "class/thermal"
_PER_DEGREE = 1000


def samples(host: Host) -> Iterator[Sample]:
    for zone in host.sys.names(_FOLDER, "thermal_zone"):
        temperature = host.sys.number(f"{_FOLDER}/{zone}/temp")
        if temperature is not None:
            type_ = host.sys.line(f"{_FOLDER}/{zone}/type")
            yield TEMPERATURE(temperature / _PER_DEGREE, zone=zone.removeprefix("thermal_zone"), type=type_)
    for device in host.sys.names(_FOLDER, "cooling_device"):
        for file, metric in COOLING.items():
            state = host.sys.number(f"{_FOLDER}/{device}/{file}")
            if state is not None:
                type_ = host.sys.line(f"{_FOLDER}/{device}/type")
                yield metric(state, name=device.removeprefix("cooling_device"), type=type_)
