"""The collector as a whole: its subjects, and what it does with one that fails."""

import logging
import threading
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from exporter.collectors.node import Node
from exporter.errors import TimedOut, Unreachable
from tests.collectors.node.reading import collected, figures


def success(samples: dict[tuple[str, tuple[str, ...]], float]) -> dict[str, float]:
    return {labels[0]: value for (name, labels), value in samples.items() if name == "node_scrape_collector_success"}


async def test_a_file_that_is_not_the_kernels_costs_its_subject_and_is_named_once(
    procfs: Path, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    before = figures(await collected(node))
    (procfs / "meminfo").write_text("MemTotal: plenty kB\n")
    with caplog.at_level(logging.WARNING):
        after = figures(await collected(node))
        await collected(node)
    (line,) = caplog.messages
    assert "proc/meminfo is not written as the kernel's documents say" in line
    assert before.keys() - after.keys() == {key for key in before if key[0].startswith("node_memory_")}
    assert (success(before)["meminfo"], success(after)["meminfo"], success(after)["stat"]) == (1.0, 0.0, 1.0)


async def test_a_bug_in_a_subject_costs_only_that_subject(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("exporter.collectors.node.loadavg.samples", lambda host: iter([1 / 0]))
    samples = figures(await collected(node))
    assert success(samples)["loadavg"] == 0.0
    assert samples["node_procs_running", ()] == 2.0
    assert "ZeroDivisionError" in caplog.text


async def test_what_the_host_does_not_have_is_no_success_and_no_failure_to_be_logged(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    samples = figures(await collected(node))
    assert {name for name, value in success(samples).items() if value == 0} >= {"hwmon", "mdadm", "nvme", "conntrack"}
    assert (success(samples)["edac"], success(samples)["selinux"]) == (1.0, 1.0)  # as node_exporter sees it
    assert caplog.messages == []
    durations = {labels[0] for name, labels in samples if name == "node_scrape_collector_duration_seconds"}
    assert durations == set(success(samples))


async def test_subjects_are_switched_on_and_off_by_name(procfs: Path, sysfs: Path) -> None:
    by_default = set(success(figures(await collected(Node(procfs=procfs, sysfs=sysfs)))))
    assert by_default.isdisjoint({"processes", "interrupts", "softirqs", "tcpstat"})
    chosen = Node(procfs=procfs, sysfs=sysfs, subjects={"processes": True, "hwmon": False})
    assert set(success(figures(await collected(chosen)))) == (by_default | {"processes"}) - {"hwmon"}


def test_a_subject_that_there_is_not_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValidationError, match="no subject is called diskstat; did you mean diskstats"):
        Node(subjects={"diskstat": True})


async def test_a_run_that_does_not_come_back_is_waited_for_by_one_thread_at_most(node: Node) -> None:
    with node._turn, pytest.raises(TimedOut, match="the run before has not come back"):
        await collected(node)
    assert figures(await collected(node))
    assert threading.active_count() < 20


async def test_dashboards_find_the_program_that_serves_the_node(node: Node) -> None:
    (key,) = figures(await collected(node), "node_exporter_build_info")
    assert key[1][0].endswith("+bellwether")
    assert key[1][3:5] == ("", "linux")


async def test_a_host_network_is_that_of_process_1(procfs: Path, node: Node) -> None:
    """Even where the exporter, in a container, has a network of its own."""
    own = (procfs / "net/dev").read_text()
    (procfs / "1/net").mkdir()
    (procfs / "1/net/dev").write_text(own.replace("eth0:", "eno1:"))
    received = figures(await collected(node), "node_network_receive_bytes_total")
    assert {labels for _, labels in received} == {("eno1",), ("lo",)}


async def test_a_host_without_proc_is_unreachable_and_the_message_names_the_setting(tmp_path: Path, sysfs: Path) -> None:
    with pytest.raises(Unreachable, match=r"nowhere/stat cannot be read; the setting procfs must be"):
        await collected(Node(procfs=tmp_path / "nowhere", sysfs=sysfs))


def test_an_exclusion_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"disks_excluded\n.*valid regular expression"):
        Node.model_validate({"disks_excluded": "sd("})


async def test_this_host_tells_what_psutil_tells() -> None:
    disks, networks = psutil.disk_io_counters(perdisk=True, nowrap=False), psutil.net_io_counters(pernic=True, nowrap=False)
    samples = figures(await collected(Node()))
    disks_after = psutil.disk_io_counters(perdisk=True, nowrap=False)
    networks_after = psutil.net_io_counters(pernic=True, nowrap=False)

    assert samples["node_memory_MemTotal_bytes", ()] == psutil.virtual_memory().total
    assert samples["node_memory_SwapTotal_bytes", ()] == psutil.swap_memory().total
    assert abs(samples["node_boot_time_seconds", ()] - psutil.boot_time()) <= 2
    assert (
        len([labels for name, labels in samples if name == "node_cpu_seconds_total" and labels[1] == "idle"])
        == psutil.cpu_count()
    )
    for device in {labels[0] for name, labels in samples if name == "node_disk_io_now"}:
        written = samples["node_disk_written_bytes_total", (device,)]
        assert disks[device].write_bytes <= written <= disks_after[device].write_bytes
        read = samples["node_disk_read_time_seconds_total", (device,)]
        assert disks[device].read_time / 1000 <= read <= disks_after[device].read_time / 1000
    for device in networks:
        received = samples["node_network_receive_bytes_total", (device,)]
        assert networks[device].bytes_recv <= received <= networks_after[device].bytes_recv
    sizes = {labels[1]: value for (name, labels), value in samples.items() if name == "node_filesystem_size_bytes"}
    assert sizes == {path: psutil.disk_usage(path).total for path in sizes}


async def test_this_host_tells_only_what_is_declared() -> None:
    node = Node()
    declared = set(node.declares())
    assert [
        sample.metric.name for sample in await collected(node) if sample.metric not in declared and not sample.metric.found
    ] == []


def test_counters_end_in_total_and_no_name_is_declared_twice() -> None:
    declared = list(Node().declares())
    assert [metric.name for metric in declared if (metric.type == "counter") != metric.name.endswith("_total")] == []
    assert len({metric.name for metric in declared}) == len(declared)
    untyped = {metric.name.split("_")[1] for metric in declared if metric.type == "unknown"}
    assert untyped == {"vmstat", "netstat"}  # as node_exporter has them
