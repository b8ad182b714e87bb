"""Stripe: recurring revenue, payments and what comes back of them, and the account's money.

Source: https://docs.stripe.com/api and https://docs.stripe.com/rate-limits
"""

import re
import time
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Keyed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api
from exporter.clients.pace import Pace
from exporter.collector import Collector, Duration, Every, Sample, Samples, Secret, declared_in
from exporter.collectors.stripe import disputes, money
from exporter.collectors.stripe.account import Account
from exporter.collectors.stripe.payments import Ledger, count_events, count_fees
from exporter.collectors.stripe.subscriptions import Naming, Walk
from exporter.roles import payments, revenue

_DECLARED = (*declared_in(revenue), *declared_in(payments), CALLS, DURATION, QUOTA)

_VERSION = "2026-09-30.endive"
_LIMIT, _SECONDS = 250, 10.0  # Stripe allows 25 a second of one kind, or of all in a sandbox; here one waits for the other
_LONGEST_REQUEST = 30.0  # seconds

Section = Literal["subscriptions", "payments", "fees", "disputes", "balance", "invoices", "payouts", "webhooks"]
_SECTIONS: tuple[Section, ...] = ("subscriptions", "payments", "fees", "disputes", "balance", "invoices", "payouts", "webhooks")


class Stripe(Keyed, Collector, kind="stripe"):
    """Recurring revenue by Stripe's own definition, payments as counters, disputes, invoices, balance, payouts and webhooks.

    Payments are counted from the exporter's start on. After a failure it catches up, by a day at most.
    """

    url: str = "https://api.stripe.com"
    """The address of the API."""
    key_setting: ClassVar[str] = "api_key"
    key_is_made: ClassVar[str] = "a restricted key that may read: make one in Stripe's Dashboard, Developers, API keys"

    api_key: Secret
    """A restricted key, `rk_live_…`, with read permission for what `read` names; docs/integrations/stripe.md has the list."""
    account: str = Field(default="", pattern=r"^[A-Za-z0-9_]*$")
    """The connected account to read, `acct_…`, where the key is that of a platform."""
    livemode: bool = True
    """Whether the figures are real. A key of the other mode is refused, so that test data never looks like revenue."""
    read: tuple[Section, ...] = _SECTIONS
    """What to read; the key needs permission for these alone."""
    past_due: bool = True
    """Whether recurring revenue includes subscriptions whose last payment failed and is tried again, as Stripe's does."""
    ended: bool = True
    """Whether to read subscriptions that have ended too. Without them there are no churned customers, and fewer requests."""
    plans: Naming = "product"
    """What plans are called after: the `product`, or the `price` by its lookup key or nickname."""
    most: int = Field(default=20, ge=1, le=1000)
    """The most plans of a currency, and the most reasons of a counter; further ones are `other`."""
    subscriptions_every: Duration = 3600.0
    """How often subscriptions, all disputes, payouts and webhook endpoints are read: a request per hundred subscriptions."""
    every: Every = 300.0
    """How often the rest is read: six requests, or more where a list has more than a hundred entries."""
    timeout: Duration = 240.0
    """How long one run may take. A hundred subscriptions take about half a second."""

    _api: Api = PrivateAttr()
    _account: Account = PrivateAttr()
    _walk: Walk = PrivateAttr()
    _ledger: Ledger = PrivateAttr(default_factory=Ledger)
    _disputes: disputes.Known = PrivateAttr(default_factory=dict)
    _slow: list[Sample] = PrivateAttr(default_factory=list)
    _slow_at: float | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._api = Api(
            self.url,
            self,
            timeout=min(self.timeout, _LONGEST_REQUEST),
            error_name=_error_name,
            pace=Pace(_LIMIT, _SECONDS),
        )
        self._account = Account(self._api, live=self.livemode)
        self._walk = Walk(self._account, past_due=self.past_due, ended=self.ended, naming=self.plans, most=self.most)
        return self

    def credentials(self) -> dict[str, str]:
        """The headers of the key, the version and a connected account. Raises `OSError` when a file cannot be read."""
        own = {"Stripe-Version": _VERSION}
        return super().credentials() | own | ({"Stripe-Account": self.account} if self.account else {})

    async def collect(self) -> Samples:
        now, began = time.time(), time.monotonic()
        due = self._slow_at is None or began - self._slow_at >= self.subscriptions_every
        fast, currencies = await self._current(now)
        ledger = await self._counted(currencies, now)
        known = self._disputes
        if "disputes" in self.read:
            known = await (disputes.all_disputes(self._account) if due else disputes.refreshed(self._account, known))
        slow = await self._seldom(now) if due else self._slow
        # Only when nothing can fail any more: no event may be counted twice.
        self._ledger, self._disputes, self._slow = ledger, known, slow
        self._slow_at = began if due else self._slow_at
        for sample in [*fast, *slow, *ledger.samples(self.name), *disputes.samples(known, self.name)]:
            yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _current(self, now: float) -> tuple[list[Sample], set[str]]:
        """What is read each time beside the lists that are followed, and the currencies of the balance."""
        found: list[Sample] = []
        currencies: set[str] = set()
        if "balance" in self.read:
            balance = await money.balance(self._account)
            found += money.balance_samples(balance, self.name)
            currencies = money.currencies(balance)
        if "invoices" in self.read:
            found += await money.invoices(self._account, self.name, now)
        if "webhooks" in self.read:
            found += await money.undelivered(self._account, self.name, now)
        return found, currencies

    async def _counted(self, currencies: set[str], now: float) -> Ledger:
        ledger = self._ledger
        if "payments" in self.read:
            ledger = await count_events(self._account, ledger, self.most, currencies, now)
        if "fees" in self.read:
            ledger = await count_fees(self._account, ledger, self.most, currencies, now)
        return ledger

    async def _seldom(self, now: float) -> list[Sample]:
        """What is read seldom, since it costs many requests or changes little."""
        found: list[Sample] = []
        if "subscriptions" in self.read:
            found += await self._walk.samples(self.name)
        if "payouts" in self.read:
            found += await money.payouts(self._account, self.name, now)
        if "webhooks" in self.read:
            found += await money.endpoints(self._account, self.name)
        return found


def _error_name(data: Any) -> object:
    """What Stripe calls the error; of a key that lacks a permission the permission, which stands in the message alone."""
    error = data["error"]
    permission = re.search(r"\brak_[a-z_]+", error["message"])
    return permission[0] if permission else error.get("code") or error["type"]
