"""PageSpeed Insights in the common tests. Google publishes no number; projects are seen to get 25,000 queries a day."""

from exporter.demo.vendors.crux import SITE
from exporter.demo.vendors.pagespeed import KEY
from tests.vendors.case import Case

CASE = Case(
    kind="pagespeed",
    settings=lambda url: {"url": url, "api_key": KEY, "site": SITE, "pages": ["/", "/pricing"]},
    limit_per_hour=25_000 / 24,
)
