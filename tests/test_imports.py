"""Who may import whom, as the design draws it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "exporter"
BUILT_ON = {"exporter.collectors.supabase": "exporter.collectors.scrape"}  # settings of one that is there, for a service
RUN_PACKS = {"exporter.collectors.sql", "exporter.collectors.clickhouse"}
MODULES = {
    file.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", "."): file for file in PACKAGE.rglob("*.py")
}


def imports(file: Path) -> set[str]:
    """The modules of ours that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name in MODULES or f"{name}.__init__" in MODULES} - {"exporter"}


def importers(module: str) -> set[str]:
    return {name for name, file in MODULES.items() if module in imports(file)}


@pytest.mark.parametrize("leaf", ["exporter.metric", "exporter.errors", "exporter.fields", "exporter.deflate"])
def test_leaves_import_nothing_of_ours(leaf: str) -> None:
    assert imports(MODULES[leaf]) == set()


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("exporter.collectors.")])
def test_a_collector_knows_only_its_contract_and_its_clients(name: str) -> None:
    allowed = {"exporter.collector", "exporter.metric", "exporter.errors"}
    own_package = ".".join(name.split(".")[:3])  # a kind may be a package, and that may have packages
    for imported in imports(MODULES[name]):
        packs = own_package in RUN_PACKS and imported.startswith("exporter.packs")
        inside = imported == own_package or imported.startswith(f"{own_package}.")
        known = imported in allowed or imported.startswith(("exporter.clients", "exporter.roles"))
        assert known or packs or inside or imported == BUILT_ON.get(name), f"{name} imports {imported}"


def test_a_role_is_metrics_and_nothing_else() -> None:
    for name, file in MODULES.items():
        if name.startswith("exporter.roles."):
            assert {imported for imported in imports(file) if not imported.startswith("exporter.roles")} <= {
                "exporter.metric"
            }, name


def test_clients_know_no_collector_and_no_engine() -> None:
    for name, file in MODULES.items():
        if name.startswith("exporter.clients."):
            others = {imported for imported in imports(file) if not f"{imported}.".startswith("exporter.clients.")}
            # metric: what every client of a kind has to tell, such as calls to an API, is declared once for all collectors
            assert others <= {"exporter.errors", "exporter.fields", "exporter.metric"}, name


def test_only_the_application_sees_both_scheduler_and_server() -> None:
    assert importers("exporter.scheduler") & importers("exporter.server") == {"exporter.app"}


def test_only_the_command_line_imports_the_demo() -> None:
    outside = {name for name in importers("exporter.demo") if not name.startswith("exporter.demo")}
    assert outside <= {"exporter.cli"}


def test_only_the_command_line_prints() -> None:
    printing = {
        name
        for name, file in MODULES.items()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printing <= {"exporter.cli"}


def test_no_module_is_a_grab_bag_or_longer_than_400_lines() -> None:
    grab_bags = {"utils", "util", "helpers", "common", "misc", "base", "core", "manager"}
    assert [name for name in MODULES if name.rsplit(".", 1)[-1] in grab_bags] == []
    assert [name for name, file in MODULES.items() if len(file.read_text().splitlines()) > 400] == []
