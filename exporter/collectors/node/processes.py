"""Processes and threads by state: /proc/PID/stat and /proc/PID/task. Reads a file per thread of the host."""

from collections import Counter
from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

ON = False

PIDS = Metric("node_processes_pids", "Processes.")
MAX_PROCESSES = Metric("node_processes_max_processes", "Most processes and threads that may be.")
STATE = Metric(
    "node_processes_state",
    "Processes by state: R running, S sleeping, D waiting for a disk or the like, T stopped, Z zombie, I idle kernel thread.",
    labels=("state",),
)
THREADS = Metric("node_processes_threads", "Threads.")
MAX_THREADS = Metric("node_processes_max_threads", "Most threads that may be.")
THREADS_STATE = Metric("node_processes_threads_state", "Threads by state, as processes.", labels=("thread_state",))

_STATE, _THREADS = 0, 17  # words after the name, which is in brackets and may hold anything


def samples(host: Host) -> Iterator[Sample]:
    states: Counter[str] = Counter()
    thread_states: Counter[str] = Counter()
    threads = 0
    for process in filter(str.isdigit, host.proc.names("")):
        words = host.proc.text(f"{process}/stat").rpartition(")")[2].split()
        if not words:  # it has ended meanwhile
            continue
        states[words[_STATE]] += 1
        threads += int(words[_THREADS])
        for thread in host.proc.names(f"{process}/task"):
            of_thread = host.proc.text(f"{process}/task/{thread}/stat").rpartition(")")[2].split()
            if of_thread:
                thread_states[of_thread[_STATE]] += 1
    yield PIDS(float(states.total()))
    yield THREADS(float(threads))
    for state, count in states.items():
        yield STATE(float(count), state=state)
    for state, count in thread_states.items():
        yield THREADS_STATE(float(count), thread_state=state)
    for file, metric in (("pid_max", MAX_PROCESSES), ("threads-max", MAX_THREADS)):
        limit = host.proc.number(f"sys/kernel/{file}")
        if limit is not None:
            yield metric(limit)
