"""What PostHog's answers mean: samples of tables, flags and experiments. The readers are to be read through `whole`."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from exporter.collectors.posthog.queries import VITALS, WINDOWS
from exporter.errors import Malformed
from exporter.metric import Sample
from exporter.roles import product, web
from exporter.roles.vitals import RATINGS, rated, three_of_four

Row = dict[str, Any]
Table = list[Row]
_DEVICES = frozenset({"desktop", "mobile", "tablet"})
_ANSWERS = {"true": "on", "false": "off", "": "off"}  # a flag that is off for somebody is reported as false, or as nothing


def whole(what: str, samples: Iterator[Sample]) -> list[Sample]:
    """All that a reader of this file finds. Raises `Malformed`, saying what was wanted."""
    try:
        return list(samples)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise Malformed(f"PostHog: expected {what}, got something else; is its version known?") from None


def table(data: Any, place: str) -> Table:
    """The rows of a query's answer, by column."""
    try:
        status = data.get("query_status")
        if status is not None:
            failed, data = bool(status.get("error")), status.get("results")
            if failed:
                raise Malformed(f"{place}: PostHog could not carry it out; see its query log")
        if data.get("error"):
            raise Malformed(f"{place}: PostHog could not carry it out; see its query log")
        columns = data["columns"]
        return [dict(zip(columns, row, strict=True)) for row in data["results"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Malformed(f"{place}: expected columns and results, got something else; check url and project") from None


def activity(rows: Table, source: str) -> Iterator[Sample]:
    """Of people who are signed in, and of visitors; neither where there were none at all."""
    [row] = rows
    active, views = ({window: _number(row[f"{name}_{window}"]) for window in WINDOWS} for name in ("active", "views"))
    if active["30d"]:
        yield from product.active(active, source=source)
    if views["30d"]:
        for window in WINDOWS:
            yield web.VISITORS(_number(row[f"visitors_{window}"]), source=source, window=window)
            yield web.VISITS(_number(row[f"visits_{window}"]), source=source, window=window)
            yield web.PAGE_VIEWS(views[window], source=source, window=window)
        yield web.CURRENT(_number(row["visitors_now"]), source=source)


def events(rows: Table, most: int, source: str) -> Iterator[Sample]:
    """By name."""
    for window, column in (("1h", "in_hour"), ("1d", "in_day")):
        counts = [(_text(row["name"]), _number(row[column])) for row in rows]
        yield from web.counted(web.EVENTS, counts, most, source=source, window=window)


def pages(rows: Table, most: int, source: str) -> Iterator[Sample]:
    """By path."""
    for window, column in (("1d", "in_day"), ("7d", "in_week")):
        counts = [(web.page(_text(row["page"])), _number(row[column])) for row in rows]
        yield from web.ranked(web.PAGES, counts, most, source=source, window=window)


def vitals(rows: Table, source: str) -> Iterator[Sample]:
    """Of the pages and devices that were measured most; where two have one label, of the first."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        device = _text(row["device"]).lower()
        place = (web.page(_text(row["page"])), device if device in _DEVICES else "unknown")
        if place not in seen:
            seen.add(place)
            yield from _vitals_of(row, {"source": source, "page": place[0], "device": place[1]})


def _vitals_of(row: Row, labels: dict[str, str]) -> Iterator[Sample]:
    for vital in VITALS:
        counts = [_number(row[f"{vital}_{rating}"]) for rating in ("good", "fair", "poor")]
        if sum(counts):  # else there is no quantile either
            value = _number(row[f"{vital}_p75"]) / (1 if vital == "cls" else 1000)
            yield three_of_four(value, **labels, vital=vital, window="1d")
            yield from rated(dict(zip(RATINGS, counts, strict=True)), **labels, vital=vital, window="1d")


def funnel(rows: Table, steps: Sequence[str], source: str, name: str, window: str) -> Iterator[Sample]:
    """How many came to each step, and how long it took them."""
    [row] = rows
    users = [_number(row[f"users_{position}"] or 0) for position in range(1, len(steps) + 1)]
    lengths = {nth: _number(row[f"length_{nth}"]) / 1000 for nth in ("50", "90")} if users[-1] else {}
    yield from product.funnel(steps, users, lengths, source=source, funnel=name, window=window)


def exposures(rows: Table, source: str) -> Iterator[Sample]:
    """By flag and by what it answered."""
    for window, column in (("1d", "in_day"), ("7d", "in_week")):
        counts: Counter[tuple[str, str]] = Counter()
        for row in rows:
            answer = _text(row["variant"])
            counts[_text(row["met"]), _ANSWERS.get(answer, answer)] += int(_number(row[column]))
        for (flag, variant), count in counts.items():
            yield product.FLAG_EVALUATIONS(count, source=source, flag=flag, variant=variant, window=window)


def flags(items: Iterable[Any], source: str) -> Iterator[Sample]:
    """Whether each is on, and for what share of users as far as that can be told."""
    for item in items:
        if item.get("deleted"):
            continue
        key, groups = _text(item["key"]), [_group(group) for group in item["filters"].get("groups") or []]
        everybody = max((share for share, conditional in groups if not conditional), default=0.0)
        some = max((share for share, _ in groups), default=0.0)
        enabled = _flag(item["active"]) and some > 0
        yield product.FLAG_ENABLED(enabled, source=source, flag=key)
        if not enabled or everybody >= some:  # else some have it by who they are, and how many that is is not said
            yield product.FLAG_ROLLOUT(everybody if enabled else 0, source=source, flag=key)


def experiments(items: Iterable[Any], source: str) -> Iterator[Sample]:
    """Whether each runs, by the flag that it goes by; one that has not begun or was put away is left out."""
    running: dict[str, bool] = {}
    for item in items:
        key, begun, ended = _text(item["feature_flag_key"]), item["start_date"], item["end_date"]
        if begun is not None and not item.get("archived"):
            running[key] = running.get(key, False) or ended is None
    for key, runs in running.items():
        yield product.EXPERIMENT_RUNNING(runs, source=source, experiment=key)


def _group(group: Any) -> tuple[float, bool]:
    """For what share of those it is about the flag is on, and whether it is about some people only."""
    percentage = group.get("rollout_percentage")
    return (1.0 if percentage is None else _number(percentage) / 100), bool(group.get("properties"))


def _number(value: Any) -> float:
    """A figure, none of which is ever negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value
