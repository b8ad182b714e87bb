"""Errors of the memory that its controllers found: /sys/devices/system/edac/mc.

Source: https://docs.kernel.org/admin-guide/RAS/main.html
"""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

OPTIONAL = True

_CHANNEL = ("controller", "csrow", "channel", "dimm_label")

CORRECTABLE = Metric("node_edac_correctable_errors_total", "Memory errors that were put right.", "counter", ("controller",))
UNCORRECTABLE = Metric(
    "node_edac_uncorrectable_errors_total", "Memory errors that could not be put right.", "counter", ("controller",)
)
ROW_CORRECTABLE = Metric(
    "node_edac_csrow_correctable_errors_total",
    "Memory errors that were put right, by row of memory, where known.",
    "counter",
    ("controller", "csrow"),
)
ROW_UNCORRECTABLE = Metric(
    "node_edac_csrow_uncorrectable_errors_total",
    "Memory errors that could not be put right, by row of memory, where known.",
    "counter",
    ("controller", "csrow"),
)
CHANNEL_CORRECTABLE = Metric(
    "node_edac_channel_correctable_errors_total", "Memory errors that were put right, by module.", "counter", _CHANNEL
)
CHANNEL_UNCORRECTABLE = Metric(
    "node_edac_channel_uncorrectable_errors_total", "Memory errors that could not be put right, by module.", "counter", _CHANNEL
)

_FOLDER = "devices/system/edac/mc"


def samples(host: Host) -> Iterator[Sample]:
    for name in host.sys.names(_FOLDER, "mc"):
        controller, folder = name.removeprefix("mc"), f"{_FOLDER}/{name}"
        yield from _count(host, CORRECTABLE, f"{folder}/ce_count", controller=controller)
        yield from _count(host, UNCORRECTABLE, f"{folder}/ue_count", controller=controller)
        yield from _count(host, ROW_CORRECTABLE, f"{folder}/ce_noinfo_count", controller=controller, csrow="unknown")
        yield from _count(host, ROW_UNCORRECTABLE, f"{folder}/ue_noinfo_count", controller=controller, csrow="unknown")
        for row in host.sys.names(folder, "csrow"):
            yield from _of_row(host, f"{folder}/{row}", controller, row.removeprefix("csrow"))


def _of_row(host: Host, folder: str, controller: str, row: str) -> Iterator[Sample]:
    yield from _count(host, ROW_CORRECTABLE, f"{folder}/ce_count", controller=controller, csrow=row)
    yield from _count(host, ROW_UNCORRECTABLE, f"{folder}/ue_count", controller=controller, csrow=row)
    for file in host.sys.names(folder, "ch"):
        channel, _, what = file.removeprefix("ch").partition("_")
        if what not in ("ce_count", "ue_count"):
            continue
        label = host.sys.line(f"{folder}/ch{channel}_dimm_label") or "unknown"
        yield from _count(
            host,
            CHANNEL_CORRECTABLE if what == "ce_count" else CHANNEL_UNCORRECTABLE,
            f"{folder}/{file}",
            controller=controller,
            csrow=row,
            channel=channel,
            dimm_label=label.replace("#", "").replace("csrow", "_csrow").replace("channel", "_channel"),
        )


def _count(host: Host, metric: Metric, file: str, **labels: str) -> Iterator[Sample]:
    count = host.sys.number(file)
    if count is not None:
        yield metric(count, **labels)
