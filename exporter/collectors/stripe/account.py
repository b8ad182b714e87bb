"""Account: the requests to one Stripe account, page after page, each object read as a model.

Source: https://docs.stripe.com/api/pagination and https://docs.stripe.com/api/versioning
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

from exporter.clients.api import Api, Params
from exporter.collectors.stripe.objects import Page, Part, read
from exporter.errors import Denied, Malformed

P = TypeVar("P", bound=Part)

_MOST_PER_PAGE = 100


class Account:
    """`live` says of which mode the account's objects have to be."""

    def __init__(self, api: Api, *, live: bool) -> None:
        self._api, self._live = api, live

    async def one(self, model: type[P], path: str, params: Params | None = None) -> P:
        """The object at a path. Raises `PollError`."""
        data = await self._api.get(path, params)
        self._check_mode(data, path)
        return read(model, data, path)

    async def one_or_none(self, model: type[P], path: str, params: Params | None = None) -> P | None:
        """The same, or None where there is no such object any more."""
        answer = await self._api.answer("GET", path, params, expected=frozenset({404}))
        return None if answer.status == 404 else read(model, answer.data(), path)

    async def each(
        self, model: type[P], path: str, params: Params | None = None, *, most_pages: int | None = None
    ) -> AsyncIterator[P]:
        """The objects of a list, mostly the newest first, from as many pages as there are. Raises `PollError`."""
        asked: dict[str, str | int | Sequence[str]] = {**(params or {}), "limit": _MOST_PER_PAGE}
        seen: set[str] = set()
        number = 0
        while True:
            page = read(Page, await self._api.get(path, asked), path)
            for data in page.data:
                self._check_mode(data, path)
                yield read(model, data, path)
            number += 1
            if not page.has_more or number == most_pages:
                return
            last = page.data[-1].get("id") if page.data else None
            if not isinstance(last, str) or last in seen:
                raise Malformed(f"{path}: expected a further page, got none that follows the last one")
            seen.add(last)
            asked["starting_after"] = last

    def _check_mode(self, data: Any, path: str) -> None:
        mode = data.get("livemode") if isinstance(data, dict) else None
        if isinstance(mode, bool) and mode != self._live:
            expected, got = ("live", "test") if self._live else ("test", "live")
            raise Denied(f"{path}: expected data of {expected} mode, got {got} mode; check api_key, or set livemode")
