"""Headers, series and values as the two text formats write them.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and
https://prometheus.io/docs/specs/om/open_metrics_spec/ (OpenMetrics 1.0). Sample lines are alike in both; headers are not.
"""

import math
from enum import Enum

from exporter.metric import Metric

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


class Format(Enum):
    """A text format, by its media type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def end(self) -> bytes:
        """What closes a page."""
        return b"# EOF\n" if self is Format.OPENMETRICS else b""


def header(metric: Metric, format_: Format) -> bytes:
    """The HELP and TYPE lines of a metric.

    OpenMetrics names a counter's family without `_total`, and knows no counter whose samples lack it: such a one is
    written there as `unknown` under its literal name, as Prometheus' own Go library does.
    """
    name = metric.name
    if format_ is Format.TEXT:
        untyped = "untyped" if metric.type == "unknown" else metric.type
        return f"# HELP {name} {metric.help.translate(_HELP_ESCAPES)}\n# TYPE {name} {untyped}\n".encode()
    kind = "unknown" if metric.type == "counter" and not name.endswith("_total") else metric.type
    family = name.removesuffix("_total") if kind == "counter" else name
    return f"# TYPE {family} {kind}\n# HELP {family} {metric.help.translate(_ESCAPES)}\n".encode()


def series(metric: Metric, labels: tuple[str, ...]) -> str:
    """A series as it stands before its value: `name{label="value"} `. Text that is not Unicode is marked, not refused."""
    if not labels:
        return metric.name + " "
    pairs = ",".join([f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(metric.labels, labels, strict=True)])
    return f"{metric.name}{{{pairs}}} ".encode(errors="replace").decode()


def number(value: float) -> str:
    """A value as both formats read it. Raises `OverflowError` for an integer beyond a double, `TypeError` for no number."""
    value = float(value)
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
