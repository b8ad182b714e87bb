"""The Chrome UX Report in the common tests. Its documentation allows 150 queries a minute to one project."""

from exporter.demo.vendors.crux import KEY, SITE
from tests.vendors.case import Case

CASE = Case(
    kind="crux",
    settings=lambda url: {"url": url, "api_key": KEY, "site": SITE, "pages": ["/", "/pricing"]},
    limit_per_hour=150 * 60,
)
