"""The kind `pagespeed` against the simulated API, the simulator against what is documented, and what neither of them shows."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import psycopg
import pytest
from pydantic import ValidationError

from exporter.collectors.pagespeed import Pagespeed
from exporter.demo.company import Company
from exporter.demo.vendors.crux import SITE
from exporter.demo.vendors.pagespeed import KEY
from exporter.errors import Denied, Malformed, Throttled, Unreachable
from tests.endpoint import RECORDED, Endpoint, Request, Response
from tests.packs.conftest import NOW
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.pagespeed import CASE
from tests.vendors.shapes import same_shape

PAGE = Path("docs/integrations/pagespeed.md")
PATH = "/pagespeedonline/v5/runPagespeed"
AUDITS = {
    "first_contentful_paint": "fcp",
    "largest_contentful_paint": "lcp",
    "interactive": "tti",
    "server_response_time": "ttfb",
}
ONE: dict[str, Any] = {"pages": ["/"], "devices": ["mobile"]}
Make = Callable[..., Pagespeed]


@pytest.fixture
def pagespeed(making: Making) -> Make:
    return making(Pagespeed, CASE)


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"pagespeed/{name}.json").read_text())


def medians(company: Company) -> dict[tuple[str, str, str], float]:
    """The lower median of what visitors measured within a week, by page, device and vital."""
    values: dict[tuple[str, str, str], list[float]] = {}
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            "select page, device, timing, value from bellwether.page_timings where occurred_at > %s and occurred_at <= %s",
            (NOW - timedelta(days=7), NOW),
        )
        for page, device, vital, value in rows:
            values.setdefault((page, device, vital), []).append(float(value))
    return {labels: sorted(found)[(len(found) - 1) // 2] for labels, found in values.items()}


async def test_a_poll_runs_each_page_on_each_device(pagespeed: Make, vendors: Simulators, company: Company) -> None:
    found = await asked(pagespeed(vendors.url("pagespeed")))
    runs = [(page, device) for page in ("/", "/pricing") for device in ("mobile", "desktop")]
    measured = medians(company)
    expected = {(*run, audit): measured[(*run, vital)] for run in runs for audit, vital in AUDITS.items()}
    assert {labels: value for labels, value in found["web_lighthouse_seconds"].items() if labels[2] in AUDITS} == pytest.approx(
        expected
    )
    assert found["web_lighthouse_layout_shift"] == pytest.approx({run: measured[(*run, "cls")] for run in runs})
    assert found["web_lighthouse_run_success"] == dict.fromkeys(runs, 1)
    assert found["web_lighthouse_last_run_timestamp_seconds"] == dict.fromkeys(runs, NOW.timestamp())
    scores = found["web_lighthouse_score_ratio"]
    assert set(scores) == {(*run, c) for run in runs for c in ("performance", "accessibility", "best_practices", "seo")}
    assert all(0 < score <= 1 for score in scores.values())


async def test_what_is_asked(pagespeed: Make, server: Endpoint) -> None:
    given: list[list[tuple[str, str]]] = []

    def answer(request: Request) -> Response:
        given.append(sorted(request.query.items()))
        return Response.recorded("pagespeed/result")

    server.answers[PATH] = answer
    await asked(pagespeed(server.url, pages=["/pricing"], devices=["desktop"], categories=["best-practices"]))
    assert given == [
        [
            ("category", "BEST_PRACTICES"),
            ("key", KEY),
            ("locale", "en"),
            ("strategy", "DESKTOP"),
            ("url", f"{SITE}/pricing"),
        ]
    ]


async def test_units_and_a_score_that_is_not_known(pagespeed: Make, server: Endpoint) -> None:
    server.answers[PATH] = Response.recorded("pagespeed/result")
    found = await asked(pagespeed(server.url, **ONE))
    assert found["web_lighthouse_score_ratio"] == {
        ("/", "mobile", "performance"): 0.87,
        ("/", "mobile", "accessibility"): 1,
        ("/", "mobile", "best_practices"): 0.96,
    }
    assert found["web_lighthouse_seconds"] == pytest.approx(
        {
            ("/", "mobile", "first_contentful_paint"): 1.18351,
            ("/", "mobile", "largest_contentful_paint"): 2.1102,
            ("/", "mobile", "speed_index"): 1.5194,
            ("/", "mobile", "total_blocking_time"): 0.0865,
            ("/", "mobile", "interactive"): 2.40225,
            ("/", "mobile", "server_response_time"): 0.131,
        }
    )
    assert found["web_lighthouse_layout_shift"] == {("/", "mobile"): 0.0421}


async def test_an_audit_that_a_version_has_not_is_left_out(pagespeed: Make, server: Endpoint) -> None:
    result = recorded("result")["body"]
    del result["lighthouseResult"]["audits"]["interactive"]
    result["lighthouseResult"]["audits"]["speed-index"] = {"id": "speed-index", "score": None, "scoreDisplayMode": "error"}
    server.answers[PATH] = Response.json(result)
    found = await asked(pagespeed(server.url, **ONE))
    assert {audit for *_, audit in found["web_lighthouse_seconds"]} == {
        "first_contentful_paint",
        "largest_contentful_paint",
        "total_blocking_time",
        "server_response_time",
    }


async def test_a_page_that_does_not_load_leaves_the_others_their_figures(pagespeed: Make, vendors: Simulators) -> None:
    found = await asked(pagespeed(vendors.url("pagespeed"), pages=["/gone", "/"], devices=["mobile"]))
    assert found["web_lighthouse_run_success"] == {("/gone", "mobile"): 0, ("/", "mobile"): 1}
    assert set(found["web_lighthouse_last_run_timestamp_seconds"]) == {("/", "mobile")}


@pytest.mark.parametrize("status", [400, 500])
async def test_lighthouse_errors_are_told_from_those_of_the_api(pagespeed: Make, server: Endpoint, status: int) -> None:
    error = recorded("not_loaded")["body"]
    server.answers[PATH] = Response.json(error, status)
    assert (await asked(pagespeed(server.url, **ONE)))["web_lighthouse_run_success"] == {("/", "mobile"): 0}
    server.answers[PATH] = Response.json({"error": {"code": status, "message": "Sorry"}}, status)
    with pytest.raises(Malformed if status == 400 else Unreachable):
        await asked(pagespeed(server.url, **ONE))


async def test_an_error_inside_a_result_is_a_run_that_failed(pagespeed: Make, server: Endpoint) -> None:
    result = recorded("result")["body"]
    result["lighthouseResult"]["runtimeError"] = {"code": "NO_FCP", "message": "The page did not paint any content."}
    server.answers[PATH] = Response.json(result)
    found = await asked(pagespeed(server.url, **ONE))
    assert found["web_lighthouse_run_success"] == {("/", "mobile"): 0}
    assert "web_lighthouse_score_ratio" not in found


async def test_no_key_is_denied_and_an_empty_quota_is_throttled(pagespeed: Make, server: Endpoint) -> None:
    server.answers[PATH] = Response.recorded("pagespeed/wrong_key")
    with pytest.raises(Denied, match="check api_key"):
        await asked(pagespeed(server.url))
    server.answers[PATH] = Response.recorded("pagespeed/not_enabled")
    with pytest.raises(Denied, match="PERMISSION_DENIED"):
        await asked(pagespeed(server.url))
    server.answers[PATH] = Response.recorded("pagespeed/quota")
    with pytest.raises(Throttled, match="RESOURCE_EXHAUSTED") as raised:
        await asked(pagespeed(server.url))
    assert raised.value.retry_after is None


@pytest.mark.parametrize("value", [-1, True, "2110", [], {}])
async def test_a_figure_that_cannot_be_is_malformed(pagespeed: Make, server: Endpoint, value: Any) -> None:
    result = recorded("result")["body"]
    result["lighthouseResult"]["audits"]["speed-index"]["numericValue"] = value
    server.answers[PATH] = Response.json(result)
    with pytest.raises(Malformed, match="expected a result of Lighthouse"):
        await asked(pagespeed(server.url))


@pytest.mark.parametrize(
    "settings",
    [
        {"site": "shop.example"},
        {"pages": []},
        {"pages": ["https://shop.example/"]},
        {"pages": ["/", "/"]},
        {"devices": ["tablet"]},
        {"categories": ["pwa"]},
        {"api_key": None},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Pagespeed.model_validate({**CASE.settings("https://pagespeed.example"), **settings})


def test_the_simulator_answers_as_documented(vendors: Simulators) -> None:
    def answer(key: str, page: str) -> httpx.Response:
        asks = {"key": key, "url": SITE + page, "strategy": "MOBILE", "category": ["PERFORMANCE", "SEO"]}
        return httpx.get(vendors.url("pagespeed") + PATH, params=asks)

    schema = json.loads((RECORDED / "pagespeed/schema.json").read_text())
    result, lost, wrong = recorded("result"), recorded("not_loaded"), recorded("wrong_key")
    jsonschema.validate(result["body"], schema)
    got = answer(KEY, "/")
    jsonschema.validate(got.json(), schema)
    same_shape(
        result["body"],
        got.json(),
        free=["lighthouseResult.audits", "lighthouseResult.categories"],
    )
    none = answer(KEY, "/gone")
    assert none.status_code == lost["status"]
    same_shape(lost["body"], none.json())
    denied = answer("no-such-key", "/")
    assert (denied.status_code, denied.json()) == (wrong["status"], wrong["body"])
