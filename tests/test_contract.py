"""What every kind of collector, and so every metric of the catalogue, must keep to."""

import re
import sys

import pytest

from exporter.catalogue import Entry, catalogue
from exporter.collector import Collector, load_kinds
from exporter.metric import Metric

KINDS = load_kinds()
METRICS = [entry.metric for entry in catalogue()]
# Names that other exporters made known before the rules that they break.
WELL_KNOWN = ("container_", "elasticsearch_", "node_", "pg_", "pgbouncer_", "probe_", "process_")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_its_module_says_what_it_reads_and_where_that_is_documented(kind: type[Collector]) -> None:
    text = sys.modules[kind.__module__].__doc__ or ""
    assert "http" in text, "cite the API page, kernel document or formula that the figures come from"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_setting_is_described(kind: type[Collector]) -> None:
    assert [name for name, field in kind.model_fields.items() if not field.description] == []
    assert kind.__doc__


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_it_declares_metrics(kind: type[Collector]) -> None:
    assert list(kind.declares_always())


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(metric.name))
def test_a_help_text_is_a_sentence(metric: Metric) -> None:
    assert metric.help.endswith(".")
    assert metric.help[0].isupper() or not metric.help[0].isalpha()


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: str(entry.metric.name))
def test_a_help_text_stands_alone(entry: Entry) -> None:
    """Whoever reads it sees no other metric beside it: on a panel, in Grafana's explorer, in a list in another order."""
    assert [text for text in entry.helps.values() if re.match(r"(As|Such|Th[eo]se|The same)\b", text)] == []


@pytest.mark.parametrize(
    "metric", [metric for metric in METRICS if not metric.name.startswith(WELL_KNOWN)], ids=lambda metric: str(metric.name)
)
def test_names_of_our_own_follow_the_fields_rules(metric: Metric) -> None:
    """Source: https://prometheus.io/docs/practices/naming/."""
    assert (metric.type == "counter") == metric.name.endswith("_total")
    assert not any(word in metric.name.split("_") for word in ("ms", "milliseconds", "minutes", "hours", "kb", "mb", "percent"))
    assert not any(metric.name.endswith(f"_{label}") for label in metric.labels)


def test_no_two_names_become_one_in_openmetrics() -> None:
    """There a counter's family is named without `_total`, and family names must differ."""
    families = [metric.name.removesuffix("_total") if metric.type == "counter" else metric.name for metric in METRICS]
    assert sorted(families) == sorted(set(families))
