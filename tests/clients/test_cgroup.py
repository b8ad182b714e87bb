"""The files of control groups: which of them are containers, whose network it is, and what is made of odd ones."""

from pathlib import Path

import pytest

from exporter.clients import cgroup
from exporter.clients.cgroup import Cgroups
from exporter.errors import Malformed

ID = "8dfafdbc3a40f0d1e2c3b4a5968778695a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d"


def group(root: Path, path: str, *, populated: int = 1) -> Path:
    folder = root / path
    folder.mkdir(parents=True)
    (folder / "cgroup.events").write_text(f"populated {populated}\nfrozen 0\n")
    return folder


@pytest.fixture
def groups(tmp_path: Path) -> Cgroups:
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "cgroup/cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    return Cgroups(tmp_path / "cgroup", tmp_path / "proc", tmp_path / "sys")


@pytest.mark.parametrize(
    "path",
    [
        f"system.slice/docker-{ID}.scope",
        f"docker/{ID}",
        f"machine.slice/libpod-{ID}.scope",
        f"libpod_parent/libpod-{ID}",
        f"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope",
        f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{ID}.scope",
    ],
)
def test_groups_of_every_engine_are_found(groups: Cgroups, path: str) -> None:
    group(groups.root, path)
    group(groups.root, f"{path}/init.scope")
    group(groups.root, "system.slice/ssh.service")
    assert groups.containers() == {ID: f"/{path}"}


def test_what_is_no_container_is_not_found(groups: Cgroups) -> None:
    """Podman's watcher of a container, and a group that was left behind empty."""
    group(groups.root, f"machine.slice/libpod-conmon-{ID}.scope")
    group(groups.root, f"libpod_parent/libpod-{ID}", populated=0)
    assert groups.containers() == {}


def test_beside_version_1_the_groups_of_version_2_are_found(tmp_path: Path) -> None:
    (tmp_path / "unified").mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text("\n")
    group(tmp_path / "unified", f"docker/{ID}")
    groups = Cgroups(tmp_path, Path("/proc"), Path("/sys"))
    assert groups.usable
    assert groups.containers() == {ID: f"/docker/{ID}"}


def test_no_limit_is_zero_and_no_file_is_nothing() -> None:
    assert cgroup.number("max\n") == 0.0
    assert cgroup.number("268435456\n") == 268435456.0
    assert cgroup.number("") is None
    assert cgroup.quota("max 100000\n") == (None, 100000.0)
    assert cgroup.quota("50000 100000\n") == (50000.0, 100000.0)
    assert cgroup.quota("") is None


def test_a_device_that_did_nothing_has_no_figures() -> None:
    assert cgroup.devices("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:16 \n") == {
        "8:0": {"rbytes": 1.0, "wbytes": 2.0, "rios": 3.0, "wios": 4.0, "dbytes": 0.0, "dios": 0.0},
        "8:16": {},
    }


def test_what_the_kernel_would_not_write_is_malformed_and_says_where(groups: Cgroups) -> None:
    (group(groups.root, "docker/x") / "memory.current").write_text("many\n")
    with pytest.raises(Malformed, match=r"docker/x/memory\.current is not written as the kernel does"):
        groups.read("/docker/x", "memory.current", cgroup.number)


def test_a_process_that_is_anothers_shows_no_network(groups: Cgroups, tmp_path: Path) -> None:
    """Its number was used again, or is one of another namespace."""
    process = tmp_path / "proc/7"
    (process / "net").mkdir(parents=True)
    header = "Inter-|   Receive\n face |bytes\n"
    lines = ["lo: " + "9 " * 16, "eth0: " + " ".join(str(number) for number in range(16))]
    (process / "net/dev").write_text(header + "\n".join(lines) + "\n")
    (process / "cgroup").write_text("0::/init.scope\n")
    assert groups.interfaces(7, ID) == {}
    (process / "cgroup").write_text(f"0::/../../docker-{ID}.scope\n")
    assert groups.interfaces(7, ID) == {"eth0": [float(number) for number in range(16)]}
    assert groups.interfaces(0, ID) == {}


def test_disks_are_called_as_the_machine_calls_them(groups: Cgroups, tmp_path: Path) -> None:
    (tmp_path / "sys/dev/block").mkdir(parents=True)
    (tmp_path / "sys/dev/block/8:0").symlink_to("../../devices/pci0000:00/block/sda")
    assert groups.device("8:0") == "/dev/sda"
    assert groups.device("253:9") == "253:9"
