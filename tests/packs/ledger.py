"""Who pays what, worked out from the story in Python: a second way to figures of subscriptions. And contracts by hand."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import psycopg
import pytest
from psycopg import sql

from exporter.demo.story import Story, Subscription
from exporter.packs.contract import as_sql

MONTH = timedelta(days=30)


def paying_from(row: Subscription) -> datetime:
    return row.started_at if row.trial_ends_at is None else max(row.started_at, row.trial_ends_at)


def pays(row: Subscription, at: datetime) -> bool:
    return paying_from(row) <= at and (row.ended_at is None or at < row.ended_at)


def ever_pays(row: Subscription) -> bool:
    return row.ended_at is None or row.ended_at > paying_from(row)


def monthly(row: Subscription) -> Fraction:
    return Fraction(row.cents, 100 * row.interval_months)


def mrr(story: Story, at: datetime, *by: str) -> dict[tuple[Any, ...], Fraction]:
    """Recurring revenue by fields of the subscription; only what is more than nothing."""
    sums: dict[tuple[Any, ...], Fraction] = defaultdict(Fraction)
    for row in story.subscriptions:
        if pays(row, at):
            sums[tuple(getattr(row, name) for name in by)] += monthly(row)
    return dict(sums)


def customers(story: Story, at: datetime) -> set[str]:
    """The accounts that pay."""
    return {row.account_id for row in story.subscriptions if pays(row, at)}


def first_paid(story: Story) -> dict[str, datetime]:
    """When each account paid for the first time, of those that ever did."""
    firsts: dict[str, datetime] = {}
    for row in story.subscriptions:
        if ever_pays(row):
            firsts[row.account_id] = min(paying_from(row), firsts.get(row.account_id, paying_from(row)))
    return firsts


def last_month(at: datetime) -> tuple[datetime, datetime]:
    """The first instant of the last whole month, and that of the month at hand."""
    closes = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (closes - timedelta(days=1)).replace(day=1), closes


def windows(at: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Where the windows of movements open and close."""
    return {"1d": (at - timedelta(days=1), at), "30d": (at - MONTH, at), "last_month": last_month(at)}


def exactly(expected: Mapping[tuple[Any, ...], Any]) -> Any:
    """Equal but for the binary representation of a fraction: far below a cent."""
    return pytest.approx({key: float(value) for key, value in expected.items()}, rel=1e-9, abs=1e-9)


def contract_of(database: str, **views: Iterable[Mapping[str, Any]]) -> str:
    """A database whose contract has these rows in these views, and nothing in the others."""
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute(as_sql())
        for view, rows in views.items():
            names = {"table": sql.Identifier(f"its_{view}"), "view": sql.Identifier("bellwether", view)}
            connection.execute(sql.SQL("create table {table} (like {view})").format(**names))
            connection.execute(sql.SQL("create or replace view {view} as select * from {table}").format(**names))
            for row in rows:
                connection.execute(
                    sql.SQL("insert into {} ({}) values ({})").format(
                        names["table"],
                        sql.SQL(", ").join(map(sql.Identifier, row)),
                        sql.SQL(", ").join(sql.Placeholder() * len(row)),
                    ),
                    list(row.values()),
                )
    return database


def subscribed(*rows: str) -> list[dict[str, Any]]:
    """Subscriptions written as `account plan currency amount/months from [trial end or -] [end]`."""
    found = []
    for row in rows:
        account, plan, currency, price, started, *more = row.split()
        amount, months = price.split("/")
        trial, ended = (*more, "-", "-")[:2]
        found.append(
            {
                "subscription_id": f"of {account}",
                "account_id": account,
                "plan": plan,
                "currency": currency,
                "amount": amount,
                "interval_months": months,
                "started_at": started,
                "trial_ends_at": None if trial == "-" else trial,
                "ended_at": None if ended == "-" else ended,
            }
        )
    return found
