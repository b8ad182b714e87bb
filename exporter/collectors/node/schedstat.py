"""How long tasks ran on each processor, and waited for it: /proc/schedstat.

Source of the columns: https://www.kernel.org/doc/html/latest/scheduler/sched-stats.html
"""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

RUNNING = Metric("node_schedstat_running_seconds_total", "Time in which tasks ran on a processor.", "counter", ("cpu",))
WAITING = Metric("node_schedstat_waiting_seconds_total", "Time that tasks waited for a processor.", "counter", ("cpu",))
TIMESLICES = Metric("node_schedstat_timeslices_total", "Times a task got its turn on a processor.", "counter", ("cpu",))

_NANOSECONDS = 1e9


def samples(host: Host) -> Iterator[Sample]:
    for row in host.proc.parsed("schedstat", proc.table):
        if row[0].startswith("cpu"):
            running, waiting, timeslices = (float(word) for word in row[7:10])
            processor = row[0].removeprefix("cpu")
            yield RUNNING(running / _NANOSECONDS, cpu=processor)
            yield WAITING(waiting / _NANOSECONDS, cpu=processor)
            yield TIMESLICES(timeslices, cpu=processor)
