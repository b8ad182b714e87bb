"""The pack `billing`: every figure, against the same worked out from the story, and cases by hand."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from exporter.demo.chapters import Row
from exporter.demo.company import Company
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.ledger import MONTH, contract_of, exactly

DAY = timedelta(days=1)
AS_OF = datetime(2026, 3, 31, tzinfo=UTC)


class Refund(NamedTuple):
    """A row of shop.refunds."""

    id: str
    payment: str
    cents: int
    currency: str
    reason: str | None
    at: datetime


class Dispute(NamedTuple):
    """A row of shop.disputes."""

    id: str
    payment: str
    cents: int
    currency: str
    reason: str | None
    opened: datetime
    decided: datetime
    decision: str

    def state(self, at: datetime) -> str:
        return self.decision if self.decided <= at else "open"


def worth(rows: Iterable[Any]) -> Fraction:
    return sum((Fraction(row.cents, 100) for row in rows), Fraction())


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=20), NOW - timedelta(days=60)])
async def test_every_figure_is_that_of_the_story(
    as_of: datetime, told: Company, asked: Asking, chapter: Callable[[str], dict[str, list[Row]]]
) -> None:
    found = await asked("billing", as_of)
    country = {account.account_id: account.country for account in told.story.accounts}
    rows = chapter("billing")
    refunds = [refund for refund in (Refund(*row) for row in rows["refunds"]) if refund.at <= as_of]  # type: ignore[arg-type]
    disputes = [dispute for dispute in (Dispute(*row) for row in rows["disputes"]) if dispute.opened <= as_of]  # type: ignore[arg-type]
    payments = [payment for payment in told.story.payments if payment.created_at <= as_of]
    assert min(len(refunds), len(disputes)) >= 5

    failed = Counter((row.failure_reason, row.provider, row.currency) for row in payments if row.failure_reason)
    assert found["payment_failures_total"] == failed

    def grouped(chosen: Iterable[Any], key: Callable[[Any], tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Any]]:
        groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for row in chosen:
            groups[key(row)].append(row)
        return groups

    for name, place in (("provider", lambda row: row.provider), ("country", lambda row: country[row.account_id])):
        seen = {(place(row), row.currency) for row in payments}
        groups = grouped(payments, lambda row: (row.outcome, place(row), row.currency))  # noqa: B023 - used at once
        keys = {(outcome, *pair) for outcome in ("succeeded", "failed") for pair in seen}
        assert found[f"payment_{name}_attempts_total"] == {key: len(groups[key]) for key in keys}
        assert found[f"payment_{name}_volume_total"] == exactly({key: worth(groups[key]) for key in keys})
    by_provider = grouped(payments, lambda row: (row.outcome, row.provider, row.currency))
    assert {key: value for key, value in found["payment_fees_total"].items() if value} == exactly(
        {key: Fraction(sum(row.fee_cents for row in group), 100) for key, group in by_provider.items() if key[0] == "succeeded"}
    )

    success, average = {}, {}
    for window, length in (("1d", DAY), ("30d", MONTH)):
        within = [row for row in payments if row.created_at > as_of - length]
        for (provider,), group in grouped(within, lambda row: (row.provider,)).items():
            success[provider, window] = Fraction(sum(row.outcome == "succeeded" for row in group), len(group))
        for (outcome, currency), group in grouped(within, lambda row: (row.outcome, row.currency)).items():
            if outcome == "succeeded":
                average[currency, window] = worth(group) / len(group)
    assert found["payment_success_ratio"] == exactly(success)
    assert found["payment_average_amount"] == exactly(average)
    paid = grouped((row for row in within if row.outcome == "succeeded"), lambda row: (row.currency,))

    by_reason = grouped(refunds, lambda row: (row.reason or "unknown", row.currency))
    assert {"unknown", "requested"} <= {reason for reason, _ in by_reason}
    assert found["payment_refunds_total"] == {key: len(group) for key, group in by_reason.items()}
    assert found["payment_refund_volume_total"] == exactly({key: worth(group) for key, group in by_reason.items()})
    returned = grouped((row for row in refunds if row.at > as_of - MONTH), lambda row: (row.currency,))
    assert found["payment_refund_ratio"] == exactly(
        {(currency, "30d"): worth(returned[currency,]) / worth(group) for (currency,), group in paid.items()}
    )

    by_state = grouped(disputes, lambda row: (row.state(as_of), row.currency))
    states = {(state, row.currency) for state in ("open", "won", "lost") for row in disputes}
    assert found["payment_disputes"] == {key: len(by_state[key]) for key in states}
    assert found["payment_disputed_amount"] == exactly({key: worth(by_state[key]) for key in states})
    by_reason = grouped(disputes, lambda row: (row.reason or "unknown", row.currency))
    assert found["payment_disputes_opened_total"] == {key: len(group) for key, group in by_reason.items()}
    assert found["payment_disputes_opened_volume_total"] == exactly({key: worth(group) for key, group in by_reason.items()})
    recent = sum(row.opened > as_of - MONTH for row in disputes)
    assert found["payment_dispute_ratio"] == exactly({("30d",): Fraction(recent, sum(map(len, paid.values())))})


def test_what_comes_back_refers_to_payments_that_succeeded(
    told: Company, chapter: Callable[[str], dict[str, list[Row]]]
) -> None:
    payments = {row.payment_id: row for row in told.story.payments}
    rows = chapter("billing")
    refunds = [Refund(*row) for row in rows["refunds"]]  # type: ignore[arg-type]
    disputes = [Dispute(*row) for row in rows["disputes"]]  # type: ignore[arg-type]
    back = [(row.payment, row.cents, row.at) for row in refunds] + [(row.payment, row.cents, row.opened) for row in disputes]
    for identifier, cents, at in back:
        payment = payments[identifier]
        assert payment.outcome == "succeeded"
        assert 0 < cents <= payment.cents
        assert payment.created_at < at
    assert len({identifier for identifier, *_ in back}) == len(back)


def payment(at: str, amount: float, outcome: str = "succeeded", **more: Any) -> dict[str, Any]:
    return {"created_at": at, "amount": amount, "currency": "EUR", "outcome": outcome, "account_id": "a"} | more


async def test_edges_by_hand(database: str) -> None:
    payments = [
        payment("2026-03-01T00:00Z", 1000),  # as the window opens: outside of 30 days
        payment("2026-03-01T00:00:01Z", 10, fee=0.5, provider="sepa"),
        payment("2026-03-30T00:00Z", 30, account_id=None),  # outside of one day
        payment("2026-03-31T00:00Z", 20, "failed", failure_reason=None),
        payment("2026-03-31T00:00:01Z", 1000, "failed"),
        payment(
            "2026-03-30T12:00Z", 5, "failed", failure_reason="expired_card", currency="USD", account_id="gone", provider="sepa"
        ),
    ]
    refunds = [
        {"created_at": at, "amount": amount, "currency": "EUR", "reason": None}
        for at, amount in (("2026-03-01T00:00Z", 100), ("2026-03-31T00:00Z", 4), ("2026-04-01T00:00Z", 100))
    ]
    refunds.append({"created_at": "2026-03-20", "amount": 1, "currency": "GBP", "reason": "requested"})
    disputes = [
        {"opened_at": opened, "amount": 10, "currency": "EUR", "reason": reason, "closed_at": closed, "outcome": outcome}
        for opened, reason, closed, outcome in (
            ("2026-02-01", "fraudulent", "2026-03-31T00:00Z", "won"),
            ("2026-03-02", "fraudulent", "2026-03-31T00:00:01Z", "lost"),
            ("2026-03-31T00:00Z", None, None, None),
            ("2026-03-31T00:00:01Z", None, None, None),
        )
    ]
    accounts = [{"account_id": "a", "created_at": "2025-01-01", "country": "FR"}]
    contract_of(database, payments=payments, refunds=refunds, disputes=disputes, accounts=accounts)
    found = await ask(database, "billing", AS_OF)
    assert found["payment_failures_total"] == {("unknown", "unknown", "EUR"): 1, ("expired_card", "sepa", "USD"): 1}
    assert found["payment_provider_attempts_total"] == {
        ("succeeded", "unknown", "EUR"): 2,
        ("failed", "unknown", "EUR"): 1,
        ("succeeded", "sepa", "EUR"): 1,
        ("failed", "sepa", "EUR"): 0,
        ("succeeded", "sepa", "USD"): 0,
        ("failed", "sepa", "USD"): 1,
    }
    assert found["payment_fees_total"]["succeeded", "sepa", "EUR"] == 0.5
    assert found["payment_fees_total"]["succeeded", "unknown", "EUR"] == 0
    assert found["payment_country_volume_total"] == {
        ("succeeded", "FR", "EUR"): 1010,
        ("failed", "FR", "EUR"): 20,
        ("succeeded", "unknown", "EUR"): 30,
        ("failed", "unknown", "EUR"): 0,
        ("succeeded", "unknown", "USD"): 0,
        ("failed", "unknown", "USD"): 5,
    }
    assert found["payment_success_ratio"] == {
        ("unknown", "1d"): 0,
        ("unknown", "30d"): 0.5,
        ("sepa", "1d"): 0,
        ("sepa", "30d"): 0.5,
    }
    assert found["payment_average_amount"] == {("EUR", "30d"): 20}
    assert found["payment_refunds_total"] == {("unknown", "EUR"): 2, ("requested", "GBP"): 1}
    assert found["payment_refund_ratio"] == {("EUR", "30d"): 0.1}
    assert found["payment_disputes"] == {("open", "EUR"): 2, ("won", "EUR"): 1, ("lost", "EUR"): 0}
    assert found["payment_disputed_amount"] == {("open", "EUR"): 20, ("won", "EUR"): 10, ("lost", "EUR"): 0}
    assert found["payment_disputes_opened_total"] == {("fraudulent", "EUR"): 2, ("unknown", "EUR"): 1}
    assert found["payment_dispute_ratio"] == {("30d",): 1}


async def test_where_nothing_was_paid_there_is_no_ratio(database: str) -> None:
    disputes = [{"opened_at": "2026-03-20", "amount": 10, "currency": "EUR"}]
    found = await ask(contract_of(database, disputes=disputes, payments=[payment("2026-03-20", 0, "failed")]), "billing", AS_OF)
    assert found["payment_success_ratio"] == {("unknown", "30d"): 0}
    assert found["payment_dispute_ratio"] == found["payment_refund_ratio"] == found["payment_average_amount"] == {}


async def test_of_nothing_there_is_nothing(database: str) -> None:
    found = await ask(contract_of(database), "billing", AS_OF)
    assert {name: series for name, series in found.items() if series} == {}


async def test_what_lies_where_the_windows_of_a_counter_meet_counts_once(database: str) -> None:
    border = AS_OF - timedelta(minutes=5)  # the allowance for late rows
    rows = {"amount": 10, "currency": "EUR"}
    contract_of(
        database,
        payments=[payment(border.isoformat(), 10, "failed")],
        refunds=[rows | {"created_at": border}],
        disputes=[rows | {"opened_at": border}],
    )
    found = await ask(database, "billing", AS_OF)
    for metric in (
        "payment_failures_total",
        "payment_provider_attempts_total",
        "payment_country_attempts_total",
        "payment_refunds_total",
        "payment_disputes_opened_total",
    ):
        assert sum(found[metric].values()) == 1, metric
