"""Query: a metric that is wanted of CloudWatch, and which queries have to go together.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from exporter.clients.declaration import Declaration
from exporter.collector import Duration
from exporter.metric import Metric

_MOST_QUERIES = 500  # in one request
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_WORD = re.compile(r"\b[a-z][a-zA-Z0-9_]*\b")


class Wanted(Declaration):
    """A metric of CloudWatch, or what metric math makes of some, under a name of its own."""

    namespace: str = ""
    """Its namespace, such as `AWS/ApplicationELB`."""
    metric: str = ""
    """Its name there, such as `HTTPCode_Target_5XX_Count`."""
    dimensions: dict[str, str] = Field(default_factory=dict, max_length=30)
    """All its dimensions; with some left out it is another metric, or none."""
    stat: str = "Average"
    """The statistic: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p95`."""
    expression: str = Field(default="", max_length=2048)
    """In place of a metric: metric math over the `id`s of others, a `SEARCH`, or a `SELECT` of Metrics Insights."""
    id: str = Field(default="", pattern=r"^([a-z][a-zA-Z0-9_]*)?$", max_length=200)
    """What expressions call it."""
    account: str = ""
    """The number of the account, where a monitoring account reads from others."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels with a fixed value, such as `{balancer: shop}`."""
    series_label: str = ""
    """The label that tells apart the series of a `SEARCH` or `SELECT`; its values are CloudWatch's labels."""
    period: Duration = 300.0
    """The length of time that one figure stands for: 1m or a multiple, at least what the service writes."""
    delay: Duration = 180.0
    """How late figures come in. Periods that ended less than that ago are not looked at, since they may be incomplete."""
    look_back: int = Field(default=3, ge=1, le=100)
    """How many periods back a figure may be and still be shown, when there is none for the last one."""
    nil_to_zero: bool = False
    """Whether no figure for the last period means 0, as of counts that are only written when there is something to count."""

    @model_validator(mode="after")
    def _is_one_query(self) -> Self:
        if self.type != "gauge":
            raise ValueError("expected type: gauge, since CloudWatch gives figures of a period, not totals")
        if bool(self.expression) == bool(self.metric) or bool(self.metric) != bool(self.namespace):
            raise ValueError("expected namespace and metric, or else expression")
        if self.expression and (self.dimensions or self.account):
            raise ValueError("expected no dimensions and no account beside expression")
        if "METRICS(" in self.expression:
            raise ValueError("METRICS() would mean whatever is asked in the same request; name the ids")
        if bool(self.series_label) != self.gives_series:
            raise ValueError("expected series_label beside a SEARCH or a SELECT, and nowhere else")
        if self.period < 1 or self.period % 1 or (self.period > 60 and self.period % 60):
            raise ValueError("expected a period of whole minutes, or of seconds for metrics of high resolution")
        self.labelled()
        return self

    @property
    def gives_series(self) -> bool:
        """Whether there are series that nobody knows beforehand."""
        return self.is_insight or "SEARCH(" in self.expression

    @property
    def is_insight(self) -> bool:
        """Whether it is a query of Metrics Insights, of which a request takes one."""
        return self.expression.lstrip().upper().startswith("SELECT")

    def labelled(self) -> Metric:
        """The metric it becomes. Raises `ValueError` for what cannot be labels."""
        if taken := {"source"}.intersection((*self.labels, self.series_label)):
            raise ValueError(f"expected other labels than {min(taken)}, which each series has anyway")
        return self.declared_as((*self.labels, *filter(None, (self.series_label,))))

    def query(self, id_: str) -> dict[str, Any]:
        """The query as CloudWatch takes it."""
        if self.expression:
            return {"Id": id_, "Expression": self.expression} | ({"Period": int(self.period)} if self.is_insight else {})
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions.items()]
        metric = {"Namespace": self.namespace, "MetricName": self.metric, "Dimensions": dimensions}
        account = {"AccountId": self.account} if self.account else {}
        return {"Id": id_, "MetricStat": {"Metric": metric, "Period": int(self.period), "Stat": self.stat}} | account


@dataclass(frozen=True, slots=True)
class Batch:
    """Queries that one request holds, by id. All have the same period and delay."""

    queries: Mapping[str, Wanted]

    @property
    def period(self) -> int:
        """In seconds."""
        return int(next(iter(self.queries.values())).period)

    def last(self, now: float) -> int:
        """When the last period began that is complete, in Unix time."""
        delay = next(iter(self.queries.values())).delay
        return (int(now - delay) // self.period - 1) * self.period

    def body(self, now: float) -> dict[str, Any]:
        """The request, without the token of a further page."""
        last = self.last(now)
        back = max(wanted.look_back for wanted in self.queries.values())
        return {
            "StartTime": last - (back - 1) * self.period,
            "EndTime": last + self.period,  # not part of it
            "ScanBy": "TimestampDescending",
            "MetricDataQueries": [wanted.query(id_) for id_, wanted in self.queries.items()],
        }


def batches(wanted: Sequence[Wanted]) -> list[Batch]:
    """The requests that it takes to ask for all: what an expression refers to goes with it.

    Raises `ValueError` for an id given twice, and where an expression refers to what has another period or delay.
    """
    ids = [each.id or f"wanted{index}" for index, each in enumerate(wanted)]
    by_id = dict(zip(ids, wanted, strict=True))
    if len(by_id) < len(ids):
        raise ValueError(f"the id {next(id_ for id_ in ids if ids.count(id_) > 1)} is given twice; give each one of its own")
    packed: dict[tuple[float, float], list[dict[str, Wanted]]] = {}
    alone: list[dict[str, Wanted]] = []
    for group in _groups(by_id):
        keys = {(each.period, each.delay) for each in group.values()}
        if len(keys) > 1:
            raise ValueError(f"expected one period and one delay for all of {', '.join(group)}, since one refers to another")
        if len(group) > _MOST_QUERIES:
            raise ValueError(f"expected at most {_MOST_QUERIES} metrics that refer to each other, got {len(group)}")
        if any(each.is_insight for each in group.values()):
            alone.append(group)
            continue
        requests = packed.setdefault(keys.pop(), [{}])
        if len(requests[-1]) + len(group) > _MOST_QUERIES:
            requests.append({})
        requests[-1].update(group)
    return [Batch(queries) for queries in (*(each for requests in packed.values() for each in requests), *alone)]


def _groups(by_id: Mapping[str, Wanted]) -> Iterator[dict[str, Wanted]]:
    """What hangs together by expressions, in order."""
    group_of = {id_: {id_} for id_ in by_id}
    for id_, wanted in by_id.items():
        mentioned = set(_WORD.findall(_TEXT.sub("", wanted.expression))) if not wanted.is_insight else set()
        for other in mentioned & by_id.keys():
            joined = group_of[id_] | group_of[other]
            group_of.update(dict.fromkeys(joined, joined))
    done: set[str] = set()
    for id_, group in group_of.items():
        if id_ not in done:
            done |= group
            yield {each: by_id[each] for each in by_id if each in group}
