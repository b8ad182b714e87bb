"""The kind `stripe` against the answers that Stripe documents: each rule and each trap of its API."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from exporter.collectors.stripe import Stripe
from exporter.errors import Denied, Malformed, PollError, Throttled
from tests.endpoint import Answer, Endpoint, Request, Response, endpoint
from tests.vendors.case import Figures, asked

KEY = "rk_test_s3cr3t"
NOW = datetime(2023, 6, 6, 22, 10, tzinfo=UTC)  # ten minutes before the first of the recorded events
SUBSCRIPTIONS, EVENTS = "/v1/subscriptions", "/v1/events"
Make = Callable[..., Stripe]


def recorded(name: str, **changes: Any) -> Response:
    """A recorded list with its objects changed."""
    return Response.recorded(f"stripe/{name}") if not changes else listed(*[{**each, **changes} for each in objects(name)])


def objects(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Response.recorded(f"stripe/{name}").body)["data"]
    return found


def listed(*data: dict[str, Any], more: bool = False) -> Response:
    return Response.json({"object": "list", "data": list(data), "has_more": more, "url": "/v1/things"})


def subscriptions(request: Request) -> Response:
    """Two pages."""
    return recorded("subscriptions_more" if "starting_after" in request.query else "subscriptions")


def events(request: Request) -> Response:
    return recorded("events_none")


ANSWERS: dict[str, Answer] = {
    "/v1/balance": recorded("balance"),
    "/v1/balance_transactions": recorded("events_none"),
    "/v1/disputes": recorded("disputes"),
    EVENTS: events,
    "/v1/invoices": recorded("invoices"),
    "/v1/payouts": recorded("payouts"),
    "/v1/prices/price_tiered": recorded("price_tiers"),
    "/v1/coupons/25_5OFF": recorded("coupon"),
    "/v1/coupons/10OFF": recorded("coupon_amount"),
    "/v1/products": recorded("products"),
    SUBSCRIPTIONS: subscriptions,
    "/v1/subscription_items": recorded("subscription_items"),
    "/v1/webhook_endpoints": recorded("webhook_endpoints"),
}


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """A Stripe that answers as documented, with test data."""
    with endpoint() as server:
        server.answers |= ANSWERS
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One certificate to trust in place of the system's hundred, which take longer to read than a poll lasts."""
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    return file


@pytest.fixture
async def stripe(server: Endpoint, monkeypatch: pytest.MonkeyPatch, authority: Path) -> AsyncIterator[Make]:
    monkeypatch.setattr("exporter.collectors.stripe.time.time", NOW.timestamp)
    made: list[Stripe] = []

    def make(**settings: Any) -> Stripe:
        made.append(
            Stripe.model_validate({"url": server.url, "api_key": KEY, "livemode": False, "ca_file": authority, **settings})
        )
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


async def test_recurring_revenue_of_each_kind_of_subscription(stripe: Make) -> None:
    figures = await asked(stripe(read=["subscriptions"]))
    assert figures["saas_mrr"] == {
        ("Gold Plan", "usd"): 30 * 0.745,  # three at 10, less a quarter and a half per cent; usage and trial add nothing
        ("Seats", "usd"): 58,  # ten at 5, two at 4, and 10 once; less 10
        ("Gold Plan", "jpy"): 1000,
    }
    assert figures["saas_subscriptions"] == {
        ("trialing",): 1, ("active",): 3, ("past_due",): 1, ("unpaid",): 1, ("paused",): 0, ("incomplete",): 0,
        ("canceled",): 2, ("incomplete_expired",): 1,
    }  # fmt: skip
    assert figures["saas_subscriptions_canceling"] == {(): 1}
    assert figures["saas_subscriptions_paused"] == {(): 1}
    assert figures["saas_customers"] == {("active",): 3, ("trialing",): 1, ("churned",): 2}


async def test_what_is_past_due_can_be_left_out(stripe: Make) -> None:
    figures = await asked(stripe(read=["subscriptions"], past_due=False))
    assert figures["saas_mrr"]["Gold Plan", "jpy"] == 0
    assert figures["saas_customers"] == {("active",): 2, ("trialing",): 1, ("churned",): 3}


async def test_without_ended_subscriptions_none_has_churned(server: Endpoint, stripe: Make) -> None:
    figures = await asked(stripe(read=["subscriptions"], ended=False))
    assert "status" not in server.asked(SUBSCRIPTIONS)[0].query
    assert set(figures["saas_customers"]) == {("active",), ("trialing",)}


async def test_pages_are_followed_to_the_end(server: Endpoint, stripe: Make) -> None:
    await asked(stripe(read=["subscriptions"]))
    first, second = server.asked(SUBSCRIPTIONS)
    assert (first.query["status"], first.query["limit"]) == ("all", "100")
    assert second.query["starting_after"] == "sub_trial"
    [items] = server.asked("/v1/subscription_items")
    assert items.query["subscription"] == "sub_many"


async def test_every_request_has_the_key_and_the_version(server: Endpoint, stripe: Make) -> None:
    await asked(stripe(account="acct_1"))
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    assert {request.headers["stripe-version"] for request in server.requests} == {"2026-09-30.endive"}
    assert {request.headers["stripe-account"] for request in server.requests} == {"acct_1"}


async def test_plans_are_named_after_the_product_or_the_price(server: Endpoint, stripe: Make) -> None:
    named, unnamed = objects("subscriptions")[0], objects("subscriptions")[4]
    named["items"]["data"][0]["price"] |= {"lookup_key": "gold_monthly", "nickname": "Gold"}
    unnamed["status"] = "active"
    unnamed["items"]["data"][0]["price"] |= {"id": "price_2", "nickname": "Monthly"}
    gone = {**unnamed, "id": "sub_gone", "items": {"has_more": False, "data": [{**unnamed["items"]["data"][0]}]}}
    gone["items"]["data"][0]["price"] = {
        **gone["items"]["data"][0]["price"],
        "id": "price_3",
        "product": "prod_gone",
        "nickname": None,
    }
    server.answers[SUBSCRIPTIONS] = listed(named, unnamed, gone)
    by_product = await asked(stripe(read=["subscriptions"]))
    assert set(by_product["saas_mrr"]) == {("Gold Plan", "usd"), ("unknown", "usd")}
    by_price = await asked(stripe(read=["subscriptions"], plans="price"))
    assert set(by_price["saas_mrr"]) == {("gold_monthly", "usd"), ("Monthly", "usd"), ("unknown", "usd")}


async def test_plans_beyond_the_most_are_one(server: Endpoint, stripe: Make) -> None:
    figures = await asked(stripe(read=["subscriptions"], most=1))
    assert figures["saas_mrr"] == {("Seats", "usd"): 58, ("other", "usd"): 30 * 0.745, ("Gold Plan", "jpy"): 1000}


async def test_a_discount_outlives_its_coupon(server: Endpoint, stripe: Make) -> None:
    server.answers["/v1/coupons/25_5OFF"] = server.answers["/v1/coupons/10OFF"] = recorded("no_such_coupon")
    figures = await asked(stripe(read=["subscriptions"]))
    assert figures["saas_mrr"]["Gold Plan", "usd"] == 30 * 0.745
    assert figures["saas_mrr"]["Seats", "usd"] == 68  # whose terms are known no more


async def test_a_price_in_another_currency_is_asked_for(server: Endpoint, stripe: Make) -> None:
    subscription = {**objects("subscriptions")[0], "currency": "eur", "discounts": []}
    price = subscription["items"]["data"][0]["price"]
    server.answers[SUBSCRIPTIONS] = listed(subscription)
    server.answers[f"/v1/prices/{price['id']}"] = Response.json({**price, "currency_options": {"eur": {"unit_amount": 900}}})
    figures = await asked(stripe(read=["subscriptions"]))
    assert figures["saas_mrr"] == {("Gold Plan", "eur"): 27}


async def test_prices_and_coupons_are_asked_for_once(server: Endpoint, stripe: Make) -> None:
    collector = stripe(read=["subscriptions"], subscriptions_every=0)
    first, second = await asked(collector), await asked(collector)
    assert first["saas_mrr"] == second["saas_mrr"]
    assert len(server.asked("/v1/prices/price_tiered")) == len(server.asked("/v1/coupons/10OFF")) == 1


async def test_subscriptions_are_read_seldom_and_shown_in_between(server: Endpoint, stripe: Make) -> None:
    collector = stripe()
    first = await asked(collector)
    walked = len(server.asked(SUBSCRIPTIONS))
    second = await asked(collector)
    assert len(server.asked(SUBSCRIPTIONS)) == walked
    assert len(server.asked("/v1/balance")) == 2
    for name in ("saas_mrr", "saas_customers", "payment_payouts", "payment_webhook_endpoints"):
        assert first[name] == second[name] != {}


async def test_money_of_the_account(stripe: Make) -> None:
    figures = await asked(stripe(read=["balance", "invoices", "payouts", "webhooks"]))
    assert figures["payment_balance"] == {
        ("available", "usd"): 6666.70, ("available", "jpy"): -4000, ("pending", "usd"): 614.14, ("reserved", "usd"): 12,
    }  # fmt: skip
    assert figures["payment_invoices"] == {("open",): 2, ("overdue",): 2}
    assert figures["payment_invoice_amount"] == {
        ("open", "usd"): 26, ("overdue", "usd"): 20, ("open", "jpy"): 0, ("overdue", "jpy"): 500,
    }  # fmt: skip
    assert {key: value for key, value in figures["payment_payouts"].items() if key[1] == "7d" and value} == {
        ("paid", "7d"): 1, ("failed", "7d"): 1, ("in_transit", "7d"): 1,
    }  # fmt: skip
    assert figures["payment_payouts"]["failed", "1d"] == 0
    assert figures["payment_webhook_endpoints"] == {("enabled",): 1, ("disabled",): 1}


async def test_events_that_were_not_delivered(server: Endpoint, stripe: Make) -> None:
    now = int(NOW.timestamp())
    late = [{**event, "created": now - age} for event, age in zip(objects("events"), (60, 3000, 4000, 80000), strict=False)]
    server.answers[EVENTS] = lambda request: listed(*late) if "delivery_success" in request.query else recorded("events_none")
    figures = await asked(stripe(read=["webhooks"]))
    assert figures["payment_webhook_events_undelivered"] == {("1h",): 2, ("1d",): 4}
    assert server.asked(EVENTS)[0].query["delivery_success"] == "false"


async def test_disputes_of_each_status(stripe: Make) -> None:
    figures = await asked(stripe(read=["disputes"]))
    assert figures["payment_disputes"] == {
        ("open", "usd"): 5, ("won", "usd"): 2, ("lost", "usd"): 1, ("open", "kwd"): 0, ("won", "kwd"): 0, ("lost", "kwd"): 1,
    }  # fmt: skip
    assert figures["payment_disputed_amount"]["open", "usd"] == 50
    assert figures["payment_disputed_amount"]["lost", "usd"] == 12.34
    assert figures["payment_disputed_amount"]["lost", "kwd"] == 5.12
    assert figures["payment_dispute_evidence_due_timestamp_seconds"] == {(): 1682200000}  # the answered one is due before


async def test_between_walks_disputes_are_read_from_the_oldest_open_one_on(server: Endpoint, stripe: Make) -> None:
    first, second = objects("disputes")[0], objects("disputes")[5]
    old, settled = {**first, "created": 2000}, {**second, "created": 2500}
    server.answers["/v1/disputes"] = listed(settled, old)
    collector = stripe(read=["disputes"])
    await asked(collector)
    new = {**first, "id": "du_new", "created": 3000}
    server.answers["/v1/disputes"] = listed(new, {**old, "status": "lost"})
    figures = await asked(collector)
    assert server.asked("/v1/disputes")[1].query["created[gte]"] == "2000"
    assert figures["payment_disputes"] == {("open", "usd"): 1, ("won", "usd"): 1, ("lost", "usd"): 1}


class Happening:
    """Events that come and go at a Stripe."""

    def __init__(self, server: Endpoint, collector: Stripe) -> None:
        self._server, self._collector = server, collector

    async def with_(self, *events: dict[str, Any]) -> Figures:
        """The figures when these are listed, the newest first."""
        self._server.answers[EVENTS] = listed(*sorted(events, key=lambda event: -event["created"]))
        return await asked(self._collector)


@pytest.fixture
def happening(server: Endpoint, stripe: Make) -> Happening:
    return Happening(server, stripe(read=["payments"]))


def event(name: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    """A recorded event of a type."""
    return {**[each for each in objects("events") if each["type"] == name][number], **changes}


def counted(figures: Figures, name: str) -> dict[tuple[str, ...], float]:
    return {labels: value for labels, value in figures.get(name, {}).items() if value}


async def test_counters_begin_at_zero_with_what_is_known(server: Endpoint, stripe: Make) -> None:
    server.answers[EVENTS] = recorded("events")
    figures = await asked(stripe(read=["payments", "fees", "balance"]))
    assert figures["payment_attempts_total"] == {
        (outcome, currency): 0 for outcome in ("succeeded", "failed") for currency in ("usd", "jpy")
    }
    assert figures["payment_failures_total"] == {("insufficient_funds", "stripe", "usd"): 0}
    assert figures["payment_refunds_total"] == {("unknown", "usd"): 0, ("duplicate", "jpy"): 0}
    assert figures["payment_fees_total"] == {("succeeded", "stripe", "usd"): 0, ("succeeded", "stripe", "jpy"): 0}


async def test_what_happens_is_counted_once(server: Endpoint, happening: Happening) -> None:
    await happening.with_()
    happened = objects("events")
    for _ in range(2):  # the overlap shows them again
        figures = await happening.with_(*happened)
        assert counted(figures, "payment_attempts_total") == {("succeeded", "usd"): 2, ("failed", "usd"): 1}
        assert counted(figures, "payment_volume_total") == {("succeeded", "usd"): 19.99, ("failed", "usd"): 10.99}
        assert counted(figures, "payment_failures_total") == {("insufficient_funds", "stripe", "usd"): 1}
        assert counted(figures, "payment_refunds_total") == {("unknown", "usd"): 1, ("duplicate", "jpy"): 1}
        assert counted(figures, "payment_refund_volume_total") == {("unknown", "usd"): 10, ("duplicate", "jpy"): 700}
        assert counted(figures, "payment_disputes_opened_total") == {("general", "usd"): 1}
        assert counted(figures, "payment_disputes_opened_volume_total") == {("general", "usd"): 10}


async def test_what_becomes_visible_late_is_counted(server: Endpoint, happening: Happening) -> None:
    await happening.with_()
    early, late = event("charge.succeeded", 1), event("charge.failed")
    await happening.with_({**late, "created": early["created"] + 200})
    figures = await happening.with_({**late, "created": early["created"] + 200}, early)
    assert server.asked(EVENTS)[2].query["created[gte]"] == str(early["created"] + 200 - 300)
    assert counted(figures, "payment_attempts_total") == {("succeeded", "usd"): 1, ("failed", "usd"): 1}


async def test_what_was_before_the_start_is_not_counted(happening: Happening) -> None:
    before = event("charge.succeeded", 1)
    await happening.with_(before)
    figures = await happening.with_({**before, "id": "evt_same_second"}, before)
    assert counted(figures, "payment_attempts_total") == {}


async def test_a_debit_that_was_pending_counts_when_it_is_decided(happening: Happening) -> None:
    await happening.with_()
    charge = {**event("charge.succeeded", 1)["data"]["object"], "created": 1000}
    decided = event("charge.succeeded", 1, data={"object": charge})
    figures = await happening.with_(decided)
    assert counted(figures, "payment_attempts_total") == {("succeeded", "usd"): 1}


async def test_a_failed_poll_loses_no_event_and_counts_none_twice(server: Endpoint, stripe: Make) -> None:
    collector = stripe(read=["payments", "disputes"])
    await asked(collector)
    server.answers[EVENTS] = recorded("events")
    server.answers["/v1/disputes"] = Response.text("", status=500)
    with pytest.raises(PollError):
        await asked(collector)
    server.answers["/v1/disputes"] = recorded("disputes")
    figures = await asked(collector)
    assert counted(figures, "payment_attempts_total") == {("succeeded", "usd"): 2, ("failed", "usd"): 1}


@pytest.mark.parametrize(
    ("code", "declined", "expected"),
    [
        ("card_declined", "do_not_honor", "do_not_honor"),
        ("card_declined", "generic_decline", "card_declined"),
        ("card_declined", None, "card_declined"),
        ("expired_card", "expired_card", "expired_card"),
        (None, "highest_risk_level", "highest_risk_level"),
        (None, None, "unknown"),
    ],
)
async def test_the_reason_of_a_failure(happening: Happening, code: str | None, declined: str | None, expected: str) -> None:
    await happening.with_()
    failed = event("charge.failed")
    charge = failed["data"]["object"] | {"failure_code": code, "outcome": {"reason": declined}}
    figures = await happening.with_({**failed, "data": {"object": charge}})
    assert counted(figures, "payment_failures_total") == {(expected, "stripe", "usd"): 1}


async def test_reasons_beyond_the_most_are_one(server: Endpoint, stripe: Make) -> None:
    happening = Happening(server, stripe(read=["payments"], most=2))
    await happening.with_()
    failed = event("charge.failed")
    happened = [
        {
            **failed,
            "id": f"evt_{number}",
            "created": failed["created"] + number,
            "data": {"object": failed["data"]["object"] | {"failure_code": code, "outcome": None}},
        }
        for number, code in enumerate(["expired_card", "incorrect_cvc", "processing_error", "expired_card", "lost_card"])
    ]
    figures = await happening.with_(*happened)
    assert counted(figures, "payment_failures_total") == {
        ("expired_card", "stripe", "usd"): 2, ("incorrect_cvc", "stripe", "usd"): 1, ("other", "stripe", "usd"): 2,
    }  # fmt: skip


async def test_what_was_set_aside_and_never_taken_is_no_refund(happening: Happening) -> None:
    await happening.with_()
    made = event("refund.created", 1)
    released = {**made, "data": {"object": made["data"]["object"] | {"reason": "expired_uncaptured_charge"}}}
    assert counted(await happening.with_(released), "payment_refunds_total") == {}


async def test_fees_are_those_of_payments(server: Endpoint, stripe: Make) -> None:
    collector, path = stripe(read=["fees"]), "/v1/balance_transactions"
    await asked(collector)
    later = int(NOW.timestamp()) + 60
    entries = [
        *recorded_entries(created=later),
        {**objects("balance_transactions")[0], "id": "txn_debit", "type": "payment", "fee": 35, "created": later},
        {**objects("balance_transactions")[0], "id": "txn_fee", "type": "stripe_fee", "fee": 99, "created": later},
    ]
    server.answers[path] = listed(*entries)
    for _ in range(2):
        figures = await asked(collector)
        assert figures["payment_fees_total"] == {("succeeded", "stripe", "usd"): 0.97}


def recorded_entries(**changes: Any) -> list[dict[str, Any]]:
    return [{**each, **changes} for each in objects("balance_transactions")]


async def test_data_of_the_other_mode_is_refused(server: Endpoint, stripe: Make) -> None:
    with pytest.raises(Denied, match="expected data of live mode, got test mode"):
        await asked(stripe(livemode=True))
    with pytest.raises(Denied, match="/v1/disputes: expected data of live mode"):
        await asked(stripe(livemode=True, read=["disputes"]))


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (recorded("invalid_key"), Denied, r"401 Unauthorized \(invalid_request_error\); check the credentials"),
        (recorded("missing_permission"), Denied, r"403 Forbidden \(rak_invoice_read\)"),
        (recorded("rate_limited"), Throttled, r"429 Too Many Requests \(rate_limit\)"),
        (Response.json({"object": "list"}), Malformed, "expected data as documented"),
        (listed({"id": "in_1"}), Malformed, "expected currency as documented"),
        (listed(more=True), Malformed, "expected a further page"),
        (listed({**objects("invoices")[0]}, more=True), Malformed, "expected a further page"),
        (listed({**objects("invoices")[0], "amount_remaining": 10**400}), Malformed, "expected amount_remaining"),
    ],
    ids=["key", "permission", "limit", "no-list", "field", "empty-page", "same-page", "endless-number"],
)
async def test_each_documented_failure_has_its_reason(
    server: Endpoint, stripe: Make, answer: Response, kind: type[PollError], message: str
) -> None:
    server.answers["/v1/invoices"] = answer
    with pytest.raises(kind, match=message) as raised:
        await asked(stripe())
    assert "/v1/invoices" in str(raised.value)
    assert KEY not in str(raised.value)
    assert "Jenny" not in str(raised.value)


async def test_only_what_is_wanted_is_asked_for(server: Endpoint, stripe: Make) -> None:
    await asked(stripe(read=["balance"]))
    assert {request.path for request in server.requests} == {"/v1/balance"}


def test_a_key_is_required_and_stands_alone(stripe: Make) -> None:
    with pytest.raises(ValidationError, match="api_key"):
        Stripe.model_validate({})
    with pytest.raises(ValidationError, match="expected api_key and no other credentials"):
        stripe(bearer_token="other")
    with pytest.raises(ValidationError, match="read"):
        stripe(read=["customers"])
