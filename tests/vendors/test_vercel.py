"""The kind `vercel` against the simulated service, the simulator against what is documented, and what neither shows."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from exporter.collectors.vercel import Vercel
from exporter.demo.company import Company
from exporter.demo.vendors.vercel import Vercel as Simulator
from exporter.errors import Denied, Malformed, PollError, Throttled
from tests.endpoint import RECORDED, Endpoint, Request, Response, endpoint
from tests.packs.conftest import NOW
from tests.vendors.audience import WINDOWS, Audience, renamed
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.shapes import same_shape
from tests.vendors.vercel import CASE

PAGE = Path("docs/integrations/vercel.md")
PATH = "/v1/query/web-analytics"
SYSTEMS = {"windows": "Windows", "mac": "Mac", "linux": "GNU/Linux", "ios": "iOS", "android": "Android", "": "unknown"}
BROWSERS = {"chrome": "Chrome", "safari": "Safari", "firefox": "Firefox", "edge": "Edge"}
Make = Callable[..., Vercel]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collectors.vercel.time.time", NOW.timestamp)


@pytest.fixture
def vercel(making: Making) -> Make:
    return making(Vercel, CASE)


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """A Vercel that answers as documented."""

    def aggregate(request: Request) -> Response:
        names = {"country": "countries", "requestPath": "pages"}
        by = request.query["by"]
        return Response.recorded(f"vercel/{names[by]}") if by in names else Response.json({"data": []})

    with endpoint() as served:
        served.answers = {
            f"{PATH}/visits/count": Response.recorded("vercel/count"),
            f"{PATH}/visits/aggregate": aggregate,
            f"{PATH}/events/aggregate": Response.recorded("vercel/events"),
        }
        yield served


async def test_a_poll_says_what_the_companys_visits_were(vercel: Make, vendors: Simulators, company: Company) -> None:
    expected = Audience.of(company)
    found = await asked(vercel(vendors.url("vercel")))
    for window, length in WINDOWS.items():
        visits = expected.within(NOW - length)
        assert found["web_visitors"][window,] == len({visit.visitor for visit in visits}) > 100
        assert found["web_page_views"][window,] == sum(visit.pages for visit in visits)
    day = expected.within(NOW - timedelta(days=1))
    assert found["web_page_visitors"] == renamed(expected.pages(day), {})
    sources = {"": "direct", "google": "google.com", "linkedin": "linkedin.com"}
    assert found["web_referrer_visitors"] == renamed(expected.by(day, "source"), sources)
    assert found["web_country_visitors"] == renamed(expected.by(day, "from_country"), {})
    assert found["web_browser_visitors"] == renamed(expected.by(day, "browser"), BROWSERS)
    assert found["web_os_visitors"] == renamed(expected.by(day, "system"), SYSTEMS)
    assert found["web_device_visitors"] == renamed(expected.by(day, "device"), {"": "unknown"})
    assert found["web_custom_events"] == renamed(expected.done(NOW - timedelta(days=1))[0], {})


async def test_what_vercel_adds_up_is_other_where_it_can_be_added_and_else_left_out(vercel: Make, server: Endpoint) -> None:
    found = await asked(vercel(server.url, windows=["7d"]))
    assert found["web_page_views"] == {("7d",): 1200}
    assert found["web_visitors"] == {("7d",): 410}
    assert found["web_country_visitors"] == {("US", "1d"): 210, ("unknown", "1d"): 4}
    assert found["web_custom_events"] == {("signup", "1d"): 40, ("other", "1d"): 7}
    assert found["web_page_visitors"] == {("/", "1d"): 150, ("/orders/{id}", "1d"): 9}


async def test_the_project_the_team_and_the_window_are_asked_for(vercel: Make, server: Endpoint) -> None:
    await asked(vercel(server.url, windows=["1h"], breakdown_windows=["30d"]))
    (count,) = server.asked(f"{PATH}/visits/count")
    assert count.query == {
        "projectId": "prj_shop", "teamId": "team_demo",
        "since": "2026-09-16T14:30:00.000Z", "until": "2026-09-16T15:30:00.000Z",
    }  # fmt: skip
    breakdowns = server.asked(f"{PATH}/visits/aggregate")
    assert {request.query["since"] for request in breakdowns} == {"2026-08-17T15:30:00.000Z"}
    assert {request.query["limit"] for request in breakdowns} == {"100"}
    server.requests.clear()
    await asked(vercel(server.url, team="shop", events=False))
    assert {request.query["slug"] for request in server.requests} == {"shop"}
    assert server.asked(f"{PATH}/events/aggregate") == []
    server.requests.clear()
    await asked(vercel(server.url, team=""))
    assert not any(request.query.keys() & {"slug", "teamId"} for request in server.requests)


async def test_each_part_is_asked_for_at_its_own_pace(vercel: Make, server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("exporter.clients.cadence.time.monotonic", lambda: now)
    collector = vercel(server.url)
    await asked(collector)
    server.requests.clear()
    for _ in range(12):
        now += 300
        await asked(collector)
    assert len(server.requests) == CASE.requests_per_hour


@pytest.mark.parametrize("path", [f"{PATH}/visits/count", f"{PATH}/visits/aggregate", f"{PATH}/events/aggregate"])
@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Response.recorded("vercel/forbidden"), Denied, "forbidden"),
        (Response.recorded("vercel/not_found"), Malformed, "not_found"),
        (Response.recorded("vercel/plan"), Denied, "the plan does not have this"),
        (Response.recorded("vercel/too_many"), Throttled, "rate_limited"),
        (Response.json({"data": None}), Malformed, "expected"),
        (Response.json({"data": [{"requestPath": 7, "eventName": 7, "visitors": 1, "count": 1}]}), Malformed, "expected"),
        (Response.json([]), Malformed, "expected"),
    ],
    ids=["forbidden", "project", "plan", "limit", "nothing", "names", "list"],
)  # fmt: skip
async def test_each_failure_has_its_reason(
    vercel: Make, server: Endpoint, path: str, answer: Response, *, kind: type[PollError], text: str
) -> None:
    server.answers[path] = answer
    with pytest.raises(kind, match=text) as raised:
        await asked(vercel(server.url))
    assert path in str(raised.value)
    assert Simulator.TOKEN not in str(raised.value)


def test_a_token_that_is_missing_is_told_by_name_and_no_other_credentials_are_taken() -> None:
    with pytest.raises(ValidationError, match="expected token, an access token"):
        Vercel.model_validate({"project": "prj_shop"})
    with pytest.raises(ValidationError, match="token and no other credentials"):
        Vercel.model_validate({"project": "prj_shop", "token": "x", "headers": {"Authorization": "y"}})


def test_the_simulator_answers_as_documented(vendors: Simulators) -> None:
    common = {
        "projectId": Simulator.PROJECT, "teamId": Simulator.TEAM,
        "since": "2026-09-15T15:30:00.000Z", "until": "2026-09-16T15:30:00.000Z",
    }  # fmt: skip
    key = {"Authorization": f"Bearer {Simulator.TOKEN}"}
    with httpx.Client(base_url=vendors.url("vercel"), trust_env=False) as client:
        for name, path, more in (
            ("count", "visits/count", {}),
            ("countries", "visits/aggregate", {"by": "country", "limit": "2"}),
            ("pages", "visits/aggregate", {"by": "requestPath"}),
            ("events", "events/aggregate", {"by": "eventName", "limit": "3"}),
        ):
            answer = client.get(f"{PATH}/{path}", params={**common, **more}, headers=key)
            same_shape(read(name), answer.json())
            if "limit" in more:
                assert [next(iter(row.values())) for row in answer.json()["data"]].index("Others") == int(more["limit"])
            refused = client.get(f"{PATH}/{path}", params={**common, **more})
            assert (refused.status_code, refused.json()) == (403, read("forbidden"))
            unknown = client.get(f"{PATH}/{path}", params={**common, **more, "projectId": "other"}, headers=key)
            assert unknown.status_code == 404
            same_shape(read("not_found"), unknown.json())
        wrong = client.get(f"{PATH}/visits/aggregate", params={**common, "by": "city"}, headers=key)
        assert wrong.status_code == 400
        same_shape(read("not_found"), wrong.json())


def read(name: str) -> Any:
    return json.loads((RECORDED / f"vercel/{name}.json").read_text())["body"]
