"""Plausible in the common tests. Its documentation allows a key 600 requests an hour."""

from exporter.demo.vendors.plausible import Plausible
from tests.vendors.case import Case

CASE = Case(
    kind="plausible",
    settings=lambda url: {"url": url, "api_key": Plausible.KEY, "site": Plausible.SITE},
    limit_per_hour=600,
    requests_per_hour=60 + 12 * 3 + 4 * (7 + 3),
)
