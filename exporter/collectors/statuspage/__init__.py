"""Public status pages of the services that you depend on: what they say as a whole, of their parts, and what goes on.

One module per format. A word that is not understood counts as unknown, never as all being well.
Source: https://metastatuspage.com/api and, of the other formats, what their modules name.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api
from exporter.collector import Collector, Duration, Every, Samples
from exporter.collectors.statuspage import instatus, statusio, statuspage, stripe
from exporter.collectors.statuspage.page import Page
from exporter.errors import Malformed
from exporter.roles.status import COMPONENT, COMPONENTS, INCIDENTS, INDICATOR, MAINTENANCES, UPDATED

_DECLARED = (INDICATOR, COMPONENTS, COMPONENT, INCIDENTS, MAINTENANCES, UPDATED, CALLS, DURATION, QUOTA)

_FORMATS: Mapping[str, Callable[[Api, str], Awaitable[Page]]] = {
    "statuspage": statuspage.ask,
    "instatus": instatus.ask,
    "stripe": stripe.ask,
    "statusio": statusio.ask,
}


class Statuspage(Addressed, Collector, kind="statuspage"):
    """The public status page of one service. One collector per page, named after the service."""

    format: Literal["auto", "statuspage", "instatus", "statusio", "stripe"] = "auto"
    """Which product serves the page: `statuspage` also fits incident.io, `stripe` Stripe's own page. `auto` finds out from
    the answers, once; of Status.io by `page_id` being given."""
    page_id: str = Field(default="", pattern=r"^[A-Za-z0-9]*$")
    """The id of a page of Status.io, as in its address `/1.0/status/ID`."""
    components: tuple[str, ...] = ()
    """The components that matter, by name, by `group / name`, or by id, which survives renaming; all unless given."""
    most: int = Field(default=100, ge=1)
    """The most components that are shown by name; those in trouble come first, and all are counted."""
    every: Every = 60.0
    """How often the page is asked: one request, of Instatus two."""
    timeout: Duration = 20.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _found: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        if self.format == "statusio" and not self.page_id:
            raise ValueError("expected page_id beside the format statusio: the ID in the address /1.0/status/ID of the page")
        if self.page_id and self.format not in {"auto", "statusio"}:
            raise ValueError(f"expected no page_id beside the format {self.format}: only pages of Status.io are asked by id")
        self._api = Api(self.url, self, timeout=self.timeout)
        return self

    async def collect(self) -> Samples:
        page = (await self._read()).of(self.components)
        for sample in page.samples(self.name, self.most):
            yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _read(self) -> Page:
        """The page. What it is not is told by an answer that is no such page, not by one that did not come."""
        formats = self._candidates()
        refused: Malformed | None = None
        for name in formats:
            try:
                page = await _FORMATS[name](self._api, self.page_id)
            except Malformed as error:
                self._found, refused = "", refused or error
            else:
                self._found = name
                return page
        if len(formats) == 1 and refused:
            raise refused
        raise Malformed(f"{refused}; nor is it of the formats {' and '.join(formats[1:])}: check url, or set format")

    def _candidates(self) -> list[str]:
        if self.format != "auto":
            return [self.format]
        if self.page_id:
            return ["statusio"]
        return [self._found] if self._found else ["statuspage", "instatus", "stripe"]
