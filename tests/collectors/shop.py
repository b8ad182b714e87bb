"""A shop whose orders the tests of `sql` count, and a collector that is asked at instants of a test's choosing."""

from datetime import UTC, datetime
from typing import Any

import psycopg

from exporter.collector import declared_in
from exporter.collectors.sql import Sql
from exporter.packs import standing

START = datetime(2026, 5, 1, tzinfo=UTC)
ORDERS = """
description: Orders of a shop.
queries:
  orders:
    type: counter
    labels: [outcome, shop]
    known: {outcome: [paid, refused]}
    metrics:
      shop_orders_total: {help: Orders by outcome., value: orders}
      shop_turnover_total: {help: Turnover of orders., unit: currency, value: turnover}
    sql: |
      select outcome, shop, count(*) as orders, sum(amount) as turnover
      from orders
      where created_at > %(since)s and created_at <= %(as_of)s
      group by outcome, shop
"""


class Watch:
    """A collector over packs written for the test."""

    def __init__(self, collector: Sql) -> None:
        self.collector = collector
        self.told: dict[tuple[str, ...], float] = {}
        """What the last run said of the packs themselves, by metric and labels, `source` left out."""

    async def at(self, as_of: datetime | None) -> dict[tuple[str, ...], Any]:
        """The figures of the packs, likewise."""
        self.collector._as_of = as_of
        samples = [sample async for sample in self.collector.collect()]
        values = {(sample.metric.name, *sample.labels[1:]): sample.value for sample in samples}
        assert len(values) == len(samples)
        names = {metric.name for metric in declared_in(standing)}
        self.told = {key: value for key, value in values.items() if key[0] in names}
        return {key: value for key, value in values.items() if key[0] not in names}

    @property
    def failing(self) -> list[str]:
        """Why queries failed in the last run, without the folder's name."""
        return [
            f"{each.error.reason}: {each.why.rpartition('/')[2]}" for each in self.collector._agenda.standings if each.error
        ]


def order(shop: psycopg.Connection[Any], at: datetime, outcome: str = "paid", amount: float = 5) -> None:
    """Insert an order."""
    shop.execute("insert into orders values (%s, %s, 'Lyon', %s)", (at, outcome, amount))


def gauge(sql: str, labels: str = "", known: str = "", name: str = "shop_figure") -> str:
    """The text of a pack with one gauge."""
    return f"""
description: One gauge.
queries:
  only:
    labels: [{labels}]
    known: {{{known}}}
    metrics:
      {name}: {{help: A figure., value: value}}
    sql: |
      {sql}
"""
