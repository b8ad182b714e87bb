"""What comes back of payments: refunds while a customer is unhappy, disputes that banks decide weeks later."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import timedelta

from exporter.demo.chapters import Day, Row
from exporter.demo.story import new_id

_DISPUTED, _REFUNDED = 0.003, 0.028  # share of payments that succeeded
_IN_PART = 0.3  # share of refunds that give back a part
_REFUND_REASONS = {"requested": 70, "duplicate": 14, "fraud": 6, None: 10}
_DISPUTE_REASONS = {"fraudulent": 50, "product_not_received": 15, "unrecognized": 20, "duplicate": 10, None: 5}
_WON = 0.4  # share of disputes that are decided for the company


def day(day: Day) -> Iterator[tuple[str, Row]]:
    random, payments = day.random, day.story.payments
    first, last = (bisect_left(payments, at, key=lambda payment: payment.created_at) for at in (day.start, day.at(24)))
    for payment in payments[first:last]:
        chance, later = random.random(), random.random()
        if payment.outcome == "failed":
            continue
        paid = (payment.payment_id, payment.cents, payment.currency)
        if chance < _DISPUTED:
            opened = payment.created_at + timedelta(days=4 + 50 * later)
            closed = opened + timedelta(days=random.uniform(12, 75))
            [reason] = random.choices(list(_DISPUTE_REASONS), list(_DISPUTE_REASONS.values()))
            outcome = "won" if random.random() < _WON else "lost"
            yield "disputes", (new_id(random, "disp"), *paid, reason, opened, closed, outcome)
        elif chance < _DISPUTED + _REFUNDED:
            identifier, cents, currency = paid
            cents = round(cents * random.uniform(0.1, 0.9)) if random.random() < _IN_PART else cents
            [reason] = random.choices(list(_REFUND_REASONS), list(_REFUND_REASONS.values()))
            at = payment.created_at + timedelta(days=0.1 + 20 * later**2)
            yield "refunds", (new_id(random, "ref"), identifier, cents, currency, reason, at)
