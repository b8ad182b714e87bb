"""The events of the company's PostHog project, from its books, and what the queries that are known by name give of them.

- Page views come from visits, spread evenly over each; who is signed in sees the dashboard and reports, others home page and
  prices, in turn, since the books do not say which pages they were.
- Web vitals come from the timings of pages, one event each, and answers of flags from the times that somebody met them.
- Whatever else is done is in `bellwether.events`. A person is the browser, as in PostHog once somebody has signed in there.
"""

import re
from collections import defaultdict
from datetime import datetime
from typing import Any, LiteralString

from exporter.demo.vendors.vendor import Books

EVENTS: LiteralString = """
    with browsers as (
      select user_id, min(visitor_id) as visitor_id
      from bellwether.sessions
      where user_id is not null and started_at > %(now)s - interval '90 days'
      group by user_id
    ),
    sent as (
      select '$pageview' as event,
             started_at + (coalesce(ended_at, started_at) - started_at) * number / page_views as at,
             coalesce(visitor_id, user_id) as person, session_id as session, user_id is not null as identified,
             case when user_id is not null then (array['/dashboard', '/reports/' || 100 + number])[number %% 2 + 1]
                  else (array['/', '/pricing'])[number %% 2 + 1] end as path,
             initcap(device) as device, null as flag, null as answer, null as vital, null::float8 as value
      from bellwether.sessions
      cross join lateral generate_series(0, page_views - 1) as numbers (number)
      where started_at > %(now)s - interval '31 days'
    union all
      select name, occurred_at, coalesce(events.visitor_id, browsers.visitor_id, user_id), null, user_id is not null,
             null, null, null, null, null, null
      from bellwether.events
      left join browsers using (user_id)
    union all
      select '$web_vitals', occurred_at, md5(occurred_at::text), null, false, replace(page, '{id}', '100'), initcap(device),
             null, null, timing, (case when timing = 'cls' then value else value * 1000 end)::float8
      from bellwether.page_timings
      where timing in ('lcp', 'inp', 'fcp', 'cls')
    union all
      select '$feature_flag_called', exposed_at, coalesce(browsers.visitor_id, user_id), null, false, null, null, flag,
             case variant when 'on' then 'true' when 'off' then 'false' else variant end, null, null
      from (select distinct flag from bellwether.flags) as flags
      join bellwether.exposures on subject = flag
      left join browsers using (user_id)
    ),
    events as (
      select * from sent where at > %(now)s - interval '31 days' and at <= %(now)s
    )
"""

_ACTIVITY: LiteralString = """
    select count(distinct person) filter (where identified and at > %(now)s - interval '1 day') as active_1d,
           count(distinct person) filter (where identified and at > %(now)s - interval '7 days') as active_7d,
           count(distinct person) filter (where identified and at > %(now)s - interval '30 days') as active_30d,
           count(distinct person) filter (where seen and at > %(now)s - interval '1 day') as visitors_1d,
           count(distinct person) filter (where seen and at > %(now)s - interval '7 days') as visitors_7d,
           count(distinct person) filter (where seen and at > %(now)s - interval '30 days') as visitors_30d,
           count(distinct session) filter (where seen and at > %(now)s - interval '1 day') as visits_1d,
           count(distinct session) filter (where seen and at > %(now)s - interval '7 days') as visits_7d,
           count(distinct session) filter (where seen and at > %(now)s - interval '30 days') as visits_30d,
           count(*) filter (where seen and at > %(now)s - interval '1 day') as views_1d,
           count(*) filter (where seen and at > %(now)s - interval '7 days') as views_7d,
           count(*) filter (where seen and at > %(now)s - interval '30 days') as views_30d,
           count(distinct person) filter (where seen and at > %(now)s - interval '5 minutes') as visitors_now
    from (select *, event = '$pageview' as seen from events) as events
"""
_EVENTS: LiteralString = """
    select case when place <= %(most)s then event else 'other' end as name,
           sum(hour)::int as in_hour,
           sum(day)::int as in_day
    from (
      select event,
             count(*) filter (where at > %(now)s - interval '1 hour') as hour,
             count(*) as day,
             row_number() over (order by count(*) desc, event collate "C") as place
      from events
      where at > %(now)s - interval '1 day' and event not like '$%%'
      group by event
    ) as names
    group by 1
"""
_PAGES: LiteralString = """
    select regexp_replace(path, '/[0-9]+(/|$)', '/{id}\\1', 'g') as page,
           count(distinct person) filter (where at > %(now)s - interval '1 day') as in_day,
           count(distinct person) as in_week
    from events
    where event = '$pageview' and at > %(now)s - interval '7 days'
    group by 1
    order by in_week desc, 1
    limit %(most)s
"""
_VITALS: LiteralString = """
    select regexp_replace(path, '/[0-9]+(/|$)', '/{id}\\1', 'g') as page,
           coalesce(device, '') as device,
           percentile_cont(0.75) within group (order by value) filter (where vital = 'lcp') as lcp_p75,
           count(*) filter (where vital = 'lcp' and value <= 2500) as lcp_good,
           count(*) filter (where vital = 'lcp' and value > 2500 and value <= 4000) as lcp_fair,
           count(*) filter (where vital = 'lcp' and value > 4000) as lcp_poor,
           percentile_cont(0.75) within group (order by value) filter (where vital = 'inp') as inp_p75,
           count(*) filter (where vital = 'inp' and value <= 200) as inp_good,
           count(*) filter (where vital = 'inp' and value > 200 and value <= 500) as inp_fair,
           count(*) filter (where vital = 'inp' and value > 500) as inp_poor,
           percentile_cont(0.75) within group (order by value) filter (where vital = 'fcp') as fcp_p75,
           count(*) filter (where vital = 'fcp' and value <= 1800) as fcp_good,
           count(*) filter (where vital = 'fcp' and value > 1800 and value <= 3000) as fcp_fair,
           count(*) filter (where vital = 'fcp' and value > 3000) as fcp_poor,
           percentile_cont(0.75) within group (order by value) filter (where vital = 'cls') as cls_p75,
           count(*) filter (where vital = 'cls' and value <= 0.1) as cls_good,
           count(*) filter (where vital = 'cls' and value > 0.1 and value <= 0.25) as cls_fair,
           count(*) filter (where vital = 'cls' and value > 0.25) as cls_poor
    from events
    where event = '$web_vitals' and at > %(now)s - interval '1 day'
    group by 1, 2
    order by count(*) desc, 1, 2
    limit %(most)s
"""
_EXPOSURES: LiteralString = """
    select case when place <= %(most)s then flag else 'other' end as met,
           case when place <= %(most)s then answer else 'other' end as variant,
           sum(day)::int as in_day,
           sum(week)::int as in_week
    from (
      select flag, answer,
             count(*) filter (where at > %(now)s - interval '1 day') as day,
             count(*) as week,
             row_number() over (order by count(*) desc, flag collate "C", answer collate "C") as place
      from events
      where event = '$feature_flag_called' and at > %(now)s - interval '7 days'
      group by flag, answer
    ) as answers
    group by 1, 2
"""
_TAKEN: LiteralString = """
    select person, event, at
    from events
    where event = any (%(steps)s) and at > %(now)s - make_interval(secs => %(window)s)
    order by person, at
"""
_KNOWN: dict[str, LiteralString] = {
    "bellwether_activity": _ACTIVITY,
    "bellwether_events": _EVENTS,
    "bellwether_pages": _PAGES,
    "bellwether_vitals": _VITALS,
    "bellwether_exposures": _EXPOSURES,
}


async def answered(books: Books, name: str, query: str) -> list[dict[str, Any]] | None:
    """The rows of a query; None for one that is not known. Its figures, such as the LIMIT, are read out of its text."""
    if name == "bellwether_funnel":
        return [await _funnel(books, query)]
    if name not in _KNOWN:
        return None
    [*_, most] = [int(number) for number in re.findall(r"place <= (\d+)|LIMIT (\d+)", query) for number in number if number]
    if place := re.search(r"place <= (\d+)", query):
        most = int(place[1])
    return await books.rows(EVENTS + _KNOWN[name], {"now": books.now(), "most": most})


async def _funnel(books: Books, query: str) -> dict[str, Any]:
    """Each try of each person, from the first step on, as far as it goes."""
    steps = re.findall(r"event = '(\w+)', \d+", query)
    [window] = re.findall(r"INTERVAL (\d+) SECOND", query)
    within = int(re.findall(r"at <= began_1 \+ (\d+)", query)[0])
    rows = await books.rows(EVENTS + _TAKEN, {"now": books.now(), "steps": steps, "window": int(window)})
    taken: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        taken[row["person"]].append((_milliseconds(row["at"]), steps.index(row["event"])))
    reached, lengths = [0] * len(steps), []
    for person in taken.values():
        tries = [_tried(person, begin, len(steps), within) for begin, step in person if step == 0]
        furthest = max((len(times) for times in tries), default=0)
        for position in range(furthest):
            reached[position] += 1
        if furthest == len(steps):
            lengths.append(min(times[-1] - times[0] for times in tries if len(times) == furthest))
    users: dict[str, Any] = {f"users_{position}": count for position, count in enumerate(reached, 1)}
    return users | {"length_50": _quantile(lengths, 0.5), "length_90": _quantile(lengths, 0.9)}


def _tried(person: list[tuple[int, int]], begin: int, steps: int, within: int) -> list[int]:
    """When each step of a try was taken, as early as possible."""
    times = [begin]
    for at, step in person:
        if step == len(times) < steps and times[-1] < at <= begin + within:
            times.append(at)
    return times


def _quantile(values: list[int], share: float) -> float | None:
    """Between two values where it falls between them, as ClickHouse has it."""
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    below, above = ordered[int(place)], ordered[min(int(place) + 1, len(values) - 1)]
    return below + (above - below) * (place - int(place))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000 + at.microsecond // 1000
