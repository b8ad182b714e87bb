"""New Relic in the common tests. It allows an account 3,000 queries a minute."""

from exporter.demo.vendors.newrelic import FAILURES, ROUTES, Newrelic
from tests.vendors.case import Case

CASE = Case(
    kind="newrelic",
    settings=lambda url: {
        "url": f"{url}/graphql",
        "account": 1234567,
        "api_key": Newrelic.KEY,
        "queries": [ROUTES, FAILURES],
    },
    limit_per_hour=180_000,
)
