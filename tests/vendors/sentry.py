"""Sentry in the common tests. Its limits are by the second, each address its own, and not documented in numbers."""

from exporter.demo.vendors.sentry import Sentry
from tests.vendors.case import Case

CASE = Case("sentry", lambda url: {"url": url, "organization": "shop", "token": Sentry.KEY}, None)
