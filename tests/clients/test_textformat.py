"""The text format as files of it are read."""

from pathlib import Path

import pytest

from exporter.clients import textformat
from exporter.errors import Malformed


def read(path: Path) -> list[textformat.Family]:
    status = path.stat()
    return textformat.read(path, status.st_size, status.st_mode)


def test_a_counter_keeps_its_name_with_and_without_total() -> None:
    families = textformat.parse("# TYPE old counter\nold 1\n# TYPE new_total counter\nnew_total 2\n")
    assert [(family.name, family.type, family.rows) for family in families] == [
        ("old", "counter", [("", {}, 1.0)]),
        ("new_total", "counter", [("", {}, 2.0)]),
    ]


def test_lines_of_one_metric_that_do_not_stand_together_are_one_metric() -> None:
    (first, second) = textformat.parse('a{x="1"} 1\nb 2\na{x="2"} 3\n')
    assert [labels for _, labels, _ in first.rows] == [{"x": "1"}, {"x": "2"}]
    assert second.name == "b"


def test_a_file_that_is_too_long_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "big.prom"
    with path.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(Malformed, match=r"big.prom: expected at most 16777216 bytes, got 17825792"):
        read(path)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.prom").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Malformed, match=r"binary.prom: expected UTF-8 text"):
        read(tmp_path / "binary.prom")
