"""One company for all tests of vendors, told and loaded once and only read, and its vendors, each started when asked for."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

import pytest

from exporter.collector import Collector
from exporter.demo.company import Company
from exporter.demo.database import Server
from exporter.demo.vendors import Vendors
from tests.endpoint import Endpoint, endpoint
from tests.packs.conftest import NOW, SEED
from tests.vendors.case import Case, cases
from tests.vendors.emulator import emulated

EMULATED = {case.simulator for case in cases() if case.emulated}
T = TypeVar("T")
C = TypeVar("C", bound=Collector)


class Simulators:
    """Vendors on a loop of their own in a thread, so that tests of any kind may ask them."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulators")
        self._started: dict[str, Vendors] = {}
        self._ending = contextlib.ExitStack()
        self._emulator = ""
        self._thread.start()

    def url(self, name: str) -> str:
        """Where the vendor of that name answers."""
        if name in EMULATED:
            self._emulator = self._emulator or self._ending.enter_context(emulated())
            return self._emulator
        if name not in self._started:
            self._started[name] = self._run(Vendors(self._dsn, lambda: NOW, only=[name]).__aenter__())
        return self._started[name].url(name)

    def settings(self, name: str) -> dict[str, object]:
        """What the demo gives to the collector of that vendor."""
        (found,) = self.watched(name)
        return found[1]

    def watched(self, name: str) -> list[tuple[str, dict[str, object]]]:
        """The kind of the collector that the demo runs for that vendor, and its settings; none where it runs none."""
        self.url(name)
        return [] if name in EMULATED else list(self._started[name].settings())

    def close(self) -> None:
        """End them all."""
        self._ending.close()
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        await asyncio.gather(*(vendors.__aexit__() for vendors in self._started.values()))

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)


@pytest.fixture(scope="session")
def company() -> Iterator[Company]:
    """The company as its story tells it up to NOW, on a server of its own."""
    with Server() as server:
        company = Company(server, seed=SEED, clock=lambda: NOW, living=False)
        asyncio.run(company.__aenter__())
        yield company
        asyncio.run(company.__aexit__())


@pytest.fixture(scope="session")
def vendors(company: Company) -> Iterator[Simulators]:
    """The simulated vendors over that company: `vendors.url("stripe")`."""
    simulators = Simulators(company.application_dsn)
    yield simulators
    simulators.close()


class Making(Protocol):
    """Makes what makes collectors of a kind by its case, and closes them all after the test."""

    def __call__(self, kind: type[C], case: Case) -> Callable[..., C]: ...


@pytest.fixture
async def making() -> AsyncIterator[Making]:
    """`crux = making(Crux, CASE)`, and then `crux(url, timeout="1s")`."""
    made: list[Collector] = []

    def makes(kind: type[C], case: Case) -> Callable[..., C]:
        def make(url: str, **settings: Any) -> C:
            collector = kind.model_validate({**case.settings(url), **settings})
            made.append(collector)
            return collector

        return make

    yield makes
    for collector in made:
        await collector.close()


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """A server that answers as the test says."""
    with endpoint() as served:
        yield served
