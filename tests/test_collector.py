"""How kinds of collector are found: in Bellwether's own files, each only when it is asked for, and in other packages."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from exporter.collector import kind_of, load_kinds

QUEUE = """
    from exporter.collector import Collector, Samples
    from exporter.metric import Metric

    LENGTH = Metric("queue_length", "Jobs that wait.")

    class Queue(Collector, kind="queue"):
        async def collect(self) -> Samples:
            yield LENGTH(3)
"""


def install(folder: Path, package: str, offers: str, **modules: str) -> None:
    """A package as pip leaves it: its modules, and beside them what it says of itself."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(dedent(source))
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bellwether.collectors]\n{dedent(offers)}\n")


def outcome(folder: Path, code: str) -> Any:
    """What a process of its own, that sees the packages in the folder, puts into `result`."""
    program = f"""
import json, sys
from exporter.collector import kind_of, load_kinds
from exporter.errors import SettingsError

def asked(name):
    try:
        kind = kind_of(name)
    except SettingsError as error:
        return str(error)
    return kind and f"{{kind.__module__}}.{{kind.__name__}}"

{dedent(code)}
print(json.dumps(result))
"""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_kind_is_had_without_what_other_kinds_depend_on(tmp_path: Path) -> None:
    code = "result = [asked('node'), [name for name in ('psycopg', 'httpx', 'prometheus_client') if name in sys.modules]]"
    assert outcome(tmp_path, code) == ["exporter.collectors.node.Node", []]


def test_a_kind_need_not_be_called_as_its_file() -> None:
    assert kind_of("http") is load_kinds()["http"]


def test_every_kind_is_found_by_its_name_alone(tmp_path: Path) -> None:
    found = outcome(tmp_path, f"result = {{name: asked(name) for name in {sorted(load_kinds())}}}")
    assert found == {name: f"{kind.__module__}.{kind.__name__}" for name, kind in load_kinds().items()}


def test_a_kind_that_there_is_not_is_none() -> None:
    assert kind_of("nix") is None
    assert kind_of('"') is None
    assert kind_of("") is None


def test_another_package_adds_a_kind(tmp_path: Path) -> None:
    install(tmp_path, "acme-queue", "queue = acme_queue:Queue", acme_queue=QUEUE)
    assert outcome(tmp_path, "result = [asked('queue'), 'queue' in load_kinds(), 'node' in load_kinds()]") == [
        "acme_queue.Queue",
        True,
        True,
    ]


def test_a_package_that_is_broken_breaks_only_its_own_kind(tmp_path: Path) -> None:
    install(tmp_path, "acme-queue", "queue = acme_queue:Queue", acme_queue=QUEUE)
    install(tmp_path, "acme-broken", "broken = acme_broken:Broken\nabsent = acme_absent:Absent", acme_broken="1 / 0")
    install(tmp_path, "acme-wrong", "wrong = acme_wrong:WRONG", acme_wrong="WRONG = 5")
    code = "result = [asked('broken'), asked('absent'), asked('wrong'), asked('queue'), sorted(load_kinds())]"
    broken, absent, wrong, queue, kinds = outcome(tmp_path, code)
    assert broken == (
        "the kind broken cannot be had from the package acme-broken: acme_broken:Broken: ZeroDivisionError: division by zero"
    )
    assert "acme-broken: acme_absent:Absent: ModuleNotFoundError: No module named 'acme_absent'" in absent
    assert 'acme-wrong: acme_wrong:WRONG: TypeError: expected a class of Collector with kind="wrong", got 5' in wrong
    assert queue == "acme_queue.Queue"
    assert kinds == sorted([*load_kinds(), "queue"])


def test_the_log_says_what_cannot_be_had(tmp_path: Path) -> None:
    install(tmp_path, "acme-broken", "broken = acme_broken:Broken", acme_broken="1 / 0")
    code = """
        import io, logging
        stream = io.StringIO()
        logging.basicConfig(stream=stream, format="%(levelname)s %(message)s")
        load_kinds()
        result = stream.getvalue().splitlines()
    """
    (line,) = outcome(tmp_path, code)
    assert line.startswith("WARNING the kind broken cannot be had from the package acme-broken: ")


def test_a_kind_that_two_packages_offer_is_refused_with_both_named(tmp_path: Path) -> None:
    install(tmp_path, "acme-queue", "queue = acme_queue:Queue", acme_queue=QUEUE)
    install(tmp_path, "other-queue", "queue = other_queue:Queue", other_queue=QUEUE)
    both = outcome(tmp_path, "result = [asked('queue'), asked('node'), 'queue' in load_kinds()]")
    assert both[0].startswith("the kind queue is offered by ")
    assert {"acme-queue", "other-queue"} < set(both[0].replace(";", "").split())
    assert both[1:] == ["exporter.collectors.node.Node", False]


def test_a_package_cannot_take_the_place_of_a_kind_of_bellwether(tmp_path: Path) -> None:
    usurper = QUEUE.replace("queue", "node").replace("Queue", "Node")
    install(tmp_path, "acme-node", "node = acme_node:Node", acme_node=usurper)
    refusal = "the kind node is offered by bellwether-exporter and acme-node; expected one: uninstall the other"
    assert outcome(tmp_path, "result = [asked('node'), load_kinds()['node'].__module__]") == [
        refusal,
        "exporter.collectors.node",
    ]


def test_a_kind_that_a_package_does_not_offer_is_not_had_from_it(tmp_path: Path) -> None:
    sneaky = QUEUE + '    class Node(Collector, kind="node"):\n        pass\n'
    install(tmp_path, "acme-queue", "queue = acme_queue:Queue", acme_queue=sneaky)
    assert outcome(tmp_path, "result = [asked('queue'), asked('node')]") == [
        "acme_queue.Queue",
        "exporter.collectors.node.Node",
    ]


def test_one_module_may_hold_two_kinds(tmp_path: Path) -> None:
    two = QUEUE + '    class Topic(Queue, kind="topic"):\n        pass\n'
    install(tmp_path, "acme-queue", "queue = acme_queue:Queue\ntopic = acme_queue:Topic", acme_queue=two)
    assert outcome(tmp_path, "result = [asked('topic'), asked('queue')]") == ["acme_queue.Topic", "acme_queue.Queue"]


def test_every_kind_is_known_without_what_single_kinds_need() -> None:
    """As after an installation without extras: SciPy, botocore and google-auth are not there."""
    program = """
        import sys
        sys.modules.update(dict.fromkeys(("scipy", "botocore", "google.auth", "cryptography")))
        from exporter.collector import load_kinds
        print(*load_kinds())
    """
    done = subprocess.run([sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(load_kinds())
