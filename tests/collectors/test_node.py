"""The node collector: exact figures of a recorded host, and the same figures as psutil on this one."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from exporter.clients.mounts import Capacity, mountinfo
from exporter.collector import Sample
from exporter.collectors.node import Node
from exporter.collectors.node.cpu import Processors
from exporter.errors import Malformed, Unreachable

RECORDED = Path(__file__).parent.parent / "recorded" / "proc"

Key = tuple[str, tuple[str, ...]]
FULL = os.statvfs_result((4096, 1024, 1000, 400, 300, 5000, 4000, 3900, 0, 255))


async def collected(node: Node) -> list[Sample]:
    return [sample async for sample in node.collect()]


def figures(samples: list[Sample], prefix: str = "node_") -> dict[Key, float]:
    wanted = [sample for sample in samples if sample.metric.name.startswith(prefix)]
    values = {(sample.metric.name, sample.labels): sample.value for sample in wanted}
    assert len(values) == len(wanted)  # no series is told twice
    return values


@pytest.fixture
def procfs(tmp_path: Path) -> Path:
    """A copy of the recorded /proc, to be spoilt."""
    return Path(shutil.copytree(RECORDED, tmp_path / "proc"))


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Two interfaces, and the file that stands among them where there are bonds."""
    for device, state in {"eth0": "up\n", "lo": "unknown\n"}.items():
        (tmp_path / "sys/class/net" / device).mkdir(parents=True)
        (tmp_path / "sys/class/net" / device / "operstate").write_text(state)
    (tmp_path / "sys/class/net/bonding_masters").write_text("\n")
    return tmp_path / "sys"


@pytest.fixture
def node(procfs: Path, sysfs: Path) -> Node:
    """The collector on the recorded host, all of whose file systems are equally full."""
    return on(procfs, sysfs, lambda _: FULL)


def on(procfs: Path, sysfs: Path, statvfs: Callable[[str], os.statvfs_result], **settings: object) -> Node:
    node = Node.model_validate({"procfs": procfs, "sysfs": sysfs, **settings})
    node._capacity = Capacity(statvfs)
    return node


async def test_processor_times_are_told_by_processor_number_and_mode(node: Node) -> None:
    assert figures(await collected(node), "node_cpu_") == {
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


async def test_memory_is_in_bytes_and_huge_pages_in_pages_and_a_field_not_declared_is_left_out(node: Node) -> None:
    assert figures(await collected(node), "node_memory_") == {
        ("node_memory_MemTotal_bytes", ()): 24684092 * 1024,
        ("node_memory_MemAvailable_bytes", ()): 24354052 * 1024,
        ("node_memory_Active_anon_bytes", ()): 1552 * 1024,
        ("node_memory_SwapTotal_bytes", ()): 0.0,
        ("node_memory_HugePages_Total", ()): 3.0,
        ("node_memory_Hugepagesize_bytes", ()): 2048 * 1024,
    }


async def test_file_systems_are_told_once_each_with_escaped_blanks_decoded_and_the_default_exclusions(node: Node) -> None:
    samples = figures(await collected(node), "node_filesystem_")
    root, data, nas = (
        ("/dev/sda1", "/", "ext4", ""),
        ("/dev/sdb1", "/srv/my data", "xfs", ""),
        ("nas:/export", "/mnt/nas", "nfs4", ""),
    )
    told = {labels for name, labels in samples if name == "node_filesystem_size_bytes"}
    assert told == {root, data, nas}
    assert {name: value for (name, labels), value in samples.items() if labels == root} == {
        "node_filesystem_size_bytes": 1024.0 * 1000,  # blocks are of f_frsize, not f_bsize
        "node_filesystem_free_bytes": 1024.0 * 400,
        "node_filesystem_avail_bytes": 1024.0 * 300,
        "node_filesystem_files": 5000.0,
        "node_filesystem_files_free": 4000.0,
        "node_filesystem_readonly": 0.0,
        "node_filesystem_device_error": 0.0,
    }
    assert samples["node_filesystem_readonly", data] == 1.0  # the mount is
    assert samples["node_filesystem_readonly", nas] == 1.0  # the file system is
    assert samples["node_filesystem_mount_info", ("/dev/sdb1", "8", "17", "/srv/my data")] == 1.0


async def test_file_systems_are_asked_under_rootfs_and_shown_without_it(procfs: Path, sysfs: Path, tmp_path: Path) -> None:
    rootfs = tmp_path / "host"
    (procfs / "1/mountinfo").write_text(
        f"1 0 8:1 / {rootfs} rw - ext4 /dev/sda1 rw\n2 1 8:2 / {rootfs}/srv rw - xfs /dev/sdb rw\n"
    )
    asked = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return FULL

    samples = figures(await collected(on(procfs, sysfs, statvfs, rootfs=rootfs)), "node_filesystem_size_bytes")
    assert asked == [str(rootfs), f"{rootfs}/srv"]
    assert [labels[1] for _, labels in samples] == ["/", "/srv"]


async def test_a_mount_point_that_is_no_text_is_asked_by_its_bytes_and_shown_as_text(procfs: Path, sysfs: Path) -> None:
    (procfs / "1/mountinfo").write_bytes(b"1 0 8:1 / /srv/caf\xe9 rw - ext4 /dev/sda1 rw\n")
    asked = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(os.fsencode(path))
        return FULL

    samples = figures(await collected(on(procfs, sysfs, statvfs)), "node_filesystem_size_bytes")
    assert asked == [b"/srv/caf\xe9"]
    assert [labels[1] for _, labels in samples] == ["/srv/caf\N{REPLACEMENT CHARACTER}"]


async def test_a_file_system_that_refuses_is_an_error_with_its_reason_and_has_no_sizes(procfs: Path, sysfs: Path) -> None:
    def statvfs(path: str) -> os.statvfs_result:
        return FULL if path != "/mnt/nas" else os.statvfs("/nowhere/at/all")

    samples = figures(await collected(on(procfs, sysfs, statvfs)), "node_filesystem_")
    assert {name: (labels, value) for (name, labels), value in samples.items() if "nas:/export" in labels} == {
        "node_filesystem_device_error": (("nas:/export", "/mnt/nas", "nfs4", "no such file or directory"), 1.0),
        "node_filesystem_readonly": (("nas:/export", "/mnt/nas", "nfs4", "no such file or directory"), 1.0),
    }


async def test_a_stuck_file_system_holds_nothing_up_and_is_asked_once_until_it_answers(procfs: Path, sysfs: Path) -> None:
    answers, asked, hung = threading.Event(), [], []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        if path == "/":
            hung.append(threading.current_thread())
            answers.wait()
        return FULL

    node = on(procfs, sysfs, statvfs, mount_timeout="200ms")
    stuck, well = ("/dev/sda1", "/", "ext4", "mountpoint timeout"), ("/dev/sdb1", "/srv/my data", "xfs", "")
    try:
        for _ in range(3):
            samples = figures(await collected(node), "node_filesystem_")
            assert samples["node_filesystem_device_error", stuck] == 1.0
            assert ("node_filesystem_size_bytes", stuck) not in samples
            assert samples["node_filesystem_size_bytes", well] == 1024.0 * 1000
        assert asked.count("/") == 1
        assert [thread.daemon for thread in hung] == [True]  # or the process could not end
    finally:
        answers.set()
    hung[0].join()
    samples = figures(await collected(node), "node_filesystem_device_error")
    assert samples["node_filesystem_device_error", (*stuck[:3], "")] == 0.0
    assert asked.count("/") == 2


def test_several_stuck_file_systems_are_asked_and_waited_for_together() -> None:
    answers, asked = threading.Event(), []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        answers.wait()
        return FULL

    try:
        assert Capacity(statvfs).ask(["/a", "/b"], 0.1) == dict.fromkeys(["/a", "/b"], "mountpoint timeout")
        assert sorted(asked) == ["/a", "/b"]
    finally:
        answers.set()


def test_mountinfo_is_read_with_an_empty_device_and_every_escape() -> None:
    (mount,) = mountinfo(r"1 0 0:5 / /a\134b\012c rw - fuse  rw")
    assert (mount.device, mount.path, mount.fstype, mount.read_only) == ("", "/a\\b\nc", "fuse", False)


async def test_mounts_are_the_exporters_own_where_those_of_process_1_are_hidden(procfs: Path, node: Node) -> None:
    before = figures(await collected(node), "node_filesystem_")
    (procfs / "1").rename(procfs / "self")
    assert figures(await collected(node), "node_filesystem_") == before


async def test_disks_are_told_in_bytes_and_seconds_as_far_as_the_kernel_counts_and_without_partitions(node: Node) -> None:
    samples = figures(await collected(node), "node_disk_")
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
        lambda _: FULL,
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
    samples = figures(await collected(node))
    assert samples.pop(("node_time_seconds", ())) > 1.7e9
    told_above = ("node_cpu_", "node_memory_", "node_filesystem_", "node_disk_", "node_network_", "node_uname_")
    assert {name: value for (name, _), value in samples.items() if not name.startswith(told_above)} == {
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
    lost = before - figures(await collected(node)).keys()
    assert lost == {key for key in before if key[0].startswith(prefix)}
    assert lost


async def test_a_host_without_proc_is_unreachable_and_the_message_names_the_setting(tmp_path: Path, sysfs: Path) -> None:
    with pytest.raises(Unreachable, match=r"nowhere/stat cannot be read; the setting procfs must be"):
        await collected(Node(procfs=tmp_path / "nowhere", sysfs=sysfs))


async def test_a_file_that_is_not_the_kernels_is_named(procfs: Path, node: Node) -> None:
    (procfs / "meminfo").write_text("MemTotal: plenty kB\n")
    with pytest.raises(Malformed, match="proc/meminfo is not written as proc"):
        await collected(node)


def test_an_exclusion_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"disks_excluded\n.*valid regular expression"):
        Node.model_validate({"disks_excluded": "sd("})


def test_counters_end_in_total_and_no_name_is_declared_twice() -> None:
    declared = list(Node().declares())
    assert [metric.name for metric in declared if (metric.type == "counter") != metric.name.endswith("_total")] == []
    assert len({metric.name for metric in declared}) == len(declared)
    assert {metric.name for metric in declared if metric.type == "unknown"} == {
        f"node_vmstat_{name}" for name in ("oom_kill", "pgfault", "pgmajfault", "pgpgin", "pgpgout", "pswpin", "pswpout")
    }


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
    assert {sample.metric for sample in await collected(node)} <= set(node.declares())
