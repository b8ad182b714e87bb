"""Cases of alerts are worth something if they notice when a rule is changed: nearly all of its mutants have to fail."""

import re
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.rules.mutants import Mutant, mutants
from tests.rules.promtool import Document, all_of, verdicts
from tests.rules.rendered import CASES, RULES, Rule

CAUGHT = 0.95
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def survivors(candidates: list[Mutant]) -> list[Mutant]:
    """Those that no case of their alert notices."""
    together: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in candidates:
        apart = mutant.change if _sees_others(mutant.rule) else ""
        together.setdefault((mutant.alert, apart), []).append(mutant)
    with ThreadPoolExecutor(2) as pool:
        longest_first = sorted(together.values(), key=_evaluations, reverse=True)
        return [mutant for alive in pool.map(_survivors, longest_first) for mutant in alive]


def _sees_others(rule: Rule) -> bool:
    """Whether it reads alerts, and would take other mutants for some."""
    theirs = {**rule["labels"], "alertname": "Mutant", "alertstate": "firing"}
    selectors = [_MATCHER.findall(selector) for selector in re.findall(r"ALERTS(?:\{(.*?)\})?", rule["expr"])]
    return any(
        all((re.fullmatch(value if "~" in how else re.escape(value), theirs[label]) is None) == ("!" in how)
            for label, how, value in matchers if label in theirs)
        for matchers in selectors
    )  # fmt: skip


def _evaluations(of_an_alert: list[Mutant]) -> int:
    return len(of_an_alert) * sum(document.evaluations() for document in all_of(of_an_alert[0].alert))


def _survivors(of_an_alert: list[Mutant]) -> list[Mutant]:
    """Case after case, so that most are settled by a short one."""
    alive = of_an_alert
    for document in all_of(alive[0].alert):
        alive = _unnoticed(document, alive)
        if not alive:
            break
    return alive


def _unnoticed(document: Document, alive: list[Mutant]) -> list[Mutant]:
    """All are evaluated together. One that cannot be evaluated ends the case for all, so that those left are asked again."""
    names = (
        {f"Mutant_{number}": mutant for number, mutant in enumerate(alive)} if len(alive) > 1 else {alive[0].alert: alive[0]}
    )
    while names:
        with tempfile.TemporaryDirectory() as folder:
            [said] = verdicts([document.of({name: mutant.rule for name, mutant in names.items()})], Path(folder))
        noticed = set(re.findall(r"\w+", said)) & names.keys()
        assert not said or noticed, said
        for name in noticed:
            del names[name]
        if ", err: " not in said:
            break
    return list(names.values())


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nearly_every_change_of_an_alert_fails_one_of_its_cases() -> None:
    candidates = list(mutants())
    assert {mutant.alert for mutant in candidates} == RULES.keys() == CASES.keys()
    alive = survivors(candidates)
    told = "\n".join(f"{mutant.alert}: {mutant.change}" for mutant in alive)
    print(f"{len(candidates) - len(alive)} of {len(candidates)} mutants are caught; these are not:\n{told}")  # noqa: T201
    assert len(alive) <= (1 - CAUGHT) * len(candidates), told


@pytest.mark.parametrize("name", ["HostFilesExhausted", "NetworkLatencyHigh", "WebsiteDown"])
def test_the_cases_of_an_alert_notice_each_change(name: str) -> None:
    assert [mutant.change for mutant in survivors([mutant for mutant in mutants() if mutant.alert == name])] == []


def test_a_rule_is_changed_in_every_respect() -> None:
    described = (mutant.change for mutant in mutants() if mutant.alert == "NetworkLatencyHigh")
    short = (re.sub(r".*«(.*)».*", r"\1", text) for text in described)
    changes = Counter(re.sub(r"^[\d.]+(?= ->)", lambda number: f"{float(number[0]):g}", text) for text in short)
    assert changes == dict.fromkeys(
        [
            'phase="rtt" -> phase="another"',
            'phase="rtt" -> ',
            "[5m] -> [900s]",
            "[5m] -> [100s]",
            "> -> <",
            "0.1 -> 0.13",
            "0.1 -> 0.07",
            "for 5m -> 900s",
            "for 5m -> 100s",
            "keep_firing_for 5m -> 900s",
            "keep_firing_for 5m -> 100s",
            "keep_firing_for 5m -> 0s",
        ],
        1,
    )
