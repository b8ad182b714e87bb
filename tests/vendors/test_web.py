"""What the services of web analytics have in common: how values become labels, and that no change of shape is a bug."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trustme

from exporter.demo.vendors.ga4 import Ga4
from exporter.demo.vendors.umami import Umami
from exporter.errors import Malformed
from exporter.roles import web
from tests.endpoint import RECORDED, Endpoint, Request, Response
from tests.vendors import ga4, plausible, umami, vercel
from tests.vendors.case import Case, asked
from tests.vendors.test_faults import changed, variants, written


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/", "/"), ("", "/"), ("/pricing?plan=x&mail=joe@example.com", "/pricing"), ("/docs#top", "/docs"),
        ("/users/17/edit", "/users/{id}/edit"), ("/u/joe@example.com", "/u/{id}"), ("/u/joe%40example.com", "/u/{id}"),
        ("/o/4fb7fa4c-5b46-438d-94b3-3a8fb9bc2e8b/", "/o/{id}/"), ("/c/0123456789abcdef", "/c/{id}"),
        ("/pay/cus_NffrFeUfNV2Hib8sQ1zL", "/pay/{id}"), ("/blog/10-ways-to-use-it", "/blog/10-ways-to-use-it"),
        ("/a;jsessionid=17", "/a"), ("/" + "x" * 200, "/" + "x" * 118 + "…"),
    ],
)  # fmt: skip
def test_a_page_is_a_path_without_identifiers(address: str, page: str) -> None:
    assert web.page(address) == page


@pytest.mark.parametrize(
    ("name", "referrer"),
    [
        ("", "direct"), ("(direct)", "direct"), ("Direct / None", "direct"), ("(not set)", "direct"), ("Google", "Google"),
        ("t.co/fzWTE9OTPt", "t.co"), ("https://news.example.com/item?id=17", "news.example.com"),
        ("Hacker News", "Hacker News"),
        ("android-app://com.example/", "android-app://com.example/"),
    ],
)  # fmt: skip
def test_a_referrer_is_a_name_or_a_host(name: str, referrer: str) -> None:
    assert web.referrer(name) == referrer


def test_devices_are_a_closed_set_and_what_is_not_known_is_unknown() -> None:
    found = [web.device(name) for name in ("Desktop", "laptop", "MOBILE", "smart tv", "", "(not set)", "unknown")]
    assert found == ["desktop", "laptop", "mobile", "other", "unknown", "unknown", "unknown"]
    assert [web.known(name) for name in ("", " (not set)", "Chrome ", "DE")] == ["unknown", "unknown", "Chrome", "DE"]


def test_what_is_beyond_the_most_is_left_out_of_visitors_and_other_of_events() -> None:
    rows = [("b", 2), ("a", 2), ("c", 1), ("d", 5), ("c", 3), ("other", 4)]
    ranked = web.ranked(web.PAGES, rows, 3, source="shop", window="1d")
    assert [(sample.labels[1], sample.value) for sample in ranked] == [("d", 5), ("c", 4), ("other", 4)]
    counted = web.counted(web.EVENTS, rows, 2, source="shop", window="1d")
    assert [(sample.labels[1], sample.value) for sample in counted] == [("d", 5), ("c", 4), ("other", 8)]
    alone = web.counted(web.EVENTS, [("a", 1)], 2, source="shop", window="1d")
    assert [(sample.labels[1], sample.value) for sample in alone] == [("a", 1)]


def read(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())["body"]


def _of_plausible(request: Request) -> str:
    return {"event:goal": "goals", "": "totals"}.get("".join(request.data["dimensions"]), "sources")


def _of_google(request: Request) -> dict[str, Any]:
    table = {"": "totals", "countryId": "countries"}
    reports = []
    for each in request.data["requests"]:
        asks = "".join(dimension["name"] for dimension in each["dimensions"])
        reports.append(read(f"ga4/{table.get(asks, 'countries')}"))
    return {"reports": reports, "kind": "analyticsData#batchRunReports"}


SITE, GOOGLE = f"/api/websites/{Umami.WEBSITE}", f"/v1beta/properties/{Ga4.PROPERTY}"
_MOST_VARIANTS = 20  # of the answers of one service
VERCEL = "/v1/query/web-analytics"
Answering = Callable[[Request], Any]
ANSWERS: dict[str, tuple[Case, dict[str, Answering]]] = {
    "plausible": (
        plausible.CASE,
        {
            "/api/v1/stats/realtime/visitors": lambda _: read("plausible/realtime"),
            "/api/v2/query": lambda request: read(f"plausible/{_of_plausible(request)}"),
        },
    ),
    "umami": (
        umami.CASE,
        {
            "/api/auth/login": lambda _: read("umami/login"),
            f"{SITE}/active": lambda _: read("umami/active"),
            f"{SITE}/stats": lambda _: read("umami/stats"),
            f"{SITE}/metrics": lambda _: read("umami/metrics"),
            "/api/reports/performance": lambda _: read("umami/performance"),
        },
    ),
    "vercel": (
        vercel.CASE,
        {
            f"{VERCEL}/visits/count": lambda _: read("vercel/count"),
            f"{VERCEL}/visits/aggregate": lambda request: {
                "data": [{request.query["by"]: "a", "visitors": 3, "pageviews": 4}, {request.query["by"]: "", "visitors": 3}]
            },
            f"{VERCEL}/events/aggregate": lambda _: read("vercel/events"),
        },
    ),
    "ga4": (
        ga4.CASE,
        {
            "/token": lambda _: read("ga4/token"),
            f"{GOOGLE}:runRealtimeReport": lambda _: read("ga4/realtime"),
            f"{GOOGLE}:batchRunReports": _of_google,
            f"{GOOGLE}:runReport": lambda _: read("ga4/events"),
        },
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.slow
async def test_a_change_of_shape_is_malformed_or_makes_no_difference(server: Endpoint, name: str, tmp_path: Path) -> None:
    """Here with figures in every answer, where those of the common test may be empty."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")  # the system's hundred take longer to read than a poll lasts
    case, answers = ANSWERS[name]

    async def poll() -> list[Request]:
        server.requests.clear()
        collector = case.collector(server.url, windows=["1d"], ca_file=tmp_path / "ca.pem")
        try:
            await asked(collector)
        finally:
            await collector.close()
        return list(server.requests)

    server.answers.update({path: _json(how) for path, how in answers.items()})
    requests = [request for request in await poll() if request.path != "/token"]
    sent = [answers[request.path](request) for request in requests]
    found = list(variants(sent))
    assert len(found) > 30
    wrong = []
    for number, place, what in Random(1).sample(found, min(len(found), _MOST_VARIANTS)):
        path = requests[number].path
        before = [request.path for request in requests[:number]].count(path)
        server.answers.update({each: _json(how) for each, how in answers.items()})
        server.answers[path] = _nth(before, changed(sent[number], place, what), answers[path])
        try:
            await poll()
        except Malformed:
            pass
        except Exception as error:  # noqa: BLE001 - anything else is what is looked for
            wrong.append(f"{path} {written(place)} {what}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


def _json(answer: Answering) -> Callable[[Request], Response]:
    return lambda request: Response.json(answer(request))


def _nth(number: int, data: Any, answer: Answering) -> Callable[[Request], Response]:
    """The answers as they are, but for one."""
    asked_so_far = iter(range(1000))
    return lambda request: Response.json(data if next(asked_so_far) == number else answer(request))
