"""The kind `xray`: traces against moto, AWS's emulator; the graph, which moto leaves empty, against the simulated service.

The simulator is held against the documented example and against AWS's own description of the API, which botocore carries.
"""

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from botocore.parsers import create_parser
from botocore.session import Session
from botocore.validate import ParamValidator
from pydantic import ValidationError

from exporter.collectors.xray import Xray
from exporter.demo.company import Company
from exporter.document import Document
from exporter.errors import Malformed, Throttled
from exporter.roles import cloud
from exporter.settings import settings_of
from tests.endpoint import Endpoint, Request, Response
from tests.packs.conftest import NOW
from tests.vendors.case import asked
from tests.vendors.conftest import Simulators
from tests.vendors.emulator import emulated
from tests.vendors.shapes import same_shape
from tests.vendors.xray import CASE

PAGE = Path("docs/integrations/xray.md")
CLOCK = "exporter.collectors.xray.time.time"
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=AKIADEMO000000000000/20260916/eu-west-1/xray/aws4_request, Signature=0"
SERVICE = Session().get_service_model("xray")
Make = Callable[..., Xray]


@pytest.fixture
async def xray() -> AsyncIterator[Make]:
    made: list[Xray] = []

    def make(url: str, **settings: Any) -> Xray:
        made.append(Xray.model_validate({**CASE.settings(url), "traces": {}, **settings}))
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


def answer(url: str, path: str, authorization: str = AUTHORIZATION, **body: Any) -> httpx.Response:
    span = {"StartTime": int(NOW.timestamp()) - 21600, "EndTime": int(NOW.timestamp())}
    return httpx.post(url + path, json=span | body, headers={"Authorization": authorization}, trust_env=False)


async def test_a_full_poll_gives_the_figures_of_the_company(
    vendors: Simulators, company: Company, xray: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CLOCK, NOW.timestamp)
    found = await asked(xray(vendors.url("xray"), window="6h", traces={"slow": "responsetime > 0.1"}, delay="2m"))
    end = NOW - timedelta(minutes=2)
    with psycopg.connect(company.application_dsn) as connection:
        [(ok, error, throttled, fault, mean, half, most, slow)] = connection.execute(
            """
            select count(*) filter (where status < 400), count(*) filter (where status between 400 and 499 and status <> 429),
                   count(*) filter (where status = 429), count(*) filter (where status >= 500), avg(seconds),
                   percentile_disc(0.5) within group (order by round(seconds, 3)),
                   percentile_disc(0.99) within group (order by round(seconds, 3)), count(*) filter (where seconds > 0.1)
            from bellwether.api_calls where occurred_at > %s and occurred_at <= %s
            """,
            (end - timedelta(hours=6), end),
        ).fetchall()
    assert min(ok, error) > 0
    assert slow > 10
    requests = found["cloud_service_requests"]
    shop, database = ("shop", "AWS::ECS::Container"), ("shop@db", "Database::SQL")
    function = ("reminders", "AWS::Lambda::Function")  # every minute
    outcomes = {"ok": ok, "error": error, "throttled": throttled, "fault": fault}
    total = sum(outcomes.values())
    assert requests == {(*shop, name, "6h"): count for name, count in outcomes.items()} | {
        (*node, name, "6h"): count if name == "ok" else 0
        for node, count in ((database, total), (function, 360))
        for name in outcomes
    }
    assert found["cloud_service_response_seconds"] == {
        (*shop, "6h"): pytest.approx(float(mean)), (*database, "6h"): pytest.approx(float(mean) / 2),
        (*function, "6h"): pytest.approx(0.045),
    }  # fmt: skip
    percentiles = found["cloud_service_response_percentile_seconds"]
    assert (percentiles[*shop, "50", "6h"], percentiles[*shop, "99", "6h"]) == (
        pytest.approx(float(half), abs=0.0011), pytest.approx(float(most), abs=0.0011),
    )  # fmt: skip
    calls = found["cloud_service_calls"]
    assert {labels[:2] for labels in calls} == {("shop", "shop"), ("shop", "shop@db")}
    assert calls["shop", *shop, "fault", "6h"] == fault
    assert calls["shop", *database, "ok", "6h"] == total
    assert found["cloud_service_call_seconds"]["shop", *database, "6h"] == pytest.approx(float(mean) / 2)
    assert found["cloud_traces"] == {("slow", "6h"): slow}
    assert found["bellwether_api_requests_total"] == {("200",): 4 + max(1, -(-slow // 10))}  # a page for each service


def test_simulated_answers_are_as_documented_and_as_aws_describes_them(vendors: Simulators) -> None:
    url = vendors.url("xray")
    pages = [answer(url, "/ServiceGraph", **({"NextToken": token} if token else {})) for token in ("", "1", "2", "3")]
    recorded = json.loads(Response.recorded("xray/service_graph").body)
    optional = {f"Services[].{name}" for name in ("StartTime", "EndTime", "Root", "SummaryStatistics", "ResponseTimeHistogram")}
    optional |= {"NextToken", "Services[].Edges[].StartTime", "Services[].Edges[].EndTime"}
    parser = create_parser("rest-json")
    for page in pages:
        same_shape(recorded, page.json(), optional=optional)
        shape = SERVICE.operation_model("GetServiceGraph").output_shape
        parsed = parser.parse({"body": page.content, "headers": dict(page.headers), "status_code": 200}, shape)
        parsed.pop("ResponseMetadata")
        assert not ParamValidator().validate(parsed, shape).has_errors()
        assert set(page.json()) - set(shape.members) == set()
    refused = answer(url, "/ServiceGraph", "AWS4-HMAC-SHA256 Credential=AKIAOTHER/x")
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, "UnrecognizedClientException")


async def test_requests_are_as_aws_describes_them(server: Endpoint, xray: Make) -> None:
    server.answers |= {
        "/ServiceGraph": Response.recorded("xray/service_graph"),
        "/TraceSummaries": Response.json({"TraceSummaries": [], "TracesProcessedCount": 0}),
    }
    found = await asked(xray(server.url, group="shop", traces={"all": "", "slow": "responsetime > 5"}))
    assert found["cloud_traces"] == {("all", "1h"): 0, ("slow", "1h"): 0}
    graph, everything, slow = server.requests
    for request, name in ((graph, "GetServiceGraph"), (everything, "GetTraceSummaries"), (slow, "GetTraceSummaries")):
        assert not ParamValidator().validate(request.data, SERVICE.operation_model(name).input_shape).has_errors()
        assert "/eu-west-1/xray/aws4_request" in request.headers["authorization"]
    assert graph.data["GroupName"] == "shop"
    assert slow.data["FilterExpression"] == "responsetime > 5"
    assert "FilterExpression" not in everything.data


async def test_the_documented_example_is_read(server: Endpoint, xray: Make) -> None:
    server.answers["/ServiceGraph"] = Response.recorded("xray/service_graph")
    found = await asked(xray(server.url, window="5m"))
    table = ("scorekeep-game", "AWS::DynamoDB::Table")
    assert found["cloud_service_requests"][*table, "ok", "5m"] == 14
    assert found["cloud_service_calls"]["Scorekeep", *table, "ok", "5m"] == 14
    assert found["cloud_service_response_seconds"] == {(*table, "5m"): pytest.approx(0.13 / 14)}
    percentiles = {labels[2]: value for labels, value in found["cloud_service_response_percentile_seconds"].items()}
    assert percentiles == {"50": 0.005, "95": 0.038, "99": 0.038}


def test_quantiles_are_those_that_no_smaller_share_exceeds() -> None:
    histogram = [(0.3, 1), (0.1, 8), (0.2, 1)]
    assert [cloud.quantile(histogram, share) for share in (0.5, 0.8, 0.81, 0.9, 0.95)] == [0.1, 0.1, 0.2, 0.2, 0.3]
    assert cloud.quantile([], 0.5) is None
    assert cloud.quantile([(0.1, 0)], 0.5) is None


async def test_traces_are_counted_on_the_emulator(xray: Make) -> None:
    with emulated() as url:
        for number in range(3):
            trace = f"1-{int(time.time()):08x}-{number:024x}"
            begin = time.time() - 90
            document = {"name": "shop", "id": f"{number:016x}", "trace_id": trace, "start_time": begin, "end_time": begin + 0.2}
            headers = {"Authorization": AUTHORIZATION}
            body = {"TraceSegmentDocuments": [json.dumps(document)]}
            async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
                (await client.post(f"{url}/TraceSegments", json=body)).raise_for_status()
        found = await asked(xray(url, traces={"all": ""}, window="5m", delay="30s"))
    assert found["cloud_traces"] == {("all", "5m"): 3}
    assert "cloud_service_requests" not in found  # moto's graph is always empty


def graph(*counts: int) -> dict[str, Any]:
    whole = json.loads(Response.recorded("xray/service_graph").body)
    table = whole["Services"][1]
    services = []
    for number, count in enumerate(counts):
        statistics = {**table["SummaryStatistics"], "OkCount": count, "TotalResponseTime": float(count)}
        services.append({**table, "ReferenceId": number, "Name": f"s{number}", "SummaryStatistics": statistics})
    return {**whole, "Services": services}


async def test_the_largest_services_are_shown_and_the_rest_together(server: Endpoint, xray: Make) -> None:
    server.answers["/ServiceGraph"] = Response.json(graph(5, 50, 7, 1))
    found = await asked(xray(server.url, most=2))
    ok = {labels[0]: count for labels, count in found["cloud_service_requests"].items() if labels[2] == "ok"}
    assert ok == {"s1": 50, "s2": 7, "other": 6}
    assert found["cloud_service_response_seconds"]["other", "other", "1h"] == 1


async def test_nodes_of_one_name_and_type_are_one_service(server: Endpoint, xray: Make) -> None:
    twice = graph(5, 50)
    twice["Services"][1]["Name"] = "s0"
    server.answers["/ServiceGraph"] = Response.json(twice)
    found = await asked(xray(server.url))
    assert found["cloud_service_requests"]["s0", "AWS::DynamoDB::Table", "ok", "1h"] == 55


async def test_a_service_without_requests_has_no_response_time(server: Endpoint, xray: Make) -> None:
    quiet = graph(0)
    quiet["Services"][0]["ResponseTimeHistogram"] = []
    server.answers["/ServiceGraph"] = Response.json(quiet)
    found = await asked(xray(server.url))
    assert set(found["cloud_service_requests"].values()) == {0}
    assert not {"cloud_service_response_seconds", "cloud_service_response_percentile_seconds"} & set(found)


async def test_pages_without_end_and_throttling_end_the_run(server: Endpoint, xray: Make) -> None:
    def page(_: Request) -> Response:
        return Response.json(graph(1) | {"NextToken": str(len(server.requests))})

    server.answers["/ServiceGraph"] = page
    with pytest.raises(Malformed, match="expected at most 3 pages"):
        await asked(xray(server.url, most_pages=3))
    assert len(server.requests) == 3
    server.answers["/ServiceGraph"] = Response.recorded("xray/throttled")
    with pytest.raises(Throttled):
        await asked(xray(server.url))


def test_a_window_that_x_ray_does_not_take_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most 6h"):
        Xray.model_validate({**CASE.settings("http://x"), "window": "1d"})


def test_the_examples_of_the_page_work() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert blocks
    for text in blocks:
        settings_of(Document.parse(text, str(PAGE)), {"AWS_SECRET": "s3cr3t"})
