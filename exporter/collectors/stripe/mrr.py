"""Monthly recurring revenue as Stripe defines it: pure functions of what subscriptions hold, in minor units.

Counted are licensed prices of subscriptions that are active or past due; not counted are trials, usage, one-off prices and
taxes. A coupon counts when it lasts forever. Nothing is rounded. Stripe does not say how it makes months of days and weeks:
here a year has 365 days. Source: https://docs.stripe.com/billing/subscriptions/analytics/glossary,
https://support.stripe.com/questions/billing-analytics and https://docs.stripe.com/products-prices/pricing-models
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from exporter.collectors.stripe.objects import Charged, Coupon, Item, Price, Recurring, Tier

_OF_A_MONTH = {"day": (365, 12), "week": (365, 84), "month": (1, 1), "year": (1, 12)}
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """One price of a subscription with what it brings a month."""

    price: Price
    amount: Decimal


def monthly(amount: Decimal, recurring: Recurring) -> Decimal:
    """Of what is charged once per billing period, the share of a month."""
    times, divisor = _OF_A_MONTH[recurring.interval]
    return amount * times / (divisor * recurring.interval_count)


def counts(price: Price) -> bool:
    """Whether a price is part of recurring revenue: it recurs, and is for a quantity agreed in advance, not for usage."""
    return price.recurring is not None and price.recurring.usage_type == "licensed"


def per_period(price: Price, quantity: int, currency: str) -> Decimal:
    """What a quantity costs in one billing period, in the subscription's currency."""
    charged = _in_currency(price, currency)
    if price.billing_scheme == "tiered":
        tiers = charged.tiers or []
        return _graduated(tiers, quantity) if price.tiers_mode == "graduated" else _volume(tiers, quantity)
    transform = price.transform_quantity
    if transform is not None:
        up = transform.divide_by - 1 if transform.round == "up" else 0
        quantity = (quantity + up) // transform.divide_by
    return _either(charged.unit_amount_decimal, charged.unit_amount) * quantity


def lines(items: Iterable[tuple[Item, Sequence[Coupon]]], coupons: Sequence[Coupon], currency: str) -> list[Line]:
    """What each price of a subscription brings a month; each item has its own coupons, which come before the subscription's."""
    counted = [
        Line(item.price, _item(item, own, currency, item.price.recurring))
        for item, own in items
        if item.price.recurring is not None and counts(item.price)
    ]
    for coupon in coupons:
        counted = _reduced(counted, coupon, currency)
    return counted


def _item(item: Item, coupons: Sequence[Coupon], currency: str, recurring: Recurring) -> Decimal:
    amount = per_period(item.price, 1 if item.quantity is None else item.quantity, currency)
    for coupon in coupons:
        if _covers(coupon, item.price):
            amount -= _off(coupon, amount, currency)
    return monthly(amount, recurring)


def _reduced(counted: list[Line], coupon: Coupon, currency: str) -> list[Line]:
    """The lines after a coupon of the subscription, each reduced by its share."""
    covered = sum((line.amount for line in counted if _covers(coupon, line.price)), _NOTHING)
    if covered <= 0:
        return counted
    # A fixed amount comes off each invoice; where prices have different periods, the first one's are taken for the invoices'.
    recurring = next(line.price.recurring for line in counted if _covers(coupon, line.price))
    assert recurring is not None  # noqa: S101 - as all lines'
    times, divisor = _OF_A_MONTH[recurring.interval]
    per_invoice = covered * divisor * recurring.interval_count / times
    left = 1 - _off(coupon, per_invoice, currency) / per_invoice
    return [Line(line.price, line.amount * left) if _covers(coupon, line.price) else line for line in counted]


def _off(coupon: Coupon, amount: Decimal, currency: str) -> Decimal:
    """What a coupon takes off an amount: never more than there is."""
    if coupon.duration != "forever" or amount <= 0:
        return _NOTHING
    if coupon.percent_off is not None:
        return amount * coupon.percent_off / 100
    off = coupon.amount_off if coupon.currency == currency else None
    if off is None and coupon.currency_options and currency in coupon.currency_options:
        off = coupon.currency_options[currency].amount_off
    return min(amount, Decimal(off or 0))


def _covers(coupon: Coupon, price: Price) -> bool:
    return coupon.applies_to is None or price.product in coupon.applies_to.products


def _in_currency(price: Price, currency: str) -> Charged:
    """A price's amounts in one of its currencies."""
    if price.currency == currency:
        return price
    return (price.currency_options or {}).get(currency, Charged())


def _volume(tiers: Sequence[Tier], quantity: int) -> Decimal:
    """All units at the price of the tier that the quantity falls into."""
    for tier in tiers:
        if tier.up_to is None or quantity <= tier.up_to:
            return _unit(tier) * quantity + _flat(tier)
    return _NOTHING


def _graduated(tiers: Sequence[Tier], quantity: int) -> Decimal:
    """Each unit at the price of its own tier. The first tier's fixed amount is charged even when there is no unit."""
    total, below = _NOTHING, 0
    for number, tier in enumerate(tiers):
        if number and quantity <= below:
            break
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        total += _unit(tier) * max(0, top - below) + _flat(tier)
        below = max(below, top if tier.up_to is None else tier.up_to)
    return total


def _unit(tier: Tier) -> Decimal:
    return _either(tier.unit_amount_decimal, tier.unit_amount)


def _flat(tier: Tier) -> Decimal:
    return _either(tier.flat_amount_decimal, tier.flat_amount)


def _either(exact: Decimal | None, whole: int | None) -> Decimal:
    """An amount with decimals where there is one, else the whole one, else nothing."""
    return exact if exact is not None else Decimal(whole or 0)
