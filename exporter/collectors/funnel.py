"""Funnels: how many of those who take the first step take the next ones, in order and in time. Any number, from settings.

They read the view `events` of the contract. Counting is that of ClickHouse's windowFunnel, strictly increasing:
https://clickhouse.com/docs/sql-reference/aggregate-functions/parametric-functions#windowfunnel
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.postgres import Cursor, Postgres
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
# Level by level: `began` is when the latest try began that comes to `position` at this event, NULL where the event is one of a
# later step. A later begin is never worse, so one value says all. A level sorts what is left of the events, and joins nothing.
_SQL = """
    with recursive steps (position, name) as (
      select position, name from unnest(%(steps)s::text[]) with ordinality as steps (name, position)
    ),
    taken (position, who, step, at, began) as (
      select 1::bigint, who, step, at, case step when 1 then at end
      from (
        select case %(by)s when 'user' then coalesce(user_id, visitor_id) else coalesce(visitor_id, user_id) end as who,
               steps.position as step,
               occurred_at as at
        from bellwether.events
        join steps using (name)
        where occurred_at > %(as_of)s - %(window)s and occurred_at <= %(as_of)s and name = any (%(steps)s::text[])
      ) as events
      where who is not null
    union all
      select position + 1, who, step, at, case step when position + 1 then latest end
      from (
        select *,
               max(began) over (
                 partition by who order by at range between unbounded preceding and current row exclude group
               ) as latest
        from taken
      ) as tries
      where step > position and at <= latest + %(within)s
    ),
    people as (
      select position, who, min(at - began) as length
      from taken
      where step = position and began is not null
      group by position, who
    )
    select position, count(*) as users,
           extract(epoch from percentile_disc(0.5) within group (order by length)) as median,
           extract(epoch from percentile_disc(0.9) within group (order by length)) as most
    from people
    group by position
"""


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
    """When it runs. A run reads all events of the steps within the window."""
    statement_timeout: Duration = 30.0
    """How long the query of one funnel may take."""
    timeout: Duration = 60.0
    """How long one run may take."""

    _postgres: Postgres = PrivateAttr()
    _as_of: datetime | None = PrivateAttr(default=None)
    """The instant to answer for, instead of the server's clock."""

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        counts = Counter((funnel.name, funnel.shown_window) for funnel in self.funnels)
        if twice := [key for key, times in counts.items() if times > 1]:
            raise ValueError("funnels: {!r} is declared twice with the window {}".format(*twice[0]))
        self._postgres = Postgres(self.dsn, self.password, statement_timeout=self.statement_timeout)
        return self

    async def collect(self) -> Samples:
        """Yield the figures of all funnels at one instant."""
        samples: list[Sample] = []
        place = ""
        try:
            async with self._postgres.transaction() as cursor:
                now = await _server_time(cursor)
                for funnel in self.funnels:
                    place = f"funnel {funnel.name}: "
                    samples += self._samples(funnel, await _levels(cursor, funnel, self._as_of or now))
        except PollError as error:
            raise type(error)(f"{place}{error}") from error
        for sample in samples:
            yield sample

    async def close(self) -> None:
        """Close the connection."""
        await self._postgres.close()

    def _samples(self, funnel: Declared, rows: Mapping[int, Mapping[str, Any]]) -> list[Sample]:
        whole = {"source": self.name, "funnel": funnel.name}
        window = funnel.shown_window
        users = [int(rows[position]["users"]) if position in rows else 0 for position in range(1, len(funnel.steps) + 1)]
        places = [{**whole, "step": name, "position": str(n), "window": window} for n, name in enumerate(funnel.steps, 1)]
        samples = [USERS(count, **place) for count, place in zip(users, places, strict=True)]
        for (before, count), place in zip(pairwise(users), places[1:], strict=True):
            if before:
                samples += [CONVERSION(count / before, **place), DROP_OFF(1 - count / before, **place)]
        if users[0]:
            samples.append(WHOLE(users[-1] / users[0], **whole, window=window))
        if last := rows.get(len(funnel.steps)):
            for percentile, column in (("50", "median"), ("90", "most")):
                samples.append(SECONDS(float(last[column]), **whole, percentile=percentile, window=window))
        return samples


async def _levels(cursor: Cursor, funnel: Declared, as_of: datetime) -> dict[int, Mapping[str, Any]]:
    """By position: how many came so far, and how long that took them."""
    parameters = {
        "as_of": as_of,
        "steps": list(funnel.steps),
        "by": funnel.by,
        "window": timedelta(seconds=funnel.window),
        "within": timedelta(seconds=funnel.within),
    }
    await cursor.execute(_SQL, parameters)
    return {row["position"]: row for row in await cursor.fetchall()}


async def _server_time(cursor: Cursor) -> datetime:
    await cursor.execute(_PREPARE)
    row = await cursor.fetchone()
    if row is None:
        raise Malformed("select now() gave no row")
    as_of: datetime = row["as_of"]
    return as_of
