"""Bellwether beside the exporters whose names it serves."""

import contextlib
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from exporter.catalogue import catalogue
from tests import tools
from tests.compatibility import compare, level, page, servers
from tests.compatibility.compare import Finding, Report
from tests.compatibility.expected import Moving, Rule, expected, originals
from tests.compatibility.exposition import read
from tests.compatibility.originals import ORIGINALS, Side


def said(report: Report) -> list[str]:
    return [
        *(f"unexpected: {finding}" for finding in report.unexpected),
        *(f"no longer so: {rule.difference} of {', '.join(rule.families)}" for rule in report.stale),
    ]


@pytest.mark.parametrize("original", originals())
def test_catalogue_has_the_families_of_the_level_but_for_what_has_a_reason(original: str) -> None:
    table = expected(original)
    ours = [entry for entry in catalogue() if set(entry.kinds) & set(table.kinds)]
    assert said(compare.with_catalogue(level.families(original), ours, table)) == []


@pytest.mark.parametrize("original", ORIGINALS)
def test_what_the_original_serves_is_served_alike_but_for_what_has_a_reason(original: str) -> None:
    assert said(compare.side_by_side(ORIGINALS[original](), expected(original))) == []


def test_page_is_current() -> None:
    assert page.FILE.read_text(encoding="utf-8") == page.as_markdown(), (
        "run `python -m tests.compatibility` and commit the page"
    )


def side(before: str, ours: str, after: str) -> Side:
    return Side(read(before), read(ours), read(after))


TABLE = expected("node_exporter").model_copy(update={"moving": (), "side_by_side": ()})


@pytest.mark.parametrize(
    ("theirs", "ours", "difference"),
    [
        ("# TYPE a gauge\na 1", "# TYPE b gauge\nb 1", "absent"),
        ("# TYPE a gauge\na 1", "# TYPE a counter\na 1", "type"),
        ("# TYPE a counter\na 1", "# TYPE a_total counter\na_total 1", "absent"),
        ('# TYPE a gauge\na{x="1"} 1', '# TYPE a gauge\na{y="1"} 1', "labels"),
        ('# TYPE a gauge\na{x="1"} 1', '# TYPE a gauge\na{x="2"} 1', "series"),
        ('# TYPE a gauge\na{x="1"} 1', '# TYPE a gauge\na{x="1"} 1.001', "value"),
    ],
)
def test_every_kind_of_difference_is_found(theirs: str, ours: str, difference: str) -> None:
    report = compare.side_by_side([side(theirs + "\n", ours + "\n", theirs + "\n")], TABLE)
    assert [finding.difference for finding in report.unexpected] == [difference]


def test_a_counter_lies_between_what_the_original_says_before_and_after() -> None:
    pages = ["# TYPE a counter\na 1\n", "# TYPE a counter\na 2\n", "# TYPE a counter\na 3\n"]
    assert said(compare.side_by_side([side(*pages)], TABLE)) == []
    assert said(compare.side_by_side([side(pages[1], pages[0], pages[2])], TABLE)) != []


def test_labels_beyond_the_originals_are_summed_up_for_its_series() -> None:
    theirs = '# TYPE a gauge\na{x="1"} 5\n'
    report = compare.side_by_side([side(theirs, '# TYPE a gauge\na{x="1",y="1"} 2\na{x="1",y="2"} 3\n', theirs)], TABLE)
    assert [finding.difference for finding in report.unexpected] == ["labels"]


def test_a_moving_figure_may_be_as_far_off_as_its_rule_says() -> None:
    table = TABLE.model_copy(update={"moving": (Moving(families=("a",), reason="It moves.", within=0.1),)})
    pages = ["# TYPE a gauge\na 100\n", "# TYPE a gauge\na 109\n", "# TYPE a gauge\na 100\n"]
    assert said(compare.side_by_side([side(*pages)], table)) == []
    assert said(compare.side_by_side([side(pages[0], "# TYPE a gauge\na 120\n", pages[0])], table)) != []


def test_an_expected_difference_that_is_there_no_more_fails() -> None:
    rule = Rule(families=("a",), reason="It was so.", difference="absent")
    assert compare.judged([Finding("a", "absent", "")], [rule]) == Report([], [])
    assert compare.judged([], [rule]) == Report([], [rule])
    assert compare.judged([], [rule.model_copy(update={"some_machines": True})]) == Report([], [])


@pytest.mark.parametrize("original", originals())
def test_every_reason_is_a_sentence(original: str) -> None:
    table = expected(original)
    assert [rule.reason for rule in (*table.level, *table.side_by_side, *table.moving) if not rule.reason.endswith(".")] == []


@pytest.mark.parametrize("original", [name for name in ORIGINALS if expected(name).debian])
def test_debians_version_is_the_one_that_the_page_names(original: str) -> None:
    command = [str(tools.tool(original)), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=tools.environment(original))
    assert f"version {expected(original).debian} " in said.stdout + said.stderr


def test_debians_program_for_pgbouncer_asks_for_columns_that_are_gone() -> None:
    root = tools.unpacked("prometheus-pgbouncer-exporter")
    [collectors] = root.glob("usr/lib/python3/dist-packages/*/collectors.py")
    wanted = {"total_requests", "total_query_time"}
    assert all(f"'{column}'" in collectors.read_text(encoding="utf-8") for column in wanted)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pooler = stack.enter_context(servers.pooler(stack.enter_context(servers.database()), folder))
        connection = stack.enter_context(psycopg.connect(pooler.dsn(), autocommit=True))
        columns = {column.name for column in connection.execute("show stats").description or ()}
    assert wanted - columns == {"total_requests"}
