"""The Jsonnet library refuses what would be wrong on the page, and keeps what an expression means."""

import pytest

from exporter.bundle.jsonnet import evaluate
from exporter.errors import BundleError
from exporter.sources import sources_folder
from tests.dashboards.rendered import LIB, METRICS, Json

SCOPE = f"{LIB}local m = lib.metrics; local q = lib.promql; local panel = lib.panel;\n"


def made(expression: str) -> Json:
    found: Json = evaluate(sources_folder(), SCOPE + expression)
    return found


@pytest.mark.parametrize(
    ("expression", "refusal"),
    [
        ("m.node_laod1", "node_laod1"),
        ("q.value(m.payment_attempts_total)", "payment_attempts_total is a counter"),
        ("q.rate(m.node_load1)", "node_load1 is a gauge"),
        ("q.value(m.saas_customers, { stauts: 'active' })", "saas_customers has no label stauts"),
        ("q.sum(m.saas_customers, by=['plan'])", "cannot aggregate by plan"),
        ("q.sum(m.saas_mrr, by=['plan'])", "money of several currencies has no sum"),
        ("q.divide(q.sum(m.node_load1), q.sum(m.node_load5, by=['instance']))", "no series would match"),
        ("panel.stat('Load', m.node_load1)", "say which way is good: Load"),
        ("panel.series('Mixed', [m.node_load1, m.node_memory_MemTotal_bytes], good='low')", "one axis cannot show"),
        ("lib.board.fill([{ title: 'A', width: 20 }, { title: 'B', width: 5 }], 0, 8)", "not 24"),
        ("(import 'dashboards/lib/units.libsonnet').grafana('parsecs')", "knows no unit 'parsecs'"),
    ],
)
def test_the_library_refuses_what_would_be_wrong_on_the_page(expression: str, refusal: str) -> None:
    with pytest.raises(BundleError, match=refusal):
        made(expression)


def test_an_expression_keeps_unit_meaning_and_labels() -> None:
    assert made("q.sum(q.rate(m.node_network_receive_bytes_total, { device: '!=lo' }), by=['instance'])") == {
        "expr": 'sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[$__rate_interval]))',
        "unit": "bytes/second",
        "help": METRICS["node_network_receive_bytes_total"]["help"],
        "labels": ["instance"],
        "legend": "{{instance}}",
    }


def test_panels_share_the_width_that_is_left() -> None:
    row = "[{ title: 'A', width: null }, { title: 'B', width: 7 }, { title: 'C', width: null }]"
    panels = made(f"{{ panels: lib.board.fill({row}, 4, 8) }}")["panels"]
    assert [(panel["gridPos"]["x"], panel["gridPos"]["w"]) for panel in panels] == [(0, 9), (9, 7), (16, 8)]


def test_every_unit_of_the_catalogue_has_a_name_in_grafana() -> None:
    units = sorted({metric["unit"] for metric in METRICS.values()})
    names = made(f"[(import 'dashboards/lib/units.libsonnet').grafana(unit) for unit in {units}]")
    assert all(names)


def test_a_ratio_beside_money_has_no_currencys_symbol() -> None:
    strip = """panel.strip('Figures', [
      q.sum(m.saas_mrr, by=['currency']) { legend: 'MRR {{currency}}', good: 'high' },
      q.greatest(m.saas_mrr_growth_ratio, by=['currency']) { legend: 'Growth {{currency}}', good: 'high' },
    ])"""
    units = {
        str(override["matcher"]): item["value"]
        for override in made(strip)["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "unit"
    }
    money = [matcher for matcher, unit in units.items() if unit == "currencyEUR"]
    assert len(money) == 1
    assert "MRR" in money[0]
    assert "Growth" not in money[0]


def test_a_zero_for_nothing_has_a_name_where_series_have_one() -> None:
    assert made("q.or_zero(q.sum(m.node_load1))")["expr"].endswith("or on () vector(0)")
    named = made("q.or_zero(q.above(q.sum(m.node_load1, by=['instance']), 1))")["expr"]
    assert named.endswith('or on () label_replace(vector(0), "instance", "none", "", "")')


def test_a_count_is_shown_with_all_its_digits() -> None:
    count = "q.sum(q.increase(m.saas_sessions_started_total, over='1d')) { legend: 'Sessions', good: 'high' }"
    strip = made(f"panel.strip('Figures', [{count}])")
    properties = strip["fieldConfig"]["overrides"][0]["properties"]
    assert {"id": "unit", "value": "locale"} in properties
    assert {"id": "decimals", "value": 0} in properties


def test_a_folded_section_holds_its_panels_and_what_follows_stands_below_its_heading() -> None:
    rows = "[{ heading: 'More', folded: true }, [{ title: 'A', height: 8, width: 24 }], [{ title: 'B', height: 8, width: 24 }],"
    rows += " { heading: 'Last', folded: false }, [{ title: 'C', height: 8, width: 24 }]]"
    first, last, below = made(f"{{ panels: lib.board.number(lib.board.place({rows})) }}")["panels"]
    assert [(panel["id"], panel["gridPos"]["y"]) for panel in (first, *first["panels"], last, below)] == [
        (1, 0),
        (2, 1),
        (3, 9),
        (4, 1),
        (5, 2),
    ]


def test_what_looks_back_a_day_is_a_line_and_what_is_missing_otherwise_a_gap() -> None:
    def gap(expression: str) -> int | bool:
        found: int | bool = made(f"panel.series('Line', {expression}, good='high')")["fieldConfig"]["defaults"]["custom"][
            "spanNulls"
        ]
        return found

    assert gap("q.sum(m.node_load1)") is False
    assert gap("q.sum(q.increase(m.saas_sessions_started_total, over='1d'))") == 26 * 3600 * 1000


def test_a_meaning_names_the_window_that_was_chosen() -> None:
    assert "within the 7 days" in made("q.value(m.saas_active_users, { window: '7d' })")["help"]
