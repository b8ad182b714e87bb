"""The kind `ga4` against the simulated service, the simulator against what is documented, and what neither shows."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt
from pydantic import ValidationError

from exporter.collectors.ga4 import Ga4
from exporter.demo.company import Company
from exporter.demo.service_account import EMAIL, key_file
from exporter.demo.vendors.ga4 import Ga4 as Simulator
from exporter.errors import Denied, Malformed, PollError, Throttled
from tests.endpoint import RECORDED, Endpoint, Request, Response, endpoint
from tests.vendors.audience import CHANNELS, WINDOWS, Audience, renamed
from tests.vendors.case import asked
from tests.vendors.conftest import Making, Simulators
from tests.vendors.ga4 import CASE
from tests.vendors.shapes import same_shape

PAGE = Path("docs/integrations/ga4.md")
PATH = f"/v1beta/properties/{Simulator.PROPERTY}:"
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
MIDNIGHT = datetime(2026, 9, 16, tzinfo=UTC)
JUST = timedelta(microseconds=1)  # the first instant of a day is part of it
SYSTEMS = {"windows": "Windows", "mac": "Macintosh", "linux": "Linux", "ios": "iOS", "android": "Android", "": "unknown"}
BROWSERS = {"chrome": "Chrome", "safari": "Safari", "firefox": "Firefox", "edge": "Edge"}
Make = Callable[..., Ga4]


@pytest.fixture
def ga4(making: Making) -> Make:
    return making(Ga4, CASE)


@pytest.fixture
def server() -> Iterator[Endpoint]:
    """A Google that answers as documented."""

    def batch(request: Request) -> Response:
        reports = [_table(each) for each in request.data["requests"]]
        return Response.json({"reports": reports, "kind": "analyticsData#batchRunReports"})

    with endpoint() as served:
        served.answers = {
            "/token": Response.recorded("ga4/token"),
            f"{PATH}runRealtimeReport": Response.recorded("ga4/realtime"),
            f"{PATH}batchRunReports": batch,
            f"{PATH}runReport": Response.recorded("ga4/events"),
        }
        yield served


def _table(request: dict[str, Any]) -> Any:
    dimensions = [dimension["name"] for dimension in request["dimensions"]]
    if not dimensions:
        return read("totals")
    return read("countries") if dimensions == ["countryId"] else {**read("empty"), "metricHeaders": _headers("totalUsers")}


def _headers(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "type": "TYPE_INTEGER"} for name in names]


async def test_a_poll_says_what_the_companys_visits_were(ga4: Make, vendors: Simulators, company: Company) -> None:
    expected = Audience.of(company)
    found = await asked(ga4(vendors.url("ga4"), windows=["1d", "7d"]))
    for window in ("1d", "7d"):
        since, until = MIDNIGHT - WINDOWS[window] - JUST, MIDNIGHT - JUST
        visits = expected.within(since, until)
        everybody = {visit.visitor for visit in visits}
        assert found["web_visits"][window,] == len(visits) > 100
        assert found["web_visitors"][window,] == len(everybody)
        assert found["web_page_views"][window,] == sum(visit.pages for visit in visits)
        assert found["web_bounce_ratio"][window,] == pytest.approx(sum(v.pages <= 1 for v in visits) / len(visits))
        seconds = sum((visit.ended - visit.began).total_seconds() for visit in visits)
        assert found["web_visit_duration_seconds"][window,] == pytest.approx(seconds / len(visits))
        events, people = expected.done(since, until)
        assert {event: n for (event, of), n in found["web_custom_events"].items() if of == window} == events
        assert found["web_goal_conversions"]["signup_completed", window] == events["signup_completed"]
        ratio = people["signup_completed"] / len(everybody)
        assert found["web_goal_conversion_ratio"]["signup_completed", window] == pytest.approx(ratio)
    assert {goal for goal, _ in found["web_goal_conversions"]} == {"signup_completed"}
    assert found["web_current_visitors"] == {(): expected.current()}
    assert [found[f"web_report_{name}"] for name in ("sample_ratio", "withheld", "rows_lost")] == [{(): 1}, {(): 0}, {(): 0}]


async def test_a_poll_says_who_the_visitors_were(ga4: Make, vendors: Simulators, company: Company) -> None:
    expected = Audience.of(company)
    found = await asked(ga4(vendors.url("ga4")))
    day = expected.within(MIDNIGHT - timedelta(days=1) - JUST, MIDNIGHT - JUST)
    assert found["web_page_visitors"] == renamed(expected.pages(day), {})
    assert found["web_referrer_visitors"] == renamed(expected.by(day, "source"), {"": "direct"})
    assert found["web_country_visitors"] == renamed(expected.by(day, "from_country"), {})
    assert found["web_browser_visitors"] == renamed(expected.by(day, "browser"), BROWSERS)
    assert found["web_os_visitors"] == renamed(expected.by(day, "system"), SYSTEMS)
    assert found["web_device_visitors"] == renamed(expected.by(day, "device"), {"": "unknown"})
    channels = {medium or "": name for medium, name in CHANNELS.items()}
    assert found["web_channel_visitors"] == renamed(expected.by(day, "medium"), channels)


async def test_texts_become_figures_and_each_flag_is_told(ga4: Make, server: Endpoint) -> None:
    found = await asked(ga4(server.url))
    assert found["web_current_visitors"] == {(): 17}
    assert found["web_visits"] == {("30d",): 9000, ("7d",): 2100, ("1d",): 300}
    assert found["web_bounce_ratio"] == {("30d",): 0.41, ("7d",): 0.4, ("1d",): 0.3833}
    assert found["web_visit_duration_seconds"] == {("30d",): 95.25, ("7d",): 90.5, ("1d",): 88}
    assert found["web_country_visitors"] == {("DE", "1d"): 120, ("unknown", "1d"): 8}
    assert {event: n for (event, window), n in found["web_custom_events"].items() if window == "7d"} == {
        "cta_clicked": 410, "signup": 50, "other": 70,
    }  # fmt: skip
    assert found["web_goal_conversions"] == {("signup", "1d"): 50, ("signup", "7d"): 50, ("signup", "30d"): 50}
    assert found["web_goal_conversion_ratio"]["signup", "7d"] == 48 / 1500
    assert found["web_report_sample_ratio"] == {(): 0.5}
    assert found["web_report_withheld"] == found["web_report_rows_lost"] == {(): 1}
    assert found["bellwether_api_quota_left"] == {(): 12500}


async def test_without_rows_nobody_is_there_and_of_the_past_nothing_is_known(ga4: Make, server: Endpoint) -> None:
    nobody = {"metricHeaders": _headers("activeUsers"), "kind": "analyticsData#runRealtimeReport"}
    nothing = {"metricHeaders": _headers("eventCount", "keyEvents", "totalUsers")}
    server.answers |= {
        f"{PATH}runRealtimeReport": Response.json(nobody),
        f"{PATH}runReport": Response.json(nothing),
        f"{PATH}batchRunReports": lambda request: Response.json(
            {"reports": [{"metricHeaders": each["metrics"]} for each in request.data["requests"]]}
        ),
    }
    found = await asked(ga4(server.url))
    assert found["web_current_visitors"] == {(): 0}
    assert {name for name in found if name.startswith("web_")} == {
        "web_current_visitors", "web_report_sample_ratio", "web_report_withheld", "web_report_rows_lost",
    }  # fmt: skip
    assert "bellwether_api_quota_left" not in found


async def test_one_window_alone_has_no_name_in_the_answer(ga4: Make, server: Endpoint) -> None:
    totals = read("totals")
    row = {"metricValues": totals["rows"][0]["metricValues"]}
    alone = {"metricHeaders": totals["metricHeaders"], "rows": [row], "rowCount": 1}

    def batch(request: Request) -> Response:
        return Response.json({"reports": [_table(each) if each["dimensions"] else alone for each in request.data["requests"]]})

    server.answers[f"{PATH}batchRunReports"] = batch
    found = await asked(ga4(server.url, windows=["7d"]))
    assert found["web_visits"] == {("7d",): 9000}
    first = server.asked(f"{PATH}batchRunReports")[0].data["requests"][0]
    assert first["dateRanges"] == [{"startDate": "7daysAgo", "endDate": "yesterday", "name": "7d"}]


async def test_further_pages_of_events_are_read(ga4: Make, server: Endpoint) -> None:
    def events(request: Request) -> Response:
        offset, limit = int(request.data["offset"]), int(request.data["limit"])
        rows = [
            {"dimensionValues": [{"value": f"event {n}"}], "metricValues": [{"value": str(x)} for x in (1000 - n, 0, 1)]}
            for n in range(230)
        ]
        headers = {
            "dimensionHeaders": [{"name": "eventName"}],
            "metricHeaders": _headers("eventCount", "keyEvents", "totalUsers"),
        }
        return Response.json({**headers, "rows": rows[offset : offset + limit], "rowCount": 230})

    server.answers[f"{PATH}runReport"] = events
    found = await asked(ga4(server.url, windows=["1d"], most=1))
    assert found["web_custom_events"] == {("event 0", "1d"): 1000, ("other", "1d"): sum(1000 - n for n in range(1, 230))}
    assert [request.data["offset"] for request in server.asked(f"{PATH}runReport")] == ["0", "100", "200"]
    excluded = server.asked(f"{PATH}runReport")[0].data["dimensionFilter"]["notExpression"]["filter"]["inListFilter"]["values"]
    assert "page_view" in excluded


async def test_a_token_is_asked_for_once_and_again_when_it_is_refused(ga4: Make, server: Endpoint) -> None:
    tokens = iter(("first", "second"))
    good = ""

    def token(_: Request) -> Response:
        nonlocal good
        good = next(tokens)
        return Response.json({"access_token": good, "expires_in": 3599, "token_type": "Bearer"})

    def realtime(request: Request) -> Response:
        knows = request.headers["authorization"] == f"Bearer {good}"
        return Response.recorded("ga4/realtime" if knows else "ga4/unauthenticated")

    server.answers |= {"/token": token, f"{PATH}runRealtimeReport": realtime}
    collector = ga4(server.url)
    await asked(collector)
    await asked(collector)
    assert good == "first"
    good = "made anew"
    await asked(collector)
    assert good == "second"


async def test_each_part_is_asked_for_at_its_own_pace(ga4: Make, server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("exporter.clients.cadence.time.monotonic", lambda: now)
    collector = ga4(server.url)
    await asked(collector)
    server.requests.clear()
    for _ in range(30):
        now += 120
        await asked(collector)
    assert len(server.asked(f"{PATH}runRealtimeReport")) == 30
    assert len(server.asked(f"{PATH}batchRunReports")) == 2
    assert len(server.asked(f"{PATH}runReport")) == 3
    assert len(server.requests) <= (CASE.requests_per_hour or 0)


@pytest.mark.parametrize("method", ["runRealtimeReport", "batchRunReports", "runReport"])
@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Response.recorded("ga4/forbidden"), Denied, "PERMISSION_DENIED"),
        (Response.recorded("ga4/unauthenticated"), Denied, "UNAUTHENTICATED"),
        (Response.recorded("ga4/exhausted"), Throttled, "RESOURCE_EXHAUSTED"),
        (Response.recorded("ga4/invalid"), Malformed, "INVALID_ARGUMENT"),
        (Response.json({"metricHeaders": _headers("sessions")}), Malformed, "expected"),
        (Response.json([]), Malformed, "expected"),
    ],
    ids=["rights", "token", "quota", "request", "headers", "list"],
)  # fmt: skip
async def test_each_failure_has_its_reason(
    ga4: Make, server: Endpoint, method: str, answer: Response, *, kind: type[PollError], text: str
) -> None:
    server.answers[f"{PATH}{method}"] = answer
    with pytest.raises(kind, match=text) as raised:
        await asked(ga4(server.url))
    assert f":{method}" in str(raised.value)


async def test_without_a_token_it_is_denied(ga4: Make, server: Endpoint) -> None:
    server.answers["/token"] = Response.recorded("ga4/no_token")
    with pytest.raises(Denied, match="invalid_grant"):
        await asked(ga4(server.url))


def test_settings_that_cannot_work_are_refused(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text('{"type": "authorized_user"}')
    good = CASE.settings("http://localhost")
    for wrong, text in (
        ({"service_account_file": str(tmp_path / "none.json")}, "cannot read"),
        ({"service_account_file": str(tmp_path / "key.json")}, "expected the JSON key of a service account"),
        ({"property_id": "G-ABC"}, "property_id"),
        ({"windows": ["1h"]}, "windows"),
        ({"windows": []}, "windows"),
        ({"bearer_token": "x"}, "no other credentials"),
    ):
        with pytest.raises(ValidationError, match=text):
            Ga4.model_validate({**good, **wrong})


def statement(audience: str, file: Path | None = None, **claims: object) -> str:
    """A statement as Google's own library signs it."""
    key = json.loads((file or key_file(audience)).read_text())
    now = int(datetime.now(UTC).timestamp())
    told = {"iss": EMAIL, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + 3600, **claims}
    signer: Any = crypt.RSASigner
    encode: Any = jwt.encode
    return str(encode(signer.from_service_account_info(key), told).decode())


def test_the_simulator_gives_tokens_for_what_the_account_signed_and_for_nothing_else(
    vendors: Simulators, tmp_path: Path
) -> None:
    url = f"{vendors.url('ga4')}/token"
    strange = json.loads(key_file(url).read_text())
    strange["private_key"] = _another_key()
    (tmp_path / "strange.json").write_text(json.dumps(strange))
    good = statement(url)
    head, claims, signature = good.split(".")

    def token(assertion: str, grant: str = "urn:ietf:params:oauth:grant-type:jwt-bearer") -> httpx.Response:
        return httpx.post(url, data={"grant_type": grant, "assertion": assertion}, trust_env=False)

    given = token(good)
    assert given.status_code == 200
    same_shape(read("token"), given.json(), optional=["scope"])
    refused = {
        "another key": statement(url, tmp_path / "strange.json"),
        "another account": statement(url, iss="somebody@else.example"),
        "another audience": statement(url, aud="https://oauth2.googleapis.com/token"),
        "another scope": statement(url, scope="https://www.googleapis.com/auth/analytics"),
        "over": statement(url, iat=1_700_000_000, exp=1_700_003_600),
        "too long": statement(url, exp=int(datetime.now(UTC).timestamp()) + 7200),
        "changed": ".".join((head, claims[:-4] + "AAAA", signature)),
        "unsigned": f"{head}.{claims}.",
        "nothing": "",
    }
    for what, assertion in refused.items():
        answer = token(assertion)
        assert (answer.status_code, answer.json()) == (400, read("no_token")), what
    assert token(good, "password").status_code == 400


def _another_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()


async def test_what_is_asked_and_answered_is_as_google_describes_it(ga4: Make, vendors: Simulators) -> None:
    schema = json.loads((RECORDED / "ga4/schema.json").read_text())

    def check(name: str, data: Any) -> None:
        jsonschema.validate(data, {**schema, "$ref": f"#/$defs/{name}"})

    for name, of in (
        ("totals", "RunReport"), ("countries", "RunReport"), ("empty", "RunReport"), ("events", "RunReport"),
        ("realtime", "RunRealtimeReport"), ("batch", "BatchRunReports"),
    ):  # fmt: skip
        check(f"{of}Response", read(name))
    with endpoint() as between:
        upstream = vendors.url("ga4")

        def passed_on(request: Request) -> Response:
            headers = {"Authorization": request.headers.get("authorization", ""), "Host": request.headers["host"]}
            headers["Content-Type"] = request.headers["content-type"]
            answer = httpx.post(f"{upstream}{request.path}", content=request.body, headers=headers, trust_env=False)
            if request.path != "/token":
                method = request.path.rpartition(":")[2]
                name = method[0].upper() + method[1:]
                check(f"{name}Request", request.data)
                check(f"{name}Response", answer.json())
                seen.append((method, answer.json()))
            return Response.json(answer.json(), answer.status_code)

        seen: list[tuple[str, Any]] = []
        between.answers = dict.fromkeys(
            ("/token", *(f"{PATH}{each}" for each in ("runReport", "batchRunReports", "runRealtimeReport"))), passed_on
        )
        await asked(ga4(between.url))
    assert [method for method, _ in seen] == ["runRealtimeReport", "batchRunReports", "batchRunReports", *["runReport"] * 3]
    same_shape(read("realtime"), seen[0][1])
    flags = [f"metadata.{name}" for name in ("samplingMetadatas", "subjectToThresholding", "dataLossFromOtherRow")]
    same_shape(read("totals"), seen[1][1]["reports"][0])
    same_shape(read("countries"), seen[1][1]["reports"][3], optional=flags)
    same_shape(read("events"), seen[3][1])


def test_the_simulator_refuses_as_documented(vendors: Simulators) -> None:
    url = vendors.url("ga4")
    body = {"metrics": [{"name": "sessions"}], "dateRanges": [{"startDate": "1daysAgo", "endDate": "yesterday"}]}
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": statement(f"{url}/token")}
    with httpx.Client(base_url=url, trust_env=False) as client:
        key = {"Authorization": f"Bearer {client.post('/token', data=grant).json()['access_token']}"}
        nonsense = {**body, "metrics": [{"name": "nonsense"}]}
        for name, path, headers, asks in (
            ("unauthenticated", f"{PATH}runReport", {"Authorization": "Bearer wrong"}, body),
            ("forbidden", "/v1beta/properties/1:runReport", key, body),
            ("invalid", f"{PATH}runReport", key, nonsense),
            ("invalid", f"{PATH}batchRunReports", key, {"requests": [body] * 6}),
        ):
            answer = client.post(path, json=asks, headers=headers)
            assert answer.status_code == read(name)["error"]["code"]
            assert answer.json()["error"]["status"] == read(name)["error"]["status"]
            same_shape(read(name), answer.json())
        assert client.post(f"{PATH}runReport", json=body, headers=key).status_code == 200


def read(name: str) -> Any:
    return json.loads((RECORDED / f"ga4/{name}.json").read_text())["body"]
