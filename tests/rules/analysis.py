"""What can be said of an expression without data: the labels that its series have, and what can never work.

A finding is raised as `Wrong`. Labels are None where they cannot be known, as those of ALERTS.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import promql_parser

_SPREAD = re.compile(r"_(bucket|sum|count)$")
_RATES = {"rate", "irate", "increase", "resets"}
_PRESENCE = {"timestamp", "changes", "absent", "absent_over_time", "count_over_time", "present_over_time"}
_COMPARISONS = {"==", "!=", ">", "<", ">=", "<="}
_SETS = {"and", "or", "unless"}
_TOPS = {"topk", "bottomk"}
Labels = frozenset[str] | None


class Wrong(Exception):
    """What is wrong with an expression."""


class Known(NamedTuple):
    """What is known of a metric."""

    type: str
    labels: Labels


def parsed(expression: str) -> Any:
    return promql_parser.parse(expression)


def nodes(expression: Any) -> Iterator[Any]:
    """An expression and all that it is made of."""
    yield expression
    for child in _children(expression):
        yield from nodes(child)


def is_condition(expression: Any) -> bool:
    """Whether there is anything in an alert's expression that can be false."""
    return any(
        (isinstance(node, promql_parser.BinaryExpr) and str(node.op) in _COMPARISONS | {"unless"})
        or (isinstance(node, promql_parser.Call) and node.func.name.startswith("absent"))
        for node in nodes(expression)
    )


def check_counters(expression: Any, metrics: Mapping[str, Known], around: str = "") -> None:
    """That a counter is read by rate or increase, or as it is where it was not there before, and that nothing else is."""
    selector = _selector(expression)
    if selector is not None:
        kind = _kind(selector.name, metrics)
        if kind == "counter" and around not in _RATES | _PRESENCE:
            raise Wrong(f"{selector.name} is a counter: take its rate")
        if kind == "gauge" and around in _RATES:
            raise Wrong(f"{selector.name} is a gauge: its {around} means nothing")
        return
    if isinstance(expression, promql_parser.BinaryExpr) and str(expression.op) in _SETS:
        if not _is_of_new_series(expression):
            check_counters(expression.lhs, metrics, around)
        if _selector(expression.rhs) is None:  # of a counter as it is, only whether it is there is asked
            check_counters(expression.rhs, metrics, around)
        return
    inside = expression.func.name if isinstance(expression, promql_parser.Call) else ""
    for child in _children(expression):
        check_counters(child, metrics, inside or around if isinstance(expression, promql_parser.SubqueryExpr) else inside)


def labels_of(expression: Any, metrics: Mapping[str, Known]) -> Labels:
    """The labels that the series of an expression have. Raises `Wrong` where two sides never match."""
    selector = _selector(expression)
    if selector is not None:
        return _selected(selector, metrics)
    for kind, labels in _OF.items():
        if isinstance(expression, kind):
            return labels(expression, metrics)
    return frozenset()


def is_scalar(expression: Any) -> bool:
    match expression:
        case promql_parser.NumberLiteral():
            return True
        case promql_parser.Call():
            return expression.func.name in {"time", "scalar", "pi"}
        case promql_parser.BinaryExpr():
            return is_scalar(expression.lhs) and is_scalar(expression.rhs)
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            return is_scalar(expression.expr)
    return False


def _kind(name: str, metrics: Mapping[str, Known]) -> str:
    if name in metrics:
        return metrics[name].type
    whole = metrics.get(_SPREAD.sub("", name))
    # The histograms of packs stand for a window, or for now, and start anew with each poll.
    return "counter" if whole and whole.type in {"histogram", "summary"} and "window" not in (whole.labels or ()) else ""


def _selected(selector: Any, metrics: Mapping[str, Known]) -> Labels:
    whole = _SPREAD.sub("", selector.name)
    if selector.name not in metrics and whole not in metrics:
        raise Wrong(f"there is no metric {selector.name}")
    known = metrics.get(selector.name) or metrics[whole]
    if known.labels is None:
        return None
    labels = known.labels | ({"le"} if selector.name.endswith("_bucket") else frozenset())
    unknown = {matcher.name for matcher in selector.matchers.matchers} - labels - {"job", "instance"}
    if unknown:
        raise Wrong(f"{selector.name} has no label {', '.join(sorted(unknown))}")
    return labels


def _of_aggregate(expression: Any, metrics: Mapping[str, Known]) -> Labels:
    inside = labels_of(expression.expr, metrics)
    if str(expression.op) in _TOPS:
        return inside
    added = {expression.param.val} if str(expression.op) == "count_values" else frozenset[str]()
    if expression.modifier is None:
        return frozenset(added)
    named = frozenset(expression.modifier.labels)
    if str(expression.modifier.type) == "VectorMatchModifierType.Without" or "without" in str(expression.modifier):
        return None if inside is None else inside - named | added
    if inside is not None and not named <= inside:
        raise Wrong(f"cannot aggregate by {', '.join(sorted(named - inside))}: {expression.expr}")
    return named | added


def _of_call(expression: Any, metrics: Mapping[str, Known]) -> Labels:
    name, arguments = expression.func.name, expression.args
    vectors = [argument for argument in arguments if not is_scalar(argument) and not _is_text(argument)]
    if name.startswith("absent"):
        selector = _selector(arguments[0])
        matchers = selector.matchers.matchers if selector else []
        return frozenset(matcher.name for matcher in matchers if str(matcher.op).endswith("Equal"))
    if not vectors or name == "vector":
        return frozenset()
    inside = labels_of(vectors[-1], metrics)
    if inside is None:
        return None
    if name in {"label_replace", "label_join"}:
        return inside | {arguments[1].val}
    return inside - {"le"} if name == "histogram_quantile" else inside


def _of_binary(expression: Any, metrics: Mapping[str, Known]) -> Labels:
    left, right = labels_of(expression.lhs, metrics), labels_of(expression.rhs, metrics)
    if is_scalar(expression.lhs) or is_scalar(expression.rhs):
        return right if is_scalar(expression.lhs) else left
    matching = expression.modifier.matching if expression.modifier else None
    if left is None or right is None:
        return left if left is not None or matching is None else None
    if str(expression.op) == "or" and matching is None:
        return left & right  # each side may well have series that the other has not
    text = str(matching) if matching else ""
    named = frozenset(matching.labels) if matching else frozenset[str]()
    one, other = (named, named) if text.startswith("on") else (left - named, right - named)
    if not (one <= left and other <= right) or one != other:
        raise Wrong(f"no series of the two sides match, {sorted(left)} and {sorted(right)} {text}: {expression}")
    card = str(expression.modifier.card) if expression.modifier else ""
    if card.endswith("OneToMany"):
        return right
    if str(expression.op) == "or":
        return left & right
    is_joined = text.startswith("on") and card.endswith("OneToOne")
    return named if is_joined and str(expression.op) not in _SETS | _COMPARISONS else left


_OF: dict[Any, Callable[[Any, Mapping[str, Known]], Labels]] = {
    promql_parser.AggregateExpr: _of_aggregate,
    promql_parser.Call: _of_call,
    promql_parser.BinaryExpr: _of_binary,
    promql_parser.ParenExpr: lambda expression, metrics: labels_of(expression.expr, metrics),
    promql_parser.UnaryExpr: lambda expression, metrics: labels_of(expression.expr, metrics),
    promql_parser.SubqueryExpr: lambda expression, metrics: labels_of(expression.expr, metrics),
}


def _selector(expression: Any) -> Any:
    if isinstance(expression, promql_parser.MatrixSelector):
        return expression.vector_selector
    return expression if isinstance(expression, promql_parser.VectorSelector) else None


def _is_of_new_series(expression: Any) -> bool:
    """Whether only those series are left of a metric that had no sample some time ago."""
    first, before = expression.lhs, _selector(expression.rhs)
    while isinstance(first, promql_parser.BinaryExpr):
        first = first.lhs
    now = _selector(first)
    if now is None or before is None or str(expression.op) != "unless":
        return False
    is_same = (now.name, str(now.matchers)) == (before.name, str(before.matchers))
    return is_same and now.offset is None and before.offset is not None


def _is_text(expression: Any) -> bool:
    return isinstance(expression, promql_parser.StringLiteral)


def _children(expression: Any) -> list[Any]:
    match expression:
        case promql_parser.BinaryExpr():
            return [expression.lhs, expression.rhs]
        case promql_parser.Call():
            return list(expression.args)
        case (
            promql_parser.AggregateExpr() | promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr()
        ):
            return [expression.expr]
    return []
