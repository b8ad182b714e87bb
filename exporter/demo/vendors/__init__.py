"""The services that the demo's company subscribes to, simulated: one file each, found by being there.

Their figures come from the company's own database, so that what a vendor says agrees with what the packs say.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import pkgutil
import socket
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Self

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect

from exporter.demo.served import Receive, Scope, Send, served
from exporter.demo.vendors.vendor import Books, Vendor, vendors
from exporter.errors import DemoError

_FRAME = f"{__name__}.vendor"


def _now() -> datetime:
    return datetime.now(UTC)


class Vendors:
    """All vendors on loopback ports: `async with Vendors(company.application_dsn) as vendors: vendors.url("stripe")`.

    `only` leaves out the others, and does not import them where their files do not hold one of these.
    """

    def __init__(self, dsn: str, clock: Callable[[], datetime] = _now, *, only: Collection[str] | None = None) -> None:
        self._books = Books(dsn, clock)
        self._vendors = {name: vendor(self._books) for name, vendor in _found(only).items()}
        self._urls: dict[str, str] = {}
        self._apps: dict[int, Starlette] = {}
        """By port."""
        self._cleanup = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with self._cleanup:
            self._cleanup.push_async_callback(self._books.close)
            sockets = [self._listen(vendor) for vendor in self._vendors.values()]
            await self._cleanup.enter_async_context(served(self._answer, sockets))
            self._cleanup = self._cleanup.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    def url(self, name: str) -> str:
        """Where a vendor is served."""
        return self._urls[name]

    @property
    def urls(self) -> dict[str, str]:
        """Where each is served, by name."""
        return dict(self._urls)

    def settings(self) -> list[tuple[str, dict[str, object]]]:
        """The collectors that watch them: the kind of each, and its settings."""
        found: list[tuple[str, dict[str, object]]] = []
        for name, vendor in self._vendors.items():
            if settings := vendor.settings(self._urls[name]):
                found.append((str(settings.pop("kind", name)), {"name": name, **settings}))
        return found

    def _listen(self, vendor: Vendor) -> socket.socket:
        try:
            listening = socket.create_server(("127.0.0.1", 0))
        except OSError as error:
            raise DemoError(f"the vendor {vendor.name} cannot listen on 127.0.0.1: {error.strerror}") from None
        self._cleanup.callback(listening.close)
        port = listening.getsockname()[1]
        self._urls[vendor.name] = f"http://127.0.0.1:{port}"
        self._apps[port] = Starlette(routes=list(vendor.routes()))
        return listening

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Who asks may go before the answer is there, as all do when the demo ends: that is no failure."""
        with contextlib.suppress(ClientDisconnect, asyncio.CancelledError):
            await self._apps[scope["server"][1]](scope, receive, send)


def _found(only: Collection[str] | None) -> dict[str, type[Vendor]]:
    for module in _modules():
        if only is None or _may_hold(module, only):
            importlib.import_module(module)
    return {name: vendor for name, vendor in vendors().items() if only is None or name in only}


def _modules() -> Iterator[str]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        if module.name != _FRAME:
            yield module.name


def _may_hold(module: str, names: Collection[str]) -> bool:
    """Whether a file's text, or that of a package's own file, names one of the vendors as a class does."""
    spec = importlib.util.find_spec(module)
    source = getattr(spec and spec.loader, "get_source", lambda _: "")(module) or ""
    return any(f'name="{name}"' in source for name in names)
