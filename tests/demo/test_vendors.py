"""The frame of the simulated vendors: each at the root of an address of its own, over the company's database."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from exporter.collector import load_kinds
from exporter.demo.vendors import Vendors, vendor
from exporter.demo.vendors.vendor import Vendor

NOW = datetime(2026, 9, 16, 17, 30, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def kiosk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor known for the length of a test."""
    monkeypatch.setattr(vendor, "_vendors", dict(vendor._vendors))

    class Kiosk(Vendor, name="kiosk"):
        def routes(self) -> Sequence[BaseRoute]:
            return [
                Route("/sold", self._sold),
                Route("/told", self._told, methods=["POST"]),
                Route("/slow", self._slow),
            ]

        def settings(self, url: str) -> dict[str, object]:
            return {"kind": "json", "url": url}

        async def _sold(self, request: Request) -> JSONResponse:
            [row] = await self.books.rows("select %(n)s::int + 1 as n", {"n": int(request.query_params["n"])})
            return JSONResponse({**row, "now": self.books.now().isoformat()})

        async def _told(self, request: Request) -> JSONResponse:
            return JSONResponse(await request.json())

        async def _slow(self, _: Request) -> JSONResponse:
            return JSONResponse(await self.books.rows("select pg_sleep(60)"))


@pytest.mark.usefixtures("kiosk")
async def test_a_vendor_answers_at_its_root_from_the_books(database: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        async with Vendors(database, lambda: NOW, only=["kiosk"]) as vendors:
            url = vendors.url("kiosk")
            assert vendors.settings() == [("json", {"name": "kiosk", "url": url})]
            assert (await client.get(f"{url}/sold?n=4")).json() == {"n": 5, "now": "2026-09-16T15:30:00+00:00"}
            assert (await client.get(f"{url}/other")).status_code == 404
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}/sold?n=4")


def test_two_vendors_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Foreign(Vendor):
        pass

    Foreign.__module__ = "another.module"
    monkeypatch.setattr(vendor, "_vendors", {"kiosk": Foreign})
    with pytest.raises(TypeError, match=r"two vendors have the name 'kiosk': another\.module"):
        type("Kiosk", (Vendor,), {}, name="kiosk")


async def test_every_vendor_has_an_address_of_its_own_and_settings_that_a_collector_takes(database: str) -> None:
    kinds = load_kinds()
    async with Vendors(database, lambda: datetime.now(UTC)) as vendors:
        assert len(set(vendors.urls.values())) == len(vendors.urls) >= 15
        collectors = [kinds[kind].model_validate(settings) for kind, settings in vendors.settings()]
        assert len({collector.name for collector in collectors}) == len(collectors) >= 15


@pytest.mark.usefixtures("kiosk")
async def test_who_goes_before_the_answer_is_there_leaves_nothing_in_the_log(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Vendors(database, lambda: NOW, only=["kiosk"]) as vendors:
        address = httpx.URL(vendors.url("kiosk"))
        for request in (
            "POST /told HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",
            "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n",
        ):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(request.encode())
            await asyncio.sleep(0.1)
            writer.transport.abort()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
