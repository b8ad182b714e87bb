"""Status pages, in four formats: the company's own one, and those of services that it depends on.

The company's page tells of all incidents of the company, the others of those that are theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from exporter.demo.vendors.statuspage import shapes
from exporter.demo.vendors.statuspage.story import State, state_of
from exporter.demo.vendors.vendor import Vendor

STATUSIO_PAGE = "5b36dc6502d06804c08349f7"
"""The id of the page at Status.io."""


class _Page(Vendor):
    """A page: what it answers at its paths."""

    about: ClassVar[tuple[str, ...]] = ()
    """The first words of the incidents that it tells of; of all, unless given."""
    answers: ClassVar[Mapping[str, Callable[[State], dict[str, Any]]]]

    def routes(self) -> Sequence[BaseRoute]:
        return [Route(path, self._answering(shape)) for path, shape in self.answers.items()]

    def settings(self, url: str) -> dict[str, object]:
        return {}

    def _answering(self, shape: Callable[[State], dict[str, Any]]) -> Callable[[Request], Any]:
        async def answer(_: Request) -> Response:
            return JSONResponse(shape(await state_of(self.books, self.about)))

        return answer


class Statuspage(_Page, name="statuspage"):
    """The company's own page, at Statuspage."""

    answers: ClassVar = {"/api/v2/summary.json": shapes.statuspage}

    def settings(self, url: str) -> dict[str, object]:
        return {"name": "status-shop", "url": url}


class StripePage(_Page, name="stripe-status"):
    """Stripe's page, which is of no product."""

    about = ("payment",)
    answers: ClassVar = {"/current": shapes.stripe}

    def settings(self, url: str) -> dict[str, object]:
        return {"kind": "statuspage", "name": "status-stripe", "url": url, "format": "stripe"}


class InstatusPage(_Page, name="instatus"):
    """The page of the service that sends the company's messages. Nobody in the demo watches it."""

    about = ("notification",)
    answers: ClassVar = {"/summary.json": shapes.instatus, "/v3/components.json": shapes.instatus_components}


class StatusioPage(_Page, name="statusio"):
    """The page of where the company's servers stand. Nobody in the demo watches it."""

    about = ("slow",)
    answers: ClassVar = {f"/1.0/status/{STATUSIO_PAGE}": shapes.statusio}
