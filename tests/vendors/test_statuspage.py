"""Status pages: the simulated ones over the company, and the documented answers of each format."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import ValidationError

from exporter.clients.api import CALLS, DURATION
from exporter.collectors.statuspage import Statuspage
from exporter.demo.company import Company
from exporter.document import Document
from exporter.errors import Malformed, Unreachable
from exporter.settings import settings_of
from tests.endpoint import RECORDED, Endpoint, Response
from tests.packs.conftest import NOW
from tests.vendors.case import Figures, asked
from tests.vendors.conftest import Simulators
from tests.vendors.shapes import same_shape
from tests.vendors.statuspage import CASES

PAGE = Path(__file__).parent.parent.parent / "docs/integrations/statuspage.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
SUMMARY, INSTATUS, INSTATUS_3, INSTATUS_2, STRIPE, STATUSIO = (
    "/api/v2/summary.json", "/summary.json", "/v3/components.json", "/v2/components.json", "/current", "/1.0/status/5b36",
)  # fmt: skip
BY_VENDOR = {case.simulator: case for case in CASES}
LAST_RELEASE = datetime(2026, 9, 15, 14, tzinfo=UTC).timestamp()  # the Tuesday before NOW, half past one and half an hour
Make = Callable[..., Statuspage]


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"statuspage/{name}.json").read_text())["body"]


def told(found: Figures, metric: str) -> dict[str, float]:
    """The series of a metric with one label that are not 0."""
    return {labels[0]: value for labels, value in found[f"service_status_{metric}"].items() if value}


async def figures(vendors: Simulators, vendor: str, **settings: object) -> Figures:
    collector = BY_VENDOR[vendor].collector(vendors.url(vendor), **settings)
    try:
        found = await asked(collector)
    finally:
        await collector.close()
    return {name: series for name, series in found.items() if name not in {CALLS.name, DURATION.name}}


@contextmanager
def incident(company: Company, name: str, effect: str = "") -> Iterator[None]:
    """Goes on since ten minutes before NOW; nothing of it stays behind."""
    with psycopg.connect(company.application_dsn, autocommit=True) as connection:
        known = connection.execute("select from shop.known_incidents where name = %s", [name]).rowcount
        if not known:
            connection.execute("insert into shop.known_incidents values (%s, %s)", [name, effect])
        connection.execute("insert into shop.incidents values (%s, %s, null)", [name, NOW - timedelta(minutes=10)])
        try:
            yield
        finally:
            connection.execute("delete from shop.incidents where name = %s", [name])
            if not known:
                connection.execute("delete from shop.known_incidents where name = %s", [name])


@pytest.fixture
async def page(server: Endpoint) -> AsyncIterator[Make]:
    """Makes collectors of the server, closed after the test."""
    made: list[Statuspage] = []

    def make(**settings: Any) -> Statuspage:
        made.append(Statuspage.model_validate({"url": server.url, **settings}))
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


NOTHING = {"none": 0, "minor": 0, "major": 0, "critical": 0, "maintenance": 0, "unknown": 0}


async def test_a_quiet_day_in_full(vendors: Simulators) -> None:
    assert await figures(vendors, "statuspage") == {
        "service_status_page_state": {(name,): name == "none" for name in NOTHING},
        "service_status_components": {
            ("operational",): 5, ("degraded_performance",): 0, ("partial_outage",): 0, ("major_outage",): 0,
            ("under_maintenance",): 0, ("unknown",): 0,
        },
        "service_status_component_state": {
            (name, "operational"): 1
            for name in ("Application / Website", "Application / API", "Payments", "Notifications", "Sign-in")
        },
        "service_status_incidents": {(name,): 0 for name in NOTHING},
        "service_status_maintenances": {("scheduled",): 1, ("in_progress",): 0, ("verifying",): 0, ("unknown",): 0},
        "service_status_updated_timestamp_seconds": {(): LAST_RELEASE},
    }  # fmt: skip


async def test_a_payment_outage_is_on_the_pages_that_it_concerns(company: Company, vendors: Simulators) -> None:
    with incident(company, "payment-outage"):
        own, stripe, messages = [await figures(vendors, vendor) for vendor in ("statuspage", "stripe-status", "instatus")]
    assert told(own, "page_state") == {"critical": 1}
    assert own["service_status_component_state"]["Payments", "major_outage"] == 1
    assert told(own, "components") == {"operational": 4, "major_outage": 1}
    assert told(own, "incidents") == {"critical": 1}
    assert own["service_status_updated_timestamp_seconds"] == {(): NOW.timestamp() - 600}
    assert told(stripe, "page_state") == {"minor": 1}
    assert stripe["service_status_component_state"] == {
        ("api", "major_outage"): 1, ("dashboard", "operational"): 1, ("stripejs", "operational"): 1,
        ("checkoutjs", "operational"): 1,
    }  # fmt: skip
    assert told(messages, "page_state") == {"none": 1}
    assert told(messages, "incidents") == {}


async def test_an_outage_of_the_payment_provider_is_on_its_page_alone(company: Company, vendors: Simulators) -> None:
    with incident(company, "payment-provider-down"):
        own, stripe = [await figures(vendors, vendor) for vendor in ("statuspage", "stripe-status")]
    assert told(stripe, "page_state") == {"critical": 1}
    assert told(own, "page_state") == {"none": 1}
    assert told(own, "incidents") == {}


async def test_stripe_lists_no_incidents_so_there_is_no_figure_of_them(vendors: Simulators) -> None:
    found = await figures(vendors, "stripe-status")
    assert told(found, "page_state") == {"none": 1}
    assert found.keys() == {"service_status_page_state", "service_status_components", "service_status_component_state"}


async def test_instatus_says_how_bad_it_is_in_its_incidents(company: Company, vendors: Simulators) -> None:
    with incident(company, "notification-failure", "Pushed messages are not delivered"):
        found = await figures(vendors, "instatus")
    assert told(found, "page_state") == {"major": 1}
    assert told(found, "incidents") == {"major": 1}
    assert found["service_status_component_state"] == {
        ("Channels / Push", "partial_outage"): 1, ("Channels / Text messages", "partial_outage"): 1,
        ("Channels / E-mail", "operational"): 1,
    }  # fmt: skip
    assert told(found, "components") == {"partial_outage": 2, "operational": 1}


async def test_the_numbers_of_statusio_are_words(company: Company, vendors: Simulators) -> None:
    with incident(company, "slow-database", "Queries take ten times as long"):
        found = await figures(vendors, "statusio")
    assert told(found, "page_state") == {"minor": 1}
    assert found["service_status_component_state"] == {("API", "degraded_performance"): 1, ("Website", "operational"): 1}
    assert told(found, "incidents") == {"minor": 1}
    assert told(found, "maintenances") == {"scheduled": 1}
    assert found["service_status_updated_timestamp_seconds"] == {(): NOW.timestamp() - 600}


SHAPES: dict[str, tuple[str, str, str, list[str]]] = {
    # the names of members are there of groups alone
    "statuspage": (SUMMARY, "summary", "payment-outage", ["components[].components"]),
    "stripe-status": (STRIPE, "stripe_current", "payment-outage", []),
    # lists are missing when they are empty
    "instatus": (INSTATUS, "instatus_summary", "notification-failure", ["activeMaintenances"]),
    "statusio": ("/1.0/status/5b36dc6502d06804c08349f7", "statusio_status", "slow-database", []),
}


@pytest.mark.parametrize("vendor", SHAPES)
def test_the_simulated_answers_have_the_documented_shape(company: Company, vendors: Simulators, vendor: str) -> None:
    path, name, hit, optional = SHAPES[vendor]
    with incident(company, hit, "Something is wrong"):
        answer = httpx.get(vendors.url(vendor) + path)
    same_shape(recorded(name), answer.json(), optional=optional)


def test_so_have_the_components_of_instatus(vendors: Simulators) -> None:
    same_shape(recorded("instatus_components"), httpx.get(vendors.url("instatus") + INSTATUS_3).json())


async def test_groups_are_not_counted_beside_what_is_in_them(server: Endpoint, page: Make) -> None:
    server.answers[SUMMARY] = Response.recorded("statuspage/summary")
    found = await asked(page())
    assert told(found, "components") == {"partial_outage": 1, "major_outage": 2, "operational": 1}
    assert found["service_status_component_state"] == {
        ("API", "partial_outage"): 1, ("Management Portal", "major_outage"): 1, ("Editing / Pages", "major_outage"): 1,
        ("Editing / Comments", "operational"): 1,
    }  # fmt: skip
    assert told(found, "page_state") == {"major": 1}
    assert told(found, "incidents") == {"critical": 1}
    assert told(found, "maintenances") == {"scheduled": 1}
    assert found["service_status_updated_timestamp_seconds"] == {(): datetime(2025, 12, 20, 11, 26, 7, tzinfo=UTC).timestamp()}


async def test_a_word_that_nobody_knows_is_unknown_and_never_fine(server: Endpoint, page: Make) -> None:
    body = recorded("summary")
    body["status"]["indicator"] = "splendid"
    body["components"][0]["status"] = "somewhat_wobbly"
    body["incidents"][0]["impact"] = "cosmic"
    body["scheduled_maintenances"][0]["status"] = "pondered"
    server.answers[SUMMARY] = Response.json(body)
    found = await asked(page())
    assert told(found, "page_state") == {"unknown": 1}
    assert found["service_status_component_state"]["API", "unknown"] == 1
    assert told(found, "incidents") == {"unknown": 1}
    assert told(found, "maintenances") == {"unknown": 1}


async def test_what_is_over_is_not_open(server: Endpoint, page: Make) -> None:
    body = recorded("summary")
    body["incidents"][0]["status"] = "resolved"
    body["scheduled_maintenances"][0]["status"] = "completed"
    server.answers[SUMMARY] = Response.json(body)
    found = await asked(page())
    assert told(found, "incidents") == {}
    assert told(found, "maintenances") == {}


async def test_a_page_of_incident_io_may_lack_components_and_says_nothing_of_them(server: Endpoint, page: Make) -> None:
    body = {key: value for key, value in recorded("summary").items() if key in {"page", "status"}}
    server.answers[SUMMARY] = Response.json(body)
    found = await asked(page())
    assert {name for name in found if name.startswith("service")} == {
        "service_status_page_state",
        "service_status_updated_timestamp_seconds",
    }


async def test_the_documented_answers_of_the_other_formats(server: Endpoint, page: Make) -> None:
    server.answers |= {
        INSTATUS: Response.recorded("statuspage/instatus_summary"),
        INSTATUS_3: Response.recorded("statuspage/instatus_components"),
        STATUSIO: Response.recorded("statuspage/statusio_status"),
    }
    instatus = await asked(page(format="instatus"))
    assert told(instatus, "page_state") == {"critical": 1}
    assert told(instatus, "incidents") == {"critical": 1}
    assert told(instatus, "maintenances") == {"scheduled": 1}
    assert instatus["service_status_component_state"] == {
        ("Application / App", "operational"): 1,
        ("Website", "partial_outage"): 1,
    }
    statusio = await asked(page(page_id="5b36"))
    assert told(statusio, "page_state") == {"maintenance": 1}
    assert told(statusio, "components") == {"under_maintenance": 1, "operational": 1}
    assert told(statusio, "incidents") == {}


async def test_the_impact_of_an_incident_at_statusio_is_that_of_its_newest_message(server: Endpoint, page: Make) -> None:
    body = recorded("statusio_status")
    messages = [{"datetime": "2021-12-06T17:00:00Z", "status": 300}, {"datetime": "2021-12-06T16:00:00Z", "status": 500}]
    body["result"]["incidents"] = [{"messages": messages}, {"messages": []}, {"name": "of which nothing is told"}]
    server.answers[STATUSIO] = Response.json(body)
    assert told(await asked(page(page_id="5b36")), "incidents") == {"minor": 1, "unknown": 2}


async def test_an_older_page_of_instatus_has_its_components_elsewhere_or_none(server: Endpoint, page: Make) -> None:
    server.answers[INSTATUS] = Response.json({"page": {"name": "Old", "url": "", "status": "UNDERMAINTENANCE"}})
    without = await asked(page(format="instatus"))
    assert told(without, "page_state") == {"maintenance": 1}
    assert "service_status_components" not in without
    server.answers[INSTATUS_2] = Response.recorded("statuspage/instatus_components")
    assert told(await asked(page(format="instatus")), "components") == {"operational": 1, "partial_outage": 1}


async def test_the_format_is_found_once(server: Endpoint, page: Make) -> None:
    server.answers |= {
        SUMMARY: Response.text("<!doctype html><title>Status</title>", "text/html"),
        INSTATUS: Response.text("not found", "text/plain", 404),
        STRIPE: Response.recorded("statuspage/stripe_current"),
    }
    collector = page()
    for _ in range(3):
        assert told(await asked(collector), "page_state") == {"none": 1}
    assert [request.path for request in server.requests] == [SUMMARY, INSTATUS, STRIPE, STRIPE, STRIPE]
    server.answers |= {SUMMARY: Response.recorded("statuspage/summary"), STRIPE: Response.text("", status=404)}
    with pytest.raises(Malformed, match="/current"):
        await asked(collector)
    assert told(await asked(collector), "page_state") == {"major": 1}  # the page moved to another product


async def test_trouble_with_the_network_says_nothing_of_the_format(server: Endpoint, page: Make) -> None:
    server.answers |= {SUMMARY: Response.text("", status=500), STRIPE: Response.recorded("statuspage/stripe_current")}
    with pytest.raises(Unreachable, match=r"/api/v2/summary\.json"):
        await asked(page())


async def test_a_page_of_no_known_format_says_what_was_looked_for(server: Endpoint, page: Make) -> None:
    server.answers = dict.fromkeys((SUMMARY, INSTATUS, STRIPE), Response.text("<html>secret</html>", "text/html"))
    with pytest.raises(
        Malformed, match=r"summary\.json at .*: expected JSON.*instatus and stripe: check url, or set"
    ) as raised:
        await asked(page())
    assert "secret" not in str(raised.value)


async def test_a_page_that_moved_to_another_host_names_it(server: Endpoint, page: Make) -> None:
    server.answers[SUMMARY] = Response(status=302, headers={"Location": "https://status.example.com/api/v2/summary.json"})
    with pytest.raises(Malformed, match=r"sent on to https://status\.example\.com.*set it as the URL"):
        await asked(page())


async def test_the_components_that_matter_can_be_chosen(server: Endpoint, page: Make) -> None:
    server.answers[SUMMARY] = Response.recorded("statuspage/summary")
    found = await asked(page(components=["b13yz5g2cw10", "Editing / Pages", "Comments", "Sold long ago"]))
    assert found["service_status_component_state"] == {
        ("API", "partial_outage"): 1, ("Editing / Pages", "major_outage"): 1, ("Editing / Comments", "operational"): 1,
        ("Sold long ago", "unknown"): 1,
    }  # fmt: skip
    assert told(found, "components") == {"partial_outage": 1, "major_outage": 1, "operational": 1, "unknown": 1}


async def test_of_many_components_those_in_trouble_are_named_and_all_counted(server: Endpoint, page: Make) -> None:
    server.answers[SUMMARY] = Response.recorded("statuspage/summary")
    found = await asked(page(most=2))
    assert {status for _, status in found["service_status_component_state"]} == {"major_outage"}
    assert sum(found["service_status_components"].values()) == 4


async def test_of_components_with_one_title_the_worst_is_shown(server: Endpoint, page: Make) -> None:
    body = recorded("summary")
    for component in body["components"]:
        component |= {"name": "Edge", "group": False, "group_id": None}
    server.answers[SUMMARY] = Response.json(body)
    assert (await asked(page()))["service_status_component_state"] == {("Edge", "major_outage"): 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": "statusio"}, "expected page_id"),
        ({"format": "stripe", "page_id": "5b36"}, "expected no page_id"),
        ({"page_id": "../x"}, "page_id"),
    ],
)
def test_a_page_of_statusio_is_asked_by_its_id(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Statuspage.model_validate({"url": "https://status.example.com", **settings})


def test_each_documented_setting_is_valid() -> None:
    kinds = [each.kind for text in BLOCKS for each in settings_of(Document.parse(text, str(PAGE)), {}).collectors]
    assert kinds
    assert set(kinds) == {"statuspage"}


def test_the_demo_watches_two_pages(vendors: Simulators) -> None:
    for vendor in ("statuspage", "stripe-status"):
        settings = vendors.settings(vendor)
        assert (
            Statuspage.model_validate({key: value for key, value in settings.items() if key != "kind"}).name == settings["name"]
        )
