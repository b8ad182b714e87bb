"""Loki: how many log lines it takes in, by level, and whether they still come in.

Source: https://grafana.com/docs/loki/latest/reference/loki-http-api/ (query, query_range, ready) and
https://grafana.com/docs/loki/latest/query/metric_queries/
"""

import time
from collections import Counter
from typing import Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api, Params
from exporter.clients.volume import LINES, NEWEST, READY, Spellings, Tally, Window, by_level
from exporter.collector import Collector, Duration, Every, Samples
from exporter.errors import Malformed
from exporter.metric import Metric

BYTES = Metric(
    "logs_bytes_total",
    "Bytes of log lines since the exporter started, counted once no more lines of their time are expected.",
    "counter",
    ("source",),
)
_DECLARED = (LINES, NEWEST, READY, CALLS, DURATION, QUOTA)

_LOOK_BACK = 3600  # seconds in which the newest line is looked for
_NANOSECONDS = 1_000_000_000


class Loki(Addressed, Collector, kind="loki"):
    """Log lines of Grafana Loki, by level, as counters. One collector per application or part that is watched.

    Lines are counted from the exporter's start on. After a failure it catches up, by an hour at most.
    """

    query: str
    """The lines to count, as a LogQL query without aggregation, such as `{service_name="shop"}`."""
    tenant: str = ""
    """Sent as `X-Scope-OrgID`, where Loki serves several tenants; several are joined by `|`."""
    level_label: str = Field(default="detected_level", pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")
    """The label that holds the level. Loki finds `detected_level` by itself from 3.0 on; before, it is what the agent sends."""
    levels: Spellings = Field(default_factory=dict)
    """Further spellings of levels, such as `"50": error`. Those in common use are known; what is not counts as `other`."""
    late_by: Duration = 120.0
    """How long after its own date a line may come in and still be counted."""
    ready: bool = True
    """Whether to ask for `/ready`, which Grafana Cloud and some gateways do not offer."""
    every: Every = 60.0
    """How often Loki is asked: four requests, or five."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _tally: Tally | None = PrivateAttr(default=None)
    _bytes: int = PrivateAttr(default=0)
    _newest: float | None = PrivateAttr(default=None)

    @field_validator("query")
    @classmethod
    def _is_of_lines(cls, query: str) -> str:
        if not query.lstrip().startswith("{"):
            raise ValueError('expected a LogQL query of lines, which begins with a selector such as {service_name="shop"}')
        return query

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._api = Api(self.url, self, timeout=self.timeout)
        return self

    def credentials(self) -> dict[str, str]:
        """The secrets' headers and the tenant's. Raises `OSError` when a file cannot be read."""
        return super().credentials() | ({"X-Scope-OrgID": self.tenant} if self.tenant else {})

    async def collect(self) -> Samples:
        now = time.time()
        tally = self._tally or Tally(int(now))
        windows = tally.windows(now, self.late_by)
        ready = await self._is_ready() if self.ready else None
        settling, fresh = await self._count(windows.settling), await self._count(windows.fresh)
        size = await self._size(windows.settling)
        self._newest = await self._look_for_newest(now) or self._newest
        # Only when nothing can fail any more: no window may be counted twice.
        self._tally = tally.grown(windows, settling, fresh)
        self._bytes += size
        for sample in self._tally.samples(self.name):
            yield sample
        yield BYTES(self._bytes, source=self.name)
        if self._newest is not None:
            yield NEWEST(self._newest, source=self.name)
        if ready is not None:
            yield READY(ready, source=self.name)
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _is_ready(self) -> bool:
        answer = await self._api.answer("GET", "/ready", expected=frozenset({500, 503}))
        return answer.status == 200

    async def _count(self, window: Window | None) -> Counter[str]:
        """Lines of a window by level."""
        if window is None:
            return Counter()
        by = self.level_label
        found = await self._ask(f"sum by ({by}) (count_over_time({self.query} [{window.length}s]))", window.up_to)
        counts: Counter[str] = Counter()
        for level, number in found:
            counts[level.get(by, "")] += number
        return by_level(counts, self.levels)

    async def _size(self, window: Window | None) -> int:
        """Bytes of a window."""
        if window is None:
            return 0
        found = await self._ask(f"sum(bytes_over_time({self.query} [{window.length}s]))", window.up_to)
        return sum(number for _, number in found)

    async def _ask(self, query: str, at: int) -> list[tuple[dict[str, str], int]]:
        """What a metric query gives at an instant: whole numbers by labels."""
        data = await self._api.get("/loki/api/v1/query", {"query": query, "time": at * _NANOSECONDS})
        try:
            return [(dict(each["metric"]), int(float(each["value"][1]))) for each in data["data"]["result"]]
        except (ValueError, LookupError, TypeError):
            raise Malformed("/loki/api/v1/query: expected a vector with numbers, got something else; is it Loki?") from None

    async def _look_for_newest(self, now: float) -> float | None:
        """When the newest line of the last hour was written; of the line itself nothing is kept."""
        params: Params = {
            "query": self.query,
            "limit": 1,
            "direction": "backward",
            "start": (int(now) - _LOOK_BACK) * _NANOSECONDS,
            "end": (int(now) + 1) * _NANOSECONDS,
        }
        data = await self._api.get("/loki/api/v1/query_range", params)
        try:
            times = [int(at) for stream in data["data"]["result"] for at, *_ in stream["values"]]
        except (ValueError, LookupError, TypeError):
            raise Malformed("/loki/api/v1/query_range: expected streams, got something else; is query one of lines?") from None
        return max(times) / _NANOSECONDS if times else None
