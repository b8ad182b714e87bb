"""Headers, series and values as the two text formats write them.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and
https://prometheus.io/docs/specs/om/open_metrics_spec/ (OpenMetrics 1.0). Sample lines are alike in both; headers are not.
Neither exemplars nor `_created` nor timestamps are written.
"""

import functools
import math
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum

from exporter.metric import Distribution, Metric

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_AS_GAUGE = {"info", "stateset"}  # text has no such types; Prometheus' own Go library writes none in OpenMetrics either
_BOUND_LABELS = {"histogram": "le", "summary": "quantile"}


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
    name, kind = metric.name, "gauge" if metric.type in _AS_GAUGE else str(metric.type)
    if format_ is Format.TEXT:
        kind, help_text = "untyped" if kind == "unknown" else kind, metric.help.translate(_HELP_ESCAPES)
        lines = f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"
    else:
        if kind == "counter" and not name.endswith("_total"):
            kind = "unknown"
        family = name.removesuffix("_total") if kind == "counter" else name
        lines = f"# TYPE {family} {kind}\n# HELP {family} {metric.help.translate(_ESCAPES)}\n"
    return lines.encode(errors="replace")


def series(metric: Metric, labels: tuple[str, ...]) -> str:
    """A series as it stands before its value: `name{label="value"} `. Text that is not Unicode is marked, not refused.

    After the label values may stand a tail: what sets apart a line of a histogram or summary.
    """
    name, names = metric.name, metric.labels
    if len(labels) > len(names):
        suffix, *bound = labels[len(names) :]
        name, labels = name + suffix, (*labels[: len(names)], *bound)
        names = (*names, _BOUND_LABELS[metric.type]) if bound else names
    if not labels:
        return name + " "
    pairs = ",".join([f'{label}="{value.translate(_ESCAPES)}"' for label, value in zip(names, labels, strict=True)])
    return f"{name}{{{pairs}}} ".encode(errors="replace").decode()


def tails(distribution: Distribution) -> Iterator[tuple[tuple[str, ...], float]]:
    """The lines of a histogram or summary in order: the tail for `series`, and the value."""
    for suffix, bound, value in distribution.parts:
        yield (suffix,) if bound is None else (suffix, canonical(bound)), value


@functools.lru_cache(maxsize=1024)
def canonical(bound: float) -> str:
    """A bound or quantile as OpenMetrics wants it. It is part of a series' name: `1` and `1.0` would be two series."""
    bound = float(bound)
    if math.isinf(bound) or bound == 0:
        return number(bound + 0.0)
    if 1e-4 <= abs(bound) < 1e6:
        return repr(bound)
    sign, digits, _ = (value := Decimal(repr(bound)).normalize()).as_tuple()
    mantissa = f"{digits[0]}.{''.join(map(str, digits[1:]))}".removesuffix(".")
    return f"{'-' * sign}{mantissa}e{value.adjusted():+03d}"


def number(value: float) -> str:
    """A value as both formats read it. Raises `OverflowError` for an integer beyond a double, `TypeError` for no number."""
    value = float(value)
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
