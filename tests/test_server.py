"""The HTTP surface, over real sockets."""

import asyncio
import gzip
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.app import App
from exporter.errors import SettingsError
from exporter.metric import Sample
from exporter.serving import Web
from exporter.settings import Settings
from tests.toy import EVENTS, LEVEL, Toy, constant

LOOPBACK = Web(("127.0.0.1:0",))


@asynccontextmanager
async def serving(*toys: Toy) -> AsyncIterator[httpx.AsyncClient]:
    app = App(Settings(collectors=toys), LOOPBACK)
    async with app.running() as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


def two() -> tuple[Toy, Toy]:
    return Toy.of(constant(EVENTS(1)), name="first", every="scrape"), Toy.of(
        constant(LEVEL(2, place="x")), name="second", every="scrape"
    )


async def test_the_page_has_every_collector_and_the_exporters_own_metrics() -> None:
    async with serving(*two()) as client:
        answer = await client.get("/metrics")
    names = {family.name for family in parse_text(answer.text)}
    assert {
        "toy_events",
        "toy_level",
        "bellwether_collector_up",
        "bellwether_build_info",
        "process_resident_memory_bytes",
    } <= names
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_openmetrics_is_given_to_whoever_prefers_it() -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.3"
    async with serving(*two()) as client:
        answer = await client.get("/metrics", headers={"accept": accept})
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert "toy_events" in {family.name for family in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip", "gzip"), ("identity", None), ("gzip;q=0", None)])
async def test_gzip_is_given_to_whoever_accepts_it(accepted: str, encoding: str | None) -> None:
    async with serving(*two()) as client, client.stream("GET", "/metrics", headers={"accept-encoding": accepted}) as answer:
        body = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == encoding
    assert b"toy_events_total 1.0" in (gzip.decompress(body) if encoding else body)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/metrics/first", {"toy_events"}),
        ("/metrics/toy", {"toy_events", "toy_level"}),
        ("/metrics?collect[]=second", {"toy_level"}),
        ("/metrics?collect[]=first&collect[]=second", {"toy_events", "toy_level"}),
        ("/metrics?exclude[]=first&exclude[]=bellwether", {"toy_level"}),
        ("/metrics?exclude[]=toy&exclude[]=bellwether", set()),
        ("/metrics/pgbouncer", set()),  # a kind, but no collector is of it
        ("/metrics?collect[]=first&collect[]=icmp", {"toy_events"}),
        ("/metrics?exclude[]=node&exclude[]=bellwether", {"toy_events", "toy_level"}),
    ],
)
async def test_a_part_can_be_asked_for_by_the_name_or_kind_of_its_collectors(path: str, shown: set[str]) -> None:
    async with serving(*two()) as client:
        assert {family.name for family in parse_text((await client.get(path)).text)} == shown


@pytest.mark.parametrize("path", ["/metrics/third", "/metrics?collect[]=third", "/metrics?exclude[]=third"])
async def test_an_unknown_part_is_an_error_that_lists_the_known_ones(path: str) -> None:
    async with serving(*two()) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.text) == (
        404,
        "no collector is named third; expected some of bellwether, first, second\n",
    )


async def test_a_scrape_waits_half_a_second_less_than_prometheus_does() -> None:
    hanging = asyncio.Event()

    async def script() -> AsyncGenerator[Sample, None]:
        await hanging.wait()
        yield EVENTS(1)

    async with serving(Toy.of(script, every="scrape", name="slow"), two()[1]) as client:
        answer = await client.get("/metrics", headers={"x-prometheus-scrape-timeout-seconds": "0.7"}, timeout=0.65)
    assert "toy_level" in answer.text
    assert "toy_events_total" not in answer.text


async def test_it_is_healthy_at_once_and_ready_after_each_collectors_first_turn() -> None:
    go_on = asyncio.Event()

    async def script() -> AsyncGenerator[Sample, None]:
        await go_on.wait()
        yield EVENTS(1)

    async with serving(Toy.of(script, every="1h")) as client:
        assert (await client.get("/-/healthy")).status_code == 200
        assert (await client.get("/-/ready")).status_code == 503
        go_on.set()
        async with asyncio.timeout(5):
            while (await client.get("/-/ready")).status_code != 200:
                await asyncio.sleep(0.01)


async def test_the_start_page_shows_each_collector_and_why_it_fails() -> None:
    async def script() -> AsyncGenerator[Sample, None]:
        yield EVENTS(1)
        raise ZeroDivisionError("<oops>")

    async with serving(Toy.of(script, name="broken", every="scrape"), two()[0]) as client:
        await client.get("/metrics")
        page = (await client.get("/")).text
    assert "bug: ZeroDivisionError: &lt;oops&gt;" in page
    assert '<a href="/metrics/first">first</a>' in page


async def test_runbooks_are_served_and_nothing_beside_them() -> None:
    async with serving(*two()) as client:
        assert (await client.get("/runbooks/HostDown")).text.startswith("# HostDown")
        for name in ("Nothing", "../rules", "%2e%2e/lib/rule", "HostDown.md"):
            assert (await client.get(f"/runbooks/{name}")).status_code == 404


async def test_other_methods_and_paths_are_refused_with_a_hint() -> None:
    async with serving(*two()) as client:
        assert (await client.post("/metrics")).status_code == 405
        answer = await client.get("/metricz")
    assert (answer.status_code, answer.text) == (404, "no such page: /metricz; the start page / lists them\n")


async def test_head_answers_with_headers_alone() -> None:
    async with serving(*two()) as client:
        answer = await client.head("/metrics")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


async def test_its_port_is_free_again_after_it_stopped() -> None:
    app = App(Settings(collectors=two()), LOOPBACK)
    async with app.running() as url:
        port = httpx.URL(url).port
    assert port is not None
    with socket.create_server(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize("address", ["11042", "localhost", "127.0.0.1:http", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"expected HOST:PORT, such as 127\.0\.0\.1:11042"):
        App(Settings(collectors=two()), Web((address,)))


def test_a_taken_address_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=f"cannot listen on {address}: Address already in use"):
            App(Settings(collectors=two()), Web((address,)))
