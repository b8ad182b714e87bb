"""Intercom in the common tests. Its documentation allows an app 10,000 requests a minute."""

from exporter.demo.vendors.intercom import Intercom
from tests.vendors.case import Case

CASE = Case(
    kind="intercom",
    settings=lambda url: {"url": url, "access_token": Intercom.KEY},
    limit_per_hour=600_000,
)
