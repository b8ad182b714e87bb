"""Every alert fires when it should, stays quiet when it should, and says what a person needs to know."""

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from exporter.catalogue import catalogue
from tests.dashboards.rendered import DASHBOARDS
from tests.rules.promtool import Document, all_of, firing, verdicts
from tests.rules.rendered import CASES, GROUPS, OTHERS, QUIET, RECORDS, ROOT, RULES
from tests.tools import tool

LONG = 250
"""Evaluations from which on a case that an alert stays quiet, or fires for one more reason, takes a second or more."""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def others(name: str) -> list[Document]:
    """The cases of an alert but the first, in which it fires."""
    return [case for case in all_of(name) if case != firing(name)]


def test_the_configuration_of_prometheus_is_valid() -> None:
    assert "SUCCESS" in run(tool("promtool"), "check", "config", "prometheus.yml", cwd=ROOT / "prometheus")


def test_the_rules_are_valid(tmp_path: Path) -> None:
    for kind in ("record", "alert"):
        groups = [group for group in GROUPS if kind in group["rules"][0]]
        (tmp_path / f"{kind}.yaml").write_text(yaml.safe_dump({"groups": groups}))
    command = (tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", "record.yaml", "alert.yaml")
    assert "SUCCESS" in run(*command, cwd=tmp_path)


def test_every_alert_has_a_case_and_every_case_an_alert() -> None:
    assert sorted(CASES) == sorted(RULES)


@pytest.mark.parametrize("name", CASES)
def test_an_alert_has_cases_in_which_it_stays_quiet_and_one_for_its_delay(name: str) -> None:
    case = CASES[name]
    assert case["quiet"], "it has no case in which it stays quiet"
    for fires in (case["fires"], *case.get("fires_too", {}).values()):
        assert ("pending_at" in fires) == ("for" in RULES[name]), "a case for its delay, if it has one"
    ends = [fires for fires in (case["fires"], *case.get("fires_too", {}).values()) if "ends" in fires]
    assert bool(ends) == ("keep_firing_for" in RULES[name]), "a case for its end, if it is kept firing"


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_after_its_delay_and_not_before_and_stays_quiet_otherwise(name: str, tmp_path: Path) -> None:
    cases = [firing(name), *(case for case in others(name) if case.evaluations() < LONG)]
    assert [said for said in verdicts(cases, tmp_path) if said] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if any(case.evaluations() >= LONG for case in others(name))])
def test_the_same_of_cases_of_many_hours(name: str, tmp_path: Path) -> None:
    cases = [case for case in others(name) if case.evaluations() >= LONG]
    assert [said for said in verdicts(cases, tmp_path) if said] == []


@pytest.mark.parametrize(("name", "why"), QUIET, ids=[f"{name}: {why}" for name, why in QUIET])
def test_an_alert_is_not_quiet_only_for_want_of_its_metrics(name: str, why: str) -> None:
    case = CASES[name]
    known = {metric for fires in (case["fires"], *case.get("fires_too", {}).values()) for metric in metrics_in(fires["series"])}
    assert metrics_in(case["quiet"][why]["series"]) <= known


def test_what_is_wrong_with_a_case_is_told_of_that_case(tmp_path: Path) -> None:
    whole = firing("WebsiteDown")
    broken = whole._replace(rules=[{**whole.rules[0], "expr": "vector(0) > 1"}])
    first, second, third = verdicts([whole, broken, whole], tmp_path)
    assert (first, third) == ("", "")
    assert "WebsiteDown" in second


def test_an_outage_of_payments_is_seen_within_two_minutes() -> None:
    began, seen = 10 * 60, re.fullmatch(r"(\d+)m(\d+)s", CASES["PaymentFailures"]["fires"]["at"])
    assert seen
    assert int(seen[1]) * 60 + int(seen[2]) - began <= 120


def metrics_in(series: dict[str, Any]) -> set[str]:
    return {name.split("{")[0] for name in series}


# What an alert says


@pytest.mark.parametrize("name", RULES)
def test_an_alert_tells_a_person_what_it_means_and_where_to_look(name: str) -> None:
    labels, texts = RULES[name]["labels"], RULES[name]["annotations"]
    assert labels["severity"] == {"P0": "critical", "P1": "critical", "P2": "warning", "P3": "info"}.get(
        labels["priority"], "none"
    )
    assert {"domain", "service"} <= labels.keys()
    for text in ("summary", "description", "impact", "action"):
        assert texts[text].endswith("."), f"{text} is a sentence"
    assert "{{" not in texts["summary"], "the summary holds for every instance"
    assert texts["runbook_url"].endswith(f"/runbooks/{name}")


@pytest.mark.parametrize("name", RULES)
def test_an_alerts_dashboard_exists_and_has_the_variables_that_the_link_sets(name: str) -> None:
    address = urlsplit(RULES[name]["annotations"]["dashboard_url"].replace(" ", ""))
    page = DASHBOARDS.get(address.path.removeprefix("/d/"))
    assert page, f"there is no page {address.path}"
    variables = {f"var-{variable['name']}" for variable in page["templating"]["list"]}
    assert parse_qs(address.query).keys() <= variables


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(file.stem for file in ROOT.glob("alerts/runbooks/*.md")) == sorted(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_runbook_says_what_it_means_what_to_look_at_what_to_do_and_whom_to_tell(name: str) -> None:
    text = (ROOT / "alerts/runbooks" / f"{name}.md").read_text()
    assert re.findall(r"^#+ .*$", text, re.MULTILINE) == [
        f"# {name}",
        "## Meaning",
        "## Impact",
        "## Look",
        "## Mend",
        "## Tell",
    ]
    assert all(part.strip() for part in re.split(r"^#+ .*$", text, flags=re.MULTILINE)[2:]), "a part says nothing"


OF_OTHERS = {
    *("pg_amcheck", "pg_basebackup", "pg_cancel_backend", "pg_checksums", "pg_class", "pg_lsclusters", "pg_stat_activity"),
    "scrape_timeout",
    *("pg_stat_archiver", "pg_stat_progress_vacuum", "pg_stat_wal_receiver", "pg_terminate_backend", "pg_wal"),
}
"""Programs, functions, relations, folders and settings that runbooks name, and that look like metrics."""


def first_word(name: str) -> str:
    return "".join(re.findall("^[A-Z][a-z]*", name))


@pytest.mark.parametrize("name", RULES)
def test_a_runbook_names_only_what_exists(name: str) -> None:
    text = (ROOT / "alerts/runbooks" / f"{name}.md").read_text()
    known = {entry.metric.name for entry in catalogue()} | set(OTHERS) | set(RECORDS)
    labels = {label for entry in catalogue() for label in entry.metric.labels} | {"http_response_status_code", "http_route"}
    first = {name.split("_")[0] for name in known}
    code = " ".join("".join(span) for span in re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.DOTALL))
    words = set(re.findall(r"(?<![:.\w\"'/-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b(?![:.(\w])", code))
    ours = {word for word in words - labels - OF_OTHERS if word.split("_")[0] in first}
    assert {word for word in ours if re.sub(r"_(bucket|sum|count)$", "", word) not in known} <= known, "metrics"
    firsts = {first_word(alert) for alert in RULES}
    alerts = {word for word in re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", text) if first_word(word) in firsts}
    assert alerts <= RULES.keys(), "alerts"
    titles = {page["title"] for page in DASHBOARDS.values()}
    named = re.findall(r"\b[Dd]ashboard ([A-Z][\w-]*(?: [\w-]+)*)", text)
    unknown = [name for name in named if not any(name.startswith(title) or title.startswith(name) for title in titles)]
    assert unknown == [], "dashboards"
