"""The company on a real server: what the views say is what the story told, and life goes on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import errors

from exporter.demo import life
from exporter.demo.company import Company
from exporter.demo.database import Server
from exporter.errors import DemoError
from exporter.packs.contract import as_sql

NOW = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def company(server: Server, clock: Clock) -> AsyncIterator[Company]:
    async with Company(server, clock=clock, living=False, told=()) as company:
        yield company


async def rows(dsn: str, query: LiteralString, *parameters: object) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return await (await connection.execute(query, parameters)).fetchall()


@pytest.mark.slow
async def test_a_company_cancelled_while_it_is_loaded_leaves_nothing_and_says_nothing(
    server: Server, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for moment in range(12):  # what the connection is about in a moment differs
        loading = asyncio.create_task(Company(server, clock=clock, living=False).__aenter__())
        async with asyncio.timeout(60):
            while not await rows(server.dsn(), "select from pg_stat_progress_copy"):
                assert not loading.done()
            await asyncio.sleep(moment / 10)
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        assert not await rows(server.dsn(), "select from pg_database where datname = 'company'")
    assert not caplog.messages


async def test_views_have_the_contracts_columns(server: Server, clock: Clock, database: str) -> None:
    columns = (
        "select table_name, ordinal_position, column_name, data_type from information_schema.columns"
        " where table_schema = 'bellwether' order by 1, 2"
    )
    with psycopg.connect(database) as connection:
        connection.execute(as_sql())
    async with Company(server, clock=clock, living=False) as company:
        mapped = await rows(company.admin_dsn, columns)
    views = {view for view, *_ in mapped}
    assert views >= {"accounts", "users", "subscriptions", "payments", "refunds", "leads", "tickets"}
    assert mapped == [row for row in await rows(database, columns) if row[0] in views]


async def test_views_say_what_the_story_told(company: Company) -> None:
    story, dsn = company.story, company.monitor_dsn
    accounts = [(row.account_id, row.created_at, row.country, row.channel) for row in story.accounts]
    users = [astuple(row) for row in story.users]
    subscriptions = [
        (
            *(row.subscription_id, row.account_id, row.plan, row.currency, Decimal(row.cents) / 100, row.interval_months),
            *(row.started_at, row.trial_ends_at, row.ended_at),
        )
        for row in story.subscriptions
    ]
    payments = [
        (
            row.payment_id,
            row.account_id,
            row.created_at,
            Decimal(row.cents) / 100,
            row.currency,
            row.outcome,
            row.failure_reason,
            row.provider,
            Decimal(row.fee_cents) / 100,
        )
        for row in story.payments
    ]
    assert len(payments) > 2000
    assert set(await rows(dsn, "select * from bellwether.accounts")) == set(accounts)
    assert set(await rows(dsn, "select * from bellwether.users")) == set(users)
    assert set(await rows(dsn, "select * from bellwether.subscriptions")) == set(subscriptions)
    assert sorted(await rows(dsn, "select * from bellwether.payments")) == sorted(payments)


@pytest.mark.parametrize("days", [0, 30, 200])
async def test_mrr_over_the_views_is_that_of_the_story_to_the_cent(company: Company, days: int) -> None:
    at = NOW - timedelta(days=days)
    expected: dict[tuple[str, str], Fraction] = {}
    for row in company.story.subscriptions:
        paying_from = row.started_at if row.trial_ends_at is None else row.trial_ends_at
        if paying_from <= at and (row.ended_at is None or at < row.ended_at):
            key = row.plan, row.currency
            expected[key] = expected.get(key, Fraction()) + Fraction(row.cents, 100 * row.interval_months)
    found = await rows(
        company.monitor_dsn,
        "select plan, currency, round(sum(amount / interval_months), 2) from bellwether.subscriptions"
        " where started_at <= %s and (trial_ends_at is null or trial_ends_at <= %s) and (ended_at is null or ended_at > %s)"
        " group by plan, currency",
        at, at, at,
    )  # fmt: skip
    assert {(plan, currency): mrr for plan, currency, mrr in found} == {
        key: Decimal(round(100 * mrr)) / 100 for key, mrr in expected.items()
    }
    assert len(expected) >= 4


@pytest.mark.parametrize(
    "statement",
    [
        "select from shop.payments",
        "delete from bellwether.users",
        "create table public.x ()",
        "create temporary table x ()",
        "create view bellwether.x as select 1",
        "update shop.incidents set ended_at = now()",
    ],
)
async def test_the_watching_role_can_neither_read_the_tables_nor_write(company: Company, statement: LiteralString) -> None:
    async with await psycopg.AsyncConnection.connect(company.monitor_dsn) as connection:
        await connection.execute("set transaction read write")
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(statement)


async def test_the_watching_role_is_read_only_unless_it_asks_and_sees_the_servers_statistics(company: Company) -> None:
    dsn = company.monitor_dsn
    assert await rows(dsn, "show default_transaction_read_only") == [("on",)]
    assert await rows(dsn, "select pg_has_role('pg_monitor', 'member')") == [(True,)]
    assert await rows(dsn, "select count(*) > 0 from pg_stat_statements") == [(True,)]


async def test_no_password_can_be_read_from_the_statistics(company: Company) -> None:
    texts = str(await rows(company.admin_dsn, "select query from pg_stat_statements"))
    for dsn in (company.monitor_dsn, company.application_dsn, company.admin_dsn):
        assert str(psycopg.conninfo.conninfo_to_dict(dsn)["password"]) not in texts


async def test_life_goes_on_with_purchases_sign_ups_and_conversions(company: Company, clock: Clock) -> None:
    clock.now = NOW + timedelta(seconds=1)
    await company.life.go_on(3600)
    dsn = company.monitor_dsn
    [(payments,)] = await rows(dsn, "select count(*) from bellwether.payments where created_at = %s", clock.now)
    assert 1600 < payments < 2000
    [(accounts,)] = await rows(dsn, "select count(*) from bellwether.accounts where created_at = %s", clock.now)
    assert 10 < accounts < 60
    new = await rows(dsn, "select distinct trial_ends_at - created_at from bellwether.accounts join bellwether.subscriptions"
                          " using (account_id) where created_at = %s and trial_ends_at > %s", clock.now, clock.now)  # fmt: skip
    assert new == [(timedelta(days=14),)]
    [(converted,)] = await rows(dsn, "select count(*) from bellwether.subscriptions where trial_ends_at = %s", clock.now)
    assert 1 <= converted < 20


async def test_customers_leave(company: Company, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "DEPARTURE", 1)
    clock.now = NOW + timedelta(seconds=1)
    await company.life.go_on(10)
    left = await rows(company.monitor_dsn, "select account_id from bellwether.subscriptions where ended_at = %s", clock.now)
    assert 2 < len(left) < 25


async def test_a_trial_that_ends_becomes_a_paying_customer_or_ends(company: Company, clock: Clock) -> None:
    trials = "select subscription_id from bellwether.subscriptions where trial_ends_at > %s and ended_at is null"
    trialing = {row[0] for row in await rows(company.monitor_dsn, trials, NOW)}
    clock.now = NOW + timedelta(days=15)
    await company.life.go_on(0)
    decided = await rows(
        company.monitor_dsn,
        "select subscription_id, ended_at = trial_ends_at, exists (select from bellwether.payments p"
        " where p.account_id = s.account_id and outcome = 'succeeded')"
        " from bellwether.subscriptions s where trial_ends_at > %s",
        NOW,
    )
    outcome = {row[0]: row[1:] for row in decided if row[0] in trialing}
    assert set(outcome) == trialing
    assert set(outcome.values()) == {(True, False), (None, True)}


async def test_what_happens_is_the_seeds(server: Server, clock: Clock) -> None:
    lives = []
    for seed in (1, 1, 2):
        async with Company(server, seed=seed, clock=clock, living=False, told=()) as company:
            for _ in range(3):
                await company.life.go_on(20)
            lives.append(await rows(company.monitor_dsn, "select * from bellwether.payments order by 1"))
    assert lives[0] == lives[1] != lives[2]


async def shares(company: Company, clock: Clock) -> dict[str | None, float]:
    """Of the attempts of ten minutes from now, how large a part has each failure reason."""
    clock.now += timedelta(seconds=1)
    await company.life.go_on(600)
    reasons = await rows(company.monitor_dsn, "select failure_reason from bellwether.payments where created_at = %s", clock.now)
    return {reason: reasons.count((reason,)) / len(reasons) for (reason,) in set(reasons)}


async def test_a_payment_outage_makes_most_attempts_fail_until_it_ends(company: Company, clock: Clock) -> None:
    assert "provider_unavailable" not in await shares(company, clock)
    await company.start_incident("payment-outage")
    await company.start_incident("payment-outage")
    during = await shares(company, clock)
    assert set(during) == {None, "provider_unavailable"}
    assert 0.75 < during["provider_unavailable"] < 0.95
    await company.end_incident("payment-outage")
    after = await shares(company, clock)
    assert after[None] > 0.9


async def test_an_incident_can_be_started_with_nothing_but_sql(company: Company, clock: Clock) -> None:
    async with await psycopg.AsyncConnection.connect(company.admin_dsn) as connection:
        await connection.execute("insert into shop.incidents (name) values ('payment-outage')")
    assert (await shares(company, clock))["provider_unavailable"] > 0.5
    async with await psycopg.AsyncConnection.connect(company.admin_dsn) as connection:
        with pytest.raises(errors.ForeignKeyViolation):
            await connection.execute("insert into shop.incidents (name) values ('payment-outrage')")


async def test_an_unknown_incident_is_refused_with_the_known_ones(company: Company) -> None:
    for change in (company.start_incident, company.end_incident):
        with pytest.raises(
            DemoError, match=r"no incident is called 'payment-outrage'; known are: access-denied, .*payment-outage, "
        ):
            await change("payment-outrage")


async def test_it_lives_by_itself_and_outlives_an_outage_of_its_database(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(life, "PURCHASE", 0.05)
    count: LiteralString = "select count(*) from bellwether.payments"
    async with Company(server, told=()) as company, asyncio.timeout(30):
        told = len(company.story.payments)
        while (await rows(company.monitor_dsn, count))[0][0] <= told:
            await asyncio.sleep(0.1)
        server.stop()
        try:
            while not caplog.messages:
                await asyncio.sleep(0.1)
        finally:
            server.start()
        [(before,)] = await rows(company.monitor_dsn, count)
        while (await rows(company.monitor_dsn, count))[0][0] <= before:
            await asyncio.sleep(0.1)
    assert caplog.messages == ["the company's database does not answer; its life goes on when it does"]


async def test_nothing_of_it_stays_on_the_server(server: Server) -> None:
    async with Company(server, told=()):
        pass
    assert await rows(server.dsn(), "select datname from pg_database where datname = 'company'") == []
    assert await rows(server.dsn(), "select rolname from pg_roles where rolname in ('shop', 'bellwether')") == []


async def test_a_second_company_on_a_server_is_refused(server: Server) -> None:
    async with Company(server, living=False, told=()):
        with pytest.raises(DemoError, match="already"):
            await Company(server, database="other", living=False).__aenter__()
