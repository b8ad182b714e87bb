"""Request: what is asked of an API, how the next page is found, and what is read of the answer.

Source of the links in headers: https://www.rfc-editor.org/rfc/rfc8288
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self
from urllib.parse import urljoin

from pydantic import Field, model_validator

from exporter.clients.api import Answer
from exporter.clients.moment import Moment, Window, check
from exporter.collector import Model
from exporter.collectors.json.expression import Expression
from exporter.collectors.json.figure import Figure, Value, label
from exporter.errors import Malformed
from exporter.metric import Metric, Sample

_OWN_LABELS = {"source", "window"}
_LINK = re.compile(r'<([^<>]*)>\s*;[^<]*?\brel="?(?:[^"<,;]* )?next\b')


class Pages(Model):
    """How one page leads to the next."""

    by: Literal["url", "link", "cursor", "page", "offset"]
    """`url`: `next` finds the next page's address. `link`: the header `Link` has it. `cursor`: what `next` finds is sent back
    as `param`. `page` and `offset`: `param` is counted up, by one or by the items there were."""
    next: Expression | None = None
    """What finds the next page's address or cursor; where that is nothing or false, the page is the last."""
    param: str = ""
    """The parameter for cursor, number or offset. Of a POST, a field of its body."""
    first: int = Field(default=1, ge=0)
    """The number of the first page, for `by: page`."""
    size: int | None = Field(default=None, ge=1)
    """How many items a full page has, so that one with fewer is known to be the last; else the last is the one without any."""
    most: int = Field(default=100, ge=1)
    """The most pages to read. Where there are more, the run fails, since figures of a part would pass for those of all."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.next is not None) != (self.by in {"url", "cursor"}):
            raise ValueError("expected next beside by: url and by: cursor, and nowhere else")
        if bool(self.param) != (self.by in {"cursor", "page", "offset"}):
            raise ValueError("expected param beside by: cursor, page and offset, and nowhere else")
        return self

    def following(self, answer: Answer, read: int, items: int, total: int) -> str | int | None:
        """The next page's address, or its parameter's value; None after the last.

        `read` is how many pages were read, `items` how many the last one had, `total` how many all had.
        Raises `ValueError` for a cursor that is no text or number.
        """
        if self.by == "link":
            link = _LINK.search(answer.headers.get("link", ""))
            return link[1] if link else None
        if self.next is not None:
            found = self.next.find(answer.data())
            if found in (None, "", False):
                return None
            if not isinstance(found, str | int) or isinstance(found, bool):
                raise ValueError(f"next: {self.next}: expected a text or number, got something else")
            return found
        if items < (self.size or 1):
            return None
        return self.first + read if self.by == "page" else total


@dataclass(frozen=True, slots=True)
class Question:
    """One request as it is sent."""

    method: str
    path: str
    params: Mapping[str, str | int]
    body: Mapping[str, Any] | None

    def with_parameter(self, name: str, value: str | int) -> Self:
        """The same with a parameter more: of a POST, a field of its body."""
        if self.method == "POST":
            return replace(self, body={**(self.body or {}), name: value})
        return replace(self, params={**self.params, name: value})

    def at(self, url: str) -> Self:
        """The same at a whole address, which has all its parameters."""
        return replace(self, path=url, params={})


class Request(Model):
    """One question to the API. `{now}`, `{now-1h}` and, with `windows`, `{start}` stand for instants."""

    path: str = ""
    """Its path below `url`."""
    method: Literal["GET", "POST"] = "GET"
    """GET, or POST for an API that is queried so."""
    params: dict[str, str | int] = Field(default_factory=dict)
    """Parameters in the URL."""
    body: dict[str, Any] | None = None
    """What a POST sends, as JSON."""
    windows: tuple[Window, ...] = ()
    """Lengths of time, such as `1d`: the request is made for each, and its figures have the label `window`."""
    pages: Pages | None = None
    """How further pages are found, where answers come in pages."""
    items: Expression | None = None
    """What finds the list of items in the answer; the whole answer is the one item unless given."""
    labels: dict[str, Expression] = Field(default_factory=dict)
    """Labels of all its metrics, and what finds their values in an item."""
    metrics: tuple[Figure, ...] = Field(min_length=1)
    """The figures that each item gives."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.body is not None and self.method == "GET":
            raise ValueError("expected method: POST beside body")
        check([self.path, self.params, self.body], windows=bool(self.windows))
        for figure in self.metrics:
            if taken := _OWN_LABELS.intersection((*self.labels, *figure.labels)):
                raise ValueError(f"{figure.name}: expected other labels than {min(taken)}, which figures have anyway")
            if both := self.labels.keys() & figure.labels.keys():
                raise ValueError(f"{figure.name}: expected the label {min(both)} once, at the request or the metric")
            if figure.most is not None and not (self.labels or figure.labels):
                raise ValueError(f"{figure.name}: expected labels beside most")
        _ = self.declared
        return self

    @cached_property
    def declared(self) -> tuple[Metric, ...]:
        """The metrics, in the order of `metrics`. Raises `ValueError` for what cannot be labels."""
        window = ("window",) if self.windows else ()
        return tuple(figure.declared_as((*self.labels, *figure.labels, *window)) for figure in self.metrics)

    def question(self, moment: Moment) -> Question:
        """What to send for the first page."""
        params, body = moment.fill(self.params), moment.fill(self.body)
        question = Question(self.method, moment.text(self.path), params, body)
        if self.pages is not None and self.pages.by == "page":
            return question.with_parameter(self.pages.param, self.pages.first)
        return question

    def following(self, answer: Answer, read: int, items: int, total: int) -> str | int | None:
        """Where the next page is; None after the last. See `Pages.following`. Raises `Malformed`."""
        try:
            return self.pages.following(answer, read, items, total) if self.pages else None
        except ValueError as error:
            raise Malformed(f"{answer.place}: pages: {error}") from None

    def read(self, document: Any) -> tuple[int, list[list[Value]]]:
        """How many items a page has, and their values by metric. Raises `Malformed`."""
        items = self._items(document)
        return len(items), [list(self._values(figure, items)) for figure in self.metrics]

    def samples(self, source: str, moment: Moment, values: list[list[Value]]) -> Iterator[Sample]:
        """What becomes of the values of all pages. Raises `Malformed`."""
        window = (moment.window,) if self.windows else ()
        for figure, metric, found in zip(self.metrics, self.declared, values, strict=True):
            try:
                figures = figure.combined(found)
            except ValueError as error:
                raise Malformed(f"{self.path}: {figure.name}: {error}") from None
            for labels, value in figures.items():
                yield metric(value, **dict(zip(metric.labels, (source, *labels, *window), strict=True)))

    def _items(self, document: Any) -> list[Any]:
        if self.items is None:
            return [document]
        try:
            found = self.items.find(document)
        except ValueError as error:
            raise Malformed(f"{self.path}: items: {error}") from None
        if not isinstance(found, list):
            got = "nothing" if found is None else "something else"
            raise Malformed(f"{self.path}: items: {self.items}: expected a list in the answer, got {got}")
        return found

    def _values(self, figure: Figure, items: list[Any]) -> Iterator[Value]:
        expressions = self.labels | figure.labels
        for item in items:
            try:
                value = figure.reading(item)
                if value is not None:
                    yield tuple(label(name, expression, item) for name, expression in expressions.items()), value
            except ValueError as error:
                raise Malformed(f"{self.path}: {figure.name}: {error}") from None


def address(url: str, path: str, following: str) -> str:
    """The whole address of the next page, which a page may give in part."""
    return urljoin(f"{url.partition('?')[0].rstrip('/')}{path}", following)
