"""Funnels: how many of those who take the first step take the next ones, in order and in time. Any number, from settings.

They read the view `events` of the contract. Counting is that of ClickHouse's windowFunnel, strictly increasing:
https://clickhouse.com/docs/sql-reference/aggregate-functions/parametric-functions#windowfunnel
"""

from bisect import bisect_left
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.postgres import Cursor, Postgres
from exporter.clients.totals import Pace, Sums, Totals
from exporter.collector import Collector, Duration, Every, Model, Sample, Samples, Secret
from exporter.errors import Malformed, PollError
from exporter.metric import Metric

_STEP = ("source", "funnel", "step", "position", "window")
_WHOLE = ("source", "funnel", "window")
USERS = Metric(
    "saas_funnel_step_users",
    "People who took the first step within the window and then, each after the one before, all steps up to this one, within "
    "the funnel's time for conversion. However often somebody tries, the try that went furthest counts, once.",
    labels=_STEP,
)
CONVERSION = Metric(
    "saas_funnel_step_conversion_ratio",
    "Of the people who took the step before, the share who took this one. No value for the first step, nor where nobody did.",
    labels=_STEP,
)
DROP_OFF = Metric(
    "saas_funnel_step_drop_off_ratio",
    "Of the people who took the step before, the share who did not take this one, or not yet.",
    labels=_STEP,
)
WHOLE = Metric(
    "saas_funnel_conversion_ratio",
    "Of the people who took the first step within the window, the share who took the last. Who began lately has had less time.",
    labels=_WHOLE,
)
SECONDS = Metric(
    "saas_funnel_conversion_seconds",
    "How long people who took all steps needed from the first to the last, each by the shortest try: at most this for half of "
    "them (percentile 50, the median), and for nine in ten (90). No value where nobody did.",
    labels=("source", "funnel", "percentile", "window"),
)

# Days are counted in UTC, and the clock is the server's, which dates the rows. With this memory, unless the server gives more,
# half a million events are sorted without temporary files. It is not compiled (JIT): that would be done anew each time.
_PREPARE = """
    select now() as as_of,
           set_config('TimeZone', 'UTC', true),
           set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')) / 1024, 65536)::text, true),
           case current_setting('jit', true) when 'on' then set_config('jit', 'off', true) end
"""
# The state of people at an instant is that of their events in the window before it; `signs` has the states that are added up.
# At first that is one, of everybody. Later it is two, the one of before to be taken away, of those alone for whom an event came
# into the window meanwhile, or fell out of it. (`offset 0` lest the events be read anew for each state.)
_EVERYBODY = {
    "signs": "select %(as_of)s, 1",
    "opens_at": "%(as_of)s - %(window)s",
    "chosen": "who is not null",
}
_TOUCHED = {
    "signs": "values (%(since)s, -1), (%(as_of)s, 1)",
    "opens_at": "%(since)s - %(window)s",
    "chosen": """who in (
          select case %(by)s when 'user' then coalesce(user_id, visitor_id) else coalesce(visitor_id, user_id) end
          from bellwether.events
          where name = any (%(steps)s::text[])
            and (occurred_at > %(since)s and occurred_at <= %(as_of)s
              or occurred_at > %(since)s - %(window)s and occurred_at <= %(as_of)s - %(window)s)
        )""",
}
# Level by level: `began` is when the latest try began that comes to `position` at this event, NULL where the event is one of a
# later step. A later begin is never worse, so one value says all. A level sorts what is left of the events, and joins nothing.
_SQL = """
    with recursive steps (position, name) as (
      select position, name from unnest(%(steps)s::text[]) with ordinality as steps (name, position)
    ),
    signs (as_of, sign) as ({signs}),
    taken (position, sign, who, step, at, began) as (
      select 1::bigint, sign, who, step, at, case step when 1 then at end
      from (
        select who, steps.position as step, at
        from (
          select case %(by)s when 'user' then coalesce(user_id, visitor_id) else coalesce(visitor_id, user_id) end as who,
                 name, occurred_at as at
          from bellwether.events
          where occurred_at > {opens_at} and occurred_at <= %(as_of)s and name = any (%(steps)s::text[])
        ) as events
        join steps using (name)
        where {chosen}
        offset 0
      ) as events
      join signs on at > as_of - %(window)s and at <= as_of
    union all
      select position + 1, sign, who, step, at, case step when position + 1 then latest end
      from (
        select *,
               max(began) over (
                 partition by sign, who order by at range between unbounded preceding and current row exclude group
               ) as latest
        from taken
      ) as tries
      where step > position and at <= latest + %(within)s
    ),
    people as (
      select position, sign, who, min(at - began) as length
      from taken
      where step = position and began is not null
      group by position, sign, who
    )
    select position, seconds, sum(sign)::numeric as people
    from (
      select position, sign, case when position = cardinality(%(steps)s) then extract(epoch from length) end as seconds
      from people
    ) as people
    group by position, seconds
    having sum(sign) <> 0
"""
_ALL, _CHANGE = _SQL.format(**_EVERYBODY).encode(), _SQL.format(**_TOUCHED).encode()


class Declared(Model):
    """One funnel."""

    name: str = Field(min_length=1)
    """What it is called; becomes the label `funnel`."""
    steps: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=2)]
    """Names of events, in the order in which they have to happen."""
    within: Duration = 604_800.0
    """How long after the first step the last may follow."""
    window: Duration = 2_592_000.0
    """How far back the first step may lie: who took it within this time is counted."""
    by: Literal["user", "visitor"] = "user"
    """Who is one and the same: a `user`, or where nobody is signed in a visitor; or a `visitor`, signed in or not."""

    @model_validator(mode="after")
    def _has_a_window(self) -> Self:
        if not (self.window and self.within):
            raise ValueError("window and within: expected more than 0")
        return self

    @property
    def shown_window(self) -> str:
        """The window as Prometheus writes durations, in one unit."""
        units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
        unit = next((unit for unit, seconds in units.items() if self.window % seconds == 0), "")
        return f"{self.window / units[unit]:.0f}{unit}" if unit else f"{self.window * 1000:.0f}ms"


class Funnel(Collector, kind="funnel"):
    """Conversion through ordered steps, counted from the contract's view `events` of a database."""

    dsn: Secret
    """The database: a URL or key=value pairs, as libpq reads them."""
    password: Secret | None = None
    """The password, when it is not part of `dsn`."""
    funnels: Annotated[tuple[Declared, ...], Field(min_length=1)]
    """The funnels: each a `name` and `steps`. One name may stand with several windows."""
    every: Every = 300.0
    """When it runs. The first run sorts all events within the window, later ones those of people for whom something changed."""
    statement_timeout: Duration = 30.0
    """How long the query of one funnel may take."""
    timeout: Duration = 60.0
    """How long one run may take."""
    late_by: Duration = 300.0
    """How much later than its own date an event may appear and still be counted at once."""
    recount_every: Duration = 86_400.0
    """After how long everybody is counted anew, so that events that came later, or were changed or deleted, tell too."""

    _postgres: Postgres = PrivateAttr()
    _totals: list[Totals] = PrivateAttr()
    """What people add up to by position and, of those who came through, by how long it took them; of each funnel."""
    _as_of: datetime | None = PrivateAttr(default=None)
    """The instant to answer for, instead of the server's clock."""

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        counts = Counter((funnel.name, funnel.shown_window) for funnel in self.funnels)
        if twice := [key for key, times in counts.items() if times > 1]:
            raise ValueError("funnels: {!r} is declared twice with the window {}".format(*twice[0]))
        self._postgres = Postgres(self.dsn, self.password, statement_timeout=self.statement_timeout)
        self._totals = [Totals() for _ in self.funnels]
        return self

    async def collect(self) -> Samples:
        """Yield the figures of all funnels at one instant."""
        samples: list[Sample] = []
        place = ""
        try:
            async with self._postgres.transaction() as cursor:
                now = await _server_time(cursor)
                for number, funnel in enumerate(self.funnels):
                    place = f"funnel {funnel.name}: "
                    samples += self._samples(funnel, await self._sums(cursor, number, self._as_of or now))
        except PollError as error:
            raise type(error)(f"{place}{error}") from error
        for sample in samples:
            yield sample

    async def close(self) -> None:
        """Close the connection."""
        await self._postgres.close()

    async def _sums(self, cursor: Cursor, number: int, as_of: datetime) -> Sums:
        """By position, and seconds where that is the last: how many people came so far."""
        funnel = self.funnels[number]
        parameters = {
            "steps": list(funnel.steps),
            "by": funnel.by,
            "window": timedelta(seconds=funnel.window),
            "within": timedelta(seconds=funnel.within),
        }

        async def change(since: datetime | None, as_of: datetime) -> Sums:
            await cursor.execute(_ALL if since is None else _CHANGE, {**parameters, "since": since, "as_of": as_of})
            return {(row["position"], row["seconds"]): (row["people"],) for row in await cursor.fetchall()}

        pace = Pace(timedelta(seconds=self.late_by), timedelta(seconds=self.recount_every))
        self._totals[number], sums = await self._totals[number].at(as_of, as_of, pace, change)
        return sums

    def _samples(self, funnel: Declared, sums: Sums) -> list[Sample]:
        whole = {"source": self.name, "funnel": funnel.name}
        window = funnel.shown_window
        users = [0] * len(funnel.steps)
        lengths: list[tuple[Decimal, int]] = []
        for (position, seconds), (people,) in sums.items():
            users[position - 1] += int(people)
            if seconds is not None:
                lengths.append((seconds, int(people)))
        places = [{**whole, "step": name, "position": str(n), "window": window} for n, name in enumerate(funnel.steps, 1)]
        samples = [USERS(count, **place) for count, place in zip(users, places, strict=True)]
        for (before, count), place in zip(pairwise(users), places[1:], strict=True):
            if before:
                samples += [CONVERSION(count / before, **place), DROP_OFF(1 - count / before, **place)]
        if users[0]:
            samples.append(WHOLE(users[-1] / users[0], **whole, window=window))
        for percentile, seconds in _percentiles(lengths).items():
            samples.append(SECONDS(float(seconds), **whole, percentile=str(percentile), window=window))
        return samples


def _percentiles(lengths: list[tuple[Decimal, int]]) -> dict[int, Decimal]:
    """Of lengths, each with the number of people who needed it: what half of the people, and nine in ten, did not exceed."""
    if not lengths:
        return {}
    ordered = sorted(lengths)
    reached = list(accumulate(people for _, people in ordered))
    return {percent: ordered[bisect_left(reached, percent * reached[-1] / 100)][0] for percent in (50, 90)}


async def _server_time(cursor: Cursor) -> datetime:
    await cursor.execute(_PREPARE)
    row = await cursor.fetchone()
    if row is None:
        raise Malformed("select now() gave no row")
    as_of: datetime = row["as_of"]
    return as_of
