"""Json: figures of any JSON API, by declaration: what to ask, how to find the items, what to make of each.

Source: https://jmespath.org/specification.html and, of links to the next page, https://www.rfc-editor.org/rfc/rfc8288
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api
from exporter.clients.declaration import united
from exporter.clients.moment import Moment
from exporter.collector import Collector, Duration, Every, Samples, Secret
from exporter.collectors.json.figure import Value
from exporter.collectors.json.request import Request, address
from exporter.errors import Malformed
from exporter.metric import Metric

_DECLARED = (CALLS, DURATION, QUOTA)


class Json(Addressed, Collector, kind="json"):
    """Figures of a service that answers in JSON and has no collector of its own: requests, and metrics made of the answers.

    Expressions are JMESPath's, with two functions more: `timestamp(text)`, Unix time of a date in ISO 8601, and `path(text)`,
    the path of a URL. Each series has the label `source`, the collector's name.
    """

    requests: tuple[Request, ...] = Field(min_length=1)
    """What to ask, one after the other."""
    secret_params: dict[str, Secret] = Field(default_factory=dict)
    """Parameters of each request that are secrets, for an API that wants its key in the URL."""
    max_size: int = Field(default=10_000_000, ge=1)
    """The most bytes that an answer may have, uncompressed."""
    every: Every = 300.0
    """How often all requests are made, each once per window and page."""
    timeout: Duration = 30.0
    """How long one run may take, all requests together."""

    _api: Api = PrivateAttr()
    _metrics: dict[str, Metric] = PrivateAttr()

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._metrics = united(metric for request in self.requests for metric in request.declared)
        self._api = Api(self.url, self, timeout=self.timeout, most_bytes=self.max_size, query=self.secret_params)
        return self

    def declares(self) -> Iterable[Metric]:
        """The metrics of its settings, and those about the requests."""
        return (*self._metrics.values(), *_DECLARED)

    async def collect(self) -> Samples:
        now = time.time()
        for request in self.requests:
            for window in request.windows or ("",):
                moment = Moment(now, window)
                values = await self._ask(request, moment)
                for sample in await asyncio.to_thread(lambda: list(request.samples(self.name, moment, values))):  # noqa: B023 - awaited at once
                    yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _ask(self, request: Request, moment: Moment) -> list[list[Value]]:
        """The values of all pages, by metric."""
        values: list[list[Value]] = [[] for _ in request.metrics]
        question, total, read = request.question(moment), 0, 0
        seen: set[str | int] = set()
        while True:
            answer = await self._api.answer(question.method, question.path, question.params, question.body)
            items, found = await asyncio.to_thread(request.read, answer.data())
            values = [[*before, *page] for before, page in zip(values, found, strict=True)]
            total, read = total + items, read + 1
            following = request.following(answer, read, items, total)
            if request.pages is None or following is None:
                return values
            if following in seen or read == request.pages.most:
                why = "was sent back to one" if following in seen else f"there are more than {read}; raise most"
                raise Malformed(f"{answer.place}: pages: expected a last one; {why}")
            seen.add(following)
            if request.pages.by in {"url", "link"}:
                question = question.at(address(self.url, request.path, str(following)))
            else:
                question = question.with_parameter(request.pages.param, following)
