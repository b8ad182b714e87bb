"""Elasticsearch, or OpenSearch: how many log lines it takes in, by level, whether they still come in, and the cluster's health.

Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search,
https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-cluster-health and
https://docs.opensearch.org/latest/api-reference/. Names of the cluster's health: those of elasticsearch_exporter.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api
from exporter.clients.volume import INCOMPLETE, LINES, NEWEST, READY, Spellings, Tally, Window, Windows, by_level
from exporter.collector import Collector, Duration, Every, Samples, Secret
from exporter.errors import Malformed
from exporter.metric import Metric, Sample

STATUS = Metric(
    "elasticsearch_cluster_health_status",
    "Whether the cluster's health has this colour: 1 or 0. Yellow: replicas are missing; red: data cannot be reached.",
    labels=("cluster", "color"),
)
HEALTH = {
    field: Metric(f"elasticsearch_cluster_health_{field}", text, labels=("cluster",))
    for field, text in {
        "number_of_nodes": "Nodes in the cluster.",
        "number_of_data_nodes": "Nodes in the cluster that hold data.",
        "active_primary_shards": "Primary shards that can be used.",
        "active_shards": "Shards that can be used, primaries and replicas.",
        "relocating_shards": "Shards on their way from one node to another.",
        "initializing_shards": "Shards that are being set up.",
        "unassigned_shards": "Shards that no node holds.",
        "delayed_unassigned_shards": "Shards that no node holds, since a node that left may come back soon.",
        "number_of_pending_tasks": "Changes to the cluster that wait to be made.",
        "number_of_in_flight_fetch": "Requests under way for what nodes know of shards.",
        "task_max_waiting_in_queue_millis": "How long the first of the pending tasks has waited, in milliseconds.",
    }.items()
}
_DECLARED = (LINES, NEWEST, READY, INCOMPLETE, CALLS, DURATION, QUOTA)

_COLOURS = ("green", "yellow", "red")
_LOOK_BACK = 3600  # seconds in which the newest line is looked for
_MOST_SPELLINGS = 50  # of levels; lines of any further ones count as other


class Elasticsearch(Addressed, Collector, kind="elasticsearch"):
    """Log lines of Elasticsearch or OpenSearch, by level, as counters, and the health of the cluster.

    Lines are counted from the exporter's start on. After a failure it catches up, by an hour at most.
    """

    api_key: Secret | None = None
    """An API key of Elasticsearch in its encoded form, in place of other credentials."""
    index: str = "logs-*"
    """The indices or data streams that hold the lines; `*` stands for any text, several are joined by commas."""
    query: str = "*"
    """The lines to count, in the syntax of query strings, such as `service.name:shop AND NOT tags:audit`."""
    time_field: str = "@timestamp"
    """The field that holds a line's date."""
    level_field: str = "log.level"
    """The field that holds the level. Of a text field its keyword, such as `level.keyword`."""
    levels: Spellings = Field(default_factory=dict)
    """Further spellings of levels, such as `"50": error`. Those in common use are known; what is not counts as `other`."""
    late_by: Duration = 120.0
    """How long after its own date a line may come in and still be counted."""
    cluster_health: bool = True
    """Whether to ask for the health of the cluster, which takes the privilege `monitor`."""
    every: Every = 60.0
    """How often it is asked: three requests."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _tally: Tally | None = PrivateAttr(default=None)
    _newest: float | None = PrivateAttr(default=None)

    @field_validator("index")
    @classmethod
    def _is_of_indices(cls, index: str) -> str:
        if not re.fullmatch(r"[^/?#\s_][^/?#\s]*", index):
            raise ValueError("expected names of indices, joined by commas, such as logs-*,audit")
        return index

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        others = [self.bearer_token, self.username, "authorization" in map(str.lower, self.headers)]
        if self.api_key is not None and any(others):
            raise ValueError("expected api_key or other credentials, not both")
        self._api = Api(self.url, self, timeout=self.timeout, error_name=_error_name)
        return self

    def credentials(self) -> dict[str, str]:
        """The secrets' headers. Raises `OSError` when a file cannot be read."""
        own = {} if self.api_key is None else {"Authorization": f"ApiKey {self.api_key.read()}"}
        return super().credentials() | own

    async def collect(self) -> Samples:
        now = time.time()
        health = await self._api.get("/_cluster/health") if self.cluster_health else None
        tally = self._tally or Tally(int(now))
        windows = tally.windows(now, self.late_by)
        counts = await self._count(windows)
        self._newest = await self._look_for_newest(now) or self._newest
        if counts is not None:
            tally = tally.grown(windows, *counts)
        self._tally = tally
        for sample in tally.samples(self.name):
            yield sample
        yield INCOMPLETE(counts is None, source=self.name)
        if self._newest is not None:
            yield NEWEST(self._newest, source=self.name)
        if health is not None:
            for sample in _health(health, self.name):
                yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _count(self, windows: Windows) -> tuple[Counter[str], Counter[str]] | None:
        """Lines of both windows by level; None when not all of the data was looked at, since then they would be too few."""
        named = {"settling": windows.settling, "fresh": windows.fresh}
        asked = {name: window for name, window in named.items() if window is not None}
        if not asked:
            return Counter(), Counter()
        levels = {"levels": {"terms": {"field": self.level_field, "size": _MOST_SPELLINGS}}}
        found = await self._search(
            {
                "size": 0,
                "query": self._lines_of(Window(min(w.after for w in asked.values()), max(w.up_to for w in asked.values()))),
                "aggs": {name: {"filter": self._within(window), "aggs": levels} for name, window in asked.items()},
            }
        )
        if found is None:
            return None
        try:
            if found["timed_out"] or not _whole(found):
                return None
            counts = {name: _counted(found["aggregations"][name]) for name in asked}
        except (LookupError, TypeError, ValueError):
            raise Malformed("_search: expected aggregations with counts, got something else; is it Elasticsearch?") from None
        settling, fresh = (by_level(counts.get(name, {}), self.levels) for name in named)
        return settling, fresh

    async def _look_for_newest(self, now: float) -> float | None:
        """When the newest line of the last hour was written; nothing of the line itself is asked for."""
        order = {"order": "desc", "numeric_type": "date", "unmapped_type": "date"}  # milliseconds, also of finer dates
        found = await self._search(
            {
                "size": 1,
                "_source": False,
                "query": self._lines_of(Window(int(now) - _LOOK_BACK, int(now) + 1)),
                "sort": [{self.time_field: order}],
            }
        )
        if found is None:
            return None
        try:
            hits = found["hits"]["hits"]
            return float(hits[0]["sort"][0]) / 1000 if hits else None
        except (LookupError, TypeError, ValueError):
            raise Malformed(f"_search: expected a hit sorted by {self.time_field}, got something else; is it a date?") from None

    async def _search(self, body: dict[str, Any]) -> Any:
        """What a search gives; None when not one shard could be searched."""
        body |= {"track_total_hits": False, "timeout": f"{max(1, int(self.timeout / 3))}s"}
        # Without the parameter, indices that are not there would be some without lines.
        params = {"allow_no_indices": "false"}
        answer = await self._api.answer("POST", f"/{self.index}/_search", params, body, expected=frozenset({503}))
        return None if answer.status == 503 else answer.data()

    def _within(self, window: Window) -> dict[str, Any]:
        bounds = {"gt": window.after * 1000, "lte": window.up_to * 1000, "format": "epoch_millis"}
        return {"range": {self.time_field: bounds}}

    def _lines_of(self, window: Window) -> dict[str, Any]:
        return {"bool": {"filter": [{"query_string": {"query": self.query}}, self._within(window)]}}


def _error_name(body: Any) -> object:
    error = body["error"]
    causes = error.get("root_cause") or [error]
    return causes[0]["type"]


def _whole(found: Any) -> bool:
    """Whether all shards were searched. Those that no node holds are not among the failed ones, only not among the rest."""
    shards = found["_shards"]
    return int(shards["successful"]) >= int(shards["total"]) and not found.get("_clusters", {}).get("skipped")


def _counted(aggregation: Any) -> Counter[str]:
    """Lines by what they have as level; those without one, or beyond the most spellings, under an empty text."""
    counts = Counter({str(bucket["key"]): int(bucket["doc_count"]) for bucket in aggregation["levels"]["buckets"]})
    counts[""] += int(aggregation["doc_count"]) - counts.total()
    return counts


def _health(health: Any, source: str) -> Iterator[Sample]:
    """What the cluster says of itself; what its version does not have is absent."""
    try:
        cluster, status = str(health["cluster_name"]), str(health["status"]).lower()
        figures = {metric: float(health[name]) for name, metric in HEALTH.items() if name in health}
    except (LookupError, TypeError, ValueError):
        raise Malformed("/_cluster/health: expected name, status and figures, got something else") from None
    yield READY(status != "red", source=source)
    for colour in _COLOURS:
        yield STATUS(status == colour, cluster=cluster, color=colour)
    for metric, value in figures.items():
        yield metric(value, cluster=cluster)
