"""X-Ray in the common tests. AWS publishes no limit for its reads."""

from exporter.demo.vendors.xray import Xray
from tests.vendors.case import Case

CASE = Case(
    kind="xray",
    settings=lambda url: {
        "url": url,
        "region": "eu-west-1",
        "access_key_id": Xray.KEY_ID,
        "secret_access_key": Xray.KEY,
        "traces": {"slow": "responsetime > 0.5"},
        "window": "1h",
    },
    limit_per_hour=None,
)
