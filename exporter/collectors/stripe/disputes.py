"""Disputes: how they stand, and by when the next one has to be answered.

All are read once in a while, and in between those from the oldest open one on: Stripe lists them by age, not by state.
Source: https://docs.stripe.com/api/disputes/object#dispute_object-status and https://docs.stripe.com/disputes/how-disputes-work
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from exporter.collectors.stripe.account import Account
from exporter.collectors.stripe.amounts import major_units
from exporter.collectors.stripe.objects import Dispute
from exporter.metric import Sample
from exporter.roles import payments

Known = Mapping[str, Dispute]
"""Disputes by id."""

# An inquiry (`warning_`) that is closed without a dispute leaves the money with the company; what is prevented is given back to
# the payer before it becomes a dispute.
_STATES = {"won": "won", "warning_closed": "won", "lost": "lost", "prevented": "lost"}
_WAIT = frozenset({"needs_response", "warning_needs_response", "appeal_needs_response"})


async def all_disputes(account: Account) -> Known:
    """Every dispute there ever was. Raises `PollError`."""
    return {dispute.id: dispute async for dispute in account.each(Dispute, "/v1/disputes")}


async def refreshed(account: Account, known: Known) -> Known:
    """Those that are known, with the open ones as they are now, and the new ones. Raises `PollError`."""
    open_since = [dispute.created for dispute in known.values() if _state(dispute) == "open"]
    newest = max((dispute.created for dispute in known.values()), default=0)
    params = {"created[gte]": min(open_since, default=newest)}
    return {**known, **{dispute.id: dispute async for dispute in account.each(Dispute, "/v1/disputes", params)}}


def samples(known: Known, source: str) -> Iterator[Sample]:
    """Their numbers and amounts by state, and when the first answer is due."""
    counts: dict[tuple[str, str], int] = {}
    amounts: dict[tuple[str, str], Decimal] = {}
    for dispute in known.values():
        key = (_state(dispute), dispute.currency)
        counts[key] = counts.get(key, 0) + 1
        amounts[key] = amounts.get(key, Decimal(0)) + major_units(dispute.amount, dispute.currency)
    for currency in sorted({currency for _, currency in counts}):
        for state in ("open", "won", "lost"):
            key = (state, currency)
            yield payments.DISPUTES(counts.get(key, 0), source=source, state=state, currency=currency)
            yield payments.DISPUTED(float(amounts.get(key, 0)), source=source, state=state, currency=currency)
    due = [dispute.evidence_details.due_by for dispute in known.values() if dispute.status in _WAIT]
    if dates := [date for date in due if date is not None]:
        yield payments.EVIDENCE_DUE(min(dates), source=source)


def _state(dispute: Dispute) -> str:
    return _STATES.get(dispute.status, "open")
