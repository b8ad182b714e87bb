"""The kind `cloudwatch` against moto, AWS's emulator, and against recorded answers for what moto does not do."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from pydantic import ValidationError

from exporter.collectors.cloudwatch import Cloudwatch
from exporter.collectors.cloudwatch.query import Wanted, batches
from exporter.document import Document
from exporter.errors import Denied, Malformed, PollError, Throttled, Unreachable
from exporter.settings import settings_of
from tests.endpoint import Endpoint, Request, Response
from tests.vendors.case import asked
from tests.vendors.emulator import emulated
from tests.vendors.test_faults import changed, outcome, variants, written

PAGE = Path("docs/integrations/cloudwatch.md")
NOW = 1_700_000_000.0  # 22:13:20: the last period of five minutes that ended three minutes ago began at 22:05
LAST = 1_699_999_500
ERRORS = {
    "name": "cloud_errors",
    "help": "Errors of the balancer.",
    "namespace": "AWS/ApplicationELB",
    "metric": "HTTPCode_Target_5XX_Count",
    "dimensions": {"LoadBalancer": "app/shop/1"},
    "stat": "Sum",
}
KEY = {"region": "eu-west-1", "access_key_id": "AKIAEXAMPLE", "secret_access_key": "s3cr3t-access-key"}
Make = Callable[..., Cloudwatch]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with emulated() as url:
        yield url


@pytest.fixture
def aws(moto: str) -> str:
    """The emulator, empty."""
    httpx.post(f"{moto}/moto-api/reset", trust_env=False).raise_for_status()
    return moto


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collectors.cloudwatch.time.time", lambda: NOW)


@pytest.fixture
async def cloudwatch() -> AsyncIterator[Make]:
    made: list[Cloudwatch] = []

    def make(url: str, *metrics: dict[str, Any], **settings: Any) -> Cloudwatch:
        made.append(Cloudwatch.model_validate({"url": url, "metrics": list(metrics), **KEY, **settings}))
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


def put(url: str, at: float, *values: float, metric: str = "HTTPCode_Target_5XX_Count", balancer: str = "app/shop/1") -> None:
    """Write values as an application does."""
    data = [
        {"MetricName": metric, "Dimensions": [{"Name": "LoadBalancer", "Value": balancer}], "Timestamp": at, "Value": value}
        for value in values
    ]
    httpx.post(
        url,
        content=json.dumps({"Namespace": "AWS/ApplicationELB", "MetricData": data}),
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20231114/eu-west-1/monitoring/aws4_request, "
            "SignedHeaders=host, Signature=0",
        },
        trust_env=False,
    ).raise_for_status()


async def test_the_newest_complete_period_is_shown_and_says_how_old_it_is(aws: str, cloudwatch: Make) -> None:
    put(aws, LAST - 300, 100)
    put(aws, LAST + 10, 3, 4)
    put(aws, LAST + 310, 50)  # its period is not over
    put(aws, LAST + 20, 0.2, 0.4, metric="TargetResponseTime")
    put(aws, LAST + 20, 9, balancer="app/other/2")
    latency = ERRORS | {"name": "cloud_latency_seconds", "metric": "TargetResponseTime", "stat": "Average"}
    found = await asked(cloudwatch(aws, ERRORS, latency))
    assert found["cloud_errors"] == {(): 7}
    assert found["cloud_latency_seconds"] == {(): pytest.approx(0.3)}
    assert found["cloud_datapoint_timestamp_seconds"] == {("cloud_errors",): LAST + 300, ("cloud_latency_seconds",): LAST + 300}
    assert found["cloud_requested_metrics_total"] == {(): 2}
    assert found["bellwether_api_requests_total"] == {("200",): 1}


async def test_a_period_that_ended_more_recently_than_the_delay_is_not_looked_at(aws: str, cloudwatch: Make) -> None:
    put(aws, LAST - 290, 3)
    put(aws, LAST + 10, 50)
    slow = ERRORS | {"name": "cloud_slow_errors", "delay": "4m"}
    found = await asked(cloudwatch(aws, ERRORS, slow))
    assert (found["cloud_errors"], found["cloud_slow_errors"]) == ({(): 50}, {(): 3})


async def test_no_figure_is_absent_an_older_one_or_zero_as_told(aws: str, cloudwatch: Make) -> None:
    put(aws, LAST - 600 + 10, 5)
    put(aws, LAST - 900 + 10, 6, balancer="app/old/3")
    usual = ERRORS
    zero = ERRORS | {"name": "cloud_errors_or_zero", "nil_to_zero": True}
    strict = ERRORS | {"name": "cloud_errors_now", "look_back": 1}
    old = ERRORS | {"name": "cloud_errors_old", "dimensions": {"LoadBalancer": "app/old/3"}}
    never = ERRORS | {"name": "cloud_errors_never", "dimensions": {"LoadBalancer": "app/none/4"}, "nil_to_zero": True}
    found = await asked(cloudwatch(aws, usual, zero, strict, old, never))
    figures = {name: values for name, values in found.items() if name.startswith("cloud_errors")}
    assert figures == {"cloud_errors": {(): 5}, "cloud_errors_or_zero": {(): 0}, "cloud_errors_never": {(): 0}}
    assert found["cloud_datapoint_timestamp_seconds"] == {
        ("cloud_errors",): LAST - 300,
        ("cloud_errors_or_zero",): LAST + 300,
        ("cloud_errors_never",): LAST + 300,
    }


async def test_one_name_may_have_several_series_told_apart_by_labels(aws: str, cloudwatch: Make) -> None:
    put(aws, LAST + 10, 3)
    put(aws, LAST - 290, 500, balancer="app/other/2")
    other = {"dimensions": {"LoadBalancer": "app/other/2"}, "labels": {"balancer": "other"}, "scale": 0.001}
    found = await asked(cloudwatch(aws, ERRORS | {"labels": {"balancer": "shop"}}, ERRORS | other))
    assert found["cloud_errors"] == {("shop",): 3, ("other",): 0.5}
    assert found["cloud_datapoint_timestamp_seconds"] == {("cloud_errors",): LAST}  # that of the older one


async def test_five_hundred_go_in_a_request_and_all_are_counted(aws: str, cloudwatch: Make) -> None:
    put(aws, LAST + 10, 3)
    many = [ERRORS | {"labels": {"number": str(number)}} for number in range(501)]
    found = await asked(collector := cloudwatch(aws, *many))
    assert len(found["cloud_errors"]) == 501
    assert found["cloud_requested_metrics_total"] == {(): 501}
    assert found["bellwether_api_requests_total"] == {("200",): 2}
    assert (await asked(collector))["cloud_requested_metrics_total"] == {(): 1002}


async def test_requests_are_as_aws_describes_them_and_signed(server: Endpoint, cloudwatch: Make) -> None:
    server.answers["/"] = Response.json({"MetricDataResults": [], "Messages": []})
    daily = {"period": "1d", "namespace": "AWS/S3", "metric": "BucketSizeBytes", "name": "cloud_bytes", "dimensions": {}}
    rate = {"name": "cloud_error_ratio", "help": "Ratio.", "expression": "errors / FILL(requests, 1)"}
    requests = ERRORS | {"name": "cloud_requests", "metric": "RequestCount", "id": "requests", "account": "123456789012"}
    search = "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"Errors\"', 'Sum', 300)"
    await asked(
        cloudwatch(
            server.url,
            ERRORS | {"id": "errors"}, rate, requests, ERRORS | daily,
            {"name": "cloud_function_errors", "help": "Errors.", "expression": search, "series_label": "function"},
            {"name": "cloud_insight", "help": "An insight.", "expression": "SELECT MAX(x) FROM y", "series_label": "z"},
            session_token="t0k3n",
        )
    )  # fmt: skip
    validator, shape = ParamValidator(), Session().get_service_model("cloudwatch").operation_model("GetMetricData").input_shape
    for request in server.requests:
        assert not validator.validate(request.data, shape).has_errors()
        assert request.headers["content-type"] == "application/x-amz-json-1.0"
        assert request.headers["x-amz-target"] == "GraniteServiceVersion20100801.GetMetricData"
        assert re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/\d{8}/eu-west-1/monitoring/aws4_request, SignedHeaders=\S*host\S*, "
            r"Signature=[0-9a-f]{64}",
            request.headers["authorization"],
        )
        assert request.headers["x-amz-security-token"] == "t0k3n"
    ids = [[query["Id"] for query in request.data["MetricDataQueries"]] for request in server.requests]
    assert ids == [["errors", "wanted1", "requests", "wanted4"], ["wanted3"], ["wanted5"]]
    spans = [(request.data["StartTime"], request.data["EndTime"]) for request in server.requests]
    midnight = int(NOW) // 86400 * 86400
    assert spans == [(LAST - 600, LAST + 300), (midnight - 3 * 86400, midnight), (LAST - 600, LAST + 300)]
    assert server.requests[2].data["MetricDataQueries"][0]["Period"] == 300


async def test_series_of_a_search_have_a_label_and_each_costs(server: Endpoint, cloudwatch: Make) -> None:
    def result(label: str, *points: tuple[int, float]) -> dict[str, Any]:
        times, values = [at for at, _ in points], [value for _, value in points]
        return {"Id": "wanted0", "Label": label, "Timestamps": times, "Values": values, "StatusCode": "Complete"}

    results = [result("pay", (LAST, 4.0), (LAST - 300, 9.0)), result("mail", (LAST - 300, 2.0)), result("idle")]
    server.answers["/"] = Response.json({"MetricDataResults": results, "Messages": []})
    search = {"name": "cloud_function_errors", "help": "Errors.", "expression": "SEARCH('x', 'Sum', 300)"}
    found = await asked(cloudwatch(server.url, search | {"series_label": "function"}))
    assert found["cloud_function_errors"] == {("pay",): 4, ("mail",): 2}
    assert found["cloud_requested_metrics_total"] == {(): 3}
    found = await asked(cloudwatch(server.url, search | {"series_label": "function", "nil_to_zero": True}))
    assert found["cloud_function_errors"] == {("pay",): 4, ("mail",): 0, ("idle",): 0}
    server.answers["/"] = Response.json({"MetricDataResults": [], "Messages": []})
    assert "cloud_function_errors" not in await asked(cloudwatch(server.url, search | {"series_label": "function"}))


async def test_pages_are_put_together_whatever_their_order(server: Endpoint, cloudwatch: Make) -> None:
    def page(request: Request) -> Response:
        return Response.recorded(f"cloudwatch/page_{2 if request.data.get('NextToken') == 'page-2' else 1}")

    server.answers["/"] = page
    found = await asked(cloudwatch(server.url, ERRORS))
    assert len(server.requests) == 2
    assert found["cloud_errors"] == {(): 3}  # the first page has but a period that may still change
    assert found["cloud_requested_metrics_total"] == {(): 1}


def answer(**changes: Any) -> Response:
    result = {"Id": "wanted0", "Label": "x", "Timestamps": [LAST], "Values": [7.0], "StatusCode": "Complete"}
    top = {name: changes.pop(name) for name in ("NextToken", "Messages") if name in changes}
    return Response.json({"MetricDataResults": [result | changes], "Messages": [], **top})


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        (Response.recorded("cloudwatch/throttling"), Throttled, "ThrottlingException"),
        (Response.recorded("cloudwatch/denied"), Denied, "AccessDeniedException"),
        (Response.text("<html>", "text/html"), Malformed, "expected JSON"),
        (Response.text("", status=503), Unreachable, "503"),
        (answer(StatusCode="PartialData"), Unreachable, "cloud_errors: expected all of its data, got status PartialData"),
        (answer(StatusCode="InternalError"), Unreachable, "InternalError"),
        (answer(StatusCode="Forbidden"), Denied, "cloud_errors: forbidden"),
        (answer(Messages=[{"Code": "MaxMetricsExceeded", "Value": "joe"}]), Malformed, "MaxMetricsExceeded"),
        (answer(NextToken="again"), Malformed, "sent back"),
        (answer(Values=[]), Malformed, "expected metric data"),
    ],
    ids=["throttled", "denied", "html", "503", "partial", "internal", "forbidden", "messages", "loop", "lengths"],
)  # fmt: skip
async def test_each_failure_has_its_reason(
    server: Endpoint, cloudwatch: Make, response: Response, kind: type[PollError], message: str
) -> None:
    server.answers["/"] = response
    with pytest.raises(kind, match=message) as raised:
        await asked(cloudwatch(server.url, ERRORS))
    assert "s3cr3t" not in str(raised.value)
    assert "joe" not in str(raised.value)


async def test_a_change_of_shape_is_malformed_or_makes_no_difference(server: Endpoint) -> None:
    whole = {**json.loads(answer().body), "NextToken": None}
    for _, path, what in variants([whole]):
        server.answers["/"] = Response.json(changed(whole, path, what))
        collector = Cloudwatch.model_validate({"url": server.url, "metrics": [ERRORS], **KEY})
        ended = await outcome(collector)
        assert ended.reason in {"success", "malformed", "unreachable"}, f"{written(path)} {what}: {ended}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": ""}, "expected namespace and metric, or else expression"),
        ({"expression": "a / b"}, "expected namespace and metric, or else expression"),
        ({"type": "counter", "name": "cloud_errors_total"}, "expected type: gauge"),
        ({"series_label": "x"}, "expected series_label beside a SEARCH"),
        ({"period": "90s"}, "expected a period of whole minutes"),
        ({"labels": {"source": "x"}}, "expected other labels than source"),
        ({"labels": {"a-b": "x"}}, "is not a label name"),
        ({"name": "bellwether_errors"}, "expected another name"),
        ({"id": "Upper"}, "String should match pattern"),
    ],
)
def test_metrics_that_cannot_be_asked_for_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Cloudwatch.model_validate({"metrics": [ERRORS | changes], **KEY})


def test_what_refers_to_each_other_goes_together() -> None:
    def wanted(**settings: Any) -> Wanted:
        return Wanted.model_validate(ERRORS | settings)

    def ratio(text: str) -> Wanted:
        return Wanted.model_validate({"name": "cloud_ratio", "help": "Ratio.", "expression": text})

    filler = [wanted() for _ in range(498)]
    parts = batches([*filler, wanted(id="a"), ratio("a / b"), wanted(id="b"), ratio("c"), wanted(id="c"), ratio("'a'")])
    names = [set(batch.queries) for batch in parts]
    assert [len(batch.queries) for batch in parts] == [498, 6]
    assert {"a", "b", "c", "wanted499", "wanted501", "wanted503"} == names[1]
    with pytest.raises(ValueError, match="one period and one delay"):
        batches([wanted(id="a", period="1m"), ratio("a * 2")])
    with pytest.raises(ValueError, match="the id a is given twice"):
        batches([wanted(id="a"), wanted(id="a")])
    with pytest.raises(ValidationError, match=r"METRICS\(\) would mean"):
        ratio("SUM(METRICS())")


def test_the_address_is_that_of_the_region_unless_given() -> None:
    def url(**settings: Any) -> str:
        return Cloudwatch.model_validate({"metrics": [ERRORS], **KEY, **settings}).url

    assert url() == "https://monitoring.eu-west-1.amazonaws.com"
    assert url(region="cn-north-1") == "https://monitoring.cn-north-1.amazonaws.com.cn"
    assert url(url="https://vpce-1.example.com") == "https://vpce-1.example.com"
    with pytest.raises(ValidationError, match="access_key_id and secret_access_key together"):
        url(access_key_id="")


def test_the_examples_of_the_page_work() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert examples
    for text in examples:
        assert settings_of(Document.parse(text, str(PAGE)), {"AWS_SECRET": "s3cr3t"}).collectors
