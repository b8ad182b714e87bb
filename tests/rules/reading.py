"""Which recording rules a case needs: those that its alert reads, and that can make anything of the series it tells.

To evaluate a rule a thousand times is what a case costs, and of the rules of a table with many rows most find nothing.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import promql_parser

from tests.rules.analysis import nodes, parsed
from tests.rules.rendered import RECORDS, Rule

_SERIES = re.compile(r"(?P<name>[\w:]+)(?:\{(?P<labels>.*)\})?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_BOTH_SIDES = {"or"}
_LEFT_SIDE = {"unless"}
_FROM_NOTHING = {"absent", "absent_over_time", "vector", "time", "scalar"}


class Series(NamedTuple):
    """Series that there are. Those that a rule makes may have more labels than are known."""

    name: str
    labels: Mapping[str, str]
    is_told: bool


def told(text: str) -> Series:
    """A series as a case writes it."""
    found = _SERIES.fullmatch(text)
    assert found, text
    return Series(found["name"], dict(_LABEL.findall(found["labels"] or "")), is_told=True)


def needed(rules: Iterable[Rule], series: Iterable[str]) -> list[Rule]:
    """The recording rules that alerts read, each after those that it reads itself. A record that a case tells is not made."""
    there = [told(text) for text in series]
    found: list[Rule] = []
    _collect([rule["expr"] for rule in rules], there, found, {one.name for one in there})
    return found


def reads_records(rule: Rule) -> bool:
    """Whether a rule reads what others recorded earlier."""
    return bool(_records_in(rule["expr"]))


def _collect(expressions: Iterable[str], there: list[Series], found: list[Rule], seen: set[str]) -> None:
    """Add to `found` what makes the records that expressions read, and to `there` what it makes."""
    for name in dict.fromkeys(name for expression in expressions for name in _records_in(expression)):
        if name not in seen:
            seen.add(name)
            _collect([rule["expr"] for rule in RECORDS[name]], there, found, seen)
            made = [rule for rule in RECORDS[name] if _makes_something(_parsed(rule["expr"]), there)]
            found += made
            there += [Series(name, rule.get("labels", {}), is_told=False) for rule in made]


def _makes_something(expression: Any, there: Sequence[Series]) -> bool:
    """Whether an expression may have a value, as far as can be told from which series there are."""
    match expression:
        case promql_parser.VectorSelector():
            return any(_may_select(expression, one) for one in there)
        case promql_parser.MatrixSelector():
            return _makes_something(expression.vector_selector, there)
        case promql_parser.BinaryExpr():
            left, right = (_makes_something(side, there) for side in (expression.lhs, expression.rhs))
            operator = str(expression.op)
            return left or right if operator in _BOTH_SIDES else left and (right or operator in _LEFT_SIDE)
        case promql_parser.Call() if expression.func.name not in _FROM_NOTHING:
            return all(_makes_something(argument, there) for argument in expression.args)
        case (
            promql_parser.AggregateExpr() | promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr()
        ):
            return _makes_something(expression.expr, there)
    return True


def _may_select(selector: Any, one: Series) -> bool:
    return selector.name == one.name and all(
        _holds(str(matcher.op), matcher.value, one.labels.get(matcher.name, ""))
        for matcher in selector.matchers.matchers
        if one.is_told or matcher.name in one.labels
    )


def _holds(operator: str, asked: str, value: str) -> bool:
    is_equal = re.fullmatch(asked, value) is not None if "Re" in operator else asked == value
    return is_equal != ("Not" in operator)


@functools.cache
def _parsed(expression: str) -> Any:
    return parsed(expression)


@functools.cache
def _records_in(expression: str) -> list[str]:
    found = (getattr(node, "vector_selector", node) for node in nodes(_parsed(expression)))
    return [one.name for one in found if isinstance(one, promql_parser.VectorSelector) and one.name in RECORDS]
