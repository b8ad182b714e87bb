"""PostHog in the common tests. It allows 2,400 queries an hour, and 120 where the terms are old: the latter counts here."""

from exporter.demo.vendors.posthog import KEY, PROJECT, STEPS
from tests.vendors.case import Case

CASE = Case(
    kind="posthog",
    settings=lambda url: {
        "url": url,
        "api_key": KEY,
        "project": PROJECT,
        "funnels": [{"name": "signup", "steps": list(STEPS)}],
    },
    limit_per_hour=120,
    requests_per_hour=12 * 2 + 4 * (4 + 3),  # breakdowns: four queries, two pages of flags and one of experiments
)
