"""File systems of a recorded host: which are told, and what happens when one does not answer."""

import os
import threading
from pathlib import Path

from exporter.clients.mounts import Capacity, mountinfo
from exporter.collectors.node import Node
from tests.collectors.node.reading import FULL, collected, figures, on


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
        f"3 1 8:3 / {rootfs}ile rw - xfs /dev/sdc rw\n"
    )
    asked = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return FULL

    samples = figures(await collected(on(procfs, sysfs, statvfs, rootfs=rootfs)), "node_filesystem_size_bytes")
    assert asked == [str(rootfs), f"{rootfs}/srv", f"{rootfs}{rootfs}ile"]  # the last is not under rootfs, but beside it
    assert [labels[1] for _, labels in samples] == ["/", "/srv", f"{rootfs}ile"]


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
