"""The kind `stripe` against the simulated account, whose figures are the company's, and that account against Stripe's."""

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import psycopg
import pytest
from psycopg.rows import TupleRow

from exporter.collectors.stripe import Stripe
from exporter.demo.company import Company
from exporter.demo.story import PLANS, Payment
from exporter.demo.vendors import Vendors
from exporter.demo.vendors.stripe import Stripe as Simulator
from exporter.document import Document
from exporter.settings import settings_of
from tests.endpoint import RECORDED
from tests.packs.conftest import NOW, ask
from tests.vendors.case import Figures, asked
from tests.vendors.conftest import Simulators
from tests.vendors.shapes import same_shape

PAGE = Path("docs/integrations/stripe.md")
SCHEMA = json.loads((RECORDED / "stripe/schema.json").read_text())
LISTS: dict[str, dict[str, Any]] = {
    "subscriptions": {"status": "all", "expand[]": ["data.discounts.source.coupon", "data.items.data.discounts"]},
    "products": {}, "disputes": {}, "invoices": {"status": "open"}, "payouts": {}, "balance_transactions": {}, "charges": {},
    "refunds": {}, "webhook_endpoints": {}, "payment_intents": {}, "events": {},
}  # fmt: skip
Rows = Callable[..., list[TupleRow]]


def settings(url: str) -> dict[str, Any]:
    return {"url": url, "api_key": Simulator.KEY}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collectors.stripe.time.time", NOW.timestamp)


@pytest.fixture
async def stripe(vendors: Simulators) -> AsyncIterator[Stripe]:
    collector = Stripe.model_validate(settings(vendors.url("stripe")))
    yield collector
    await collector.close()


@pytest.fixture
def rows(company: Company) -> Rows:
    """Rows of the company's own tables and of its contract."""

    def rows(query: str, **values: object) -> list[TupleRow]:
        with psycopg.connect(company.application_dsn) as connection:
            return connection.execute(query.encode(), {"now": NOW, **values}).fetchall()

    return rows


@pytest.fixture
def client(vendors: Simulators) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {Simulator.KEY}"}
    with httpx.Client(base_url=vendors.url("stripe"), headers=headers, trust_env=False, timeout=20) as client:
        yield client


async def test_recurring_revenue_is_that_of_the_books_to_the_cent(stripe: Stripe, company: Company) -> None:
    figures, books = await asked(stripe), await ask(company.monitor_dsn, "revenue", NOW)
    assert set(figures["saas_mrr"]) == set(books["saas_mrr"]) == {(plan, cur) for plan in PLANS for cur in ("usd", "eur")}
    for key, amount in books["saas_mrr"].items():
        assert figures["saas_mrr"][key] == pytest.approx(amount, abs=0.000_001)
    assert figures["saas_customers"] == books["saas_customers"]


async def test_recurring_revenue_is_that_of_the_story(stripe: Stripe, company: Company) -> None:
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    statuses: Counter[str] = Counter()
    stretches = [row for row in company.story.subscriptions if row.started_at <= NOW]
    for row in {row.subscription_id: row for row in stretches}.values():
        if row.ended_at is not None:
            statuses["canceled"] += 1
        elif row.trial_ends_at is not None and row.trial_ends_at > NOW:
            statuses["trialing"] += 1
        else:
            statuses["paying"] += 1
            expected[row.plan, row.currency] += Decimal(row.cents) / 100 / row.interval_months
    figures = await asked(stripe)
    assert figures["saas_mrr"] == {key: pytest.approx(float(amount)) for key, amount in expected.items()}
    shown = {status: value for (status,), value in figures["saas_subscriptions"].items() if value}
    assert shown.pop("active") + shown.pop("past_due") == statuses["paying"]
    assert shown == {"canceled": statuses["canceled"], "trialing": statuses["trialing"]}


async def test_who_is_past_due_is_in_it_unless_that_is_switched_off(vendors: Simulators, company: Company) -> None:
    late = behind(company)
    assert late
    collector = Stripe.model_validate({**settings(vendors.url("stripe")), "past_due": False, "read": ["subscriptions"]})
    without = await asked(collector)
    await collector.close()
    books = await ask(company.monitor_dsn, "revenue", NOW)
    assert sum(books["saas_mrr"].values()) - sum(without["saas_mrr"].values()) == pytest.approx(sum(late.values()))
    assert without["saas_subscriptions"]["past_due",] == len(late)


def behind(company: Company) -> dict[str, float]:
    """Who holds a subscription whose last payment failed, and what it would bring a month."""
    latest = {payment.account_id: payment for payment in company.story.payments if payment.kind == "subscription"}
    return {
        row.account_id: row.cents / 100 / row.interval_months
        for row in company.story.subscriptions
        if row.ended_at is None
        and (row.trial_ends_at is None or row.trial_ends_at <= NOW)
        and row.account_id in latest
        and latest[row.account_id].failure_reason is not None
    }


async def test_invoices_that_wait_are_of_those_who_are_behind(stripe: Stripe, company: Company) -> None:
    figures = await asked(stripe)
    assert figures["payment_invoices"] == {("open",): 0, ("overdue",): len(behind(company))}


async def test_disputes_are_those_of_payments_through_stripe(stripe: Stripe, rows: Rows) -> None:
    found = rows(
        "select case when closed_at <= %(now)s then disputes.outcome else 'open' end, disputes.currency, count(*),"
        " sum(disputes.amount) from bellwether.disputes join bellwether.payments using (payment_id)"
        " where provider = 'stripe' and opened_at <= %(now)s group by 1, 2"
    )
    figures = await asked(stripe)
    assert {key: value for key, value in figures["payment_disputes"].items() if value} == {
        (state, currency): count for state, currency, count, _ in found
    }
    assert {key: value for key, value in figures["payment_disputed_amount"].items() if value} == {
        (state, currency): pytest.approx(float(amount)) for state, currency, _, amount in found
    }
    [(opened,)] = rows(
        "select min(opened_at) from bellwether.disputes join bellwether.payments using (payment_id)"
        " where provider = 'stripe' and opened_at > %(now)s - interval '5 days' and opened_at <= %(now)s"
    )
    due = opened + timedelta(days=14)
    assert figures["payment_dispute_evidence_due_timestamp_seconds"] == {(): int(due.timestamp())}


async def test_the_balance_is_what_came_in_and_has_not_gone_out(stripe: Stripe, company: Company, rows: Rows) -> None:
    midnight, settled = NOW.replace(hour=0, minute=0), NOW - timedelta(days=2)
    expected: Counter[tuple[str, str]] = Counter()
    for payment in through_stripe(company):
        if payment.failure_reason is None and payment.created_at > midnight - timedelta(days=2):
            state = "pending" if payment.created_at > settled else "available"
            expected[state, payment.currency] += payment.cents - payment.fee_cents
    for currency, amount in rows(
        "select refunds.currency, sum(refunds.amount) from bellwether.refunds join bellwether.payments using (payment_id)"
        " where provider = 'stripe' and refunds.created_at >= %(midnight)s and refunds.created_at <= %(now)s group by 1",
        midnight=midnight,
    ):
        expected["available", currency] -= amount * 100
    figures = await asked(stripe)
    assert figures["payment_balance"] == {key: pytest.approx(float(cents) / 100) for key, cents in expected.items()}
    assert figures["payment_payouts"]["in_transit", "1d"] == 2  # of both currencies, last midnight
    assert figures["payment_webhook_endpoints"] == {("enabled",): 1, ("disabled",): 1}


def through_stripe(company: Company) -> list[Payment]:
    return [payment for payment in company.story.payments if payment.provider == "stripe"]


class Past:
    """The simulated account at instants of a test's choosing, and the collector that watches it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = NOW
        monkeypatch.setattr("exporter.collectors.stripe.time.time", self._time)

    def _time(self) -> float:
        return self.at.timestamp()

    async def polled(self, company: Company, *instants: datetime) -> Figures:
        """The figures of the last of several polls by one collector."""
        figures: Figures = {}
        async with Vendors(company.application_dsn, lambda: self.at, only=["stripe"]) as vendors:
            collector = Stripe.model_validate({**settings(vendors.url("stripe")), "subscriptions_every": "1y"})
            for self.at in instants:
                figures = await asked(collector)
            await collector.close()
        return figures


async def test_counters_grow_by_what_happens_between_two_polls(
    company: Company, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, middle = NOW - timedelta(hours=20), NOW - timedelta(hours=9)
    figures = await Past(monkeypatch).polled(company, begin, middle, NOW)
    [(newest,)] = rows(
        "select max(attempted_at) from shop.payments where attempted_at <= %(at)s and provider = 'stripe'", at=begin
    )
    happened = [payment for payment in through_stripe(company) if newest < payment.created_at <= NOW]
    assert len(happened) > 5
    attempts: Counter[tuple[str, str]] = Counter()
    volume: Counter[tuple[str, str]] = Counter()
    fees: Counter[tuple[str, ...]] = Counter()
    failures: Counter[tuple[str, ...]] = Counter()
    for payment in happened:
        attempts[payment.outcome, payment.currency] += 1
        volume[payment.outcome, payment.currency] += payment.cents
        if payment.failure_reason is None:
            fees["succeeded", "stripe", payment.currency] += payment.fee_cents
        else:
            failures[payment.failure_reason, "stripe", payment.currency] += 1
    assert grown(figures, "payment_attempts_total") == attempts
    assert grown(figures, "payment_volume_total") == {key: cents / 100 for key, cents in volume.items()}
    assert grown(figures, "payment_fees_total") == {key: cents / 100 for key, cents in fees.items()}
    assert grown(figures, "payment_failures_total") == failures


async def test_refunds_of_a_day_are_counted(company: Company, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    [(at,)] = rows(
        "select refunds.created_at from bellwether.refunds join bellwether.payments using (payment_id)"
        " where provider = 'stripe' and refunds.created_at <= %(now)s order by 1 desc limit 1"
    )
    begin, end = at - timedelta(hours=6), at + timedelta(minutes=1)
    figures = await Past(monkeypatch).polled(company, begin, end)
    found = rows(
        "select case reason when 'requested' then 'requested_by_customer' when 'fraud' then 'fraudulent'"
        " else coalesce(reason, 'unknown') end, refunds.currency, count(*), sum(refunds.amount)"
        " from bellwether.refunds join bellwether.payments using (payment_id)"
        " where provider = 'stripe' and refunds.created_at > %(begin)s and refunds.created_at <= %(end)s group by 1, 2",
        begin=begin,
        end=end,
    )
    assert grown(figures, "payment_refunds_total") == {(reason, currency): count for reason, currency, count, _ in found}
    assert grown(figures, "payment_refund_volume_total") == {
        (reason, currency): float(amount) for reason, currency, _, amount in found
    }


def grown(figures: Figures, name: str) -> dict[tuple[str, ...], float]:
    return {labels: value for labels, value in figures[name].items() if value}


async def test_undelivered_events_are_one_of_256(company: Company, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    [(at,)] = rows(
        "select attempted_at from shop.payments where provider = 'stripe' and id like '%%00' and attempted_at <= %(now)s"
        " order by 1 desc limit 1"
    )
    figures = await Past(monkeypatch).polled(company, at + timedelta(minutes=2))
    assert figures["payment_webhook_events_undelivered"]["1h",] == 1


async def test_a_poll_costs_as_many_requests_as_documented(stripe: Stripe) -> None:
    first = await asked(stripe)
    second = await asked(stripe)
    assert second["bellwether_api_requests_total"]["200",] - first["bellwether_api_requests_total"]["200",] == 6
    pages = -(-sum(first["saas_subscriptions"].values()) // 100)
    assert pages > 2
    assert first["bellwether_api_requests_total"]["200",] == 6 + pages + 3


@pytest.mark.parametrize("name", LISTS)
def test_the_simulator_answers_in_the_documented_shape(client: httpx.Client, name: str) -> None:
    simulated = client.get(f"/v1/{name}", params={**LISTS[name], "limit": 100}).raise_for_status().json()
    recorded = json.loads((RECORDED / f"stripe/{name}.json").read_text())["body"]
    assert simulated["data"]
    free = {"data[].evidence", "data[].data.object", "data[].billing_details.address", "data[].payment_method_details.card"}
    optional = {"data[].data.previous_attributes", "data[].outcome.risk_score"} | {
        f"data[].destination_details.card.{key}" for key in ("reference", "reference_status", "reference_type")
    }
    same_shape(recorded, simulated, free=free, optional=optional)


@pytest.mark.parametrize("name", [*LISTS, "subscription_items", "price_tiers", "coupon", "coupon_amount", "balance"])
def test_what_is_recorded_has_the_fields_and_types_that_stripe_publishes(name: str) -> None:
    validated(json.loads((RECORDED / f"stripe/{name}.json").read_text())["body"])


@pytest.mark.parametrize("name", [*LISTS, "prices", "coupons", "balance"])
def test_the_simulator_has_the_fields_and_types_that_stripe_publishes(client: httpx.Client, name: str) -> None:
    validated(client.get(f"/v1/{name}", params={**LISTS.get(name, {}), "limit": 100} if name != "balance" else {}).json())


def validated(body: Any) -> None:
    """Check each object by what Stripe's own library declares of its kind; of an event, the object that it holds too."""
    for each in body["data"] if body["object"] == "list" else [body]:
        for found in (each, each["data"]["object"]) if each["object"] == "event" else (each,):
            schema = {"$ref": f"#/$defs/{found['object']}", "$defs": SCHEMA["$defs"]}
            wrong = jsonschema.Draft202012Validator(schema).iter_errors(found)
            assert [f"{found['object']} {error.json_path}: {error.message[:200]}" for error in wrong] == []


def test_the_simulator_refuses_as_documented(client: httpx.Client) -> None:
    anonymous = httpx.get(client.base_url.join("/v1/balance"), trust_env=False)
    same_shape(json.loads((RECORDED / "stripe/invalid_key.json").read_text())["body"], anonymous.json())
    assert anonymous.status_code == 401
    missing = client.get("/v1/coupons/GONE")
    same_shape(json.loads((RECORDED / "stripe/no_such_coupon.json").read_text())["body"], missing.json())
    assert missing.status_code == 404
    deep = client.get("/v1/subscriptions", params={"expand[]": "data.items.data.price.tiers"})
    assert (deep.status_code, deep.json()["error"]["param"]) == (400, "expand")


def test_pages_of_the_simulator_hold_each_object_once(client: httpx.Client) -> None:
    found: list[str] = []
    params: dict[str, Any] = {"limit": 40}
    while True:
        page = client.get("/v1/disputes", params=params).json()
        found += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        params["starting_after"] = found[-1]
    assert len(found) == len(set(found)) == len(client.get("/v1/disputes", params={"limit": 100}).json()["data"])


@pytest.mark.parametrize("number", range(PAGE.read_text().count("```yaml")))
def test_the_settings_shown_in_the_documentation_are_valid(number: int) -> None:
    block = PAGE.read_text().split("```yaml\n")[1:][number].split("```")[0]
    environment = {"STRIPE_API_KEY": "rk_live_x"}
    (collector,) = settings_of(Document.parse(block, "stripe.md"), environment).collectors
    assert isinstance(collector, Stripe)
