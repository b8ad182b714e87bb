"""What capacity planning computes: forecasts and their bounds, replicas, costs. The real promtool runs the rules."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from exporter.bundle import Bundle
from exporter.bundle.jsonnet import evaluate
from exporter.sources import sources_folder
from tests.expressions import differences

AREAS = """
local lib = mixin.lib;
lib.rule.record_groups({
  capacity: (import 'alerts/capacity.jsonnet')(lib),
  capacity_forecasts: (import 'alerts/capacity_forecasts.jsonnet')(lib),
}).groups
"""
POLICY: dict[str, Any] = {
    "scaling": {"api": {"requests_per_second": 10, "latency_seconds": 0.5, "replicas": 2}},
    "costs": {"api": {"monthly": 300, "currency": "EUR"}},
}


def groups(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    sources = sources_folder()
    made: list[dict[str, Any]] = evaluate(sources, AREAS, Bundle.model_validate(config).config(sources) | {"absent": []})
    return made


class Case(NamedTuple):
    """Series, a sample each interval, and the figures that the rules make of them at a time, to nine digits."""

    interval: str
    series: Mapping[str, str]
    figures: Mapping[str, float]
    at: str

    def wrong(self, config: Mapping[str, Any]) -> str:
        """What is not as expected. Forecasts that no figure names are left out: each looks at thousands of instants."""
        rules = [rule for group in groups(config) for rule in group["rules"] if self._matters(**rule.get("labels", {}))]
        asked = [(f"abs(({text}) / {value!r} - 1) < bool 1e-9", self.at, {"{}": 1}) for text, value in self.figures.items()]
        return differences(rules, self.series, asked, self.interval)

    def _matters(self, forecast: str = "", **_: str) -> bool:
        return not forecast or any(f'forecast="{forecast}"' in text for text in self.figures)


def test_a_straight_line_is_foreseen_exactly() -> None:
    """100 users at first and one more each hour, for ten days."""
    figures = {
        'sum(capacity:level:current{forecast="users"})': 340,
        'sum(capacity:history:seconds{forecast="users"})': 10 * 86400,
        'sum(capacity:outlook:expected{forecast="users", ahead="7d"})': 340 + 7 * 24,
        'sum(capacity:outlook:expected{forecast="users", ahead="30d"})': 340 + 30 * 24,
    }
    assert Case("1h", {'saas_users{source="sql"}': "100+1x240"}, figures, "10d").wrong({}) == ""


def test_the_bounds_follow_the_spread_and_the_length_of_the_history() -> None:
    """Users who are 90 and 110 by turns, one more often 90: no slope, and a deviation of almost 10."""
    spread = 10 * (1 - 1 / 241**2) ** 0.5
    reach = 2 * spread * (1 + 1 / 10 + 12 / 10 * (7 / 10 + 0.5) ** 2) ** 0.5
    figures = {
        'sum(capacity:deviation:spread{forecast="users"})': spread,
        'sum(capacity:outlook:upper{ahead="7d"} - capacity:outlook:lower{ahead="7d"})': 2 * reach,
    }
    values = " ".join(["90 110"] * 120 + ["90"])
    assert Case("1h", {'saas_users{source="sql"}': values}, figures, "10d").wrong({}) == ""


def test_what_does_not_grow_lasts_for_a_year() -> None:
    figures = {'sum(capacity:time_left:seconds{forecast="database-size"})': 365 * 86400}
    assert Case("5m", {'pg_database_size_bytes{instance="main", datname="app"}': "5000x50"}, figures, "4h").wrong({}) == ""


@pytest.mark.parametrize(("in_hand", "wanted"), [(2, 3), (20, 4)], ids=["by requests", "by the queue"])
def test_replicas_are_advised_by_what_is_used_most(in_hand: int, wanted: int) -> None:
    """Of 20 requests a second that two replicas take, 24 come; ten may be in hand."""
    series = {
        'http_server_request_duration_seconds_count{service_name="api"}': "0+360x200",
        'http_server_active_requests{service_name="api"}': f"{in_hand}x200",
    }
    figures = {'sum(capacity:replicas:wanted{workload="api"})': wanted, 'sum(capacity:replicas:running{workload="api"})': 2}
    assert Case("15s", series, figures, "40m").wrong(POLICY) == ""


def test_costs_are_shared_out_among_customers_and_by_what_idles() -> None:
    """Of ten requests that two replicas may have in hand, 2.5 are, on average: three quarters idle."""
    series = {
        'http_server_request_duration_seconds_count{service_name="api"}': "0+15x200",
        'http_server_active_requests{service_name="api"}': "2.5x200",
        'saas_customers{source="sql", status="active"}': "60x200",
        'saas_customers{source="sql", status="trialing"}': "40x200",
    }
    figures = {
        'sum(capacity:cost:monthly{currency="EUR"})': 300,
        'sum(capacity:cost_per_customer:monthly{currency="EUR"})': 5,
        'sum(capacity:idle_cost:monthly{currency="EUR"})': 225,
    }
    assert Case("15s", series, figures, "40m").wrong(POLICY) == ""


def test_nothing_is_computed_of_costs_that_nobody_gave() -> None:
    assert not [rule for group in groups({}) for rule in group["rules"] if "cost" in rule["record"]]
