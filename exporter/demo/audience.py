"""Who comes to the company's website, as a script in its pages would see it: what services of web analytics are told.

Visits, visitors, devices, where they come from and what they do are those of the company's database. It does not know which
pages were seen, in which browser, on which system and from where. So these are drawn from a visitor's identifier, the same at
every time: the country is that of the account where there is one; somebody signed in begins on the dashboard and goes on to a
report, the settings and the team, anybody else sees the start page, then prices, features and the form, as far as the visit
has pages.
"""

from datetime import datetime, timedelta
from typing import Any

from exporter.demo.vendors.vendor import Books


class Audience:
    """The figures of a stretch of time, whose beginning is not part of it and whose end is."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def totals(self, since: datetime, until: datetime) -> dict[str, Any]:
        """visits, visitors, page_views; of the visits that are over: how many (ended), bounces and their seconds."""
        (row,) = await self._books.rows(
            """
            select count(*) as visits,
                   count(distinct visitor_id) as visitors,
                   coalesce(sum(page_views), 0)::int as page_views,
                   count(*) filter (where ended_at <= %(now)s) as ended,
                   count(*) filter (where ended_at <= %(now)s and page_views <= 1) as bounces,
                   coalesce(extract(epoch from sum(ended_at - started_at) filter (where ended_at <= %(now)s)), 0)::float
                     as seconds
            from bellwether.sessions
            where started_at > %(since)s and started_at <= %(until)s and visitor_id is not null
            """,
            {"since": since, "until": until, "now": self._books.now()},
        )
        return row

    async def by(self, dimension: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """value, visitors and views by country, browser, os, device, source or medium, the value with most visitors first.

        What is not known is empty.
        """
        return await self._books.rows(
            """
            select coalesce(value, '') as value, count(distinct visitor_id) as visitors, sum(page_views)::int as views
            from (select *, decode(md5(visitor_id), 'hex') as dice from bellwether.sessions) as visits
            left join bellwether.users using (user_id)
            left join bellwether.accounts using (account_id)
            join lateral (values
              ('device', device),
              ('source', source),
              ('medium', medium),
              ('country', coalesce(
                country, (array['US', 'DE', 'GB', 'FR', 'NL', 'AT', 'CA', 'ES'])[1 + get_byte(dice, 0) / 32]
              )),
              ('browser', case when get_byte(dice, 1) < 150 then 'chrome'
                               when get_byte(dice, 1) < 200 then 'safari'
                               when get_byte(dice, 1) < 230 then 'firefox'
                               else 'edge' end),
              ('os', case device
                when 'mobile' then case when get_byte(dice, 2) < 128 then 'ios' else 'android' end
                when 'tablet' then 'ios'
                when 'desktop' then case when get_byte(dice, 2) < 140 then 'windows'
                                         when get_byte(dice, 2) < 230 then 'mac'
                                         else 'linux' end
              end)
            ) as traits (dimension, value) on dimension = %(dimension)s
            where started_at > %(since)s and started_at <= %(until)s and visitor_id is not null
            group by 1
            order by 2 desc, 1
            """,
            {"dimension": dimension, "since": since, "until": until},
        )

    async def pages(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """value, visitors and views by page, likewise."""
        return await self._books.rows(
            """
            select case when user_id is null then public else private end as value,
                   count(distinct visitor_id) as visitors,
                   count(*) as views
            from (select *, decode(md5(visitor_id), 'hex') as dice from bellwether.sessions) as visits
            join lateral (values
              (1, '/', '/dashboard'),
              (2, '/pricing', '/reports/' || get_byte(dice, 3) %% 40),
              (3, '/features', '/settings'),
              (4, '/signup', '/team')
            ) as pages (position, public, private) on position <= page_views
            where started_at > %(since)s and started_at <= %(until)s and visitor_id is not null
            group by 1
            order by 2 desc, 1
            """,
            {"since": since, "until": until},
        )

    async def events(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """name, events and visitors of what was done, the most frequent first."""
        return await self._books.rows(
            """
            select name, count(*) as events, count(distinct visitor_id) as visitors
            from bellwether.events
            where occurred_at > %(since)s and occurred_at <= %(until)s
            group by name
            order by events desc, name
            """,
            {"since": since, "until": until},
        )

    async def current(self, within: timedelta = timedelta(minutes=5)) -> int:
        """How many visitors were there within the last minutes."""
        now = self._books.now()
        (row,) = await self._books.rows(
            """
            select count(distinct visitor_id) as visitors
            from bellwether.sessions
            where started_at > %(day)s and started_at <= %(now)s and (ended_at is null or ended_at > %(since)s)
            """,
            {"day": now - timedelta(days=1), "now": now, "since": now - within},
        )
        return int(row["visitors"])
