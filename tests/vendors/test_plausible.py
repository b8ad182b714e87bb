"""The kind `plausible` against the simulated service, the simulator against what is documented, and what neither shows."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from exporter.collectors.plausible import Plausible
from exporter.demo.company import Company
from exporter.demo.vendors.plausible import Plausible as Simulator
from exporter.errors import Denied, Malformed, PollError, Throttled
from tests.endpoint import RECORDED, Endpoint, Request, Response, endpoint
from tests.packs.conftest import NOW
from tests.vendors.audience import CHANNELS, WINDOWS, Audience, renamed
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.plausible import CASE
from tests.vendors.shapes import same_shape

PAGE = Path("docs/integrations/plausible.md")
CURRENT, QUERY = "/api/v1/stats/realtime/visitors", "/api/v2/query"
SYSTEMS = {"windows": "Windows", "mac": "Mac", "linux": "GNU/Linux", "ios": "iOS", "android": "Android", "": "unknown"}
BROWSERS = {"chrome": "Chrome", "safari": "Safari", "firefox": "Firefox", "edge": "Microsoft Edge"}
Make = Callable[..., Plausible]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collectors.plausible.time.time", NOW.timestamp)


@pytest.fixture
def plausible(making: Making) -> Make:
    return making(Plausible, CASE)


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """A Plausible that answers as documented."""

    def query(request: Request) -> Response:
        dimensions = request.data["dimensions"]
        name = "goals" if dimensions == ["event:goal"] else "sources" if dimensions else "totals"
        return Response.recorded(f"plausible/{name}")

    with endpoint() as served:
        served.answers = {CURRENT: Response.recorded("plausible/realtime"), QUERY: query}
        yield served


async def test_a_poll_says_what_the_companys_visits_were(plausible: Make, vendors: Simulators, company: Company) -> None:
    expected = Audience.of(company)
    found = await asked(plausible(vendors.url("plausible")))
    for window, length in WINDOWS.items():
        visits = expected.within(NOW - length)
        over = expected.over(visits)
        everybody = {visit.visitor for visit in visits}
        assert found["web_visits"][window,] == len(visits) > 100
        assert found["web_visitors"][window,] == len(everybody)
        assert found["web_page_views"][window,] == sum(visit.pages for visit in visits)
        assert found["web_bounce_ratio"][window,] == pytest.approx(sum(v.pages <= 1 for v in over) / len(over), abs=0.000501)
        seconds = sum((visit.ended - visit.began).total_seconds() for visit in over) / len(over)
        assert found["web_visit_duration_seconds"][window,] == pytest.approx(seconds, abs=0.501)
        events, people = expected.done(NOW - length)
        assert {goal: n for (goal, of), n in found["web_goal_conversions"].items() if of == window} == events
        ratios = {goal: n for (goal, of), n in found["web_goal_conversion_ratio"].items() if of == window}
        assert ratios == pytest.approx({name: count / len(everybody) for name, count in people.items()}, abs=0.0000501)
    assert found["web_current_visitors"] == {(): expected.current()}


async def test_a_poll_says_who_the_visitors_were(plausible: Make, vendors: Simulators, company: Company) -> None:
    expected = Audience.of(company)
    found = await asked(plausible(vendors.url("plausible")))
    day = expected.within(NOW - timedelta(days=1))
    assert found["web_page_visitors"] == renamed(expected.pages(day), {})
    assert found["web_page_visitors"]["/reports/{id}", "1d"] > 20
    sources = {"": "direct", "google": "Google", "linkedin": "LinkedIn"}
    assert found["web_referrer_visitors"] == renamed(expected.by(day, "source"), sources)
    assert found["web_country_visitors"] == renamed(expected.by(day, "from_country"), {})
    assert found["web_browser_visitors"] == renamed(expected.by(day, "browser"), BROWSERS)
    assert found["web_os_visitors"] == renamed(expected.by(day, "system"), SYSTEMS)
    assert found["web_device_visitors"] == renamed(expected.by(day, "device"), {"": "unknown"})
    channels = {medium or "": name for medium, name in CHANNELS.items()}
    assert found["web_channel_visitors"] == renamed(expected.by(day, "medium"), channels)


async def test_only_those_with_most_visitors_are_shown(plausible: Make, vendors: Simulators) -> None:
    url = vendors.url("plausible")
    all_, some = await asked(plausible(url)), await asked(plausible(url, most=3))
    ordered = sorted(all_["web_country_visitors"].items(), key=lambda item: (-item[1], item[0]))
    assert some["web_country_visitors"] == dict(ordered[:3])
    assert len(ordered) > 3
    assert {window for _, window in some["web_goal_conversions"]} == set(WINDOWS)
    assert len(some["web_goal_conversions"]) == 9


async def test_each_part_is_asked_for_at_its_own_pace(
    plausible: Make, server: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("exporter.clients.cadence.time.monotonic", lambda: now)
    collector = plausible(server.url)
    first = await asked(collector)
    counts = []
    for _ in range(15):
        now += 60
        server.requests.clear()
        found = await asked(collector)
        counts.append(len(server.requests))
        assert {name: figures for name, figures in found.items() if name.startswith("web_")} == {
            name: figures for name, figures in first.items() if name.startswith("web_")
        }
    assert counts[:5] == [1, 1, 1, 1, 4]
    assert 4 * sum(counts) == CASE.requests_per_hour


async def test_windows_are_instants_which_every_version_understands(plausible: Make, server: Endpoint) -> None:
    await asked(plausible(server.url, windows=["1h", "30d", "1h"], breakdown_windows=["7d"]))
    ranges = [tuple(request.data["date_range"]) for request in server.asked(QUERY)]
    end = "2026-09-16T15:30:00+00:00"
    hour, week, month = (
        ("2026-09-16T14:30:00+00:00", end),
        ("2026-09-09T15:30:00+00:00", end),
        ("2026-08-17T15:30:00+00:00", end),
    )
    assert ranges == [hour, month, *[week] * 7, hour, month]


async def test_percent_become_ratios_and_names_become_labels(plausible: Make, server: Endpoint) -> None:
    found = await asked(plausible(server.url, windows=["1d"]))
    assert found["web_current_visitors"] == {(): 21}
    assert found["web_bounce_ratio"] == {("1d",): 0.525}
    assert found["web_visit_duration_seconds"] == {("1d",): 74}
    assert found["web_referrer_visitors"] == {("Google", "1d"): 325, ("direct", "1d"): 314, ("t.co", "1d"): 296}
    assert found["web_goal_conversions"] == {("Register", "1d"): 412, ("Visit /pricing", "1d"): 30}
    assert found["web_goal_conversion_ratio"] == pytest.approx({("Register", "1d"): 0.082})


@pytest.mark.parametrize("name", ["totals_empty", "totals_zero"])
async def test_without_a_visit_there_is_neither_bounce_nor_length(plausible: Make, server: Endpoint, name: str) -> None:
    server.answers[QUERY] = lambda request: (
        Response.json({"results": [], "meta": {}}) if request.data["dimensions"] else Response.recorded(f"plausible/{name}")
    )
    found = await asked(plausible(server.url, windows=["1d"]))
    assert found["web_visits"] == found["web_visitors"] == found["web_page_views"] == {("1d",): 0}
    assert not found.keys() & {"web_bounce_ratio", "web_visit_duration_seconds", "web_page_visitors", "web_goal_conversions"}


async def test_further_pages_of_goals_are_read(plausible: Make, server: Endpoint) -> None:
    def query(request: Request) -> Response:
        if request.data["dimensions"] != ["event:goal"]:
            return Response.json({"results": [{"metrics": [1] * len(request.data["metrics"]), "dimensions": ["x"]}]})
        page = request.data["pagination"]
        goals = [{"metrics": [number + 1, 50], "dimensions": [f"goal {number:03}"]} for number in range(230)]
        return Response.json({"results": goals[page["offset"] : page["offset"] + page["limit"]]})

    server.answers[QUERY] = query
    found = await asked(plausible(server.url, windows=["7d"], most=2))
    assert found["web_goal_conversions"] == {("goal 229", "7d"): 230, ("goal 228", "7d"): 229}
    offsets = [r.data["pagination"]["offset"] for r in server.asked(QUERY) if r.data["dimensions"] == ["event:goal"]]
    assert offsets == [0, 100, 200]


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("refused", Denied, "check api_key, and that its account may see the site shop.example"),
        ("plan", Denied, "plan Business"),
        ("too_many", Throttled, "429"),
        ("bad_query", Malformed, "400"),
    ],
)
async def test_each_documented_failure_has_its_reason(
    plausible: Make, server: Endpoint, name: str, kind: type[PollError], text: str
) -> None:
    for path in (CURRENT, QUERY):
        before = server.answers[path]
        server.answers[path] = Response.recorded(f"plausible/{name}")
        with pytest.raises(kind, match=text) as raised:
            await asked(plausible(server.url))
        assert path in str(raised.value)
        assert Simulator.KEY not in str(raised.value)
        server.answers[path] = before


@pytest.mark.parametrize(
    "results", [None, {}, [], "x", [{}], [{"metrics": ["a"] * 5}], [{"metrics": [1, 2]}], [{"metrics": [1] * 5}] * 2]
)
async def test_what_is_not_an_answer_of_plausible_is_malformed(plausible: Make, server: Endpoint, results: object) -> None:
    server.answers[QUERY] = Response.json({"results": results})
    with pytest.raises(Malformed, match="expected rows of numbers for visitors, visits"):
        await asked(plausible(server.url))


async def test_a_key_that_is_missing_is_told_by_name_and_no_other_credentials_are_taken(plausible: Make) -> None:
    with pytest.raises(ValidationError, match="expected api_key, a key of type Stats API"):
        Plausible.model_validate({"site": "shop.example"})
    with pytest.raises(ValidationError, match="api_key and no other credentials"):
        plausible("http://localhost", bearer_token="x")


@pytest.mark.parametrize(
    ("recorded", "metrics", "dimensions"),
    [
        ("totals", ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"], []),
        ("sources", ["visitors"], ["visit:source"]),
        ("goals", ["events", "conversion_rate"], ["event:goal"]),
    ],
)
def test_the_simulator_answers_queries_as_documented(
    vendors: Simulators, recorded: str, metrics: list[str], dimensions: list[str]
) -> None:
    body = {
        "site_id": Simulator.SITE,
        "metrics": metrics,
        "date_range": ["2026-09-09T15:30:00+00:00", "2026-09-16T15:30:00+00:00"],
        "dimensions": dimensions,
    }
    answer = httpx.post(
        f"{vendors.url('plausible')}{QUERY}", json=body, headers={"Authorization": f"Bearer {Simulator.KEY}"}, trust_env=False
    )
    same_shape(read(recorded)["body"], answer.json())


def test_the_simulator_refuses_as_documented(vendors: Simulators) -> None:
    url, key = vendors.url("plausible"), {"Authorization": f"Bearer {Simulator.KEY}"}
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert isinstance(client.get(CURRENT, params={"site_id": Simulator.SITE}, headers=key).json(), int)
        body = {"site_id": Simulator.SITE, "metrics": ["visitors"], "date_range": "day"}
        others = [
            client.get(CURRENT, params={"site_id": "other.example"}, headers=key),
            client.get(CURRENT, params={"site_id": Simulator.SITE}),
            client.post(QUERY, json=body, headers={"Authorization": "Bearer wrong"}),
            client.post(QUERY, json={**body, "site_id": "other.example"}, headers=key),
        ]
        for answer in others:
            assert (answer.status_code, answer.json()) == (401, read("refused")["body"])
        for wrong in ({"limit": 3}, {"metrics": ["bounce_rate"], "dimensions": ["event:goal"]}, {"date_range": "24h"}):
            answer = client.post(QUERY, json={**body, **wrong}, headers=key)
            assert answer.status_code == 400
            same_shape(read("bad_query")["body"], answer.json())


def read(name: str) -> Any:
    return json.loads((RECORDED / f"plausible/{name}.json").read_text())
