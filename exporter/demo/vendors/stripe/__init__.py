"""Stripe as the company uses it: the API of an account with a year of history, read-only.

All subscriptions are billed through it. Charges are the payments that the company's books say went through Stripe: who pays by
PayPal does so outside. What the books do not have follows from them: a subscription is past due, with an open invoice, while
its last payment failed; disputes wait for an answer for five days; midnights pay out what was settled; one event of 256 finds
no webhook endpoint.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from exporter.demo.vendors.stripe import objects
from exporter.demo.vendors.stripe.entries import EVENTS_KEPT, Entries, since
from exporter.demo.vendors.stripe.query import Query, Refused, refused
from exporter.demo.vendors.vendor import Books, Vendor

Found = list[tuple[str, int, Callable[[], objects.Object]]]
"""Of a list: ids and dates, the newest first, and how to make the object."""


class Stripe(Vendor, name="stripe"):
    """Lists with cursors, single prices and coupons, the balance."""

    KEY = "rk_live_51DemoCompany"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._entries = Entries(books)

    def routes(self) -> Sequence[Route]:
        lists: Mapping[str, Callable[[Query], Awaitable[Found]]] = {
            "subscriptions": self._subscriptions,
            "subscription_items": self._items,
            "prices": self._prices,
            "products": self._products,
            "coupons": self._coupons,
            "charges": self._charges,
            "payment_intents": self._intents,
            "refunds": self._refunds,
            "disputes": self._disputes,
            "invoices": self._invoices,
            "payouts": self._payouts,
            "balance_transactions": self._movements,
            "events": self._events,
            "webhook_endpoints": self._endpoints,
        }
        singles = {"prices": self._prices, "coupons": self._coupons}
        return [
            Route("/v1/balance", self._guarded(self._balance)),
            *(Route(f"/v1/{name}", self._guarded(_listed(name, found))) for name, found in lists.items()),
            *(Route(f"/v1/{name}/{{id}}", self._guarded(_single(name, found))) for name, found in singles.items()),
        ]

    def settings(self, url: str) -> dict[str, object]:
        return {"url": url, "api_key": self.KEY, "subscriptions_every": "5m"}  # life goes on quickly here

    def _guarded(self, handler: Callable[[Query], Awaitable[Any]]) -> Callable[[Request], Awaitable[JSONResponse]]:
        """A handler for those with the key alone."""

        async def answer(request: Request) -> JSONResponse:
            headers = {"Stripe-Version": objects.API_VERSION, "Request-Id": "req_demo"}
            if request.headers.get("authorization") != f"Bearer {self.KEY}":
                return refused(401, "Invalid API Key provided: rk_live_************pany", headers=headers)
            try:
                return JSONResponse(await handler(Query.of(request)), headers=headers)
            except Refused as error:
                return refused(error.status, str(error), code=error.code, param=error.param, headers=headers)

        return answer

    async def _balance(self, query: Query) -> objects.Object:
        funds = await self._entries.funds()
        return objects.balance(
            {state: [objects.fund(row["amount_cents"], row["currency"]) for row in rows] for state, rows in funds.items()}
        )

    async def _subscriptions(self, query: Query) -> Found:
        opened, wanted = await self._entries.begun(), query.one("status")
        expand = frozenset(query.many("expand"))
        return [
            (objects.stripe_id("sub", row["id"]), row["created"], partial(objects.subscription, row, expand, opened))
            for row in await self._entries.subscriptions()
            if wanted in {"all", row["status"]} or (wanted is None and row["status"] != "canceled")
        ]

    async def _items(self, query: Query) -> Found:
        opened, owner = await self._entries.begun(), query.required("subscription")
        return [
            (objects.stripe_id("si", row["id"]), row["created"], partial(objects.item, row, owner, opened))
            for row in await self._entries.subscriptions()
            if objects.stripe_id("sub", row["id"]) == owner
        ]

    async def _prices(self, query: Query) -> Found:
        opened = await self._entries.begun()
        return [(objects.price_id(row), opened, partial(objects.price, row, opened)) for row in await self._entries.prices()]

    async def _products(self, query: Query) -> Found:
        opened, wanted = await self._entries.begun(), query.many("ids")
        plans = sorted({row["plan"] for row in await self._entries.prices()})
        return [
            (f"prod_{plan}", opened, partial(objects.product, plan, opened))
            for plan in plans
            if not wanted or f"prod_{plan}" in wanted
        ]

    async def _coupons(self, query: Query) -> Found:
        opened = await self._entries.begun()
        return [(objects.COUPON, opened, partial(objects.coupon, opened))]

    async def _charges(self, query: Query) -> Found:
        rows = await self._entries.payments(since(query.earliest))
        return [(objects.stripe_id("ch", row["id"]), row["created"], partial(objects.charge, row)) for row in rows]

    async def _intents(self, query: Query) -> Found:
        rows = await self._entries.payments(since(query.earliest))
        return [(objects.stripe_id("pi", row["id"]), row["created"], partial(objects.payment_intent, row)) for row in rows]

    async def _refunds(self, query: Query) -> Found:
        rows = await self._entries.refunds(since(query.earliest))
        return [(objects.stripe_id("re", row["id"]), row["created"], partial(objects.refund, row)) for row in rows]

    async def _disputes(self, query: Query) -> Found:
        rows = await self._entries.disputes()
        return [(objects.stripe_id("du", row["id"]), row["created"], partial(objects.dispute, row)) for row in rows]

    async def _invoices(self, query: Query) -> Found:
        """Those that are open; of any other status the books keep none."""
        rows = await self._entries.open_invoices() if query.one("status") in {None, "open"} else []
        return [(objects.stripe_id("in", row["id"]), row["created"], partial(objects.invoice, row)) for row in rows]

    async def _payouts(self, query: Query) -> Found:
        rows = await self._entries.payouts()
        return [(objects.payout_id(row), row["created"], partial(objects.payout, row)) for row in rows]

    async def _movements(self, query: Query) -> Found:
        rows, wanted = await self._entries.movements(since(query.earliest)), query.one("type")
        return [
            (objects.stripe_id("txn", row["id"]), row["created"], partial(objects.balance_transaction, row))
            for row in rows
            if wanted in {None, row["kind"]}
        ]

    async def _events(self, query: Query) -> Found:
        """What happened to payments, refunds and disputes in the last thirty days."""
        kept = int((self.books.now() - EVENTS_KEPT).timestamp())
        begin = since(max(kept, query.earliest or 0))
        found = [
            *(objects.charge_event(row) for row in await self._entries.payments(begin)),
            *(objects.refund_event(row) for row in await self._entries.refunds(begin)),
            *(objects.dispute_event(row) for row in await self._entries.disputes() if row["created"] >= kept),
        ]
        types, delivered = query.many("types"), query.one("delivery_success")
        found = [
            event
            for event in found
            if (not types or event["type"] in types)
            and (delivered is None or (event["pending_webhooks"] == 0) is (delivered == "true"))
        ]
        found.sort(key=lambda event: (event["created"], event["id"]), reverse=True)
        return [(event["id"], event["created"], partial(dict, event)) for event in found]

    async def _endpoints(self, query: Query) -> Found:
        """One that is in use, and one that was given up."""
        opened = await self._entries.begun()
        return [
            (own, opened, partial(objects.endpoint, own, status, opened))
            for own, status in (("we_current", "enabled"), ("we_former", "disabled"))
        ]


def _listed(name: str, find: Callable[[Query], Awaitable[Found]]) -> Callable[[Query], Awaitable[objects.Object]]:
    """A handler that gives a page of what is found."""

    async def handler(query: Query) -> objects.Object:
        found = [entry for entry in await find(query) if query.covers(entry[1])]
        first = 0
        if (last := query.one("starting_after")) is not None:
            place = next((number for number, entry in enumerate(found) if entry[0] == last), None)
            if place is None:
                raise Refused(400, f"No such object: '{last}'", "resource_missing", "starting_after")
            first = place + 1
        page = found[first : first + query.limit]
        return {
            "object": "list",
            "data": [make() for _, _, make in page],
            "has_more": first + query.limit < len(found),
            "url": f"/v1/{name}",
        }

    return handler


def _single(name: str, find: Callable[[Query], Awaitable[Found]]) -> Callable[[Query], Awaitable[objects.Object]]:
    """A handler that gives one object by its id."""
    kind = name.removesuffix("s")

    async def handler(query: Query) -> objects.Object:
        for own, _, make in await find(query):
            if own == query.id:
                return make()
        raise Refused(404, f"No such {kind}: '{query.id}'", "resource_missing", kind)

    return handler
