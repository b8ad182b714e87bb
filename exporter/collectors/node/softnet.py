"""How each processor gets on with the packets received: /proc/net/softnet_stat."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_LABELS = ("cpu",)

# By the column of the file; what stands between them is 0 since Linux 2.6.
COLUMNS = {
    0: Metric("node_softnet_processed_total", "Packets taken from interfaces.", "counter", _LABELS),
    1: Metric("node_softnet_dropped_total", "Packets lost because the processor's backlog was full.", "counter", _LABELS),
    2: Metric("node_softnet_times_squeezed_total", "Times work was put off because its share was used up.", "counter", _LABELS),
    8: Metric("node_softnet_cpu_collision_total", "Times another processor was transmitting.", "counter", _LABELS),
    9: Metric("node_softnet_received_rps_total", "Times another processor handed packets over.", "counter", _LABELS),
    10: Metric("node_softnet_flow_limit_count_total", "Times one flow was limited to spare the others.", "counter", _LABELS),
    11: Metric("node_softnet_backlog_len", "Packets waiting in the processor's backlog.", labels=_LABELS),
}
_PROCESSOR = 12  # this column came with Linux 5.10; before, lines were in the order of processors


def samples(host: Host) -> Iterator[Sample]:
    for number, words in enumerate(host.net.parsed("softnet_stat", proc.table)):
        figures = [int(word, 16) for word in words]
        processor = str(figures[_PROCESSOR] if len(figures) > _PROCESSOR else number)
        for column, metric in COLUMNS.items():
            if column < len(figures):
                yield metric(float(figures[column]), cpu=processor)
