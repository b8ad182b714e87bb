"""Xray: the service graph of AWS X-Ray: which services answered how many requests, how well, how fast, and who called them.

Source: https://docs.aws.amazon.com/xray/latest/api/API_GetServiceGraph.html and
https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeVar

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api
from exporter.clients.moment import Window, length
from exporter.clients.region import Region
from exporter.collector import Collector, Duration, Every, Samples
from exporter.errors import Malformed
from exporter.metric import Sample
from exporter.roles import cloud

_DECLARED = (
    cloud.REQUESTS, cloud.RESPONSE, cloud.PERCENTILE, cloud.CALLS, cloud.CALL_SECONDS, cloud.TRACES, CALLS, DURATION, QUOTA,
)  # fmt: skip

_LONGEST = 6 * 3600  # seconds that one request may span
_OTHER = "other"

K = TypeVar("K", bound=tuple[str, ...])
_Node = tuple[str, str]
"""Name and type: a function and the platform that runs it have the same name."""


class Xray(Region, Collector, kind="xray"):
    """The service graph of AWS X-Ray, from traces of the last minutes. What is sampled away is in none of the figures."""

    endpoint: ClassVar[str] = "xray"

    group: str = Field(default="", max_length=32)
    """The group of traces to make the graph of; all traces unless given."""
    traces: dict[str, str] = Field(default_factory=dict)
    """Filters to count traces by: names, and expressions such as `responsetime > 5`. Each trace that is read has a price."""
    window: Window = "5m"
    """The length of time that figures are of, at most 6h."""
    delay: Duration = 60.0
    """How late traces come in: the window ends that long ago."""
    most: int = Field(default=50, ge=1)
    """How many services to show, those with the most requests; the rest is shown as `other`. Of calls, twice as many."""
    most_pages: int = Field(default=50, ge=1)
    """The most pages to read of one answer. Where there are more, the run fails."""
    every: Every = 60.0
    """How often it is asked: one request per page of the graph, and of each filter's traces."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _api: Api = PrivateAttr()

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        if length(self.window) > _LONGEST:
            raise ValueError("expected a window of at most 6h")
        self._api = self.api("xray", self.timeout)
        return self

    async def collect(self) -> Samples:
        end = int(time.time() - self.delay)
        span: dict[str, Any] = {"StartTime": end - int(length(self.window)), "EndTime": end}
        graph = _Graph()
        group = {"GroupName": self.group} if self.group else {}
        async for page, place in self._pages("/ServiceGraph", span | group):
            try:
                graph.take_in(page["Services"])
            except (LookupError, TypeError, ValueError, AttributeError):
                raise Malformed(f"{place}: expected services with statistics, got something else; is it X-Ray?") from None
        for sample in graph.samples(self.name, self.window, self.most):
            yield sample
        for name, expression in self.traces.items():
            count = 0
            found = {"TimeRangeType": "TraceId", "Sampling": False} | ({"FilterExpression": expression} if expression else {})
            async for page, place in self._pages("/TraceSummaries", span | found):
                if not isinstance(page.get("TraceSummaries"), list):
                    raise Malformed(f"{place}: expected summaries of traces, got something else; is it X-Ray?")
                count += len(page["TraceSummaries"])
            yield cloud.TRACES(count, source=self.name, filter=name, window=self.window)
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _pages(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[tuple[dict[str, Any], str]]:
        """Each page and what it came for."""
        places: list[str] = []

        def follow(answer: Answer) -> dict[str, Any] | None:
            token = answer.data().get("NextToken")
            places.append(answer.place)
            if len(places) >= self.most_pages and token:
                raise Malformed(f"{answer.place}: expected at most {self.most_pages} pages, got more; ask for a shorter window")
            return {"NextToken": token} if token else None

        async for page in self._api.pages(path, follow, body=body):
            place = f"POST {path}"
            if not isinstance(page, dict) or not isinstance(page.get("NextToken", ""), str | None):
                raise Malformed(f"{place}: expected an object, got something else; is it X-Ray?")
            yield page, place


@dataclass(slots=True)
class _Statistics:
    """Requests of one service or edge, of all accounts and pages together."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    histogram: Counter[float] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return self.outcomes.total()

    def add(self, found: Mapping[str, Any] | None, histogram: list[dict[str, Any]] | None) -> None:
        """Add what X-Ray counted. A client has no statistics of its own."""
        if found is None:
            return
        errors, faults = found["ErrorStatistics"], found["FaultStatistics"]
        self.outcomes.update(
            ok=int(found["OkCount"]),
            error=int(errors["TotalCount"]) - int(errors["ThrottleCount"]),
            throttled=int(errors["ThrottleCount"]),
            fault=int(faults["TotalCount"]),
        )
        self.seconds += float(found["TotalResponseTime"])
        for entry in histogram or ():
            self.histogram[float(entry["Value"])] += int(entry["Count"])

    def merge(self, other: "_Statistics") -> None:
        self.outcomes.update(other.outcomes)
        self.seconds += other.seconds
        self.histogram.update(other.histogram)


class _Graph:
    """Services and the calls between them."""

    def __init__(self) -> None:
        self._names: dict[int, _Node] = {}
        self._services: dict[_Node, _Statistics] = {}
        self._edges: list[tuple[_Node, int, _Statistics]] = []

    def take_in(self, services: list[dict[str, Any]]) -> None:
        """Add a page's services. An edge may lead to a service of another page."""
        for service in services:
            node = str(service["Name"]), str(service.get("Type") or "unknown")
            self._names[int(service["ReferenceId"])] = node
            statistics = service.get("SummaryStatistics")
            if statistics is not None:
                self._services.setdefault(node, _Statistics()).add(statistics, service.get("ResponseTimeHistogram"))
            for edge in service.get("Edges") or ():
                call = _Statistics()
                call.add(edge.get("SummaryStatistics"), None)
                self._edges.append((node, int(edge["ReferenceId"]), call))

    def samples(self, source: str, window: str, most: int) -> Iterator[Sample]:
        for (service, type_), found in _largest(self._services, most, (_OTHER, _OTHER)):
            labels = {"source": source, "service": service, "type": type_}
            yield from cloud.by_outcome(cloud.REQUESTS, found.outcomes, **labels, window=window)
            if found.requests:
                yield cloud.RESPONSE(found.seconds / found.requests, **labels, window=window)
            for percentile in cloud.PERCENTILES:
                value = cloud.quantile(found.histogram.items(), percentile / 100)
                if value is not None:
                    yield cloud.PERCENTILE(value, **labels, percentile=str(percentile), window=window)
        for (client, service, type_), found in _largest(self._calls(), 2 * most, (_OTHER, _OTHER, _OTHER)):
            labels = {"source": source, "client": client, "service": service, "type": type_}
            yield from cloud.by_outcome(cloud.CALLS, found.outcomes, **labels, window=window)
            if found.requests:
                yield cloud.CALL_SECONDS(found.seconds / found.requests, **labels, window=window)

    def _calls(self) -> dict[tuple[str, str, str], _Statistics]:
        calls: dict[tuple[str, str, str], _Statistics] = {}
        for (client, _), to, found in self._edges:
            if to in self._names:
                calls.setdefault((client, *self._names[to]), _Statistics()).merge(found)
        return calls


def _largest(found: Mapping[K, _Statistics], most: int, other: K) -> Iterator[tuple[K, _Statistics]]:
    """Those with the most requests, and what the rest comes to."""
    ordered = sorted(found.items(), key=lambda entry: (-entry[1].requests, entry[0]))
    yield from ordered[:most]
    if len(ordered) > most:
        rest = _Statistics()
        for _, each in ordered[most:]:
            rest.merge(each)
        yield other, rest
