"""Payments as counters: attempts, failures, refunds and new disputes from events, fees from balance transactions.

An event is the moment at which an outcome became known: a debit that was pending for days counts once, when it is decided.
Source: https://docs.stripe.com/api/events/types and https://docs.stripe.com/api/balance_transactions/list
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from exporter.clients.api import Params
from exporter.collectors.stripe.account import Account
from exporter.collectors.stripe.amounts import major_units
from exporter.collectors.stripe.cursor import Cursor
from exporter.collectors.stripe.objects import Charge, Dispute, Entry, Event, Refund, read
from exporter.metric import Metric, Sample
from exporter.roles import payments

PROVIDER = "stripe"

_TYPES = (
    "charge.succeeded",
    "charge.captured",
    "charge.failed",
    "charge.dispute.created",
    "refund.created",
    "refund.updated",
)
_PAID = frozenset({"charge", "payment"})
"""Types of balance transactions that are a payment; `payment` is one that was not by card."""
_OUTCOMES = ("succeeded", "failed")
_RELEASED = "expired_uncaptured_charge"  # reason of a refund that gives back what was never taken
_UNKNOWN, _OTHER = "unknown", "other"

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counters so far. Immutable: a poll that fails midway keeps the old one and has lost nothing."""

    events: Cursor | None = None
    entries: Cursor | None = None
    totals: Mapping[tuple[Metric, Labels], Decimal] = field(default_factory=dict)

    def samples(self, source: str) -> Iterator[Sample]:
        """All counters."""
        for (metric, labels), value in self.totals.items():
            yield metric(float(value), **dict(zip(metric.labels, (source, *labels), strict=True)))


class Counting:
    """The counters of one poll, on top of those so far. `most` bounds how many reasons a counter tells apart."""

    def __init__(self, ledger: Ledger, most: int) -> None:
        self.totals = dict(ledger.totals)
        self._most = most

    def know(self, currency: str) -> None:
        """Begin at 0 with what can be known of a currency in advance, so that the first increase is seen."""
        for outcome in _OUTCOMES:
            self._add(payments.ATTEMPTS, 0, outcome, currency)
            self._add(payments.VOLUME, 0, outcome, currency)

    def know_fees(self, currency: str) -> None:
        """The same of fees."""
        self._add(payments.FEES, 0, "succeeded", PROVIDER, currency)

    def event(self, event: Event, *, by: int = 1) -> None:
        """Count what an event tells; `by` 0 only makes its labels known."""
        place = f"/v1/events {event.type}"
        if event.type.startswith("charge.dispute."):
            self._disputed(read(Dispute, event.data.object, place), by)
        elif event.type.startswith("charge."):
            self._charged(event, read(Charge, event.data.object, place), by)
        else:
            self._refunded(event, read(Refund, event.data.object, place), by)

    def entry(self, entry: Entry, *, by: int = 1) -> None:
        """Count the fee of a balance transaction."""
        if entry.type in _PAID:
            self._add(payments.FEES, by * major_units(entry.fee, entry.currency), "succeeded", PROVIDER, entry.currency)

    def _charged(self, event: Event, charge: Charge, by: int) -> None:
        currency = charge.currency
        self.know(currency)
        if event.type == "charge.failed":
            reason = self._bounded(payments.FAILURES, _reason(charge))
            self._add(payments.FAILURES, by, reason, PROVIDER, currency)
            outcome, amount = "failed", charge.amount
        elif event.type == "charge.captured":
            outcome, amount = "succeeded", charge.amount_captured
        elif charge.captured:
            outcome, amount = "succeeded", charge.amount
        else:
            return  # money set aside, not taken; charge.captured follows when it is
        self._add(payments.ATTEMPTS, by, outcome, currency)
        self._add(payments.VOLUME, by * major_units(amount, currency), outcome, currency)

    def _refunded(self, event: Event, refund: Refund, by: int) -> None:
        before = event.data.previous_attributes or {}
        changed = event.type == "refund.created" or "status" in before  # else only a reference number or the like was added
        if refund.status != "succeeded" or not changed or refund.reason == _RELEASED:
            return
        reason = self._bounded(payments.REFUNDS, refund.reason or _UNKNOWN)
        self._add(payments.REFUNDS, by, reason, refund.currency)
        self._add(payments.REFUND_VOLUME, by * major_units(refund.amount, refund.currency), reason, refund.currency)

    def _disputed(self, dispute: Dispute, by: int) -> None:
        reason = self._bounded(payments.DISPUTES_OPENED, dispute.reason)
        amount = by * major_units(dispute.amount, dispute.currency)
        self._add(payments.DISPUTES_OPENED, by, reason, dispute.currency)
        self._add(payments.DISPUTES_OPENED_VOLUME, amount, reason, dispute.currency)

    def _bounded(self, metric: Metric, reason: str) -> str:
        """The reason, or `other` where the counter has as many as it may."""
        known = {labels[0] for counted, labels in self.totals if counted is metric}
        return reason if reason in known or len(known - {_OTHER}) < self._most else _OTHER

    def _add(self, metric: Metric, value: Decimal | int, *labels: str) -> None:
        key = (metric, labels)
        self.totals[key] = self.totals.get(key, Decimal(0)) + value


async def count_events(account: Account, ledger: Ledger, most: int, currencies: Iterable[str], now: float) -> Ledger:
    """The ledger after the events that are new. Raises `PollError`."""
    counting = Counting(ledger, most)
    params: Params = {"types[]": _TYPES}
    if ledger.events is None:
        latest = [event async for event in account.each(Event, "/v1/events", params, most_pages=1)]
        for currency in currencies:
            counting.know(currency)
        for event in latest:
            counting.event(event, by=0)
        return replace(ledger, events=Cursor.after(latest, now), totals=counting.totals)
    since: Params = {**params, "created[gte]": ledger.events.reads_from(now)}
    events = [event async for event in account.each(Event, "/v1/events", since)]
    return replace(ledger, events=ledger.events.advanced(events, counting.event), totals=counting.totals)


async def count_fees(account: Account, ledger: Ledger, most: int, currencies: Iterable[str], now: float) -> Ledger:
    """The ledger after the balance transactions that are new. Raises `PollError`."""
    counting, path = Counting(ledger, most), "/v1/balance_transactions"
    if ledger.entries is None:
        latest = [entry async for entry in account.each(Entry, path, most_pages=1)]
        for currency in currencies:
            counting.know_fees(currency)
        for entry in latest:
            counting.entry(entry, by=0)
        return replace(ledger, entries=Cursor.after(latest, now), totals=counting.totals)
    since = {"created[gte]": ledger.entries.reads_from(now)}
    entries = [entry async for entry in account.each(Entry, path, since)]
    return replace(ledger, entries=ledger.entries.advanced(entries, counting.entry), totals=counting.totals)


def _reason(charge: Charge) -> str:
    """Why a charge failed: of what a card's bank declined, the bank's own reason, where it gives one."""
    declined = charge.outcome.reason if charge.outcome is not None else None
    if charge.failure_code == "card_declined" and declined not in {None, "generic_decline"}:
        return declined or _UNKNOWN
    return charge.failure_code or declined or _UNKNOWN
