"""Umami in the common tests. Its cloud allows a key 50 calls in 15 seconds; one's own server has no limit."""

from exporter.demo.vendors.umami import Umami
from tests.vendors.case import Case

CASE = Case(
    kind="umami",
    settings=lambda url: {
        "url": f"{url}/api", "website": Umami.WEBSITE, "username": Umami.USERNAME, "password": Umami.PASSWORD,
    },
    limit_per_hour=50 * 4 * 60,
    requests_per_hour=60 + 12 * 3 + 4 * (7 + 1 + 1),
)  # fmt: skip
