"""PagerDuty in the common tests. Its documentation allows a key 960 requests a minute."""

from exporter.demo.vendors.pagerduty import Pagerduty
from tests.vendors.case import Case

CASE = Case(
    kind="pagerduty",
    settings=lambda url: {"url": url, "api_key": Pagerduty.KEY},
    limit_per_hour=57_600,
)
