"""Every dashboard as the sources make it now, its panels and queries, and what is known of the metrics."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from exporter.bundle import Bundle, render
from exporter.bundle.jsonnet import evaluate
from exporter.sources import sources_folder
from tests.rules.analysis import Known, parsed

Json = dict[str, Any]

# None that Grafana 11 to 13 migrates or lacks.
PANEL_TYPES = {"stat", "timeseries", "bargauge", "gauge", "heatmap", "state-timeline", "table", "text", "row"}
LIB = "local lib = mixin.lib;\n"
BUILT_IN = {"__rate_interval": "5m", "__range": "1h", "__interval": "1m"}
TARGET = frozenset({"job", "instance"})
"""Labels that Prometheus adds to what it scrapes, and rules do not."""

FILES = render()


def dashboards_of(bundle: Bundle | None = None) -> dict[str, Json]:
    """The rendered dashboards by the stem of their files."""
    files = FILES if bundle is None else render(bundle)
    return {path.stem: json.loads(text) for path, text in files.items() if path.suffix == ".json"}


DASHBOARDS = dashboards_of()
METRICS: Json = evaluate(
    sources_folder(),
    LIB + "local known(record) = { type: 'gauge', unit: std.get(record, 'unit', ''), labels: record.labels };\n"
    "lib.metrics + { [name]: known(lib.records[name]) for name in std.objectFields(lib.records) }",
)
each_dashboard = pytest.mark.parametrize("uid", DASHBOARDS)


class Query(NamedTuple):
    """A query of a panel, a variable or an annotation, and where it stands."""

    where: str
    text: str

    @property
    def parsed(self) -> Any:
        text = self.text
        for name, value in BUILT_IN.items():
            text = text.replace(f"${name}", value)
        return parsed(re.sub(r"\$\{\w+\}|\$\w+", "x", text))

    @property
    def variables(self) -> set[str]:
        return set(re.findall(r"\$\{?([a-z_]\w*)", self.text)) - BUILT_IN.keys()


def entries_of(dashboard: Json) -> list[Json]:
    """Headings, notes and panels from top to bottom, with those that are folded away."""
    return [each for panel in dashboard["panels"] for each in [panel, *panel.get("panels", ())]]


def panels_of(dashboard: Json) -> list[Json]:
    """The panels that show figures: neither headings nor notes."""
    return [panel for panel in entries_of(dashboard) if panel["type"] not in {"row", "text"}]


def panel_of(dashboard: Json, title: str) -> Json:
    return next(panel for panel in entries_of(dashboard) if panel["title"] == title)


def panel_queries(dashboard: Json) -> Iterator[Query]:
    for panel in panels_of(dashboard):
        for target in panel["targets"]:
            yield Query(panel["title"], target["expr"])


def queries_of(dashboard: Json) -> Iterator[Query]:
    yield from panel_queries(dashboard)
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield Query(annotation["name"], annotation["expr"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector = re.fullmatch(r"label_values\((.+), \w+\)", variable["definition"])
            assert selector is not None
            yield Query(variable["name"], selector[1])


def known(name: str, metric: Json) -> Known:
    is_made_by_rules = ":" in name or name == "ALERTS"
    return Known(metric["type"], frozenset(metric["labels"]) | (frozenset() if is_made_by_rules else TARGET))


def is_snapshot(metric: Json) -> bool:
    """Whether a histogram starts anew with each poll, as all do that the exporter makes: nobody takes their rate."""
    return metric["type"] == "histogram" and "kinds" in metric


KNOWN = {name: known(name, metric) for name, metric in METRICS.items()}
