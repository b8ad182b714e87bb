"""What experiments gave, as the database adds it up: units by variant, and by metric who converted, and its worth."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from exporter.clients.postgres import Cursor
from exporter.errors import Malformed

_EXPERIMENTS = """
    with plans as (
      select experiment, min(started_at) as began,
             least(%(as_of)s, case when count(ended_at) = count(*) then max(ended_at) end) as until,
             count(ended_at) < count(*) or max(ended_at) > %(as_of)s as running
      from bellwether.experiments
      where started_at <= %(as_of)s
      group by experiment
      having count(ended_at) < count(*) or max(ended_at) > %(as_of)s - %(shown)s
    )
"""
# A unit belongs to its only variant from the first time it met it; two variants make it a crossover. Experiment by experiment,
# so that an index on subject and user gives them in order and nothing has to be sorted.
_UNITS = """
      select user_id, min(exposed_at) as exposed_at, min(variant) as variant, min(variant) <> max(variant) as crossed
      from bellwether.exposures
      where subject = experiment and exposed_at >= began and exposed_at <= until
      group by user_id
"""
VARIANTS = f"""
    {_EXPERIMENTS}
    select experiment, variant, bool_or(control) as control, max(weight) as weight, bool_or(running) as running
    from plans
    join bellwether.experiments using (experiment)
    where started_at <= %(as_of)s
    group by experiment, variant
    order by experiment, variant
"""  # noqa: S608 - as above
SIZES = f"""
    {_EXPERIMENTS}
    select experiment, variant, crossed, count(*) as units
    from plans
    cross join lateral ({_UNITS}) as units
    group by experiment, variant, crossed
"""  # noqa: S608 - as above
OUTCOMES = f"""
    {_EXPERIMENTS}
    select experiment, variant, metric, count(*) as converted, count(total) as valued,
           coalesce(sum(total), 0) as total, coalesce(sum(total * total), 0) as squares
    from plans
    cross join lateral (
      select min(variant) as variant, metric, sum(value) as total
      from ({_UNITS}) as units
      join bellwether.outcomes using (user_id)
      where not crossed and occurred_at > exposed_at
        and occurred_at > began and occurred_at <= until
        and (%(metrics)s::text[] is null or metric = any (%(metrics)s))
      group by user_id, metric
    ) as totals
    group by experiment, variant, metric
"""  # noqa: S608 - as above


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

    @property
    def control(self) -> str | None:
        """The variant that others are compared with; None where none is marked so, or several are."""
        return self.controls[0] if len(self.controls) == 1 else None


async def read(cursor: Cursor, parameters: Mapping[str, Any]) -> dict[str, Result]:
    """All experiments by name; `parameters` has `as_of`, `shown` and `metrics`. Raises `PollError`."""
    results: dict[str, Result] = {}
    await cursor.execute(VARIANTS.encode(), parameters)
    for row in await cursor.fetchall():
        result = results.setdefault(row["experiment"], Result(row["running"]))
        result.weights[row["variant"]] = row["weight"]
        result.units[row["variant"]] = 0
        if row["control"]:
            result.controls.append(row["variant"])
    if not results:
        return results
    await cursor.execute(SIZES.encode(), parameters)
    for row in await cursor.fetchall():
        result = results[row["experiment"]]
        if row["crossed"]:
            result.crossovers += row["units"]
        elif row["variant"] in result.units:
            result.units[row["variant"]] = row["units"]
    await cursor.execute(OUTCOMES.encode(), parameters)
    for row in await cursor.fetchall():
        if row["variant"] in results[row["experiment"]].units:
            found = Outcome(row["converted"], row["valued"], row["total"], row["squares"])
            if not (found.total.is_finite() and found.squares.is_finite()):
                raise Malformed("the view outcomes has a value that is not a finite number")
            results[row["experiment"]].outcomes[row["metric"]][row["variant"]] = found
    return results
