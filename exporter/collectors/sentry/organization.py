"""One organization at Sentry as it is asked: whose projects and environments, and pages by cursor.

Source: https://docs.sentry.io/api/pagination/
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from exporter.clients.api import Answer, Api, Params
from exporter.errors import Malformed

_CURSOR = re.compile(r'cursor="([^"]+)"')
_MOST_PAGES = 50  # whatever a server says that there is more of


class Listed(NamedTuple):
    """Rows of as many pages as were wanted."""

    rows: list[Any]
    complete: bool
    """Whether there are no more."""


class Organization:
    """Questions to one organization, each with these parameters besides its own."""

    def __init__(self, api: Api, slug: str, always: Mapping[str, Sequence[str]]) -> None:
        self._api, self._path, self._always = api, f"/api/0/organizations/{slug}", always

    async def one(self, what: str, params: Params | None = None) -> Any:
        """What comes for a question that has no pages."""
        return await self._api.get(f"{self._path}/{what}/", {**self._always, **(params or {})})

    async def listed(self, what: str, params: Params, most: int, rows: Callable[[Any], Any] = lambda page: page) -> Listed:
        """The rows of its pages, until there are as many as wanted. `rows` finds them in a page."""
        found: list[Any] = []
        pages, more = 0, False

        def follow(answer: Answer) -> Params | None:
            nonlocal more
            cursor = _next(answer.headers)
            more = cursor is not None
            return {"cursor": cursor} if cursor is not None and len(found) < most and pages < _MOST_PAGES else None

        async for page in self._api.pages(f"{self._path}/{what}/", follow, {**self._always, **params}):
            with understood(what, "a list"):
                found += _list(rows(page))
            pages += 1
        return Listed(found[:most], complete=not more and len(found) <= most)


@contextmanager
def understood(what: str, expected: str) -> Iterator[None]:
    """Reading an answer: what other JSON leads to is `Malformed`."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        raise Malformed(f"{what}: expected {expected}, got other JSON; is it Sentry, of a version that has this?") from None


def text(value: object) -> str:
    """A text. Raises `TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return value


def _next(headers: Mapping[str, str]) -> str | None:
    """The cursor of the next page. Its URL is not used: it may name the host of a region where another was asked."""
    for link in re.split(r",\s*(?=<)", headers.get("link", "")):
        cursor = _CURSOR.search(link)
        if 'rel="next"' in link and 'results="true"' in link and cursor:
            return cursor[1]
    return None


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return value
