"""How soon anomalies are seen and how often nothing is the matter, on eight weeks of which it is known what happened.

The shipped rules run in promtool beside those of grafana/promql-anomaly-detection, re-made from their description: the adaptive
method (mean and standard deviation of an hour, smoothed over 26 hours, with yesterday's and last week's) and the robust one
(medians of 24 hours). All see the same counts; the shipped ones as the sum of an hour, the others as they come.
"""

import json
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from exporter.bundle.jsonnet import evaluate
from exporter.demo.story import poisson, stream
from tests.bench.report import Cell, Section, Verdict
from tests.expressions import differences

ROOT = Path(__file__).parent.parent.parent
STEP = 5  # minutes
HOUR = 60 // STEP
DAY, WEEK = 24 * HOUR, 7 * 24 * HOUR
WEEKS, LEARNT = 8, 4  # and of them those in which nothing happens, from which the methods learn
_WEEKEND, _GROWTH = 0.4, 1.02  # of weekdays' counts, and from week to week
_BEGINS, _LASTS = 10 * HOUR, 4 * HOUR  # incidents: at 10 o'clock, for four hours
METHODS = ("shipped", "adaptive", "robust")
LARGE, SMALL = (600, 60), (600,)  # how many events the busiest hour has

# Of each kind, what is left of the counts while it lasts, or more of them.
INCIDENTS = {"drop 100 %": 0.0, "drop 50 %": 0.5, "drop 30 %": 0.7, "spike x3": 3.0}
_HOLIDAY = 0.35
_DECLINE = 0.97  # a day, from the fifth week on


@dataclass(frozen=True, slots=True)
class Scenario:
    """A series of counts, and the steps at which incidents begin in it."""

    name: str
    kind: str
    counts: Sequence[int]
    begins: Sequence[int] = ()
    lasts: int = _LASTS


def usual(step: int) -> float:
    """The share of a week's busiest hour that is usual at a step: more on weekdays, most at 10 to 14 o'clock, and growing."""
    day, hour = step // DAY, step % DAY / HOUR
    peak = 12.0
    of_day = 0.04 + 0.96 * max(0.0, 1 - abs(hour - peak) / (8 if hour < peak else 11)) ** 1.2
    return float(of_day * (_WEEKEND if day % 7 >= 5 else 1.0) * _GROWTH ** (step / WEEK))


def scenarios(peak: float, weeks: int = WEEKS, learnt: int = LEARNT) -> Iterator[Scenario]:
    """Counts of five minutes with up to `peak` in an hour; the first day is a Monday."""
    steps = weeks * WEEK

    def told(kind: str, factor: Callable[[int], float], begins: Sequence[int] = (), lasts: int = _LASTS) -> Scenario:
        name = f"{kind} of {peak:g}"
        random = stream(7, name)
        return Scenario(
            name, kind, [_drawn(random, peak / HOUR * usual(step) * factor(step)) for step in range(steps)], begins, lasts
        )

    yield told("nothing", lambda _: 1.0)
    # Not on the same day each week, and once at the same hour as the week before.
    days = [week * 7 + day for week, day in zip(range(learnt, weeks), (1, 3, 3, 0), strict=False)]
    begins = [day * DAY + _BEGINS for day in days]
    for kind, left in INCIDENTS.items():
        yield told(kind, partial(_during, begins, _LASTS, left), begins)
    holiday = [(learnt + 1) * WEEK + 2 * DAY]
    yield told("holiday", partial(_during, holiday, DAY, _HOLIDAY))
    decline = [learnt * WEEK]
    lasting = (weeks - learnt) * WEEK
    yield told("decline 3 % a day", lambda step: _DECLINE ** max(0.0, (step - decline[0]) / DAY), decline, lasting)


def _drawn(random: Random, mean: float) -> int:
    # Customers come in groups: chance is somewhat greater than that of single ones.
    return poisson(random, mean * random.lognormvariate(-0.02, 0.2))


def _during(begins: Sequence[int], lasts: int, left: float, step: int) -> float:
    return left if _within(step, begins, lasts) else 1.0


def _within(step: int, begins: Iterable[int], lasts: int) -> bool:
    return any(begin <= step < begin + lasts for begin in begins)


def shipped(directions: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rules of alerts/lib/anomaly.libsonnet, for counts by name: of each the direction that is bad.

    What counts as out of the ordinary is that of two rows of alerts/anomalies.jsonnet.
    """
    rows = [f"{json.dumps(name)}: row({json.dumps(name)}, '{direction}')" for name, direction in directions.items()]
    program = f"""
        local anomaly = (import 'alerts/lib/anomaly.libsonnet')(mixin.lib);
        local usual = (import 'alerts/anomalies.jsonnet')(mixin.lib).anomalies;
        local row(name, direction) = usual[if direction == 'up' then 'disconnects' else 'engagement-drop'] {{
          of: 'sum(sum_over_time(counts{{series="%s"}}[{60 - STEP // 2}m]))' % name,
        }};
        local table = {{ {", ".join(rows)} }};
        {{ records: anomaly.records(table), alerts: anomaly.alerts(table) }}
    """
    made = evaluate(ROOT, program)
    return [*_records(made["records"]), *_alerts(made["alerts"].values())]


def _records(records: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    # What is learnt comes last, so that it sees what the others made of the same instant.
    for name in sorted(records, key=lambda name: (name == "anomaly:learned", name)):
        if name not in {"anomaly:lower", "anomaly:upper"}:
            for rule in records[name].get("rules", [records[name]]):
                yield {"record": name, "expr": rule["expr"], "labels": rule.get("sets", {})}


def _alerts(alerts: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for alert in alerts:
        yield {"alert": "shipped", "expr": alert["expr"], "for": alert["for"]}


def adaptive() -> list[dict[str, Any]]:
    """Mean of an hour, and the deviation of an hour where it is large, smoothed over 26 hours."""
    seasonal = [
        f"a:mean offset {offset} {sign} 2 * a:deviation offset {offset}" for offset in ("23h30m", "167h30m") for sign in "+-"
    ]
    above = ["a:mean + 2 * a:smooth", "1.5 * a:mean", *seasonal[::2]]
    below = ["a:mean - 2 * a:smooth", "0.5 * a:mean", *seasonal[1::2]]
    return [
        _record("a:level", "counts > 0"),
        _record("a:mean", "avg_over_time(a:level[1h])"),
        _record("a:deviation", "stddev_over_time(a:level[1h])"),
        _record("a:large", "a:deviation > 0.5 * a:mean"),
        _record("a:smooth", "avg_over_time(a:large[26h])"),
        *_bands("a", above, below),
    ]


def robust() -> list[dict[str, Any]]:
    """Median of 24 hours, and the median of deviations from it as it was."""
    seasonal = [
        f"r:hour offset {offset} {sign} 2 * r:spread offset {offset}" for offset in ("23h45m", "167h45m") for sign in "+-"
    ]
    above = ["r:median + 2 * r:spread", "1.5 * r:median", *seasonal[::2]]
    below = ["r:median - 2 * r:spread", "0.5 * r:median", *seasonal[1::2]]
    return [
        _record("r:level", "counts > 0"),
        _record("r:median", "quantile_over_time(0.5, r:level[24h])"),
        _record("r:away", "abs(r:level - r:median)"),
        _record("r:spread", "quantile_over_time(0.5, r:away[24h])"),
        _record("r:hour", "quantile_over_time(0.5, r:level[1h])"),
        *_bands("r", above, below),
    ]


def _record(name: str, expression: str) -> dict[str, Any]:
    return {"record": name, "expr": expression}


def _bands(prefix: str, above: Sequence[str], below: Sequence[str]) -> list[dict[str, Any]]:
    def labelled(parts: Sequence[str]) -> str:
        return " or ".join(f'label_replace({part}, "part", "{number}", "", "")' for number, part in enumerate(parts))

    level = "a:level" if prefix == "a" else "r:hour"
    return [
        _record(f"{prefix}:upper", f"max by (series) ({labelled(above)})"),
        _record(f"{prefix}:lower", f"clamp_min(min by (series) ({labelled(below)}), 0)"),
        {
            "alert": "adaptive" if prefix == "a" else "robust",
            "expr": f"{level} > {prefix}:upper or {level} < {prefix}:lower",
            "for": "5m",
        },
    ]


def firing(stories: Sequence[Scenario], rules: Sequence[Mapping[str, Any]], first: int) -> dict[tuple[str, str], set[int]]:
    """The steps from `first` on at which an alert fired, by the alert's name and the scenario's."""
    last = len(stories[0].counts)
    # What promtool expects differs from what it gets, so that it tells what it got.
    asked = [('ALERTS{alertstate="firing"}', f"{step * STEP}m", {"{}": 2}) for step in range(first, last)]
    series = {f'counts{{series="{story.name}"}}': " ".join(map(str, story.counts)) for story in stories}
    said = differences(rules, series, asked, f"{STEP}m")
    found: dict[tuple[str, str], set[int]] = {}
    told = re.findall(r"time: (\S+),\n\s+exp: .*\n\s+got: (.*)", said)
    assert len(told) == last - first, said[:2000]
    for at, got in told:
        step = _minutes(at) // STEP
        for alert, name in re.findall(r'alertname="(\w+)"[^}]*(?:anomaly|series)="([^"]*)"', got):
            found.setdefault((alert, name), set()).add(step)
    return found


def _minutes(text: str) -> int:
    units = {"w": 10080, "d": 1440, "h": 60, "m": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([wdhm])", text))


def delays(story: Scenario, steps: set[int]) -> list[int | None]:
    """For each incident, the minutes until it was seen; None where it was not while it lasted."""
    seen = (min((step for step in steps if begin <= step < begin + story.lasts), default=None) for begin in story.begins)
    return [None if at is None else (at - begin) * STEP for at, begin in zip(seen, story.begins, strict=True)]


def false_alarms(story: Scenario, steps: set[int]) -> int:
    """Alarms that began while nothing was the matter, nor had been within the two hours before."""
    began = (step for step in steps if step - 1 not in steps)
    return sum(1 for step in began if not _within(step, story.begins, story.lasts + 2 * HOUR))


def measure(peaks: Sequence[float] = LARGE) -> Section:
    stories = [story for peak in peaks for story in scenarios(peak)]
    directions = {story.name: "up" if story.kind.startswith("spike") else "down" for story in stories}
    found = firing(stories, [*shipped(directions), *adaptive(), *robust()], LEARNT * WEEK)
    section = Section(
        "Anomalies",
        (
            "what happens, and how many in the busiest hour",
            *(f"{name}: {what}" for name in METHODS for what in ("seen", "after", "false a week")),
        ),
    )
    for story in stories:
        row: list[Cell] = [story.name]
        for method in METHODS:
            steps = found.get((method, story.name), set())
            after = [minutes for minutes in delays(story, steps) if minutes is not None]
            row += [
                f"{len(after)} of {len(story.begins)}" if story.begins else "-",
                _span(statistics.median(after)) if after else "-",
                round(false_alarms(story, steps) / (WEEKS - LEARNT), 2),
            ]
        section.rows.append(row)
    section.verdicts = list(_verdicts(stories, found, peaks[0]))
    return section


def _verdicts(stories: Sequence[Scenario], found: Mapping[tuple[str, str], set[int]], peak: float) -> Iterator[Verdict]:
    steps = {story.name: found.get(("shipped", story.name), set()) for story in stories}
    for kind, target in (("drop 100 %", 30), ("drop 50 %", 60), ("drop 30 %", 60)):
        [story] = [story for story in stories if story.name == f"{kind} of {peak:g}"]
        seen = [minutes for minutes in delays(story, steps[story.name]) if minutes is not None]
        longest: float | str = max(seen) if len(seen) == len(story.begins) else f"seen {len(seen)} of {len(story.begins)}"
        yield Verdict(f"{story.name} an hour: longest until seen", longest, target, "min")
    alarms = [false_alarms(story, steps[story.name]) / (WEEKS - LEARNT) for story in stories if story.kind != "holiday"]
    yield Verdict("false alarms a week, mean of all but the holidays", statistics.mean(alarms), 0.25)


def _span(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 24 * 60 else f"{minutes / 60 / 24:.1f} d"
