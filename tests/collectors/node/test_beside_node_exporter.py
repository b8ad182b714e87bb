"""Debian's node_exporter and the collector read this host one after the other, and say the same.

Debian's is older than the level that the collector keeps to; what came since is named here.
"""

import math
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.collectors.node import Node
from tests.collectors.node.reading import collected
from tests.stack import free_port, until
from tests.tools import tool

FLAGS = "processes interrupts tcpstat"
# Labels that came after the version of Debian 12.
NEWER_LABELS = {"device_error", "rotational", "adminstate", "tags"}
PROGRAMS_OWN = ("node_scrape_collector", "node_exporter_build_info", "node_textfile_mtime_seconds")
# What a process or connection more or less brings and takes away, this test's own among them.
COMING_AND_GOING = ("node_processes_", "node_tcp_connection_states")

Page = tuple[dict[str, str], dict[tuple[str, frozenset[tuple[str, str]]], float]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a node_exporter with the subjects of this test."""
    port, folder = free_port(), tmp_path_factory.mktemp("textfiles")
    (folder / "jobs.prom").write_text("# HELP jobs Jobs.\n# TYPE jobs gauge\njobs 3\n")
    command: list[str | Path] = [
        tool("node_exporter"),
        f"--web.listen-address=127.0.0.1:{port}",
        f"--collector.textfile.directory={folder}",
        *(f"--collector.{name}" for name in FLAGS.split()),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}/metrics"
            until(lambda: _answers(address), pause=0.05)
            yield address
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def theirs(address: str) -> Page:
    types, values = {}, {}
    for family in text_string_to_metric_families(httpx.get(address, timeout=10).text):
        for sample in family.samples:
            if sample.name.startswith("node_") and not sample.name.startswith(PROGRAMS_OWN):
                types[sample.name] = family.type
                values[sample.name, frozenset((name, value) for name, value in sample.labels.items() if value)] = sample.value
    return types, values


async def ours() -> Page:
    node = Node(subjects=dict.fromkeys(FLAGS.split(), True), disks_excluded=r"^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$")
    types: dict[str, str] = {}
    values = {}
    for sample in await collected(node):
        labels = dict(zip(sample.metric.labels, sample.labels, strict=True))
        types[sample.metric.name] = sample.metric.type
        shown = frozenset((name, value) for name, value in labels.items() if value and name not in NEWER_LABELS)
        values[sample.metric.name, shown] = sample.value
    return types, values


async def test_every_family_of_the_original_is_there_with_its_type_labels_and_values(original: str) -> None:
    before_types, before = theirs(original)
    types, values = await ours()
    _, after = theirs(original)

    assert before_types.keys() - types.keys() == {"node_selinux_enabled"}  # taken out since
    assert {name: (type_, types[name]) for name, type_ in before_types.items() if types.get(name, type_) != type_} == {}
    still = {key for key in before if key in after and key[0] in types}
    lost = {key for key in still - values.keys() if not key[0].startswith(COMING_AND_GOING)}
    assert lost == set()
    compared = [key for key in still & values.keys() if not key[0].startswith(COMING_AND_GOING)]
    differing = {
        key: (before[key], values[key], after[key]) for key in compared if not alike(before[key], values[key], after[key])
    }
    assert differing == {}
    assert len(compared) > 250


def alike(before: float, value: float, after: float) -> bool:
    """Whether a figure lies between two others; one that goes up and down may leave them, but not for another unit."""
    low, high = min(before, after), max(before, after)
    if low <= value <= high or math.isclose(value, before, rel_tol=1e-6):
        return True
    return low - max(abs(low) / 2, 5) <= value <= high + max(abs(high) / 2, 5) and float(before).is_integer()
