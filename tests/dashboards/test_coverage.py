"""What the packs find out is shown to somebody, or somebody is told of it."""

import re

import pytest

from exporter.packs.load import shipped
from tests.dashboards.rendered import DASHBOARDS, METRICS, panel_queries
from tests.rules.rendered import GROUPS

PART = re.compile(r"_(bucket|sum|count)$")
NAME = re.compile(r"[a-zA-Z_:][\w:]*")
RULES = [rule["expr"] for group in GROUPS for rule in group["rules"]]
QUERIES = [query.text for dashboard in DASHBOARDS.values() for query in panel_queries(dashboard)]
USED = {each for text in QUERIES + RULES for name in NAME.findall(text) for each in (name, PART.sub("", name))}
NOT_SHOWN = {
    ("acquisition", "newsletter_joined"): "pages show those who subscribe now",
    ("acquisition", "newsletter_left"): "pages show those who subscribe now",
    ("acquisition", "referral_acceptance"): "pages show invitations that were sent and accepted",
    ("coaching", "tasks_completed"): "pages show tasks that are open, and the share that was done in time",
    ("coaching", "tasks_created"): "pages show tasks that are open",
    ("experience", "requests"): "pages show what the application counts itself",
    ("groups", "due"): "pages show the share that came in time",
    ("groups", "sizes"): "pages show the share of users in a group",
    ("groups", "submissions"): "pages show the share that came, and in time",
    ("movements", "customers"): "pages show what moved revenue, and customers by status",
    ("satisfaction", "votes"): "pages show the votes for wishes that are open",
}
"""Queries of packs of which no page shows anything, and what stands there instead."""


def test_of_every_query_of_a_pack_something_is_on_a_page_or_watched() -> None:
    unused = {
        (name, query)
        for name, pack in shipped().items()
        for query, asked in pack.queries.items()
        if not asked.metrics.keys() & USED
    }
    assert unused == NOT_SHOWN.keys()


@pytest.mark.parametrize(
    "prefix",
    [
        "logs_",
        "payment_provider_",
        "payment_country_",
        "onboarding_steps_",
        "onboarding_prompt",
        "elasticsearch_cluster_health_status",
    ],
)
def test_all_is_shown_of(prefix: str) -> None:
    shown = {each for text in QUERIES for name in NAME.findall(text) for each in (name, PART.sub("", name))}
    assert {name for name in METRICS if name.startswith(prefix)} - shown == set()
