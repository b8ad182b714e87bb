"""Money: what the account holds, what it is owed, what is on its way to the bank, and whether others hear of it.

Source: https://docs.stripe.com/api/balance, https://docs.stripe.com/api/invoices/list, https://docs.stripe.com/api/payouts/list,
https://docs.stripe.com/api/events/list (delivery_success) and https://docs.stripe.com/api/webhook_endpoints/list
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from exporter.clients.api import Params
from exporter.collectors.stripe.account import Account
from exporter.collectors.stripe.amounts import major_units
from exporter.collectors.stripe.objects import Balance, Endpoint, Invoice, Payout, Undelivered
from exporter.metric import Sample
from exporter.roles import payments

_HOUR, _DAY = 3600, 86400  # seconds
_PAYOUT_STATES = ("pending", "in_transit", "paid", "failed", "canceled")
_ENDPOINT_STATES = ("enabled", "disabled")
_MOST_PAGES = 10  # of events that were not delivered; beyond a thousand the figure says no more


async def balance(account: Account) -> Balance:
    """What the account holds. Raises `PollError`."""
    return await account.one(Balance, "/v1/balance")


def balance_samples(balance: Balance, source: str) -> Iterator[Sample]:
    """The same in figures."""
    held = {"available": balance.available, "pending": balance.pending, "reserved": balance.connect_reserved or []}
    for state, funds in held.items():
        amounts: dict[str, Decimal] = {}
        for fund in funds:
            amounts[fund.currency] = amounts.get(fund.currency, Decimal(0)) + major_units(fund.amount, fund.currency)
        for currency, amount in amounts.items():
            yield payments.BALANCE(float(amount), source=source, state=state, currency=currency)


def currencies(balance: Balance) -> set[str]:
    """The currencies that the account settles in."""
    return {fund.currency for fund in (*balance.available, *balance.pending)}


async def invoices(account: Account, source: str, now: float) -> list[Sample]:
    """Invoices that wait for payment. Raises `PollError`."""
    counts: Counter[str] = Counter()
    amounts: dict[tuple[str, str], Decimal] = {}
    async for invoice in account.each(Invoice, "/v1/invoices", {"status": "open"}):
        state = "overdue" if _overdue(invoice, now) else "open"
        counts[state] += 1
        for each in ("open", "overdue"):
            owed = major_units(invoice.amount_remaining, invoice.currency) if each == state else Decimal(0)
            amounts[each, invoice.currency] = amounts.get((each, invoice.currency), Decimal(0)) + owed
    return [
        *(payments.INVOICES(counts[state], source=source, state=state) for state in ("open", "overdue")),
        *(
            payments.INVOICE_AMOUNT(float(amount), source=source, state=state, currency=currency)
            for (state, currency), amount in amounts.items()
        ),
    ]


async def payouts(account: Account, source: str, now: float) -> list[Sample]:
    """Payouts of the last day and the last seven. Raises `PollError`."""
    counts: Counter[tuple[str, str]] = Counter()
    async for payout in account.each(Payout, "/v1/payouts", {"created[gte]": int(now) - 7 * _DAY}):
        state = payout.status if payout.status in _PAYOUT_STATES else "other"
        counts[state, "7d"] += 1
        counts[state, "1d"] += payout.created >= now - _DAY
    known = [(state, window) for state in _PAYOUT_STATES for window in ("1d", "7d")]
    return [
        payments.PAYOUTS(counts[state, window], source=source, state=state, window=window)
        for state, window in (*known, *sorted(counts.keys() - set(known)))
    ]


async def undelivered(account: Account, source: str, now: float) -> list[Sample]:
    """Events of the last hour and the last day that were not delivered, or not yet; up to a thousand. Raises `PollError`."""
    params: Params = {"delivery_success": "false", "created[gte]": int(now) - _DAY}
    created = [event.created async for event in account.each(Undelivered, "/v1/events", params, most_pages=_MOST_PAGES)]
    return [
        payments.UNDELIVERED(sum(at >= now - length for at in created), source=source, window=window)
        for window, length in (("1h", _HOUR), ("1d", _DAY))
    ]


async def endpoints(account: Account, source: str) -> list[Sample]:
    """Webhook endpoints by state. Raises `PollError`."""
    counts: Counter[str] = Counter()
    async for endpoint in account.each(Endpoint, "/v1/webhook_endpoints"):
        counts[endpoint.status if endpoint.status in _ENDPOINT_STATES else "other"] += 1
    states = (*_ENDPOINT_STATES, *sorted(counts.keys() - set(_ENDPOINT_STATES)))
    return [payments.ENDPOINTS(counts[state], source=source, state=state) for state in states]


def _overdue(invoice: Invoice, now: float) -> bool:
    """Whether it should have been paid by now: what is charged automatically, from the first attempt on."""
    if invoice.due_date is not None:
        return invoice.due_date < now
    return invoice.collection_method == "charge_automatically" and invoice.attempted
