import mmap
import os

import psutil
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from exporter import health
from exporter.health import PROCESS, Health, Reload


def figures() -> dict[str, float]:
    return {sample.metric.name: sample.value for sample in health.process()}


def test_what_the_process_uses_is_what_prometheus_client_says_it_uses() -> None:
    ours = figures()
    theirs = {
        sample.name: sample.value
        for family in ProcessCollector(registry=CollectorRegistry()).collect()
        for sample in family.samples
    }
    assert ours.keys() == theirs.keys() == PROCESS.keys()
    same = ("process_open_fds", "process_max_fds", "process_start_time_seconds")
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert ours["process_cpu_seconds_total"] == pytest.approx(theirs["process_cpu_seconds_total"], abs=0.1)
    for size in ("process_resident_memory_bytes", "process_virtual_memory_bytes"):
        assert ours[size] == pytest.approx(theirs[size], rel=0.02)


def test_a_descriptor_more_is_counted() -> None:
    before = figures()["process_open_fds"]
    descriptor = os.open("/dev/null", os.O_RDONLY)
    try:
        assert figures()["process_open_fds"] == before + 1
    finally:
        os.close(descriptor)


def test_memory_that_is_taken_shows() -> None:
    before, size = figures()["process_resident_memory_bytes"], 30_000_000
    # From the kernel: what Python's own heap gives may have been the process' before.
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE):
        assert figures()["process_resident_memory_bytes"] - before > size * 0.8
    assert figures()["process_resident_memory_bytes"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)


def test_before_its_first_run_a_collector_is_neither_up_nor_down() -> None:
    names = {sample.metric.name for sample in health.samples({"x": Health()}, Reload(successful=True, time=0))}
    assert "bellwether_collector_polls_total" in names
    assert not {"bellwether_collector_up", "bellwether_collector_last_success_timestamp_seconds"} & names
