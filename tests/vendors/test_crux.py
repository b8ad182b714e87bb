"""The kind `crux` against the simulated report, the simulator against what is documented, and what neither shows by itself."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import psycopg
import pytest
from pydantic import ValidationError

from exporter.collectors.crux import Crux
from exporter.demo.company import Company
from exporter.demo.vendors.crux import FEWEST, KEY, SITE
from exporter.errors import Denied, Malformed
from tests.endpoint import RECORDED, Endpoint, Response
from tests.packs.conftest import NOW
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.crux import CASE
from tests.vendors.shapes import same_shape

PAGE = Path("docs/integrations/crux.md")
PATH = "/v1/records:queryRecord"
BOUNDS = {"lcp": (2.5, 4), "inp": (0.2, 0.5), "cls": (0.1, 0.25), "fcp": (1.8, 3), "ttfb": (0.8, 1.8)}
RATINGS = ("good", "needs_improvement", "poor")
Make = Callable[..., Crux]


@pytest.fixture
def crux(making: Making) -> Make:
    return making(Crux, CASE)


def measured(company: Company) -> dict[tuple[str, str, str], list[float]]:
    """What visitors measured in the 28 days that end two days ago, by page, device and vital; the site as a whole is `*`."""
    end = datetime.combine(NOW.date() - timedelta(days=1), datetime.min.time(), UTC)
    values: dict[tuple[str, str, str], list[float]] = {}
    with psycopg.connect(company.application_dsn) as connection:
        rows = connection.execute(
            "select page, device, timing, value from bellwether.page_timings where occurred_at >= %s and occurred_at < %s",
            (end - timedelta(days=28), end),
        )
        for page, device, vital, value in rows:
            for where in (page, "*"):
                values.setdefault((where, device, vital), []).append(float(value))
    return values


async def test_a_poll_says_what_visitors_measured(crux: Make, vendors: Simulators, company: Company) -> None:
    found = await asked(crux(vendors.url("crux")))
    seconds: dict[tuple[str, ...], float] = {}
    scores: dict[tuple[str, ...], float] = {}
    shares: dict[tuple[str, ...], float] = {}
    for (page, device, vital), values in measured(company).items():
        if page not in {"*", "/", "/pricing"} or device not in {"mobile", "desktop"} or vital not in BOUNDS:
            continue
        if len(values) < FEWEST:
            continue
        p75 = sorted(values)[-(-3 * len(values) // 4) - 1]
        labels = (page, device, vital, "75", "28d")
        (scores if vital == "cls" else seconds)[labels] = p75
        good, fair = BOUNDS[vital]
        counts = [sum(v <= good for v in values), sum(good < v <= fair for v in values), sum(v > fair for v in values)]
        for rating, count in zip(RATINGS, counts, strict=True):
            shares[page, device, vital, rating, "28d"] = count / len(values)
    assert len(seconds) >= 18
    assert found["web_vital_seconds"] == pytest.approx(seconds, abs=0.000501)  # whole milliseconds
    assert found["web_vital_score"] == pytest.approx(scores, abs=0.00501)  # two places
    assert found["web_vital_rating_ratio"] == pytest.approx(shares, abs=0.0002)
    known = {labels[:2] for labels in seconds}
    assert found["web_vital_data_available"] == {
        (page, device): float((page, device) in known) for page in ("*", "/", "/pricing") for device in ("mobile", "desktop")
    }
    assert set(found["web_vital_data_end_timestamp_seconds"].values()) == {datetime(2026, 9, 15, tzinfo=UTC).timestamp()}


async def test_too_few_visits_are_no_failure(crux: Make, vendors: Simulators) -> None:
    found = await asked(crux(vendors.url("crux"), pages=["/imprint"], devices=["tablet", "all"]))
    assert found["web_vital_data_available"] == {
        ("*", "tablet"): 1,
        ("*", "all"): 1,
        ("/imprint", "tablet"): 0,
        ("/imprint", "all"): 0,
    }
    assert not [labels for labels in found["web_vital_seconds"] if labels[0] == "/imprint"]


async def test_times_are_milliseconds_and_a_layout_shift_is_a_text(crux: Make, server: Endpoint) -> None:
    record = json.loads((RECORDED / "crux/record.json").read_text())["body"]
    record["record"]["metrics"]["cumulative_layout_shift"]["percentiles"]["p75"] = "0.05"
    server.answers[PATH] = Response.json(record)
    found = await asked(crux(server.url, pages=[], devices=["mobile"]))
    assert found["web_vital_seconds"] == {
        ("*", "mobile", "inp", "75", "28d"): 0.049,
        ("*", "mobile", "lcp", "75", "28d"): 1.198,
        ("*", "mobile", "fcp", "75", "28d"): 1.014,
        ("*", "mobile", "ttfb", "75", "28d"): 0.681,
    }
    assert found["web_vital_score"] == {("*", "mobile", "cls", "75", "28d"): 0.05}
    assert found["web_vital_rating_ratio"]["*", "mobile", "cls", "good", "28d"] == pytest.approx(0.9974)


async def test_it_asks_for_each_page_and_device(crux: Make, server: Endpoint) -> None:
    server.answers[PATH] = Response.recorded("crux/record")
    await asked(crux(server.url, site="https://a.example", pages=["/x"], devices=["desktop", "all"]))
    bodies = [request.data for request in server.asked(PATH)]
    assert [{name: value for name, value in body.items() if name != "metrics"} for body in bodies] == [
        {"origin": "https://a.example", "formFactor": "DESKTOP"},
        {"origin": "https://a.example"},
        {"url": "https://a.example/x", "formFactor": "DESKTOP"},
        {"url": "https://a.example/x"},
    ]
    assert {request.query["key"] for request in server.asked(PATH)} == {KEY}


async def test_a_wrong_key_is_denied_though_it_comes_as_status_400(crux: Make, server: Endpoint) -> None:
    server.answers[PATH] = Response.recorded("crux/wrong_key")
    with pytest.raises(Denied, match="check api_key"):
        await asked(crux(server.url))
    server.answers[PATH] = Response.recorded("crux/not_enabled")
    with pytest.raises(Denied, match="PERMISSION_DENIED"):
        await asked(crux(server.url))


async def test_a_404_of_another_server_is_not_taken_for_no_data(crux: Make, server: Endpoint) -> None:
    with pytest.raises(Malformed, match="check the URL"):
        await asked(crux(server.url))


@pytest.mark.parametrize("p75", [-1, True, None, [], "much", "nan"])
async def test_a_figure_that_cannot_be_is_malformed(crux: Make, server: Endpoint, p75: Any) -> None:
    record = json.loads((RECORDED / "crux/record.json").read_text())["body"]
    record["record"]["metrics"]["largest_contentful_paint"]["percentiles"]["p75"] = p75
    server.answers[PATH] = Response.json(record)
    with pytest.raises(Malformed, match="expected a record"):
        await asked(crux(server.url))


@pytest.mark.parametrize(
    "settings",
    [
        {"site": "shop.example"},
        {"site": "https://shop.example/"},
        {"pages": ["pricing"]},
        {"pages": ["/pricing?plan=1"]},
        {"pages": ["/", "/"]},
        {"devices": []},
        {"api_key": None},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Crux.model_validate({**CASE.settings("https://crux.example"), **settings})


@pytest.mark.parametrize("asks", [{"origin": SITE}, {"url": f"{SITE}/"}])
def test_the_simulator_answers_as_documented(vendors: Simulators, asks: dict[str, str]) -> None:
    def answer(key: str, **body: str) -> httpx.Response:
        return httpx.post(vendors.url("crux") + PATH, params={"key": key}, json=body)

    schema = json.loads((RECORDED / "crux/schema.json").read_text())
    record, lost, wrong = (
        json.loads((RECORDED / f"crux/{name}.json").read_text()) for name in ("record", "not_found", "wrong_key")
    )
    jsonschema.validate(record["body"], schema)
    got = answer(KEY, **asks, formFactor="DESKTOP")
    jsonschema.validate(got.json(), schema)
    same_shape(record["body"], got.json(), optional=["record.key.origin", "record.key.url"])
    none = answer(KEY, origin="https://elsewhere.example")
    assert (none.status_code, none.json()) == (lost["status"], lost["body"])
    denied = answer("no-such-key", **asks)
    assert (denied.status_code, denied.json()) == (wrong["status"], wrong["body"])
