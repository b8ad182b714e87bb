"""Newrelic: results of NRQL queries, by NerdGraph, New Relic's GraphQL API.

Source: https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/ and
https://docs.newrelic.com/docs/nrql/nrql-syntax-clauses-functions/
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api
from exporter.clients.declaration import Declaration, number, united
from exporter.collector import Collector, Duration, Every, Model, Samples, Secret
from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.metric import Metric, Sample

_DECLARED = (CALLS, DURATION, QUOTA)

_URLS = {
    "us": "https://api.newrelic.com/graphql",
    "eu": "https://api.eu.newrelic.com/graphql",
    "jp": "https://api.jp.newrelic.com/graphql",
}
_AT_ONCE = 5  # queries in one request, since that many run beside each other
_LONGEST = 120  # seconds that any plan lets a query run
_SERIES = re.compile(r"'[^']*'|\b(TIMESERIES|COMPARE\s+WITH)\b", re.IGNORECASE)
_CLASS = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_MEANINGS: dict[str, type[PollError]] = {
    "TIMEOUT": TimedOut,
    "TOO_MANY_REQUESTS": Throttled,
    "ACCESS_DENIED": Denied,
    "FORBIDDEN": Denied,
    "UNAUTHORIZED": Denied,
    "BAD_API_KEY": Denied,
    "INTERNAL_SERVER_ERROR": Unreachable,
    "SERVER_ERROR": Unreachable,
    "SERVICE_UNAVAILABLE": Unreachable,
}


class Figure(Declaration):
    """A metric, and where its values are in the results."""

    field: str = Field(min_length=1)
    """The name of the result: what stands behind `AS`, else the function, such as `count` or `average.duration`."""
    percentile: float | None = Field(default=None, ge=0, le=100)
    """Which of its percentiles, where the result is of `percentile()`: the query has to ask for it."""
    missing: Literal["absent", "zero"] = "absent"
    """What becomes of a result that is null, as an average of no events is: no value, or 0."""

    def value(self, row: dict[str, Any]) -> float | None:
        """The value in a row of results. Raises `ValueError`."""
        if self.field not in row:
            raise ValueError(f"expected the field {self.field}, which the results do not have; see what the query calls it")
        found = row[self.field]
        if self.percentile is not None and found is not None:
            found = self._of_percentile(found)
        if found is None:
            return 0.0 if self.missing == "zero" else None
        if isinstance(found, dict):
            raise ValueError(f"{self.field}: expected a number, got several; give percentile")  # noqa: TRY004 - as any other
        return number(found) * self.scale

    def _of_percentile(self, found: object) -> Any:
        if isinstance(found, dict):
            for name, value in found.items():
                if number(name) == self.percentile:
                    return value
        raise ValueError(f"{self.field}: expected the percentile {self.percentile:g}; does the query ask for it?")


class Query(Model):
    """An NRQL query, and the metrics that its results become."""

    nrql: str = Field(min_length=1)
    """The query: its figures are of the window it names, best one that ended a minute ago, such as
    `SINCE 6 minutes ago UNTIL 1 minute ago`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels, and the attributes after `FACET` that have their values. What the query's `LIMIT` leaves out, 10 rows unless it
    is given, is shown under `other`."""
    metrics: tuple[Figure, ...] = Field(min_length=1)
    """The metrics to make of the results."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if any(_SERIES.findall(self.nrql)):
            raise ValueError("expected a query without TIMESERIES and COMPARE WITH: one value per facet, for the window's end")
        if "source" in self.labels:
            raise ValueError("expected other labels than source, which each series has anyway")
        _ = self.declared
        return self

    @cached_property
    def declared(self) -> tuple[Metric, ...]:
        """The metrics, in the order of `metrics`. Raises `ValueError` for what cannot be labels."""
        return tuple(figure.declared_as(self.labels) for figure in self.metrics)

    def samples(self, source: str, found: Any) -> Iterator[Sample]:
        """What becomes of the results. Raises `LookupError`, `TypeError` or `ValueError` when they are not as expected."""
        for row in found["results"]:
            yield from self._of(row, {name: _label(row, attribute) for name, attribute in self.labels.items()}, source)
        other = found.get("otherResult")
        if self.labels and other is not None:
            yield from self._of(other, dict.fromkeys(self.labels, "other"), source, whole=False)

    def _of(self, row: dict[str, Any], labels: dict[str, str], source: str, *, whole: bool = True) -> Iterator[Sample]:
        """The samples of a row; one that need not be `whole` may lack figures."""
        for figure, metric in zip(self.metrics, self.declared, strict=True):
            if not whole and figure.field not in row:
                continue
            try:
                value = figure.value(row)
            except ValueError as error:
                raise ValueError(f"{figure.name}: {error}") from None
            if value is not None:
                yield metric(value, source=source, **labels)


class Newrelic(Addressed, Collector, kind="newrelic"):
    """Figures of New Relic, by queries in NRQL; several go in one request."""

    account: int = Field(ge=1)
    """The number of the account that the queries are about."""
    api_key: Secret
    """A user key, which begins with `NRAK-`."""
    region: Literal["us", "eu", "jp"] = "us"
    """Where the account's data are."""
    url: str = ""
    """The address of NerdGraph; the region's unless given."""
    queries: tuple[Query, ...] = Field(min_length=1)
    """What to ask."""
    every: Every = 300.0
    """How often all queries are run, five in a request."""
    timeout: Duration = 30.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _metrics: dict[str, Metric] = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _at_home(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("url"):
            return {**data, "url": _URLS.get(str(data.get("region", "us")), _URLS["us"])}
        return data

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._metrics = united(metric for query in self.queries for metric in query.declared)
        self._api = Api(self.url, self, timeout=self.timeout)
        return self

    def credentials(self) -> dict[str, str]:
        """The key's header. Raises `OSError` when its file cannot be read."""
        return super().credentials() | {"API-Key": self.api_key.read()}

    def declares(self) -> Iterable[Metric]:
        """The metrics of its settings, and those about the requests."""
        return (*self._metrics.values(), *_DECLARED)

    async def collect(self) -> Samples:
        for first in range(0, len(self.queries), _AT_ONCE):
            queries = self.queries[first : first + _AT_ONCE]
            for query, found, position in zip(queries, await self._ask(queries, first), range(first, first + _AT_ONCE)):  # noqa: B905 - the last are fewer
                try:
                    samples = list(query.samples(self.name, found))
                except (LookupError, TypeError, AttributeError):
                    raise Malformed(f"queries[{position}]: expected rows of results, got something else") from None
                except ValueError as error:
                    raise Malformed(f"queries[{position}]: {error}") from None
                for sample in samples:
                    yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _ask(self, queries: Sequence[Query], first: int) -> list[Any]:
        """The results of each query. Raises `PollError`, also where the status is 200 and the errors are in the answer."""
        numbers = range(len(queries))
        parameters = ", ".join(f"$query{each}: Nrql!" for each in numbers)
        fields = " ".join(
            f"result{each}: nrql(query: $query{each}, timeout: {self._patience}) {{ results otherResult }}" for each in numbers
        )
        body = {
            "query": f"query($account: Int!, {parameters}) {{ actor {{ account(id: $account) {{ {fields} }} }} }}",
            "variables": {"account": self.account, **{f"query{each}": queries[each].nrql for each in numbers}},
        }
        answer = await self._api.answer("POST", "", None, body)
        found = answer.data()
        if isinstance(found, dict) and found.get("errors") and (failure := _failure(found["errors"], first)):
            raise failure
        try:
            account = found["data"]["actor"]["account"]
            return [account[f"result{each}"] for each in numbers]
        except (LookupError, TypeError):
            raise Malformed(f"{answer.place}: expected the results of queries, got something else; is it NerdGraph?") from None

    @property
    def _patience(self) -> int:
        """Seconds that New Relic may spend on a query, so that it is its answer that tells of one that took too long."""
        return max(1, min(_LONGEST, int(self.timeout * 2 / 3)))


def _failure(errors: Any, first: int) -> PollError | None:
    """The error of the first one named: which query it is about, and what New Relic calls it. The text may hold data.

    None where they only say that something is deprecated: the answer is whole then.
    """
    found = [error if isinstance(error, dict) else {} for error in (errors if isinstance(errors, list) else [None])]
    serious = [error for error in found if not str(error.get("message")).startswith("This field is deprecated!")]
    if not serious:
        return None
    extensions, path = serious[0].get("extensions"), serious[0].get("path")
    given = [extensions.get(name) for name in ("errorClass", "error_code")] if isinstance(extensions, dict) else []
    name = next((each for each in given if isinstance(each, str) and _CLASS.fullmatch(each)), "")
    about = [part for part in path if re.fullmatch(r"result\d", str(part))] if isinstance(path, list) else []
    place = f"queries[{first + int(about[0][-1])}]" if about else "NerdGraph"
    kind = _MEANINGS.get(name, Malformed)
    hints = {Malformed: "; try the query in the query builder", Denied: "; check the key and its rights to the account"}
    return kind(f"{place}: got an error{f' ({name})' if name else ''}{hints.get(kind, '')}")


def _label(row: dict[str, Any], attribute: str) -> str:
    found = row.get(attribute)
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, str | int | float):
        return str(found)
    if attribute in row and found is None:
        return "none"  # events that lack the attribute are a facet of their own
    raise ValueError(f"expected the attribute {attribute} in the results; does the query have FACET {attribute}?")
