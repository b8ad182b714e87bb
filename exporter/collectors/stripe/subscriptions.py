"""Subscriptions: recurring revenue, customers and states, from one walk over all of an account's subscriptions.

Source: https://docs.stripe.com/api/subscriptions/list and, of what can be expanded, https://docs.stripe.com/expand
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import Literal

from exporter.collectors.stripe import mrr
from exporter.collectors.stripe.account import Account
from exporter.collectors.stripe.amounts import major_units
from exporter.collectors.stripe.objects import Coupon, Discount, Item, Price, Product, Subscription
from exporter.metric import Sample
from exporter.roles import revenue

Naming = Literal["product", "price"]
"""What plans are called after."""

_PATH = "/v1/subscriptions"
# Not deeper: four levels are the most that Stripe expands. So coupons of items, tiers and names are asked for one by one.
_EXPAND = ("data.discounts.source.coupon", "data.items.data.discounts")
_ENDED = ("canceled", "incomplete_expired")
_STATUSES = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete", *_ENDED)
_NEVER_BEGUN = frozenset({"incomplete", "incomplete_expired"})
_RUNNING = frozenset({"trialing", "active", "past_due", "unpaid", "paused"})
_PER_REQUEST = 100
_OTHER = "other"
_LONGEST = 80  # characters of a plan's name


class Standing(IntEnum):
    """How a customer stands, by what outweighs what."""

    churned = 1
    trialing = 2
    active = 3


@dataclass(slots=True)
class Totals:
    """What was added up on the way."""

    statuses: Counter[str] = field(default_factory=Counter)
    canceling: int = 0
    paused: int = 0
    mrr: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """In minor units, by price and currency."""
    prices: dict[str, Price] = field(default_factory=dict)
    customers: dict[str, Standing] = field(default_factory=dict)


class Walk:
    """One walk after the other: prices and coupons, which never change, are asked for once."""

    def __init__(self, account: Account, *, past_due: bool, ended: bool, naming: Naming, most: int) -> None:
        self._account, self._ended, self._naming, self._most = account, ended, naming, most
        self._paying = frozenset({"active", "past_due"} if past_due else {"active"})
        self._coupons: dict[str, Coupon] = {}
        self._prices: dict[tuple[str, str], Price] = {}

    async def samples(self, source: str) -> list[Sample]:
        """The figures of all subscriptions as they are now. Raises `PollError`."""
        totals = Totals()
        params = {"expand[]": _EXPAND} | ({"status": "all"} if self._ended else {})
        async for subscription in self._account.each(Subscription, _PATH, params):
            await self._add(subscription, totals)
        names = await self._names(totals.prices.values())
        return [*self._states(totals, source), *self._revenue(totals, names, source)]

    async def _add(self, subscription: Subscription, totals: Totals) -> None:
        status = subscription.status if subscription.status in _STATUSES else _OTHER
        totals.statuses[status] += 1
        if status in _RUNNING:
            totals.canceling += subscription.cancel_at_period_end or subscription.cancel_at is not None
            totals.paused += subscription.pause_collection is not None
        if status in _NEVER_BEGUN:
            return
        lines = await self._lines(subscription)
        for line in lines:
            key = (line.price.id, subscription.currency)
            totals.prices[line.price.id] = line.price
            counted = line.amount if status in self._paying else Decimal(0)
            totals.mrr[key] = totals.mrr.get(key, Decimal(0)) + counted
        standing = self._standing(subscription) if any(line.amount > 0 for line in lines) else None
        if standing is not None:
            customer = subscription.customer or subscription.id
            totals.customers[customer] = max(standing, totals.customers.get(customer, standing))

    def _standing(self, subscription: Subscription) -> Standing | None:
        """How the customer of a subscription that has a price stands; None where it was never paid for, or rests."""
        if subscription.status in self._paying:
            return Standing.active
        if subscription.status == "trialing":
            return Standing.trialing
        if subscription.status in {"past_due", "unpaid"}:
            return Standing.churned
        paid_from = max(subscription.start_date, subscription.trial_end or 0)
        ended = subscription.status == "canceled" and (subscription.ended_at or 0) > paid_from
        return Standing.churned if ended else None

    async def _lines(self, subscription: Subscription) -> list[mrr.Line]:
        """What each of its prices brings a month, or would."""
        currency = subscription.currency
        items = [
            (
                item.model_copy(update={"price": await self._price(item.price, currency)}),
                await self._held(item.discounts, currency),
            )
            for item in await self._items(subscription)
            if mrr.counts(item.price)
        ]
        return mrr.lines(items, await self._held(subscription.discounts, currency), currency)

    async def _items(self, subscription: Subscription) -> Sequence[Item]:
        if not subscription.items.has_more:
            return subscription.items.data
        params = {"subscription": subscription.id, "expand[]": ("data.discounts",)}
        return [item async for item in self._account.each(Item, "/v1/subscription_items", params)]

    async def _price(self, price: Price, currency: str) -> Price:
        """The price with what the subscription does not tell: tiers, and amounts in currencies beside its own."""
        foreign, tiered = price.currency != currency, price.billing_scheme == "tiered"
        if not (foreign or tiered):
            return price
        key = (price.id, currency)
        if key not in self._prices:
            expand = ["tiers"] if tiered else []
            if foreign:
                expand += ["currency_options", *([f"currency_options.{currency}.tiers"] if tiered else [])]
            self._prices[key] = await self._account.one(Price, f"/v1/prices/{price.id}", {"expand[]": expand})
        return self._prices[key]

    async def _held(self, discounts: Iterable[Discount], currency: str) -> list[Coupon]:
        """The coupons of discounts that last."""
        coupons = [await self._coupon(discount.source.coupon, currency) for discount in discounts]
        return [coupon for coupon in coupons if coupon is not None and coupon.duration == "forever"]

    async def _coupon(self, given: Coupon | str | None, currency: str) -> Coupon | None:
        """A coupon with the products that it is for, and its amounts in other currencies.

        The terms of one that was deleted are known only where they came with the discount, which goes on.
        """
        if given is None or (isinstance(given, Coupon) and given.duration != "forever"):
            return given if isinstance(given, Coupon) else None
        name = given if isinstance(given, str) else given.id
        if name not in self._coupons:
            params = {"expand[]": ("applies_to", "currency_options")}
            found = await self._account.one_or_none(Coupon, f"/v1/coupons/{name}", params)
            if found is None:
                return given if isinstance(given, Coupon) else None
            self._coupons[name] = found
        found = self._coupons[name]
        if isinstance(given, Coupon):  # an id may be used again after a deletion: what came with the discount holds
            return given.model_copy(update={"applies_to": found.applies_to, "currency_options": found.currency_options})
        return found

    async def _names(self, prices: Iterable[Price]) -> Mapping[str, str]:
        """What the plan of each price is called."""
        prices = list(prices)
        products: dict[str, str] = {}
        wanted = sorted({price.product for price in prices if self._naming == "product" or not _own_name(price)})
        for first in range(0, len(wanted), _PER_REQUEST):
            params = {"ids[]": wanted[first : first + _PER_REQUEST]}
            async for product in self._account.each(Product, "/v1/products", params):
                products[product.id] = product.name
        names = {}
        for price in prices:
            own, product_name = _own_name(price), products.get(price.product, "")
            first_choice, second = (product_name, own) if self._naming == "product" else (own, product_name)
            names[price.id] = (first_choice or second or "unknown")[:_LONGEST]
        return names

    def _states(self, totals: Totals, source: str) -> Iterator[Sample]:
        known = _STATUSES if self._ended else tuple(status for status in _STATUSES if status not in _ENDED)
        for status in (*known, *sorted(totals.statuses.keys() - set(known))):
            yield revenue.SUBSCRIPTIONS(totals.statuses[status], source=source, status=status)
        yield revenue.CANCELING(totals.canceling, source=source)
        yield revenue.PAUSED(totals.paused, source=source)
        customers = Counter(totals.customers.values())
        for standing in Standing:
            if self._ended or standing is not Standing.churned:
                yield revenue.CUSTOMERS(customers[standing], source=source, status=standing.name)

    def _revenue(self, totals: Totals, names: Mapping[str, str], source: str) -> Iterator[Sample]:
        """The plans of each currency that bring most, and all others as one."""
        plans: dict[str, dict[str, Decimal]] = {}
        for (price, currency), amount in totals.mrr.items():
            of_currency = plans.setdefault(currency, {})
            of_currency[names[price]] = of_currency.get(names[price], Decimal(0)) + amount
        for currency, amounts in plans.items():
            ordered = sorted(amounts.items(), key=lambda row: (-row[1], row[0]))
            shown = dict(ordered[: self._most])
            for _, amount in ordered[self._most :]:
                shown[_OTHER] = shown.get(_OTHER, Decimal(0)) + amount
            for plan, amount in shown.items():
                yield revenue.MRR(float(major_units(amount, currency)), source=source, plan=plan, currency=currency)


def _own_name(price: Price) -> str:
    """What a price itself is called."""
    return price.lookup_key or price.nickname or ""
