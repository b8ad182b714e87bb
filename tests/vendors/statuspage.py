"""Status pages in the common tests, once per format; none of them documents a limit."""

from exporter.demo.vendors.statuspage import STATUSIO_PAGE
from tests.vendors.case import Case

CASES = [
    Case("statuspage", lambda url: {"name": "shop", "url": url}, None),
    Case("statuspage", lambda url: {"name": "stripe", "url": url, "format": "stripe"}, None, vendor="stripe-status"),
    Case("statuspage", lambda url: {"name": "messages", "url": url, "format": "instatus"}, None, vendor="instatus"),
    Case("statuspage", lambda url: {"name": "servers", "url": url, "page_id": STATUSIO_PAGE}, None, vendor="statusio"),
]
