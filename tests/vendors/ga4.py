"""Google Analytics in the common tests.

Its documentation counts tokens: 14,000 an hour for a project at a property, and says that most reports take fewer than ten.
"""

from exporter.demo.service_account import key_file
from exporter.demo.vendors.ga4 import Ga4
from tests.vendors.case import Case

CASE = Case(
    kind="ga4",
    settings=lambda url: {
        "url": url, "property_id": Ga4.PROPERTY, "service_account_file": str(key_file(f"{url}/token")),
    },
    limit_per_hour=14_000 / 10,
    requests_per_hour=30 + 1 + 2 + 3,
)  # fmt: skip
