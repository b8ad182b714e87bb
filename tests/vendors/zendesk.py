"""Zendesk in the common tests. Its documentation allows 10 exports a minute, the least of its limits."""

from exporter.demo.vendors.zendesk import Zendesk
from tests.vendors.case import Case

CASE = Case(
    kind="zendesk",
    settings=lambda url: {"url": url, "client_id": Zendesk.CLIENT, "client_secret": Zendesk.KEY},
    limit_per_hour=600,
)
