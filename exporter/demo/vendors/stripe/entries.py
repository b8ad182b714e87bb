"""What is on Stripe's side of the company's books: rows by list, the newest first, each with the date that it is listed by."""

from datetime import UTC, datetime, timedelta
from typing import Any

from exporter.demo.vendors.vendor import Books

Rows = list[dict[str, Any]]

EVENTS_KEPT = timedelta(days=30)
_SETTLES = timedelta(days=2)  # from a payment to when it can be paid out

# A subscription with its present price. Past due: the account's last payment for one failed, and will be tried again.
_SUBSCRIPTIONS = """
    select latest.*, first.starts_at as begun_at, first.trial_until as trial_ends_at,
           case when latest.ends_at <= %(now)s then 'canceled'
                when latest.trial_until > %(now)s then 'trialing'
                when payment.error_code is not null then 'past_due'
                else 'active' end as status,
           payment.attempted_at as tried_at
    from (select distinct on (id) * from shop.subscriptions where starts_at <= %(now)s order by id, starts_at desc) as latest
    join (select distinct on (id) id, starts_at, trial_until from shop.subscriptions order by id, starts_at) as first using (id)
    left join (
      select distinct on (account_id) account_id, error_code, attempted_at
      from shop.payments
      where kind = 'subscription' and attempted_at <= %(now)s
      order by account_id, attempted_at desc
    ) as payment using (account_id)
    order by first.starts_at desc, latest.id desc
"""
_PAYMENTS = """
    select *, attempted_at as at
    from shop.payments
    where provider = 'stripe' and attempted_at >= %(since)s and attempted_at <= %(now)s
    order by attempted_at desc, id desc
"""
_REFUNDS = """
    select refunds.*, refunded_at as at
    from shop.refunds
    join shop.payments on payments.id = payment_id
    where provider = 'stripe' and refunded_at >= %(since)s and refunded_at <= %(now)s
    order by refunded_at desc, refunds.id desc
"""
_DISPUTES = """
    select disputes.*, opened_at as at, case when decided_at <= %(now)s then decision end as decided
    from shop.disputes
    join shop.payments on payments.id = payment_id
    where provider = 'stripe' and opened_at <= %(now)s
    order by opened_at desc, disputes.id desc
"""
# What payments bring, less fees, two days after them, and what refunds take at once, by the midnight that pays it out.
_SETTLED = """
    select currency, payable_at, sum(cents)::bigint as amount_cents
    from (
      select currency, amount_cents - fee_cents as cents,
             date_trunc('day', attempted_at + interval '2 days', 'UTC') + interval '1 day' as payable_at
      from shop.payments
      where provider = 'stripe' and error_code is null and attempted_at <= %(settled)s
      union all
      select refunds.currency, -refunds.amount_cents, date_trunc('day', refunded_at, 'UTC') + interval '1 day'
      from shop.refunds
      join shop.payments on payments.id = payment_id
      where provider = 'stripe' and refunded_at <= %(now)s
    ) as movements
    group by currency, payable_at
    order by payable_at desc, currency
"""
_PENDING = """
    select currency, sum(amount_cents - fee_cents)::bigint as amount_cents
    from shop.payments
    where provider = 'stripe' and error_code is null and attempted_at > %(settled)s and attempted_at <= %(now)s
    group by currency
    order by currency
"""


class Entries:
    """Rows as of now; `since` leaves out older ones."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def begun(self) -> int:
        """When the company's account was opened, in Unix time."""
        [row] = await self._books.rows("select min(opened_at) as at from shop.accounts")
        return _unix(row["at"]) or 0

    async def subscriptions(self) -> Rows:
        rows = await self._books.rows(_SUBSCRIPTIONS, {"now": self._books.now()})
        for row in rows:
            row["created"], row["stretch"] = _unix(row["begun_at"]), _unix(row["starts_at"])
            row["trial_end"], row["tried"] = _unix(row["trial_ends_at"]), _unix(row["tried_at"])
            row["ended"] = _unix(row["ends_at"]) if row["status"] == "canceled" else None
        return rows

    async def prices(self) -> Rows:
        """Plan, currency, period and price of whatever was subscribed to."""
        return await self._books.rows(
            "select distinct plan, currency, billing_months, price_cents from shop.subscriptions order by 1, 2, 3, 4"
        )

    async def payments(self, since: datetime) -> Rows:
        return self._dated(await self._books.rows(_PAYMENTS, {"since": since, "now": self._books.now()}))

    async def refunds(self, since: datetime) -> Rows:
        return self._dated(await self._books.rows(_REFUNDS, {"since": since, "now": self._books.now()}))

    async def disputes(self) -> Rows:
        return self._dated(await self._books.rows(_DISPUTES, {"now": self._books.now()}))

    async def movements(self, since: datetime) -> Rows:
        """What came into the balance by payments, and left it by refunds."""
        settled = self._books.now() - _SETTLES
        paid = [
            {**row, "kind": "charge", "settled": row["at"] <= settled}
            for row in await self.payments(since)
            if row["error_code"] is None
        ]
        returned = [
            {**row, "kind": "refund", "amount_cents": -row["amount_cents"], "fee_cents": 0} for row in await self.refunds(since)
        ]
        return sorted([*paid, *returned], key=lambda row: (row["at"], row["id"]), reverse=True)

    async def open_invoices(self) -> Rows:
        """Subscriptions that are past due, by when their payment was last tried."""
        rows = [{**row, "created": row["tried"]} for row in await self.subscriptions() if row["status"] == "past_due"]
        return sorted(rows, key=lambda row: (row["created"], row["id"]), reverse=True)

    async def payouts(self) -> Rows:
        """What midnights paid out. Where refunds outweigh what was settled there is no payout that day."""
        now = self._books.now()
        return [
            {**row, "created": _unix(row["payable_at"]), "arrived": row["payable_at"] + timedelta(days=1) <= now}
            for row in await self._settled()
            if row["payable_at"] <= now and row["amount_cents"] > 0
        ]

    async def funds(self) -> dict[str, Rows]:
        """What the next midnight would pay out as it stands, and what is not settled yet, by currency."""
        now = self._books.now()
        pending = await self._books.rows(_PENDING, {"settled": now - _SETTLES, "now": now})
        return {"available": [row for row in await self._settled() if row["payable_at"] > now], "pending": pending}

    async def _settled(self) -> Rows:
        now = self._books.now()
        return await self._books.rows(_SETTLED, {"settled": now - _SETTLES, "now": now})

    def _dated(self, rows: Rows) -> Rows:
        now = self._books.now()
        return [{**row, "created": _unix(row["at"]), "now": now} for row in rows]


def since(unix: int | None) -> datetime:
    """The instant from which rows are wanted; without one, the beginning."""
    return datetime.fromtimestamp(unix or 0, UTC)


def _unix(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
