"""Objectives: what is counted, what a configuration changes of it, and what is left of a budget. Their alerts: tests/rules."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.bundle.jsonnet import evaluate
from exporter.errors import BundleError
from tests.expressions import Asked, differences

ROOT = Path(__file__).parent.parent
DOCUMENTED = (ROOT / "docs/slos.md").read_text()
OK = 'http_server_request_duration_seconds_count{http_route="/api/projects", http_response_status_code="200"}'
BAD = 'http_server_request_duration_seconds_count{http_route="/api/projects", http_response_status_code="503"}'
MONTH = 31 * 288  # steps of five minutes in January 1970, where promtool's time begins
# What others read comes first, as it comes first in time where groups are evaluated by themselves.
ORDER = (
    "slo:objective",
    "slo:minimum",
    "slo:total:increase",
    "slo:errors:increase",
    "slo:lost_money:increase",
    "slo:total",
    "slo:errors",
)


def made(config: str = "{}") -> dict[str, Any]:
    """The recording rules, alerts and objectives that a configuration makes, given as Jsonnet."""
    program = f"""
        local bundle = mixin {{ _config+:: {config} }};
        {{
          local rules(of) = [rule for group in of.groups if std.startsWith(group.name, 'slo') for rule in group.rules],
          records: rules(bundle.prometheusRules),
          alerts: rules(bundle.prometheusAlerts),
        }}
    """
    found: dict[str, Any] = evaluate(ROOT, program)
    found["names"] = sorted(objectives(found))
    return found


def objectives(rules: dict[str, Any]) -> dict[str, str]:
    """What share of events each asks to be good, as an expression."""
    return {rule["labels"]["slo"]: rule["expr"] for rule in rules["records"] if rule["record"] == "slo:objective:ratio"}


def expression_of(record: str) -> str:
    [expression] = [rule["expr"] for rule in made()["records"] if rule["record"] == record]
    return str(expression)


def wrong(series: dict[str, str], checks: Iterable[Asked], config: str = "{}", only: tuple[str, ...] = ("slo:",)) -> str:
    """What is not as expected, with samples and evaluations every five minutes, of the rules that begin with one of `only`."""
    rules = sorted((rule for rule in made(config)["records"] if rule["record"].startswith(only)), key=_rank)
    return differences(rules, series, checks, "5m")


def _rank(rule: dict[str, Any]) -> int:
    return next((rank for rank, start in enumerate(ORDER) if rule["record"].startswith(start)), len(ORDER))


def test_days_without_a_failure_have_no_errors_and_are_not_unknown() -> None:
    assert (
        wrong(
            {OK: "0+100x12"},
            [('slo:error_ratio:rate1h{slo="api-availability"}', "1h", {'slo:error_ratio:rate1h{slo="api-availability"}': 0})],
        )
        == ""
    )


APP = 'job="app", instance="app:80"'
UP = f"up{{{APP}}}"


def counted(part: str, route: str, **labels: str) -> str:
    """A series of the application's histogram, of the target `app`."""
    more = "".join(f', {label}="{value}"' for label, value in labels.items())
    return f'http_server_request_duration_seconds_{part}{{{APP}, http_route="{route}"{more}}}'


@pytest.mark.parametrize(
    ("scraped", "failed", "expected"),
    [
        pytest.param("1x40", "_x20 7x20", 7, id="all that a new series counts"),
        pytest.param("1x18 0 1x20", "_x20 7x20", 0, id="it came while the target was not scraped"),
        pytest.param("_x20 1x20", "_x20 7x20", 0, id="its target is new and may have counted for years"),
        pytest.param("1x40", "2x16 stale _x2 7x20", 0, id="it was away for a quarter of an hour"),
        pytest.param("1x40", "2x5 stale _x13 7x20", 7, id="it was away for more than an hour, as that of a former process"),
        pytest.param("1x40", "2x19 9x20", 7, id="it was there"),
        pytest.param("1x40", "900x19 7x20", 7, id="it was there, and its process began anew"),
    ],
)
def test_what_a_new_series_counts_is_counted_where_its_target_was_scraped_before(
    scraped: str, failed: str, expected: int
) -> None:
    """Of errors and of all events alike, so that no share is more than 1. The latency has the slow ones of a new histogram."""
    series = {
        UP: scraped,
        counted("count", "/api/projects", http_response_status_code="200"): "0+100x40",
        counted("bucket", "/api/projects", http_response_status_code="200", le="1"): "0+100x40",
        counted("count", "/api/exports", http_response_status_code="503"): failed,
        counted("bucket", "/api/exports", http_response_status_code="503", le="1"): re.sub(r"\b\d+x", "0x", failed),
    }
    checks: list[Asked] = [
        (f'sum(slo:{of}:increase5m{{slo="{slo}"}})', "100m", {"{}": base + expected})
        for slo in ("api-availability", "api-latency")
        for of, base in (("errors", 0), ("total", 100))
    ]
    # Each event once: ten minutes later what came then is no more.
    checks += [(text, "110m", {"{}": 100.0 if "total" in text else 0.0}) for text, *_ in checks]
    assert wrong(series, checks) == ""


def test_a_busy_hour_weighs_more_than_a_quiet_one() -> None:
    # An hour of 100 events in five minutes of which none fails, then one of 10 of which all do: of 1320 events 120.
    assert (
        wrong(
            {OK: "0+100x12 1200x12", BAD: "0x12 10+10x11"},
            [('round(slo:error_ratio:rate1d{slo="api-availability"} * 1320)', "2h", {'{slo="api-availability"}': 120})],
        )
        == ""
    )


def test_what_is_left_is_told_in_shares_in_events_and_in_time() -> None:
    # 288,000 events allow 288 errors. 72 happened: three quarters are left, of 43.2 minutes 32.4.
    left = 'slo:budget_left:{}{{slo="api-availability"}}'
    assert (
        wrong(
            {OK: "0+1000x288", BAD: "0x100 72x188"},
            [
                (f"round({left.format('ratio30d')}, 0.01)", "24h", {'{slo="api-availability"}': 0.75}),
                (f"round({left.format('requests30d')})", "24h", {'{slo="api-availability"}': 216}),
                (f"round({left.format('seconds30d')} / 6)", "24h", {'{slo="api-availability"}': 324}),
            ],
        )
        == ""
    )


def test_the_budget_of_a_calendar_month_begins_anew_and_that_of_thirty_days_does_not() -> None:
    """All errors in the last two hours of January; a day later they count for thirty days, and not for the month."""
    name, before = '{slo="api-availability"}', MONTH - 24
    series = {
        "slo:objective:ratio" + name: f"0.999x{MONTH + 300}",
        'slo:total:events5m{slo="api-availability", month="1"}': f"1000x{MONTH - 1}",
        'slo:total:events5m{slo="api-availability", month="2"}': f"_x{MONTH} 1000x300",
        'slo:errors:events5m{slo="api-availability", month="1"}': f"0x{before - 1} 100x23",
        'slo:errors:events5m{slo="api-availability", month="2"}': f"_x{MONTH} 0x300",
    }
    # By half past eleven of the last evening 1,900 errors, then 2,400, of 8,640 that thirty days allow, and January 8,928.
    rolling, calendar = (f"round({expression_of(f'slo:budget_left:ratio{of}')}, 0.01)" for of in ("30d", "_month"))
    checks = [(rolling, "743h30m", {name: 0.78}), (calendar, "743h30m", {name: 0.79})]
    checks += [(rolling, "764h", {name: 0.72}), (calendar, "764h", {name: 1})]
    assert wrong(series, checks, only=()) == ""


def test_events_are_kept_by_month() -> None:
    text, counted = expression_of("slo:total:events5m"), {'slo:total:increase5m{slo="api-availability"}': f"7x{MONTH + 300}"}
    months = {at: {f'{{slo="api-availability", month="{month}"}}': 7.0} for at, month in (("743h55m", 1), ("744h", 2))}
    assert wrong(counted, [(text, at, values) for at, values in months.items()], only=()) == ""


def test_money_that_is_lost_is_that_of_technical_failures_by_currency() -> None:
    """Half of the failures in euros are the provider's, so half of what failed in euros is lost; none of the dollars."""
    failures = 'payment_failures_total{{source="sql", currency="{}", reason="{}"}}'
    series = {
        'payment_volume_total{source="sql", currency="EUR", outcome="failed"}': "0+60x12",
        'payment_volume_total{source="sql", currency="USD", outcome="failed"}': "0+60x12",
        'payment_volume_total{source="sql", currency="EUR", outcome="succeeded"}': "0+900x12",
        failures.format("EUR", "provider_unavailable"): "0+1x12",
        failures.format("EUR", "card_declined"): "0+1x12",
        failures.format("USD", "provider_unavailable"): "0x12",
        failures.format("USD", "card_declined"): "0+2x12",
    }
    expected = {
        f'slo:lost_money:30d{{slo="payment-processing", currency="{currency}"}}': value
        for currency, value in (("EUR", 360.0), ("USD", 0.0))
    }
    assert wrong(series, [("slo:lost_money:30d", "1h", expected)]) == ""


MAINTENANCE = "{ maintenance: [{ slos: ['api-availability'], days: [4], from: '02:00', to: '04:00' }] }"


@pytest.mark.parametrize(("at", "counted"), [("110m", True), ("2h", False), ("4h", False), ("240m", False), ("250m", True)])
def test_nothing_is_counted_in_planned_work(at: str, counted: bool) -> None:
    """The first of January 1970 is a Thursday. Until five minutes after its end, what failed in it would still show."""
    name = 'slo:errors:increase5m{slo="api-availability"}'
    series = {OK: "0+100x60", BAD: "0+100x60"}
    assert wrong(series, [(name, at, {name: 100} if counted else {})], MAINTENANCE) == ""


def test_planned_work_of_one_objective_is_none_of_another() -> None:
    name = 'slo:total:increase5m{slo="api-latency"}'
    assert wrong({OK: "0+100x60"}, [(name, "3h", {name: 100})], MAINTENANCE) == ""


def test_planned_work_may_last_past_midnight_and_past_the_end_of_the_week() -> None:
    """From Saturday 23:00 to Sunday 01:00; the third of January 1970 is a Saturday."""
    config = "{ maintenance: [{ slos: ['api-availability'], days: [6], from: '23:00', to: '01:00' }] }"
    name = 'slo:maintenance:active{slo="api-availability"}'
    checks = [
        (name, at, values) for at, values in (("70h55m", {}), ("71h", {name: 1.0}), ("72h55m", {name: 1.0}), ("73h5m", {}))
    ]
    assert wrong({OK: "0+100x900"}, checks, config, only=("slo:maintenance",)) == ""


def test_an_objective_is_changed_added_and_left_out_by_name() -> None:
    changed = made(
        """{ slos: {
          callbacks: null,
          realtime: { objective: 0.97 },
          exports: {
            objective: 0.99,
            errors: 'sum(increase(bad_total[%(over)s]))',
            total: 'sum(increase(all_total[%(over)s]))',
            help: 'Exports.',
          },
        } }"""
    )
    assert set(changed["names"]) == set(made()["names"]) - {"callbacks"} | {"exports"}
    assert objectives(changed)["realtime"] == "vector(0.97)"
    [total] = [
        rule["expr"]
        for rule in changed["records"]
        if rule["record"] == "slo:total:increase5m" and rule["labels"]["slo"] == "exports"
    ]
    assert total == "sum(increase(all_total[5m]))"


def test_a_service_that_is_promised_separately_is_seen_beside_a_large_one() -> None:
    """The example of the documentation: of a hundred thousand requests fifty fail, which are all that a small service has."""
    [example] = re.findall(r"```yaml\n(slos:\n  api-availability:\n    services:.*?)```", DOCUMENTED, re.DOTALL)
    config = json.dumps(yaml.safe_load(example))
    series = {
        counted("count", "/api/projects", http_response_status_code="200", service_name="search"): "0+99950x20",
        counted("count", "/api/invoices", http_response_status_code="503", service_name="billing"): "0+50x20",
    }
    burning = "round(slo:burn_rate:1h, 0.01) > 0"
    expected = {'{slo="api-availability"}': 0.5, '{slo="api-availability-billing"}': 1000.0}
    assert wrong(series, [(burning, "1h", expected)], config) == ""
    rules = made(config)
    assert objectives(rules)["api-availability-search"] == "vector(0.995)"
    alerts = {rule["alert"]: rule["expr"] for rule in rules["alerts"]}
    assert re.search(r'[|"]api-availability-billing[|"]', alerts["ErrorBudgetBurnsCritical"])
    assert re.search(r'[|"]api-availability-search[|"]', alerts["ErrorBudgetBurnsFast"])


def test_latency_is_promised_by_service_too() -> None:
    """All requests of search take longer than a second, none of billing's do."""
    series = {
        counted(part, "/api", http_response_status_code="200", service_name=service, **le): f"0+{count}x20"
        for service, fast in (("search", 0), ("billing", 50))
        for part, count, le in (("count", 50, {}), ("bucket", fast, {"le": "1.0"}), ("bucket", 50, {"le": "+Inf"}))
    }
    config = "{ slos: { 'api-latency': { services: { search: {}, billing: {} } } } }"
    share = 'slo:error_ratio:rate5m{{slo="api-latency{}"}}'
    checks = [(share.format(of), "1h", {share.format(of): bad}) for of, bad in (("", 0.5), ("-search", 1), ("-billing", 0))]
    assert wrong(series, checks, config) == ""


def test_a_service_may_wake_nobody_though_the_whole_does_and_the_other_way_round() -> None:
    alone = made("{ slos: { callbacks: { services: { small: { page: null } } } } }")
    whole = made("{ slos: { callbacks: { page: null, services: { large: { page: 'P1' } } } } }")

    def paged(rules: dict[str, Any]) -> set[str]:
        [expression] = [rule["expr"] for rule in rules["alerts"] if rule["alert"] == "ErrorBudgetBurnsFast"]
        return {
            name for name in ("callbacks", "callbacks-small", "callbacks-large") if re.search(rf'[|"]{name}[|"]', expression)
        }

    assert (paged(alone), paged(whole)) == ({"callbacks"}, {"callbacks-large"})


def test_what_divides_an_objective_by_service_is_told() -> None:
    """The list in the documentation is that of the sources."""
    program = """
        local rows = (import 'alerts/slo.jsonnet')(mixin.lib).objectives;
        [name for name in std.objectFields(rows) if std.objectHas(rows[name], 'services')]
    """
    [told] = re.findall(r"So can be divided what counts requests: (.*?)\.", DOCUMENTED, re.DOTALL)
    assert sorted(re.findall("`(.*?)`", told)) == evaluate(ROOT, program)


def test_an_objective_of_what_nothing_feeds_is_left_out_and_not_missed() -> None:
    assert "realtime" not in made("{ absent: ['realtime_attempts_total'] }")["names"]
    assert "callbacks" in made("{ absent: ['realtime_attempts_total'] }")["names"]


def test_an_objective_that_no_outage_could_break_fast_enough_is_refused() -> None:
    with pytest.raises(BundleError, match=r"errors can never come to 14\.4 times"):
        made("{ slos: { 'api-availability': { objective: 0.9 } } }")


def test_without_critical_objectives_their_alert_is_left_out() -> None:
    names = {rule["alert"] for rule in made("{ slos: { authentication: null, 'payment-processing': null } }")["alerts"]}
    assert "ErrorBudgetBurnsCritical" not in names
    assert "ErrorBudgetBurnsFast" in names
