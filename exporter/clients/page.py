"""Page: what an endpoint serves to Prometheus, read into families of series.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and
https://prometheus.io/docs/specs/om/open_metrics_spec/ (OpenMetrics 1.0). Exemplars, timestamps, native histograms and
`_created` are left behind.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.errors import Malformed
from exporter.metric import Metric, MetricType, Sample

# Many an endpoint's OpenMetrics is not what the standard asks for, while all of them get the older format right.
ACCEPT = "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5"
PLAIN = {"gauge", "counter", "info", "stateset", "unknown"}

_TEXT = {"text/plain", ""}
_OPENMETRICS = "application/openmetrics-text"
_OLDEST = 300.0  # seconds that Prometheus looks back: what is older would pass for current without its timestamp
_BARE_COUNTER = re.compile(r"^# TYPE[ \t]+(\S+)(?<!_total)[ \t]+counter[ \t]*$", re.MULTILINE)
_BOUNDS = {"histogram": "le", "summary": "quantile"}
_SUFFIXES = {"histogram": {"_bucket", "_sum", "_count"}, "summary": {"", "_sum", "_count"}}


@dataclass(slots=True)
class Spread:
    """The lines of one label set of a histogram or summary."""

    bounds: list[tuple[float, float]] = field(default_factory=list)
    totals: dict[str, float] = field(default_factory=dict)
    """`_sum` and `_count`."""

    def sample(self, metric: Metric, labels: dict[str, str]) -> Sample:
        """Raises `ValueError` when the figures cannot be right."""
        sum_, count = self.totals.get("_sum"), self.totals.get("_count")
        if sum_ is not None and sum_ < 0:  # observations below zero: such a sum may fall, as no counter may
            sum_ = None
        make = metric.histogram if metric.type == "histogram" else metric.summary
        return make(self.bounds, sum=sum_, count=count, **labels)


@dataclass(slots=True)
class Family:
    """All series of one name. The name of a counter is the one that its lines have."""

    name: str
    type: MetricType
    help: str
    series: list[tuple[dict[str, str], "float | Spread"]] = field(default_factory=list)
    lines: int = 0
    old: bool = False
    """Whether lines were left out because their timestamps are of long ago."""
    _spreads: dict[tuple[tuple[str, str], ...], Spread] = field(default_factory=dict)

    def add(self, suffix: str, labels: dict[str, str], value: float) -> None:
        """Take a line in. Raises `ValueError` for a bound that is no number."""
        if self.type in PLAIN:
            self.series.append((labels, value))
            return
        bound = labels.pop(_BOUNDS[self.type], None)
        key = tuple(sorted(labels.items()))
        spread = self._spreads.get(key)
        if spread is None:
            spread = self._spreads[key] = Spread()
            self.series.append((labels, spread))
        if bound is None:
            spread.totals[suffix] = value
        else:
            spread.bounds.append((float(bound), value))


def families(body: bytes, media_type: str, now: float) -> list[Family]:
    """What a page holds, by name; `now` in Unix time tells old lines. Raises `Malformed`."""
    if media_type not in _TEXT and media_type != _OPENMETRICS:
        raise Malformed(
            f"expected metrics as text/plain or {_OPENMETRICS}, got {media_type[:60]}; is it the URL of the metrics?"
        )
    found: dict[tuple[str, bool], Family] = {}
    try:
        text = body.decode()
        counters = set() if media_type == _OPENMETRICS else set(_BARE_COUNTER.findall(text))
        if counters:  # the parser would call them otherwise: with _total
            text = _BARE_COUNTER.sub(r"# TYPE \1 untyped", text)
        parse: Callable[[str], Iterable[Any]] = parse_openmetrics if media_type == _OPENMETRICS else parse_text
        for given in parse(text):
            for name, type_, suffix, sample in _lines(given):
                family = found.get((name, type_ in PLAIN))
                if family is None:
                    own_type: MetricType = "counter" if type_ == "unknown" and name in counters else type_
                    family = found[name, type_ in PLAIN] = Family(name, own_type, given.documentation)
                family.lines += 1
                if sample.timestamp is not None and float(sample.timestamp) < now - _OLDEST:
                    family.old = True
                else:
                    family.add(suffix, sample.labels, float(sample.value))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError):
        # The parsers' messages quote the line, which may hold anything.
        raise Malformed(f"expected metrics as {media_type or 'text/plain'}, got a line that cannot be read") from None
    return list(found.values())


def _lines(given: Any) -> Iterator[tuple[str, MetricType, str, Any]]:
    """Metric name, type, suffix and sample of each line of a family as the parsers have it."""
    for sample in given.samples:
        suffix = sample.name.removeprefix(given.name)
        if given.type in _SUFFIXES:
            if suffix in _SUFFIXES[given.type]:
                yield given.name, given.type, suffix, sample
        elif given.type == "gaugehistogram" or (given.type == "info" and suffix != "_info"):
            yield sample.name, "gauge", "", sample
        elif given.type != "counter" or suffix != "_created":
            yield sample.name, given.type if given.type in PLAIN else "unknown", "", sample
