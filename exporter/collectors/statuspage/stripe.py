"""The format of Stripe's page, which is of no product. It lists no incidents, and its date has no fixed form.

Source: https://github.com/stripe/stripe-cli/blob/master/pkg/status/status.go
"""

from typing import Any

from exporter.clients.api import Api
from exporter.collectors.statuspage.page import Component, Page, text, understood, word

_INDICATORS = {"up": "none", "degraded": "minor", "down": "critical"}
_STATUSES = {"up": "operational", "degraded": "degraded_performance", "down": "major_outage"}
_UNRELIABLE = {"webhooks", "emails"}  # as Stripe's own program says of them


async def ask(api: Api, _: str) -> Page:
    """The page as it is now. Raises `PollError`."""
    answer = await api.answer("GET", "/current")
    return understood(answer, "the status of Stripe's page", read)


def read(data: Any) -> Page:
    """The page of a status."""
    listed = data.get("statuses")
    return Page(
        indicator=word(_INDICATORS, data["largestatus"]),
        components=None if listed is None else tuple(
            Component(name, name, word(_STATUSES, status)) for name, status in listed.items() if text(name) not in _UNRELIABLE
        ),
    )  # fmt: skip
