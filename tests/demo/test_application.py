"""The application over real HTTP: routes, what it measures, and what incidents do to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.application import ROUTES, Route
from exporter.demo.company import Company
from exporter.demo.database import Server
from exporter.demo.traffic import Traffic
from exporter.demo.website import Website

NOW = datetime(2026, 9, 16, 15, 0, tzinfo=UTC)  # a Wednesday


class Site:
    """The application with a browser, and incidents that a test decides."""

    browser: httpx.AsyncClient

    def __init__(self) -> None:
        self.going_on: set[str] = set()

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> int:
        return (await self.browser.request(method, path, headers=headers)).status_code

    async def count(self, name: str, **labels: str) -> float:
        page = (await self.browser.get("/metrics")).raise_for_status().text
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        return sum(sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items())


@pytest.fixture(scope="module")
def company(server: Server) -> Iterator[Company]:
    company = Company(server, clock=lambda: NOW, living=False, told=[])
    asyncio.run(company.__aenter__())
    yield company
    asyncio.run(company.__aexit__())


@pytest.fixture
async def site(company: Company) -> AsyncIterator[Site]:
    site = Site()
    async with (
        Website(company.application_dsn, going_on=lambda: site.going_on) as website,
        httpx.AsyncClient(base_url=website.url, trust_env=False) as site.browser,
    ):
        yield site


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
async def test_every_route_answers_and_is_measured_under_its_template(site: Site, route: Route) -> None:
    method, template = route.method, route.template
    status = await site.ask(method, template.replace("{id}", "17"))
    assert status == route.status
    labels = {"http_request_method": method, "http_route": template, "http_response_status_code": str(status)}
    assert await site.count("http_server_request_duration_seconds_count", **labels, service_name="shop") == 1
    assert await site.count("http_server_request_duration_seconds_count") == 1


async def test_the_bounds_of_objectives_are_bounds_of_its_histogram(site: Site) -> None:
    await site.ask("GET", "/")
    for bound in ("0.2", "1.0"):
        assert await site.count("http_server_request_duration_seconds_bucket", le=bound) == 1


async def test_wrong_credentials_are_refused(site: Site) -> None:
    assert await site.ask("POST", "/api/login", headers={"authorization": "Basic guest"}) == 401


async def test_a_third_of_the_answers_are_errors_while_errors_burst(site: Site) -> None:
    site.going_on.add("error-burst")
    statuses = [await site.ask("GET", "/api/groups") for _ in range(60)]
    assert 5 <= statuses.count(500) <= 35
    assert await site.ask("GET", "/pricing") == 200


async def test_payments_fail_at_the_provider_in_an_outage(site: Site) -> None:
    site.going_on.add("payment-outage")
    assert [await site.ask("POST", "/api/payments") for _ in range(8)].count(502) >= 4


async def test_without_a_database_it_answers_503_and_again_after_it(server: Server, site: Site) -> None:
    assert await site.ask("POST", "/webhooks/payments") == 202
    server.stop()
    try:
        assert await site.ask("POST", "/webhooks/payments") == 503
        assert await site.ask("GET", "/pricing") == 200
    finally:
        server.start()
    assert await site.ask("POST", "/webhooks/payments") == 202


async def test_a_slow_database_is_waited_for_and_its_pool_is_in_use(site: Site) -> None:
    site.going_on.add("slow-database")
    asking = asyncio.gather(*(site.ask("GET", "/api/groups") for _ in range(3)))
    while await site.count("db_client_connection_count", db_client_connection_state="used") < 3:
        await asyncio.sleep(0.01)
    assert await asking == [200, 200, 200]
    assert await site.count("http_server_request_duration_seconds_bucket", le="1.0") == 0
    assert await site.count("db_client_connection_count", db_client_connection_state="used") == 0


async def test_jobs_are_done_unless_they_pile_up(site: Site) -> None:
    site.going_on.add("job-backlog")
    await site.ask("POST", "/webhooks/payments")
    while not await site.count("job_runs_total", queue="webhooks", outcome="failed"):
        await asyncio.sleep(0.05)
    assert await site.count("job_queue_length", queue="webhooks") == 1
    site.going_on.clear()
    while await site.count("job_queue_length", queue="webhooks"):
        await asyncio.sleep(0.05)
    assert await site.count("job_runs_total", queue="webhooks", outcome="succeeded") == 1


async def test_traffic_comes_to_every_kind_of_route(site: Site) -> None:
    site.going_on.add("brute-force")
    traffic = Traffic(str(site.browser.base_url), lambda: NOW, lambda: site.going_on)
    running = asyncio.create_task(traffic.run())
    try:
        while not await site.count("http_server_request_duration_seconds_count", http_response_status_code="401"):
            await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_traffic_follows_the_hour_the_weekday_and_a_drop() -> None:
    going_on: set[str] = set()
    traffic = Traffic("http://127.0.0.1:9", lambda: NOW, lambda: going_on)
    usual = traffic.rate(NOW)
    assert usual > traffic.rate(NOW.replace(hour=9)) > traffic.rate(NOW.replace(hour=3)) > 0.5
    assert traffic.rate(NOW.replace(day=19)) == pytest.approx(0.6 * usual)
    going_on.add("traffic-drop")
    assert traffic.rate(NOW) == pytest.approx(usual / 10)
