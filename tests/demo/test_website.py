"""The company's website, over real HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest

from exporter.demo.database import Server
from exporter.demo.website import Website
from exporter.errors import DemoError


@pytest.fixture
async def browser(database: str) -> AsyncIterator[httpx.AsyncClient]:
    async with Website(database) as site, httpx.AsyncClient(base_url=site.url, trust_env=False) as browser:
        yield browser


async def test_pages_are_html(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/pricing"):
        page = await browser.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.text.startswith("<!doctype html>")


async def test_health_is_that_of_the_database(server: Server, browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/healthz")).status_code == 200
    server.stop()
    try:
        assert (await browser.get("/healthz")).status_code == 503
        assert (await browser.get("/")).status_code == 200
    finally:
        server.start()
    assert (await browser.get("/healthz")).status_code == 200


async def test_what_does_not_exist_is_404_and_what_would_write_405(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/admin")).status_code == 404
    assert (await browser.post("/pricing")).status_code == 405


async def test_head_has_the_headers_alone(browser: httpx.AsyncClient) -> None:
    page = await browser.head("/pricing")
    assert page.status_code == 200
    assert page.content == b""
    assert int(page.headers["content-length"]) > 0


async def test_a_port_in_use_is_refused_with_what_to_do(database: str) -> None:
    async with Website(database) as site:
        port = int(site.url.rpartition(":")[2])
        with pytest.raises(DemoError, match=f"cannot listen on 127.0.0.1:{port}: .*; give another port, or 0 for any"):
            await Website(database, port).__aenter__()


async def test_its_port_is_free_when_the_block_ends(database: str) -> None:
    async with Website(database) as site:
        pass
    async with Website(database, int(site.url.rpartition(":")[2])) as again:
        assert again.url == site.url
