"""What experiments gave, as the database adds it up: units by variant, and by metric who converted, and its worth."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from exporter.clients.postgres import Cursor
from exporter.clients.totals import Change, Pace, Sums, Totals
from exporter.errors import Malformed

VARIANTS = """
    with plans as (
      select experiment, min(started_at) as began,
             least(%(as_of)s, case when count(ended_at) = count(*) then max(ended_at) end) as until,
             count(ended_at) < count(*) or max(ended_at) > %(as_of)s as running
      from bellwether.experiments
      where started_at <= %(as_of)s
      group by experiment
      having count(ended_at) < count(*) or max(ended_at) > %(as_of)s - %(shown)s
    )
    select experiment, variant, began, until, bool_or(control) as control, max(weight) as weight, running
    from plans
    join bellwether.experiments using (experiment)
    where started_at <= %(as_of)s
    group by experiment, variant, began, until, running
    order by experiment, variant
"""
# What the units of one experiment count for; `signs` has the states that are added up. At first that is one, of everybody.
# Later it is two, the one of before to be taken away, of those alone who met a variant meanwhile or gave an outcome.
_EVERYBODY = {
    "signs": "select %(until)s, 1",
    "chosen": "",
}
_TOUCHED = {
    "signs": "values (%(since)s, -1), (%(until)s, 1)",
    "chosen": """and user_id in (
            select user_id from bellwether.exposures
            where subject = %(experiment)s and exposed_at > %(since)s and exposed_at <= %(until)s
          union
            select user_id from bellwether.outcomes
            where occurred_at > %(since)s and occurred_at <= %(until)s
              and (%(metrics)s::text[] is null or metric = any (%(metrics)s))
        )""",
}
# A unit belongs to its only variant from the first time it met it; two variants make it a crossover.
_SUMS = """
    with signs (until, sign) as ({signs}),
    units as (
      select until, sign, user_id, min(exposed_at) as exposed_at, min(variant) as variant,
             min(variant) <> max(variant) as crossed
      from signs
      join bellwether.exposures on exposed_at <= until
      where subject = %(experiment)s and exposed_at >= %(began)s and exposed_at <= %(until)s {chosen}
      group by until, sign, user_id
    ),
    totals as (
      select sign, min(variant) as variant, metric, sum(value) as total
      from units
      join bellwether.outcomes using (user_id)
      where not crossed and occurred_at > exposed_at and occurred_at <= until
        and occurred_at > %(began)s and occurred_at <= %(until)s
        and (%(metrics)s::text[] is null or metric = any (%(metrics)s))
      group by user_id, sign, metric
    )
    select variant, crossed, null as metric, sum(sign)::numeric as units, 0::numeric as valued, 0 as total, 0 as squares
    from units
    group by variant, crossed
  union all
    select variant, false, metric, sum(sign)::numeric, coalesce(sum(sign) filter (where total is not null), 0)::numeric,
           coalesce(sum(sign * total), 0), coalesce(sum(sign * total * total), 0)
    from totals
    group by variant, metric
"""
_ALL, _CHANGE = _SUMS.format(**_EVERYBODY).encode(), _SUMS.format(**_TOUCHED).encode()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a variant's units gave of one metric. Units that gave nothing are not in it."""

    converted: int = 0
    """Units with at least one outcome."""
    valued: int = 0
    """Those of them with a value."""
    total: Decimal = Decimal(0)
    squares: Decimal = Decimal(0)
    """Of each unit's total."""


@dataclass(slots=True)
class Result:
    """One experiment as of an instant."""

    running: bool
    controls: list[str] = field(default_factory=list)
    """One, when the view is filled in as it should be."""
    weights: dict[str, Decimal | None] = field(default_factory=dict)
    """The planned shares by variant, in order of name."""
    units: dict[str, int] = field(default_factory=dict)
    """Units by variant, crossovers left out."""
    crossovers: int = 0
    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=lambda: defaultdict(dict))
    """By metric and variant."""

    def take(self, sums: Sums) -> None:
        """Take what its units add up to. Of variants that the view does not list, nothing but who crossed over."""
        for (variant, crossed, metric), (units, valued, total, squares) in sums.items():
            if crossed:
                self.crossovers += int(units)
            elif variant in self.units and metric is None:
                self.units[variant] = int(units)
            elif variant in self.units:
                self.outcomes[metric][variant] = Outcome(int(units), int(valued), total, squares)

    @property
    def control(self) -> str | None:
        """The variant that others are compared with; None where none is marked so, or several are."""
        return self.controls[0] if len(self.controls) == 1 else None


Kept = dict[tuple[str, datetime], Totals]
"""What the units of experiments add up to, from run to run, by the experiment and when it began."""


async def read(cursor: Cursor, parameters: Mapping[str, Any], kept: Kept, pace: Pace) -> dict[str, Result]:
    """All experiments by name; `parameters` has `as_of`, `shown` and `metrics`. Raises `PollError`.

    Brings `kept` up to date.
    """
    results: dict[str, Result] = {}
    spans: dict[tuple[str, datetime], datetime] = {}
    await cursor.execute(VARIANTS.encode(), parameters)
    for row in await cursor.fetchall():
        result = results.setdefault(row["experiment"], Result(row["running"]))
        result.weights[row["variant"]] = row["weight"]
        result.units[row["variant"]] = 0
        if row["control"]:
            result.controls.append(row["variant"])
        spans[row["experiment"], row["began"]] = row["until"]
    for over in kept.keys() - spans.keys():
        del kept[over]
    for key, until in spans.items():
        change = _changes(cursor, {**parameters, "experiment": key[0], "began": key[1]})
        kept[key], sums = await kept.get(key, Totals()).at(until, parameters["as_of"], pace, change)
        results[key[0]].take(sums)
    return results


def _changes(cursor: Cursor, parameters: Mapping[str, Any]) -> Change:
    """Of one experiment, by variant, whether they met another, and metric: units or those converted, and what they gave."""

    async def change(since: datetime | None, until: datetime) -> Sums:
        await cursor.execute(_ALL if since is None else _CHANGE, {**parameters, "since": since, "until": until})
        sums: Sums = {
            (row["variant"], row["crossed"], row["metric"]): (row["units"], row["valued"], row["total"], row["squares"])
            for row in await cursor.fetchall()
        }
        if not all(value.is_finite() for values in sums.values() for value in values):
            raise Malformed("the view outcomes has a value that is not a finite number")
        return sums

    return change
