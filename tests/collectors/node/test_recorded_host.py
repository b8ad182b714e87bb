"""Exact figures of a recorded host."""

import shutil
from pathlib import Path

import pytest

from exporter.collectors.node import Node
from exporter.collectors.node.cpu import Processors
from tests.collectors.node.reading import collected, figures, on


async def test_processor_times_are_told_by_processor_number_and_mode(node: Node) -> None:
    assert figures(await collected(node), ("node_cpu_seconds", "node_cpu_guest")) == {
        ("node_cpu_seconds_total", ("0", "user")): 0.1,
        ("node_cpu_seconds_total", ("0", "nice")): 0.01,
        ("node_cpu_seconds_total", ("0", "system")): 0.2,
        ("node_cpu_seconds_total", ("0", "idle")): 3.0,
        ("node_cpu_seconds_total", ("0", "iowait")): 0.03,
        ("node_cpu_seconds_total", ("0", "irq")): 0.0,
        ("node_cpu_seconds_total", ("0", "softirq")): 0.04,
        ("node_cpu_seconds_total", ("0", "steal")): 0.01,
        ("node_cpu_guest_seconds_total", ("0", "user")): 0.02,
        ("node_cpu_guest_seconds_total", ("0", "nice")): 0.0,
        ("node_cpu_seconds_total", ("3", "user")): 0.2,
        ("node_cpu_seconds_total", ("3", "nice")): 0.03,
        ("node_cpu_seconds_total", ("3", "system")): 0.3,
        ("node_cpu_seconds_total", ("3", "idle")): 3.0,
        ("node_cpu_seconds_total", ("3", "iowait")): 0.04,
        ("node_cpu_seconds_total", ("3", "irq")): 0.0,
        ("node_cpu_seconds_total", ("3", "softirq")): 0.05,
        ("node_cpu_seconds_total", ("3", "steal")): 0.0,
        ("node_cpu_guest_seconds_total", ("3", "user")): 0.0,
        ("node_cpu_guest_seconds_total", ("3", "nice")): 0.0,
    }


def test_processor_times_never_fall_unless_the_processor_starts_anew() -> None:
    processors = Processors()
    assert processors.forward("0", [5, 0, 1, 100.0, 8.0]) == [5, 0, 1, 100.0, 8.0]
    assert processors.forward("0", [6, 0, 1, 99.5, 7.0]) == [6, 0, 1, 100.0, 8.0]
    assert processors.forward("0", [6, 0, 1, 101.0, 8.5]) == [6, 0, 1, 101.0, 8.5]
    assert processors.forward("0", [0, 0, 0, 2.0, 0.0]) == [0, 0, 0, 2.0, 0.0]


async def test_memory_is_in_bytes_and_huge_pages_in_pages_and_a_newer_kernels_field_is_told(node: Node) -> None:
    assert figures(await collected(node), "node_memory_") == {
        ("node_memory_MemTotal_bytes", ()): 24684092 * 1024,
        ("node_memory_MemAvailable_bytes", ()): 24354052 * 1024,
        ("node_memory_Active_anon_bytes", ()): 1552 * 1024,
        ("node_memory_SwapTotal_bytes", ()): 0.0,
        ("node_memory_HugePages_Total", ()): 3.0,
        ("node_memory_Hugepagesize_bytes", ()): 2048 * 1024,
        ("node_memory_NewInLinux9_bytes", ()): 1024.0,
    }


async def test_disks_are_told_in_bytes_and_seconds_as_far_as_the_kernel_counts_and_without_partitions(node: Node) -> None:
    samples = figures(await collected(node), "node_disk_")
    info = {key for key in samples if key[0] == "node_disk_info"}
    assert info == {("node_disk_info", ("sda", "8", "0", *[""] * 6)), ("node_disk_info", ("sdold", "65", "0", *[""] * 6))}
    for key in info:
        del samples[key]
    assert {name.removeprefix("node_disk_"): value for (name, labels), value in samples.items() if labels == ("sda",)} == {
        "reads_completed_total": 12315.0,
        "reads_merged_total": 7625.0,
        "read_bytes_total": 2556978.0 * 512,
        "read_time_seconds_total": 6.457,
        "writes_completed_total": 3354.0,
        "writes_merged_total": 24756.0,
        "written_bytes_total": 1782376.0 * 512,
        "write_time_seconds_total": 2.594,
        "io_now": 1.0,
        "io_time_seconds_total": 2.592,
        "io_time_weighted_seconds_total": 9.21,
        "discards_completed_total": 3320.0,
        "discards_merged_total": 64.0,
        "discarded_sectors_total": 58264.0,
        "discard_time_seconds_total": 0.148,
        "flush_requests_total": 264.0,
        "flush_requests_time_seconds_total": 0.01,
    }
    assert len([name for name, labels in samples if labels == ("sdold",)]) == 11
    assert {labels for _, labels in samples} == {("sda",), ("sdold",)}


async def test_interfaces_are_told_with_loopback_among_them(node: Node) -> None:
    samples = figures(await collected(node), "node_network_")
    assert {name.removeprefix("node_network_"): value for (name, labels), value in samples.items() if labels == ("eth0",)} == {
        "receive_bytes_total": 209441506.0,
        "receive_packets_total": 5570.0,
        "receive_errs_total": 1.0,
        "receive_drop_total": 2.0,
        "receive_fifo_total": 3.0,
        "receive_frame_total": 4.0,
        "receive_compressed_total": 5.0,
        "receive_multicast_total": 6.0,
        "transmit_bytes_total": 370459.0,
        "transmit_packets_total": 3400.0,
        "transmit_errs_total": 7.0,
        "transmit_drop_total": 8.0,
        "transmit_fifo_total": 9.0,
        "transmit_colls_total": 10.0,
        "transmit_carrier_total": 11.0,
        "transmit_compressed_total": 12.0,
        "up": 1.0,
    }
    assert (samples["node_network_receive_bytes_total", ("lo",)], samples["node_network_up", ("lo",)]) == (3193.0, 0.0)


async def test_exclusions_are_settings(procfs: Path, sysfs: Path) -> None:
    node = on(
        procfs,
        sysfs,
        disks_excluded="^sd",
        networks_excluded="^lo$",
        mount_points_excluded="^/srv",
        fstypes_excluded="^nfs",
    )
    samples = figures(await collected(node))
    assert {labels[0] for name, labels in samples if name == "node_disk_io_now"} == {"loop0"}
    assert {labels[0] for name, labels in samples if name.startswith("node_network_")} == {"eth0"}
    assert {labels[1] for name, labels in samples if name == "node_filesystem_readonly"} == {
        "/proc", "/dev/shm", "/", "/var/lib/docker/overlay2/1f/merged",
    }  # fmt: skip


async def test_load_counts_pressure_and_open_files(node: Node) -> None:
    told = ("node_boot", "node_context", "node_intr", "node_forks", "node_procs", "node_load", "node_filefd", "node_pressure")
    samples = figures(await collected(node), (*told, "node_vmstat"))
    assert {name: value for (name, _), value in samples.items()} == {
        "node_boot_time_seconds": 1795229847.0,
        "node_context_switches_total": 268658.0,
        "node_intr_total": 90001.0,
        "node_forks_total": 5341.0,
        "node_procs_running": 2.0,
        "node_procs_blocked": 1.0,
        "node_load1": 0.1,
        "node_load5": 1.25,
        "node_load15": 2.5,
        "node_filefd_allocated": 521.0,
        "node_filefd_maximum": 2466177.0,
        "node_pressure_cpu_waiting_seconds_total": 3.933167,
        "node_pressure_io_waiting_seconds_total": 1.607684,
        "node_pressure_io_stalled_seconds_total": 1.512156,
        "node_pressure_memory_waiting_seconds_total": 0.5,
        "node_pressure_memory_stalled_seconds_total": 0.25,
        "node_pressure_irq_stalled_seconds_total": 1.0,
        "node_vmstat_oom_kill": 2.0,
        "node_vmstat_pgfault": 1483965.0,
        "node_vmstat_pgmajfault": 1001.0,
        "node_vmstat_pgpgin": 1465429.0,
        "node_vmstat_pgpgout": 914232.0,
        "node_vmstat_pswpin": 5.0,
        "node_vmstat_pswpout": 6.0,
    }


@pytest.mark.parametrize(
    ("missing", "prefix"),
    [
        ("meminfo", "node_memory_"),
        ("vmstat", "node_vmstat_"),
        ("diskstats", "node_disk_"),
        ("pressure", "node_pressure_"),
        ("loadavg", "node_load"),
        ("sys/fs", "node_filefd_"),
        ("1", "node_filesystem_"),
    ],
)
async def test_what_a_kernel_does_not_have_takes_only_its_own_figures_away(
    procfs: Path, node: Node, missing: str, prefix: str
) -> None:
    before = figures(await collected(node)).keys()
    path = procfs / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    lost = {key for key in before - figures(await collected(node)).keys() if not key[0].startswith("node_scrape_")}
    assert lost == {key for key in before if key[0].startswith(prefix)}
    assert lost
