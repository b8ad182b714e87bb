import shutil
from pathlib import Path

import pytest

from exporter.collectors.node import Node
from tests.collectors.node.reading import RECORDED, on, write


@pytest.fixture
def procfs(tmp_path: Path) -> Path:
    """A copy of the recorded /proc, to be spoilt."""
    return Path(shutil.copytree(RECORDED, tmp_path / "proc"))


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Two interfaces, and the file that stands among them where there are bonds."""
    states = {"eth0/operstate": "up\n", "lo/operstate": "unknown\n", "bonding_masters": "\n"}
    write(tmp_path / "sys/class/net", states)
    return tmp_path / "sys"


@pytest.fixture
def node(procfs: Path, sysfs: Path) -> Node:
    """The collector on the recorded host, all of whose file systems are equally full."""
    return on(procfs, sysfs)
