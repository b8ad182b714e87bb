"""The worked mappings of docs/mappings: onto tables as they are in the wild, and what packs and views then say."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.rows import dict_row

from exporter.collectors.sql import Sql
from exporter.collectors.stripe.amounts import major_units
from exporter.fields import Secret
from exporter.packs import contract
from exporter.packs.load import readers
from tests.packs.conftest import ask
from tests.packs.test_plan import advised_for

MAPPINGS = Path(__file__).parents[2] / "docs" / "mappings"
SOURCES = Path(__file__).parent / "sources"
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def mapped(database: str, request: pytest.FixtureRequest) -> str:
    """A database with the tables of one source, and its mapping."""
    with psycopg.connect(database, options="-c TimeZone=UTC") as connection:
        connection.execute((SOURCES / f"{request.param}.sql").read_bytes())
        connection.execute(contract.as_sql())
        connection.execute((MAPPINGS / f"{request.param}.sql").read_bytes())
    return database


def rows(dsn: str, query: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c TimeZone=UTC") as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("mapped", ["stripe"], indirect=True)
async def test_stripe_gives_revenue_in_major_units_per_month(mapped: str) -> None:
    found = await ask(mapped, "revenue", MARCH)
    assert found["saas_mrr"] == {
        ("pro", "EUR"): 25,  # two seats; neither the set-up fee nor the item that was removed
        ("Yearly", "JPY"): 1000,  # yen have no hundredths
        ("weekly", "EUR"): 0,  # ended
    }
    assert found["payment_volume_total"] == {
        ("succeeded", "EUR"): 25,
        ("failed", "EUR"): 0,
        ("succeeded", "JPY"): 0,
        ("failed", "JPY"): 12000,
    }
    january = await ask(mapped, "revenue", datetime(2026, 1, 5, tzinfo=UTC))
    assert january["saas_mrr"]["weekly", "EUR"] == 13  # six euros each second week, 52 weeks a year
    assert january["saas_customers"]["trialing",] == 1
    closed = datetime.fromtimestamp(1770076800, UTC)
    assert rows(mapped, "select amount, closed_at, outcome from bellwether.disputes order by dispute_id") == [
        (Decimal(25), closed, "won"),
        (Decimal(25), None, None),
    ]
    assert rows(mapped, "select amount from bellwether.refunds") == [(Decimal(5),)]
    assert rows(mapped, "select country, channel from bellwether.accounts order by 1") == [("DE", "referral"), ("JP", None)]


@pytest.mark.parametrize("mapped", ["stripe"], indirect=True)
def test_stripe_has_the_minor_units_that_its_collector_has(mapped: str) -> None:
    codes = ["".join(letters) for letters in product(ascii_uppercase, repeat=3)]
    with psycopg.connect(mapped) as connection:
        found = connection.execute(
            "select code, bellwether.major_units(1, lower(code)) from unnest(%s::text[]) as code", [codes]
        ).fetchall()
    assert dict(found) == {code: major_units(1, code) for code in codes}


@pytest.mark.parametrize("mapped", ["stripe"], indirect=True)
async def test_stripe_takes_lasting_discounts_off_what_a_customer_pays(mapped: str) -> None:
    items = [
        ("sub_d", '{"coupon": {"duration": "forever", "percent_off": 20.5, "amount_off": null}}', "c", 1),
        ("sub_e", '{"coupon": {"duration": "repeating", "percent_off": 50}}', "c", 1),  # for some months only
        ("sub_f", '{"coupon": {"duration": "forever", "amount_off": 2000, "currency": "gbp"}}', "c", 1),
        ("sub_f", None, "d", 3),  # the other price of the same subscription: three quarters of the invoice
        ("sub_g", '{"coupon": {"duration": "forever", "amount_off": 99999, "currency": "gbp"}}', "e", 1),
        ("sub_h", '{"coupon": {"duration": "forever", "amount_off": 99, "currency": "usd"}}', "f", 1),
        ("sub_i", None, "metered", 1),
    ]
    with psycopg.connect(mapped) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into stripe.prices (id, currency, recurring, type, unit_amount) values"
            " (%s, 'gbp', jsonb_build_object('interval', 'month', 'interval_count', 1, 'usage_type', %s::text), 'recurring',"
            " 10000)",
            [(price, "metered" if price == "metered" else "licensed") for price in sorted({price for _, _, price, _ in items})],
        )
        cursor.executemany(
            "insert into stripe.subscriptions (id, status, customer, start_date, discount)"
            " values (%s, 'active', 'cus_1', 1767225600, %s) on conflict do nothing",
            [(subscription, discount) for subscription, discount, _, _ in items],
        )
        cursor.executemany(
            "insert into stripe.subscription_items values (gen_random_uuid(), %s, %s, %s, false)",
            [(subscription, price, quantity) for subscription, _, price, quantity in items],
        )
    found = await ask(mapped, "revenue", MARCH)
    assert {plan: mrr for (plan, currency), mrr in found["saas_mrr"].items() if currency == "GBP"} == {
        "c": 79.5 + 100 + 95,
        "d": 285,
        "e": 0,  # never less than nothing
        "f": 100,  # a coupon of another currency holds for nothing
    }


@pytest.mark.parametrize("mapped", ["stripe"], indirect=True)
async def test_stripe_counts_as_revenue_what_is_paid_for(mapped: str) -> None:
    with psycopg.connect(mapped) as connection:
        connection.execute("""
            update stripe.subscriptions set status = 'unpaid' where id = 'sub_1';
            insert into stripe.invoices values
              ('in_1', 'sub_1', 'uncollectible', 1767225600),  -- paid again since
              ('in_2', 'sub_1', 'paid', 1769904000),  -- on the first of February
              ('in_3', 'sub_1', 'void', 1771000000),
              ('in_4', 'sub_1', 'open', 1772000000),  -- 2026-02-25 06:13:20 UTC
              ('in_5', 'sub_1', 'open', 1772200000), ('in_6', 'sub_2', 'open', 1);
            insert into stripe.subscriptions values
              ('sub_5', 'paused', 'cus_5', 1767225600, null, null, '1768435200'),
              ('sub_6', 'unpaid', 'cus_6', 1767225600, null, null, 'null'),
              ('sub_7', 'past_due', 'cus_1', 1767225600, null, null, 'null');
            insert into stripe.subscription_items
            select 'si_' || number, 'sub_' || number, 'price_m', number from generate_series(5, 7) as number;
        """)
    ended = datetime.fromtimestamp(1772000000, UTC)
    for as_of, expected in ((ended - timedelta(seconds=1), 25 + 7 * 12.5), (ended, 7 * 12.5), (MARCH, 7 * 12.5)):
        found = await ask(mapped, "revenue", as_of)
        assert found["saas_mrr"]["pro", "EUR"] == expected
        assert found["saas_mrr"]["Yearly", "JPY"] == 1000


@pytest.mark.parametrize("mapped", ["stripe"], indirect=True)
async def test_stripe_decides_disputes_as_its_collector_does(mapped: str) -> None:
    still_open = ("warning_needs_response", "warning_under_review", "needs_response", "under_review")
    with psycopg.connect(mapped) as connection:
        connection.execute("delete from stripe.disputes")
        connection.cursor().executemany(
            "insert into stripe.disputes values (%s, 100, 'eur', null, 1769990400, 'general', %s, null)",
            [(status, status) for status in (*still_open, "won", "warning_closed", "lost", "prevented")],
        )
    found = await ask(mapped, "billing", MARCH)
    assert found["payment_disputes"] == {("open", "EUR"): 4, ("won", "EUR"): 2, ("lost", "EUR"): 2}


@pytest.mark.parametrize("mapped", ["stripe"], indirect=True)
@pytest.mark.parametrize(("settings", "counted"), [({"late_by": 15 * 86400}, 1), ({}, 0)])
async def test_stripe_counts_a_debit_that_succeeds_days_later_where_late_by_allows_for_it(
    mapped: str, settings: dict[str, Any], counted: int
) -> None:
    collector = Sql(name="company", dsn=Secret(mapped), packs=("revenue",), **settings)
    attempts = []
    with psycopg.connect(mapped, autocommit=True) as connection:
        for day, statement in (
            (0, "insert into stripe.charges values ('py_1', 2500, 'eur', 'cus_1', 1772330400, 'pending')"),  # two hours later
            (1, "update stripe.charges set status = 'succeeded' where id = 'py_1'"),
            (14, "select"),
        ):
            collector._as_of = MARCH + timedelta(days=day)
            taken = [sample.value async for sample in collector.collect() if sample.metric.name == "payment_attempts_total"]
            attempts.append(sum(value for value in taken if isinstance(value, float)))
            connection.execute(statement)
    await collector.close()
    assert [after - attempts[0] for after in attempts] == [0, 0, counted]


@pytest.mark.parametrize("mapped", ["stripe"], indirect=True)
def test_stripe_names_the_indexes_that_are_advised_and_used(mapped: str) -> None:
    statements = re.findall(r"^--     (create index .*);$", (MAPPINGS / "stripe.sql").read_text(), re.MULTILINE)
    instants = ("payments.created_at", "refunds.created_at", "disputes.opened_at")
    with psycopg.connect(mapped, autocommit=True, row_factory=dict_row) as connection:
        for statement, instant in zip(statements, instants, strict=True):
            [table] = re.findall(r"stripe\.\w+", statement)
            connection.execute(
                f"insert into {table} (id, amount, currency, created, status) select 'many_' || number, 1, 'eur', number, 'won'"
                " from generate_series(1, 100000) as number".encode()
            )
            connection.execute(f"analyze {table}".encode())
            view = instant.partition(".")[0]
            poll = f"select count(*) from bellwether.{view} where {instant} > %(since)s and {instant} <= %(as_of)s"
            assert advised_for(connection, poll) == [statement.replace("created", "(created)::double precision")]
            connection.execute(statement.encode())
            assert advised_for(connection, poll) == []


@pytest.mark.parametrize("mapped", ["supabase"], indirect=True)
async def test_supabase_has_a_visit_last_until_half_an_hour_after_its_last_event(mapped: str) -> None:
    now, event = datetime.now(UTC), "insert into public.events (user_id, session_id, event_name, created_at) values"
    with psycopg.connect(mapped) as connection:
        for number, ago in ((1, 29), (2, 31)):  # minutes
            connection.execute(
                f"{event} (%(id)s, %(id)s, 'page_view', %(start)s), (%(id)s, %(id)s, 'page_view', %(end)s)".encode(),
                {
                    "id": f"00000000-0000-0000-0000-00000000000{number}",
                    "start": now - timedelta(hours=2),
                    "end": now - timedelta(minutes=ago),
                },
            )
    found = await ask(mapped, "users", now)
    assert found["saas_online_users"] == found["saas_open_sessions"] == {(): 1}
    assert found["saas_session_bounce_ratio"]["unknown", "1d"] == 0
    assert rows(mapped, "select count(ended_at), count(*) from bellwether.sessions") == [(2, 3)]


@pytest.mark.parametrize("mapped", ["supabase"], indirect=True)
def test_supabase_gives_people_steps_and_events_and_nothing_that_tells_who(mapped: str) -> None:
    assert rows(mapped, "select count(*), count(deleted_at) from bellwether.users") == [(2, 1)]
    assert rows(mapped, "select page_views, device, ended_at - started_at > interval '4 min' from bellwether.sessions") == [
        (1, "mobile", True)
    ]
    assert rows(mapped, "select step, position from bellwether.onboarding_steps") == [("profile", 1)]
    assert rows(mapped, "select kind, outcome, reason, method from bellwether.auth_events order by outcome") == [
        ("mfa_verification", "failed", "wrong_code", "totp"),
        ("mfa_verification", "succeeded", None, "totp"),
    ]
    assert rows(mapped, "select method from bellwether.mfa_factors") == [("totp",)]
    assert rows(mapped, "select resource_type, action from bellwether.resource_actions") == [("report", "downloaded")]
    everything = str([rows(mapped, f"select * from bellwether.{view}") for view in contract.views()])
    for private in ("example.com", "192.0.2.1", "salary", "JBSWY3DP"):
        assert private not in everything


@pytest.mark.parametrize("mapped", ["shared_bills"], indirect=True)
async def test_shared_bills_give_groups_readings_and_payments(mapped: str) -> None:
    found = await ask(mapped, "revenue", MARCH)
    assert found["payment_attempts_total"] == {("succeeded", "EUR"): 1, ("failed", "EUR"): 1}
    assert rows(mapped, "select provider, fee from bellwether.payments where outcome = 'succeeded'") == [
        ("sepa", Decimal("0.25"))
    ]
    assert rows(mapped, "select kind, due_at, submitted_at is not null from bellwether.meter_readings order by 1") == [
        ("power", datetime(2026, 2, 28, tzinfo=UTC), False),
        ("water", datetime(2026, 2, 28, tzinfo=UTC), True),
    ]
    assert rows(mapped, "select count(*) from bellwether.group_members where left_at is null") == [(2,)]
    assert rows(mapped, "select account_id from bellwether.users order by user_id") == [("1",), ("1",)]


@pytest.mark.parametrize("mapped", ["stripe", "supabase", "shared_bills"], indirect=True)
async def test_every_pack_runs_on_every_mapping(mapped: str) -> None:
    for pack in sorted({pack for packs in readers().values() for pack in packs}):
        await ask(mapped, pack, MARCH)
