"""Cloud: which services of an application call which, how often, how well and how fast, as tracing sees it.

Source of the outcomes: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-errors
"""

from collections.abc import Iterable, Iterator, Mapping

from exporter.metric import Metric, Sample

OUTCOMES = ("ok", "error", "throttled", "fault")
PERCENTILES = (50, 95, 99)

_SERVICE = ("source", "service", "type")
REQUESTS = Metric(
    "cloud_service_requests",
    "Requests that a service answered within the window, as far as they were traced, by outcome: ok, error (the caller's "
    "fault), throttled, fault (the service's).",
    labels=(*_SERVICE, "outcome", "window"),
)
RESPONSE = Metric(
    "cloud_service_response_seconds",
    "How long a service took to answer within the window, on average. No value without a request.",
    labels=(*_SERVICE, "window"),
)
PERCENTILE = Metric(
    "cloud_service_response_percentile_seconds",
    "What that many in a hundred of a service's requests within the window took at most (percentile 50 is the median), to the "
    "precision of the vendor's histogram.",
    labels=(*_SERVICE, "percentile", "window"),
)
_CALL = ("source", "client", "service", "type")
CALLS = Metric(
    "cloud_service_calls",
    "Requests within the window from one service to another, as far as they were traced, by outcome as in "
    "cloud_service_requests.",
    labels=(*_CALL, "outcome", "window"),
)
CALL_SECONDS = Metric(
    "cloud_service_call_seconds",
    "How long requests from one service to another took within the window, on average, as the caller saw it. No value "
    "without one.",
    labels=(*_CALL, "window"),
)
TRACES = Metric(
    "cloud_traces",
    "Traces within the window that a filter of the settings finds.",
    labels=("source", "filter", "window"),
)


def by_outcome(metric: Metric, counts: Mapping[str, int], **labels: str) -> Iterator[Sample]:
    """A sample for each outcome, those without a request at 0."""
    window = labels.pop("window")
    for outcome in OUTCOMES:
        yield metric(counts.get(outcome, 0), **labels, outcome=outcome, window=window)


def quantile(histogram: Iterable[tuple[float, int]], share: float) -> float | None:
    """The smallest value that at least this share of the counted did not exceed; None where nothing was counted."""
    ordered = sorted(histogram)
    wanted, seen = share * sum(count for _, count in ordered), 0
    for value, count in ordered:
        seen += count
        if count and seen >= wanted:
            return value
    return None
