"""The kind `umami` against the simulated service, the simulator against what is documented, and what neither shows."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import ValidationError

from exporter.collectors.umami import Umami
from exporter.demo.company import Company
from exporter.demo.vendors.umami import Umami as Simulator
from exporter.errors import Denied, Malformed, PollError, Throttled, Unreachable
from tests.endpoint import RECORDED, Endpoint, Request, Response, endpoint
from tests.packs.conftest import NOW
from tests.vendors.audience import WINDOWS, Audience, renamed
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.shapes import same_shape
from tests.vendors.umami import CASE

PAGE = Path("docs/integrations/umami.md")
SITE = f"/api/websites/{Simulator.WEBSITE}"
LOGIN, PERFORMANCE = "/api/auth/login", "/api/reports/performance"
SYSTEMS = {
    "windows": "Windows 10", "mac": "Mac OS", "linux": "Linux", "ios": "iOS", "android": "Android OS", "": "unknown",
}  # fmt: skip
CHANNELS = {
    "": "direct", "organic": "organicSearch", "cpc": "paidSearch", "social": "organicSocial", "email": "email",
    "referral": "referral",
}  # fmt: skip
Make = Callable[..., Umami]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collectors.umami.time.time", NOW.timestamp)


@pytest.fixture
def umami(making: Making) -> Make:
    return making(Umami, CASE)


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """An Umami of version 3.1 that answers as documented."""
    with endpoint() as served:
        served.answers = {
            LOGIN: Response.recorded("umami/login"),
            f"{SITE}/active": Response.recorded("umami/active"),
            f"{SITE}/stats": Response.recorded("umami/stats"),
            f"{SITE}/metrics": Response.recorded("umami/metrics"),
            PERFORMANCE: Response.recorded("umami/performance"),
        }
        yield served


@pytest.mark.parametrize("version", [2, 3])
async def test_a_poll_says_what_the_companys_visits_were(
    umami: Make, vendors: Simulators, company: Company, version: int
) -> None:
    expected = Audience.of(company)
    found = await asked(umami(vendors.url("umami") + ("/v2" if version == 2 else "")))
    for window, length in WINDOWS.items():
        visits = expected.within(NOW - length)
        over = expected.over(visits)
        assert found["web_visits"][window,] == len(visits) > 100
        assert found["web_visitors"][window,] == len({visit.visitor for visit in visits})
        assert found["web_page_views"][window,] == sum(visit.pages for visit in visits)
        assert found["web_bounce_ratio"][window,] == pytest.approx(sum(v.pages <= 1 for v in over) / len(visits))
        seconds = sum((visit.ended - visit.began).total_seconds() for visit in over)
        assert found["web_visit_duration_seconds"][window,] == pytest.approx(seconds / len(visits), abs=0.01)
    assert found["web_current_visitors"] == {(): expected.current()}
    day = expected.within(NOW - timedelta(days=1))
    assert found["web_page_visitors"] == renamed(expected.pages(day), {})
    sources = {"": "direct", "google": "google.com", "linkedin": "linkedin.com"}
    assert found["web_referrer_visitors"] == renamed(expected.by(day, "source"), sources)
    assert found["web_country_visitors"] == renamed(expected.by(day, "from_country"), {})
    assert found["web_browser_visitors"] == renamed(expected.by(day, "browser"), {"edge": "edge-chromium"})
    assert found["web_os_visitors"] == renamed(expected.by(day, "system"), SYSTEMS)
    assert found["web_device_visitors"] == renamed(expected.by(day, "device"), {"": "unknown"})
    assert found["web_custom_events"] == renamed(expected.done(NOW - timedelta(days=1))[0], {})
    assert found.get("web_channel_visitors", {}) == ({} if version == 2 else renamed(expected.by(day, "medium"), CHANNELS))


async def test_web_vitals_are_those_that_browsers_measured(umami: Make, vendors: Simulators, company: Company) -> None:
    found = await asked(umami(vendors.url("umami")))
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            "select timing, value from bellwether.page_timings where occurred_at > %s and occurred_at <= %s",
            (NOW - timedelta(days=1), NOW),
        ).fetchall()
    assert {labels[2] for labels in found["web_vital_seconds"]} == {"lcp", "inp", "fcp", "ttfb"}
    for (page, device, vital, percentile, window), value in {**found["web_vital_seconds"], **found["web_vital_score"]}.items():
        assert (page, device, percentile, window) == ("*", "all", "75", "1d")
        measured = sorted(float(each) for timing, each in rows if timing == vital)
        place = 0.75 * (len(measured) - 1)
        below, above = measured[int(place)], measured[-(-int(place * 4) // 4) if place.is_integer() else int(place) + 1]
        assert value == pytest.approx(below + (above - below) * (place - int(place)))


async def test_milliseconds_become_seconds_and_what_nobody_measured_has_no_value(umami: Make, server: Endpoint) -> None:
    found = await asked(umami(server.url))
    assert found["web_vital_seconds"] == pytest.approx(
        {("*", "all", "lcp", "75", "1d"): 2.4, ("*", "all", "inp", "75", "1d"): 0.16, ("*", "all", "ttfb", "75", "1d"): 0.4505}
    )
    assert found["web_vital_score"] == {("*", "all", "cls", "75", "1d"): 0}
    (request,) = server.asked(PERFORMANCE)
    assert request.data["parameters"]["startDate"] == "2026-09-15T15:30:00.000Z"
    assert request.data["parameters"]["endDate"] == "2026-09-16T15:30:00.000Z"
    server.answers[PERFORMANCE] = Response.recorded("umami/performance_empty")
    assert not {"web_vital_seconds", "web_vital_score"} & (await asked(umami(server.url))).keys()
    server.answers[PERFORMANCE] = Response.text("<html>", "text/html", 404)  # version 3.0
    assert not {"web_vital_seconds", "web_vital_score"} & (await asked(umami(server.url))).keys()
    server.requests.clear()
    await asked(umami(server.url, web_vitals=False))
    assert server.asked(PERFORMANCE) == []


async def test_bounces_and_time_are_of_all_visits(umami: Make, server: Endpoint) -> None:
    found = await asked(umami(server.url, windows=["7d"]))
    assert found["web_current_visitors"] == {(): 5}
    assert found["web_bounce_ratio"] == pytest.approx({("7d",): 3567 / 5680})
    assert found["web_visit_duration_seconds"] == pytest.approx({("7d",): 809968 / 5680})
    (request,) = server.asked(f"{SITE}/stats")
    assert request.query == {"startAt": "1788967800000", "endAt": "1789572600000"}
    none = {"pageviews": 0, "visitors": 0, "visits": 0, "bounces": 0, "totaltime": 0, "comparison": {}}
    server.answers[f"{SITE}/stats"] = Response.json(none)
    empty = await asked(umami(server.url, windows=["7d"]))
    assert empty["web_visits"] == {("7d",): 0}
    assert not {"web_bounce_ratio", "web_visit_duration_seconds"} & empty.keys()


async def test_version_2_is_known_by_its_shape(umami: Make, server: Endpoint) -> None:
    server.answers[f"{SITE}/stats"] = Response.recorded("umami/stats_2")
    server.answers[f"{SITE}/active"] = Response.recorded("umami/active_2_12")
    found = await asked(umami(server.url, windows=["1d"]))
    assert found["web_current_visitors"] == {(): 3}
    assert found["web_page_views"] == {("1d",): 3018}
    assert found["web_bounce_ratio"] == pytest.approx({("1d",): 537 / 984})
    types = [request.query["type"] for request in server.asked(f"{SITE}/metrics")]
    assert types == ["url", "referrer", "country", "browser", "os", "device", "event"]
    assert server.asked(PERFORMANCE) == []


async def test_it_logs_in_once_and_again_when_the_token_is_not_known_any_more(umami: Make, server: Endpoint) -> None:
    tokens = iter(("first-token", "second-token"))
    good = ""

    def login(_: Request) -> Response:
        nonlocal good
        good = next(tokens)
        return Response.json({"token": good, "user": {}})

    def active(request: Request) -> Response:
        knows = request.headers.get("authorization") == f"Bearer {good}"
        return Response.recorded("umami/active" if knows else "umami/unauthorized")

    server.answers |= {LOGIN: login, f"{SITE}/active": active}
    collector = umami(server.url)
    for _ in range(3):
        await asked(collector)
    assert good == "first-token"
    assert [request.data for request in server.asked(LOGIN)] == [
        {"username": Simulator.USERNAME, "password": Simulator.PASSWORD}
    ]
    good = "made anew"
    await asked(collector)
    assert good == "second-token"
    assert "authorization" not in server.asked(LOGIN)[1].headers


async def test_the_cloud_takes_its_key_in_a_header_of_its_own(umami: Make, server: Endpoint) -> None:
    cloud = Umami.model_validate({"url": f"{server.url}/api", "website": Simulator.WEBSITE, "api_key": "key-of-a-test"})
    await asked(cloud)
    await cloud.close()
    assert {request.headers["x-umami-api-key"] for request in server.requests} == {"key-of-a-test"}
    assert not any("authorization" in request.headers for request in server.requests)
    assert server.asked(LOGIN) == []
    assert Umami.model_validate({"website": Simulator.WEBSITE, "api_key": "key"}).url == "https://api.umami.is/v1"


async def test_further_pages_of_events_are_read_and_the_rest_is_other(umami: Make, server: Endpoint) -> None:
    def metrics(request: Request) -> Response:
        if request.query["type"] != "event":
            return Response.json([{"x": None, "y": 2}])
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        return Response.json([{"x": f"event {number}", "y": 1000 - number} for number in range(150)][offset : offset + limit])

    server.answers[f"{SITE}/metrics"] = metrics
    found = await asked(umami(server.url, most=1))
    rest = sum(1000 - number for number in range(1, 150))
    assert found["web_custom_events"] == {("event 0", "1d"): 1000, ("other", "1d"): rest}
    assert found["web_country_visitors"] == {("unknown", "1d"): 2}
    assert found["web_referrer_visitors"] == {("direct", "1d"): 2}


async def test_each_part_is_asked_for_at_its_own_pace(umami: Make, server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("exporter.clients.cadence.time.monotonic", lambda: now)
    collector = umami(server.url)
    await asked(collector)
    server.requests.clear()
    for _ in range(15):
        now += 60
        await asked(collector)
    assert 4 * len(server.requests) == CASE.requests_per_hour


@pytest.mark.parametrize(
    ("path", "answer", "kind", "text"),
    [
        (LOGIN, Response.recorded("umami/wrong_password"), Denied, "incorrect-username-password"),
        (LOGIN, Response.json({"token": None}), Malformed, "expected a token"),
        (LOGIN, Response.json([]), Malformed, "expected a token"),
        (f"{SITE}/active", Response.recorded("umami/unauthorized"), Denied, "username and password, and that they may see"),
        (f"{SITE}/stats", Response.recorded("umami/too_many"), Throttled, "too-many-requests"),
        (f"{SITE}/metrics", Response.json({"error": "x"}), Malformed, "values of the type path"),
        (f"{SITE}/metrics", Response.json([{"x": 3, "y": 3}]), Malformed, "values of the type path"),
        (PERFORMANCE, Response.json({"summary": {"count": 3}}), Malformed, "summary of web vitals"),
        (PERFORMANCE, Response.text("", status=502), Unreachable, "502"),
        (f"{SITE}/active", Response.json(5), Malformed, "number of visitors"),
        (f"{SITE}/stats", Response.json({"pageviews": {"value": 1}, "visitors": 3}), Malformed, "page views"),
    ],
)
async def test_each_failure_has_its_reason(
    umami: Make, server: Endpoint, path: str, answer: Response, *, kind: type[PollError], text: str
) -> None:
    server.answers[path] = answer
    with pytest.raises(kind, match=text) as raised:
        await asked(umami(server.url))
    assert path in str(raised.value)
    assert Simulator.PASSWORD not in str(raised.value)


def test_credentials_are_of_one_kind() -> None:
    for settings, text in (
        ({}, "expected api_key of Umami Cloud, or username and password"),
        ({"api_key": "x", "username": "u", "password": "p"}, "expected api_key of Umami Cloud, or username and password"),
        ({"api_key": "x", "bearer_token": "t"}, "and no other credentials"),
        ({"api_key": "x", "website": "shop.example"}, "website"),
    ):
        with pytest.raises(ValidationError, match=text):
            Umami.model_validate({"website": Simulator.WEBSITE, **settings})


def test_the_simulator_answers_as_documented(vendors: Simulators) -> None:
    with httpx.Client(base_url=vendors.url("umami"), trust_env=False) as client:
        entered = {"username": Simulator.USERNAME, "password": Simulator.PASSWORD}
        login = client.post(LOGIN, json=entered).json()
        same_shape(read("login"), login)
        wrong = client.post(LOGIN, json={**entered, "password": "wrong"})
        assert (wrong.status_code, wrong.json()) == (401, read("wrong_password"))
        times = {"startAt": int((NOW.timestamp() - 86400) * 1000), "endAt": int(NOW.timestamp() * 1000)}
        instants = {"startDate": "2026-09-15T15:30:00.000Z", "endDate": "2026-09-16T15:30:00.000Z"}
        body = {"websiteId": Simulator.WEBSITE, "type": "performance", "filters": {}, "parameters": instants}
        key = {"Authorization": f"Bearer {login['token']}"}
        for headers in (key, {}):
            answers = {
                "active": client.get(f"{SITE}/active", headers=headers),
                "stats": client.get(f"{SITE}/stats", params=times, headers=headers),
                "stats_2": client.get(f"/v2{SITE}/stats", params=times, headers=headers),
                "metrics": client.get(f"{SITE}/metrics", params={**times, "type": "os"}, headers=headers),
                "performance": client.post(PERFORMANCE, json=body, headers=headers),
            }
            for name, answer in answers.items():
                if headers:
                    same_shape(read(name), answer.json())
                else:
                    assert (answer.status_code, answer.json()) == (401, read("unauthorized"))


def read(name: str) -> Any:
    return json.loads((RECORDED / f"umami/{name}.json").read_text())["body"]


def test_the_demo_watches_it(vendors: Simulators) -> None:
    assert Umami.model_validate(vendors.settings("umami")).url == f"{vendors.url('umami')}/api"
