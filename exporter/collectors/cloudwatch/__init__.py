"""Cloudwatch: metrics of Amazon CloudWatch, as declared, by GetMetricData.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html and, of its price,
https://aws.amazon.com/cloudwatch/pricing/
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.api import CALLS, DURATION, QUOTA, Api
from exporter.clients.declaration import united
from exporter.clients.region import Region
from exporter.collector import Collector, Duration, Every, Samples
from exporter.collectors.cloudwatch.query import Batch, Wanted, batches
from exporter.errors import Denied, Malformed, Unreachable
from exporter.metric import Metric, Sample

REQUESTED = Metric(
    "cloud_requested_metrics_total",
    "Metrics asked of CloudWatch since the exporter started; each thousand has a price.",
    "counter",
    ("source",),
)
NEWEST = Metric(
    "cloud_datapoint_timestamp_seconds",
    "End of the period that the figure stands for, in Unix time; of several series, the oldest. How far it is behind now "
    "says how old the figure is.",
    labels=("source", "metric"),
)
_DECLARED = (REQUESTED, NEWEST, CALLS, DURATION, QUOTA)

_MOST_PAGES = 100


class Cloudwatch(Region, Collector, kind="cloudwatch"):
    """Metrics of Amazon CloudWatch under names of your own: the figure of the last complete period of each."""

    endpoint: ClassVar[str] = "monitoring"

    metrics: tuple[Wanted, ...] = Field(min_length=1)
    """The metrics to ask for. Each one costs, at each run."""
    every: Every = 300.0
    """How often all are asked for, 500 in a request."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _batches: list[Batch] = PrivateAttr()
    _metrics: dict[str, Metric] = PrivateAttr()
    _requested: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._metrics = united(wanted.labelled() for wanted in self.metrics)
        self._batches = batches(self.metrics)
        self._api = self.api("monitoring", self.timeout)
        return self

    def credentials(self) -> dict[str, str]:
        """What the protocol AWS JSON 1.0 wants to stand in the head."""
        return {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
        }

    def declares(self) -> Iterable[Metric]:
        """The metrics of its settings, and those about the requests."""
        return (*self._metrics.values(), *_DECLARED)

    async def collect(self) -> Samples:
        now = time.time()
        oldest: dict[str, int] = {}
        for batch in self._batches:
            found = await self._ask(batch, now)
            for id_, wanted in batch.queries.items():
                for at, sample in self._figures(wanted, batch, found.get(id_, {}), batch.last(now)):
                    oldest[wanted.name] = min(at, oldest.get(wanted.name, at))
                    yield sample
        for name, at in oldest.items():
            yield NEWEST(at, source=self.name, metric=name)
        yield REQUESTED(self._requested, source=self.name)
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _ask(self, batch: Batch, now: float) -> dict[str, dict[str, "_Series"]]:
        """The series by query and label."""
        body, found = batch.body(now), dict[str, dict[str, _Series]]()
        self._requested += sum(not wanted.expression for wanted in batch.queries.values())
        tokens: set[str] = set()
        for _ in range(_MOST_PAGES):
            answer = await self._api.answer("POST", "", None, body)
            try:
                token = _take_in(found, answer.data())
            except (LookupError, TypeError, ValueError, AttributeError):
                raise Malformed(f"{answer.place}: expected metric data, got something else; is it CloudWatch?") from None
            if not token:
                break
            if token in tokens:
                raise Malformed(f"{answer.place}: expected a further page, was sent back to one")
            tokens.add(token)
            body["NextToken"] = token
        else:
            raise Malformed(f"GetMetricData: expected at most {_MOST_PAGES} pages, got more; ask for fewer series")
        for id_, by_label in found.items():
            wanted = batch.queries.get(id_)
            self._requested += len(by_label) if wanted is not None and wanted.gives_series else 0
            for series in by_label.values():
                _check(series.status, wanted.name if wanted is not None else id_)
        return found

    def _figures(self, wanted: Wanted, batch: Batch, found: Mapping[str, "_Series"], last: int) -> Iterator[tuple[int, Sample]]:
        """The newest figure of each series, with the end of its period."""
        metric = self._metrics[wanted.name]
        earliest = last - (wanted.look_back - 1) * batch.period
        nothing = {} if wanted.series_label else {"": _Series()}
        for label, series in (found or nothing).items():
            at = max((at for at in series.values if earliest <= at <= last), default=None)
            if wanted.nil_to_zero and at != last:
                at, value = last, 0.0
            elif at is not None:
                value = series.values[at]
            else:
                continue
            labels = {"source": self.name, **wanted.labels} | ({wanted.series_label: label} if wanted.series_label else {})
            yield at + batch.period, metric(value * wanted.scale, **labels)


@dataclass(slots=True)
class _Series:
    """One series of one query, over all pages."""

    values: dict[int, float] = field(default_factory=dict)
    """By the beginning of their period."""
    status: str = "Complete"


def _take_in(found: dict[str, dict[str, _Series]], page: Any) -> str:
    """Add what a page has; gives the token of the next one, or nothing."""
    if messages := page.get("Messages"):
        raise Malformed(f"GetMetricData: {_name(messages[0]['Code'])}; ask for less, or for a shorter look_back")
    for result in page["MetricDataResults"]:
        series = found.setdefault(str(result["Id"]), {}).setdefault(str(result["Label"]), _Series())
        pairs = zip(result["Timestamps"], result["Values"], strict=True)
        series.values.update((int(at), float(value)) for at, value in pairs)
        series.status = result["StatusCode"]
        if not isinstance(series.status, str):
            raise TypeError(series.status)
    token: Any = page.get("NextToken")
    if token is not None and not isinstance(token, str):
        raise TypeError(token)
    return token or ""


def _check(status: str, name: str) -> None:
    """Raises `PollError` for a query that was not answered in full."""
    if status == "Forbidden":
        raise Denied(f"GetMetricData: {name}: forbidden; check the account, and that it is shared with this one")
    if status != "Complete":
        raise Unreachable(f"GetMetricData: {name}: expected all of its data, got status {_name(status)}")


def _name(text: object) -> str:
    """A name from an answer, fit for a message."""
    return text if isinstance(text, str) and text.isalnum() and len(text) <= 64 else "unknown"
