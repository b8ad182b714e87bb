"""Alerts with one thing changed, as somebody might by mistake: does any case notice?

Of an expression: a number that is compared with (30 % up and down), a comparison (the other way round), a window or an offset
(three times, a third), a selector (a label's value another one; not asked for at all). Of a rule: its delay (three times, a
third), and how long it is kept firing (the same; not at all). The guard that mutes stale figures is one text in all alerts: it
is left out as a whole, and its inside changed in one alert only.

Two things are left out since they cannot change what comes out. How far back a figure looks that is multiplied by 0: of it only
its labels count. A label that two joined figures are both asked for by one value, on one side only: the join asks again.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.rules.promtool import seconds
from tests.rules.rendered import RULES, Rule

INSIDE_OF_THE_GUARD = "PaymentFailures"
"""The alert in which it is changed."""

_GUARD = re.compile(r"\nunless on \(\w+\) label_replace\(\n  \(time\(\) - .*?\n\)", re.DOTALL)
_ZERO = re.compile(r"(?<![\w.])0 \* (?=\()")
_JOINED = re.compile(r"[\w:]+\{(?P<left>[^}]*)\}[^\n]*\nand (?:on \((?P<on>[^)]*)\) )?[\w:]+\{(?P<right>[^}]*)\}")
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")"""
    r"""|(?P<window>\[\w+(?::\w*)?\]|(?<=offset )\w+)"""
    r"""|(?P<matcher>(?<=[{,\s])\w+(?:=~|!~|!=|=)"(?:[^"\\]|\\.)*")"""
    r"""|(?P<comparison>==|!=|>=|<=|>|<)"""
    r"""|(?P<number>(?<![\w.:])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w:]))"""
    r"""|(?P<word>[a-zA-Z_:][\w:]*)"""
)
_LENGTHS = {"for": (3, 1 / 3), "keep_firing_for": (3, 1 / 3, 0)}
_OTHER_WAY = {">": "<", ">=": "<", "<": ">", "<=": ">", "==": "!=", "!=": "=="}


class Mutant(NamedTuple):
    """A rule with one change."""

    alert: str
    change: str
    rule: Rule


def mutants() -> Iterator[Mutant]:
    for name, rule in RULES.items():
        for change, fields in _changes(rule, name == INSIDE_OF_THE_GUARD):
            yield Mutant(name, change, {**rule, **fields})


def _changes(rule: Rule, inside: bool) -> Iterator[tuple[str, Rule]]:
    expression: str = rule["expr"]
    guard = _GUARD.search(expression)
    if guard:
        yield "no guard against stale figures", {"expr": expression.replace(guard[0], "", 1)}
    for start, end, text in _edits(expression):
        if guard and guard.start() <= start < guard.end() and not inside:
            continue
        yield _described(expression, start, end, text), {"expr": expression[:start] + text + expression[end:]}
    for field, factors in _LENGTHS.items():
        for factor in factors if field in rule else ():
            length = f"{round(seconds(rule[field]) * factor)}s"
            yield f"{field} {rule[field]} -> {length}", {field: length}


def _edits(expression: str) -> Iterator[tuple[int, int, str]]:
    compared = False  # the number that comes next is what is compared with
    zeros = [range(found.end(), _closed(expression, found.end())) for found in _ZERO.finditer(expression)]
    for token in _TOKEN.finditer(expression):
        kind, text, place = token.lastgroup, token[0], (token.start(), token.end())
        if kind == "comparison":
            yield *place, _OTHER_WAY[text]
            compared = True
        elif kind == "number":
            if compared and float(text):
                yield from ((*place, f"{float(text) * factor:.10g}") for factor in (1.3, 0.7))
            compared = False
        elif kind == "word":
            compared = False
        elif kind == "window" and not any(token.start() in zero for zero in zeros):
            inner = text.strip("[]")
            length, *step = inner.split(":")
            for window in (seconds(length) * 3, max(1, seconds(length) // 3)):
                yield *place, text.replace(inner, ":".join([f"{window}s", *step]))
        elif kind == "matcher":
            yield from _matchers(expression, *place)


def _closed(expression: str, start: int) -> int:
    """Where the bracket ends that opens there."""
    depth = 0
    for place in range(start, len(expression)):
        depth += {"(": 1, ")": -1}.get(expression[place], 0)
        if not depth:
            return place
    raise ValueError(f"a bracket is not closed: {expression[start:]}")


def _matchers(expression: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    label, operator, _ = re.split(r'(=~|!~|!=|=)(?=")', expression[start:end], maxsplit=1)
    yield start, end, f'{label}{operator}"another"'
    joined = _JOINED.match(expression)
    sides = [joined[side] for side in ("left", "right")] if joined else []
    if (
        joined
        and all(expression[start:end] in side for side in sides)
        and (not joined["on"] or label in joined["on"].split(", "))
    ):
        if start < joined.end("left"):
            other = expression.index(expression[start:end], joined.start("right"))
            (first, after), (second, last) = (_cut(expression, at, at + end - start) for at in (start, other))
            yield first, last, expression[after:second]
    else:
        yield *_cut(expression, start, end), ""


def _cut(expression: str, start: int, end: int) -> tuple[int, int]:
    """A selector and the comma that goes with it."""
    if after := re.match(r",\s*", expression[end:]):
        return start, end + after.end()
    before = re.search(r",\s*$", expression[:start])
    return before.start() if before else start, end


def _described(expression: str, start: int, end: int, text: str) -> str:
    before, after = expression[max(0, start - 40) : start], expression[end : end + 25]
    return f"{before.rpartition(chr(10))[2]}«{expression[start:end]} -> {text}»{after.partition(chr(10))[0]}"
