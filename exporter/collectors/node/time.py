"""The host's clock and what it is read from."""

import time
from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

TIME = Metric("node_time_seconds", "The host's clock, in Unix time.", unit="timestamp_seconds")
ZONE_OFFSET = Metric(
    "node_time_zone_offset_seconds", "How far the exporter's time zone is ahead of UTC.", labels=("time_zone",)
)
AVAILABLE = Metric(
    "node_time_clocksource_available_info", "Always 1: a clock that the kernel could use.", labels=("device", "clocksource")
)
CURRENT = Metric(
    "node_time_clocksource_current_info", "Always 1: the clock that the kernel uses.", labels=("device", "clocksource")
)

_FOLDER = "devices/system/clocksource"


def samples(host: Host) -> Iterator[Sample]:
    now = time.time()
    local = time.localtime(now)
    yield TIME(now)
    yield ZONE_OFFSET(float(local.tm_gmtoff), time_zone=local.tm_zone)
    for device in host.sys.names(_FOLDER, "clocksource"):
        number = device.removeprefix("clocksource")
        for metric, file in ((AVAILABLE, "available"), (CURRENT, "current")):
            for clocksource in host.sys.text(f"{_FOLDER}/{device}/{file}_clocksource").split():
                yield metric(1.0, device=number, clocksource=clocksource)
