"""Stripe in the common tests, where half of the subscriptions are enough: each of them takes time.

Its documentation allows 25 requests a second of one kind; an allowance by the hour it does not name.
"""

from exporter.demo.vendors.stripe import Stripe
from tests.vendors.case import Case

CASE = Case(
    kind="stripe",
    settings=lambda url: {"url": url, "api_key": Stripe.KEY, "ended": False},
    limit_per_hour=25 * 3600,
)
