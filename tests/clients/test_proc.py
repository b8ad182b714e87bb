"""Reading the kernel's files, and what is made of them."""

from pathlib import Path

import pytest

from exporter.clients import proc
from exporter.errors import Malformed


def test_what_is_not_there_or_may_not_be_read_is_empty_and_not_found(tmp_path: Path) -> None:
    tree = proc.Tree(tmp_path, "procfs")
    assert (tree.text("nothing"), tree.line("nothing"), tree.number("nothing"), tree.names("nothing")) == ("", "", None, [])
    assert tree.text(".") == ""  # a folder
    assert not tree.found
    (tmp_path / "something").write_text("")
    assert (tree.text("something"), tree.number("something"), tree.found) == ("", None, True)


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("size", [0, 4095, 4096, 4097, 200_000])
def test_a_file_is_read_to_its_end(tmp_path: Path, size: int, short: bool) -> None:
    (tmp_path / "long").write_text("x" * size)
    assert proc.Tree(tmp_path, "sysfs", short=short).text("long") == "x" * size


def test_the_kernels_own_files_come_in_pieces_and_are_read_whole() -> None:
    text = proc.read("/proc/self/smaps")
    assert text.count("VmFlags:") == len(Path("/proc/self/maps").read_text().splitlines())


def test_several_files_of_a_folder_are_read_as_far_as_there_are_any(tmp_path: Path) -> None:
    (tmp_path / "eth0").mkdir()
    (tmp_path / "eth0/mtu").write_text("1500\n")
    (tmp_path / "eth0/ifalias").write_text("\n")
    tree = proc.Tree(tmp_path, "sysfs", short=True)
    assert tree.lines("nowhere", ["mtu"]) == {}
    assert not tree.found
    assert tree.lines("eth0", ["mtu", "speed", "ifalias"]) == {"mtu": "1500", "ifalias": ""}
    assert tree.found


def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("nothing", "."):
        proc.Tree(tmp_path, "procfs").text(name)
        proc.Tree(tmp_path, "procfs").lines(name, ["nothing"])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_is_no_number_is_malformed_and_names_file_and_setting(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("many\n")
    with pytest.raises(Malformed, match=r"/count is not written as .*could not convert.*; is the setting sysfs "):
        proc.Tree(tmp_path, "sysfs").number("count")


@pytest.mark.parametrize(
    ("text", "numbers"), [("", []), ("\n", []), ("0\n", [0]), ("0-3,8\n", [0, 1, 2, 3, 8]), ("1,3-4", [1, 3, 4])]
)
def test_a_list_of_processors(text: str, numbers: list[int]) -> None:
    assert proc.number_list(text) == numbers


def test_counters_are_paired_with_the_names_above_them() -> None:
    assert proc.counters("Ip: A B\nIp: 1 2\nTcp: C\nTcp: 3\n") == {"Ip": {"A": "1", "B": "2"}, "Tcp": {"C": "3"}}
    assert proc.counters("") == {}


@pytest.mark.parametrize("text", ["Ip: A\n", "Ip: A B\nIp: 1\n", "Ip: A\nTcp: 1\n"])
def test_counters_that_do_not_fit_their_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zip|values of Ip"):
        proc.counters(text)
