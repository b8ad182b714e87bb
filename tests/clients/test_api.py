"""The client of HTTP APIs against a real server that answers well, badly, slowly and not at all."""

import asyncio
import base64
import gzip
import json
import logging
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import trustme
from pydantic import ValidationError

from exporter.clients.access import Access, Addressed
from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api
from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.fields import Secret
from exporter.metric import Sample
from tests.endpoint import Endpoint, Request, Response, endpoint
from tests.stack import free_port

SECRET = "s3cr3t-" + "x" * 20


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as served:
        yield served


def access(**settings: Any) -> Access:
    return Access.model_validate(settings)


async def got(server: Endpoint, answer: Response, **options: Any) -> Any:
    """What a client makes of an answer."""
    server.answers["/v1/things"] = answer
    api = Api(server.url, access(bearer_token=SECRET), **options)
    try:
        return await api.get("/v1/things")
    finally:
        await api.close()


async def failure(server: Endpoint, answer: Response, **options: Any) -> PollError:
    with pytest.raises(PollError) as raised:
        await got(server, answer, **options)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    return raised.value


async def test_json_comes_back_and_the_path_is_below_the_url(server: Endpoint) -> None:
    server.answers["/api/v1/things"] = Response.json({"a": [1, None]})
    api = Api(f"{server.url}/api/?tracking=1", access())
    assert await api.get("/v1/things", {"limit": 5, "q": "a b&c"}) == {"a": [1, None]}
    [request] = server.requests
    assert request.query == {"limit": "5", "q": "a b&c"}
    assert (request.headers["accept"], request.headers["user-agent"]) == ("application/json", "bellwether")
    await api.close()


async def test_a_body_is_posted_as_json(server: Endpoint) -> None:
    server.answers["/search"] = Response.json([])
    api = Api(server.url, access())
    assert await api.post("/search", {"size": 0}) == []
    assert server.requests[0].data == {"size": 0}
    await api.close()


@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({"bearer_token": "t"}, "authorization", "Bearer t"),
        ({"username": "u", "password": "p:w"}, "authorization", "Basic " + base64.b64encode(b"u:p:w").decode()),
        ({"headers": {"X-Key": "k"}}, "x-key", "k"),
    ],
)
async def test_each_kind_of_credential_is_sent(server: Endpoint, settings: dict[str, Any], header: str, value: str) -> None:
    server.answers["/"] = Response.json({})
    api = Api(server.url, access(**settings))
    await api.get("/")
    assert server.requests[0].headers[header] == value
    await api.close()


async def test_a_key_in_the_query_is_sent_and_never_shown(server: Endpoint) -> None:
    error = await failure(server, Response.text("no", status=403), query={"key": Secret(SECRET)})
    assert server.requests[0].query == {"key": SECRET}
    assert str(error).startswith("GET /v1/things at 127.0.0.1:")


async def test_a_secret_file_is_read_at_each_request(server: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    server.answers["/"] = Response.json({})
    api = Api(server.url, Access.model_validate({"bearer_token_file": str(file)}))
    await api.get("/")
    file.write_text("second\n")
    await api.get("/")
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer first", "Bearer second"]
    file.unlink()
    with pytest.raises(Denied, match=r"cannot read .*token"):
        await api.get("/")
    await api.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"username": "u"}, "username and password together"),
        ({"password": "p"}, "username and password together"),
        ({"bearer_token": "t", "username": "u", "password": "p"}, "expected one of bearer_token"),
        ({"bearer_token": "t", "headers": {"authorization": "x"}}, "expected one of bearer_token"),
        ({"key_file": "/k"}, "cert_file beside key_file"),
        ({"url": "ftp://x"}, "http or https URL"),
        ({"url": "https://"}, "http or https URL"),
        ({"url": "https://u:p@x"}, "no credentials in url"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Addressed.model_validate({"url": "http://x"} | settings)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Malformed),
        (401, Denied),
        (402, Denied),
        (403, Denied),
        (404, Malformed),
        (407, Denied),
        (408, TimedOut),
        (418, Malformed),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, TimedOut),
        (599, Unreachable),
    ],
)
async def test_each_status_says_what_to_do_next(server: Endpoint, status: int, kind: type[PollError]) -> None:
    error = await failure(server, Response.json({"error": {"message": f"token {SECRET} of joe@example.com"}}, status))
    assert type(error) is kind
    assert f"got status {status}" in str(error)
    assert "joe" not in str(error)


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {}, None),
        (429, {"Retry-After": "17"}, 17),
        (429, {"Retry-After": "DATE+3000"}, 3000),
        (429, {"Retry-After": "DATE-3000"}, 0),
        (429, {"Retry-After": "soon"}, None),
        (429, {"Retry-After": "9" * 30}, 86400),
        (429, {"X-RateLimit-Reset": "25"}, 25),
        (429, {"X-RateLimit-Reset": "UNIX"}, 3000),
        (429, {"X-RateLimit-Reset": "UNIX_MS"}, 3000),
        (503, {"Retry-After": "5"}, 5),
        (403, {"Retry-After": "6"}, 6),
    ],
)
async def test_being_told_to_wait_is_handed_on(
    server: Endpoint, status: int, headers: dict[str, str], wait: float | None
) -> None:
    now = time.time()  # and not when the test was collected, which may be long ago
    texts = {
        "DATE+3000": formatdate(now + 3000, usegmt=True),
        "DATE-3000": formatdate(now - 3000, usegmt=True),
        "UNIX": str(int(now) + 3000),
        "UNIX_MS": str(int(now * 1000) + 3_000_000),
    }
    answer = Response(b"slow down", status, {name: texts.get(text, text) for name, text in headers.items()})
    error = await failure(server, answer)
    assert isinstance(error, Throttled)
    assert error.retry_after == (None if wait is None else pytest.approx(wait, abs=(60 if wait == 3000 else 0)))


async def test_the_apis_own_name_of_an_error_is_shown_but_no_free_text(server: Endpoint) -> None:
    def name(body: Any) -> object:
        return body["error"]["type"]

    body = {"error": {"type": "index_not_found_exception"}}
    assert "(index_not_found_exception)" in str(await failure(server, Response.json(body, 404), error_name=name))
    others: list[Any] = [{"error": {"type": "joe@example.com is unknown"}}, {"error": {"type": 5}}, {"error": None}, [], "x"]
    for other in others:
        assert "(" not in str(await failure(server, Response.json(other, 404), error_name=name))


@pytest.mark.parametrize(
    ("status", "headers", "name", "kind", "wait"),
    [
        (400, {}, "ThrottlingException", Throttled, None),
        (400, {"Retry-After": "7"}, "ThrottlingException", Throttled, 7),
        (400, {}, "AccessDeniedException", Denied, None),
        (429, {}, "AccessDeniedException", Denied, None),
        (500, {}, "ThrottlingException", Throttled, None),
        (400, {}, "ValidationException", Malformed, None),
        (429, {}, "ValidationException", Throttled, None),
    ],
)
async def test_an_api_may_say_by_name_what_its_status_does_not(
    server: Endpoint, *, status: int, headers: dict[str, str], name: str, kind: type[PollError], wait: float | None
) -> None:
    answer = Response(json.dumps({"__type": name}).encode(), status, headers)
    meanings: dict[str, type[PollError]] = {"ThrottlingException": Throttled, "AccessDeniedException": Denied}
    error = await failure(server, answer, error_name=lambda body: body["__type"], meanings=meanings)
    assert type(error) is kind
    assert f"({name})" in str(error)
    assert getattr(error, "retry_after", None) == wait


@pytest.mark.parametrize(
    "answer",
    [
        Response.text("<html>Sign in</html>", "text/html"),
        Response.text('{"a": ', "application/json"),
        Response.text("", "application/json"),
        Response.text("[" * 200_000, "application/json"),
        Response(b'"\xff"', 200, {"Content-Type": "application/json"}),
        Response(b"no gzip", 200, {"Content-Encoding": "gzip"}),
        Response(gzip.compress(b"{}" * 500)[:-12], 200, {"Content-Encoding": "gzip"}),
        Response(b"{}", 200, {"Content-Encoding": "br"}),
    ],
    ids=["html", "truncated", "empty", "nested", "no-text", "no-gzip", "cut-gzip", "brotli"],
)
async def test_what_is_not_json_is_malformed(server: Endpoint, answer: Response) -> None:
    error = await failure(server, answer)
    assert type(error) is Malformed
    assert "Sign in" not in str(error)


async def test_gzip_of_one_member_or_several_is_read(server: Endpoint) -> None:
    zipped = {"Content-Encoding": "gzip"}
    assert await got(server, Response(gzip.compress(b'{"a": 1}'), 200, zipped)) == {"a": 1}
    assert await got(server, Response(gzip.compress(b'{"a":') + gzip.compress(b" 2}"), 200, zipped)) == {"a": 2}
    assert server.requests[0].headers["accept-encoding"] == "gzip"


async def test_a_body_beyond_the_limit_is_refused_however_well_it_was_packed(server: Endpoint) -> None:
    assert await got(server, Response(b" " * 98 + b"[]"), most_bytes=100) == []
    for body, headers in ((b" " * 101, {}), (gzip.compress(b" " * 100_000_000), {"Content-Encoding": "gzip"})):
        tracemalloc.start()
        error = await failure(server, Response(body, 200, headers), most_bytes=100)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert type(error) is Malformed
        assert "expected at most 100 bytes" in str(error)
        assert most < 10_000_000


async def test_a_connection_that_breaks_within_the_body_is_unreachable(server: Endpoint) -> None:
    error = await failure(server, Response(b'{"a": 1, "b": 2}', cut_at=9))
    assert type(error) is Unreachable
    assert "broke" in str(error)


async def test_nobody_listening_is_unreachable() -> None:
    api = Api(f"http://127.0.0.1:{free_port()}", access())
    with pytest.raises(Unreachable, match=r"GET / at 127\.0\.0\.1:\d+: cannot connect"):
        await api.get("/")
    assert [(sample.labels, sample.value) for sample in api.samples("x") if sample.metric is CALLS] == [
        (("x", "unreachable"), 1)
    ]
    await api.close()


async def test_one_that_hangs_is_given_up(server: Endpoint) -> None:
    released = threading.Event()
    server.answers["/"] = Response(b"{}", after=released)
    api = Api(server.url, access(), timeout=0.05)
    try:
        with pytest.raises(TimedOut, match=r"no whole answer within 0\.05 s"):
            await api.get("/")
    finally:
        released.set()
        await api.close()


async def test_a_credential_with_a_line_break_is_denied_and_not_shown(server: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"a\n{SECRET}")
    api = Api(server.url, Access.model_validate({"bearer_token_file": str(file)}))
    with pytest.raises(Denied) as raised:
        await api.get("/")
    assert SECRET not in str(raised.value)
    assert server.requests == []
    await api.close()


async def test_redirects_are_followed_within_the_origin_with_credentials(server: Endpoint) -> None:
    server.answers["/new"] = Response.json("here")
    assert await got(server, Response(b"", 307, {"Location": "/new"})) == "here"
    assert server.asked("/new")[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_no_credentials_go_to_another_origin(server: Endpoint) -> None:
    with endpoint() as other:
        for location in (
            f"{other.url}/new",
            f"//localhost:{other.url.rpartition(':')[2]}/new",
            server.url.replace("http", "https"),
        ):
            error = await failure(server, Response(b"", 302, {"Location": location}))
            assert type(error) is Malformed
            assert "given no credentials" in str(error)
        assert other.requests == []


async def test_redirects_in_a_circle_end(server: Endpoint) -> None:
    error = await failure(server, Response(b"", 302, {"Location": "/v1/things"}))
    assert (type(error), len(server.requests)) == (Malformed, 4)


def listed(items: list[int], **more: Any) -> Response:
    return Response.json({"items": items, **more})


async def test_pages_are_read_until_there_is_no_further_one(server: Endpoint) -> None:
    def page(request: Request) -> Response:
        after = int(request.query.get("after", 0))
        return listed([after + 1, after + 2], more=after < 4)

    def follow(answer: Answer) -> dict[str, str | int] | None:
        page = answer.data()
        return {"after": page["items"][-1]} if page["more"] else None

    server.answers["/list"] = page
    api = Api(server.url, access())
    assert [item async for each in api.pages("/list", follow, {"limit": 2}) for item in each["items"]] == [1, 2, 3, 4, 5, 6]
    assert [request.query for request in server.requests] == [
        {"limit": "2"}, {"limit": "2", "after": "2"}, {"limit": "2", "after": "4"},
    ]  # fmt: skip
    await api.close()


async def test_a_next_page_given_as_url_must_be_of_the_same_origin(server: Endpoint) -> None:
    server.answers["/list"] = lambda request: listed([1] if "p" not in request.query else [2], next=request.query.get("p"))
    urls = iter([f"{server.url}/list?p=2", None])
    api = Api(server.url, access(bearer_token=SECRET))
    assert [page["items"] async for page in api.pages("/list", lambda _: next(urls))] == [[1], [2]]
    with pytest.raises(Malformed, match=r"sent on to http://evil\.example\.com"):
        [page async for page in api.pages("/list", lambda _: "http://evil.example.com/list")]
    await api.close()


async def test_pages_that_lead_back_to_one_end_with_an_error(server: Endpoint) -> None:
    server.answers["/list"] = listed([1])
    api = Api(server.url, access())
    with pytest.raises(Malformed, match="sent back"):
        [page async for page in api.pages("/list", lambda _: {"after": 1})]
    assert len(server.requests) == 2
    await api.close()


async def test_pages_of_a_posted_query_are_posted(server: Endpoint) -> None:
    server.answers["/query"] = lambda request: listed([request.data["page"]["offset"]])
    api = Api(server.url, access())
    places = iter([{"page": {"offset": 2}}, {"page": {"offset": 4}}, None])
    pages = api.pages("/query", lambda _: next(places), {"v": 2}, body={"site": "shop", "page": {"offset": 0}})
    assert [page["items"] async for page in pages] == [[0], [2], [4]]
    assert [(request.method, request.query, request.data) for request in server.requests] == [
        ("POST", {"v": "2"}, {"site": "shop", "page": {"offset": offset}}) for offset in (0, 2, 4)
    ]
    with pytest.raises(Malformed, match=r"POST /query at .*sent back"):
        [page async for page in api.pages("/query", lambda _: {"v": 1}, body={"page": {"offset": 0}})]
    await api.close()


@pytest.mark.parametrize("place", [5, ["/list"], "http://a:b/list", b"/list"])
async def test_what_is_no_place_of_a_further_page_is_malformed(server: Endpoint, place: Any) -> None:
    server.answers["/list"] = listed([1])
    api = Api(server.url, access())
    with pytest.raises(Malformed, match=r"further page|no URL"):
        [page async for page in api.pages("/list", lambda _: place)]
    await api.close()


async def test_a_parameter_with_several_values_is_sent_several_times_and_a_header_beside_the_others(server: Endpoint) -> None:
    queries: list[list[tuple[str, str]]] = []

    def keep(request: Request) -> Response:
        queries.append(parse_qsl(request.raw_query))
        return Response.json({})

    server.answers["/"] = keep
    api = Api(server.url, access(bearer_token="t"))
    await api.get("/", {"field": ["a", "b"], "n": 1}, {"X-Version": "3", "Authorization": "none"})
    assert queries == [[("field", "a"), ("field", "b"), ("n", "1")]]
    assert server.requests[0].headers["x-version"] == "3"
    assert server.requests[0].headers["authorization"] == "Bearer t"
    await api.post("/", {}, headers={"Content-Type": "application/x-amz-json-1.0"})
    assert server.requests[1].headers["content-type"] == "application/x-amz-json-1.0"
    await api.close()


async def test_no_more_connections_are_open_than_allowed(server: Endpoint) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def slowly(_: Request) -> Response:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        time.sleep(0.02)
        with lock:
            now -= 1
        return Response.json({})

    server.answers["/"] = slowly
    api = Api(server.url, access(), connections=3)
    await asyncio.gather(*(api.get("/") for _ in range(12)))
    assert (most, len(server.requests)) == (3, 12)
    await api.close()


async def test_calls_and_the_quota_left_can_be_shown(server: Endpoint) -> None:
    server.answers |= {
        "/a": Response.json({}, X_RateLimit_Remaining="41"),
        "/b": Response.json({}, 500, RateLimit_Remaining="40"),
        "/c": Response.text("[", "application/json"),
    }
    api = Api(server.url, access())
    assert list(api.samples("shop")) == []
    await api.get("/a")
    with pytest.raises(Unreachable):
        await api.get("/b")
    with pytest.raises(Malformed):
        await api.get("/c")
    samples = list(api.samples("shop"))
    assert [sample for sample in samples if sample.metric is CALLS] == [
        CALLS(2, source="shop", code="200"), CALLS(1, source="shop", code="500"),
    ]  # fmt: skip
    assert [sample.value for sample in samples if sample.metric is QUOTA] == [40]
    assert [int(sample.value) for sample in samples if sample.metric is DURATION] == [3]
    assert all(isinstance(sample, Sample) for sample in samples)
    await api.close()


async def test_certificates_are_verified_and_one_of_its_own_is_shown(tmp_path: Path) -> None:
    authority = trustme.CA()
    client = authority.issue_cert("client@example.com")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    trusted, pair = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(trusted)
    client.private_key_and_cert_chain_pem.write_to_path(pair)
    with endpoint(tls) as server:
        server.answers["/"] = Response.json("in")
        api = Api(server.url, access(ca_file=trusted, cert_file=pair))
        assert await api.get("/") == "in"
        await api.close()
        for settings in ({}, {"ca_file": trusted}):
            api = Api(server.url, access(**settings))
            with pytest.raises(Unreachable):
                await api.get("/")
            await api.close()


async def test_files_that_hold_no_certificate_are_denied_by_name(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name, words in (("ca.pem", "expected PEM"), ("none.pem", "No such file")):
        api = Api("https://127.0.0.1:1", access(ca_file=tmp_path / name))
        with pytest.raises(Denied, match=f"{name}: .*{words}|{name}.*{words}"):
            await api.get("/")


async def test_requests_go_through_the_proxy_that_is_set(server: Endpoint) -> None:
    seen: list[str] = []

    def through(request: Request) -> Response:
        seen.append(request.headers["host"])
        return Response.json("via")

    server.answers["http://vendor.example.com/v1"] = server.answers["/v1"] = through
    api = Api("http://vendor.example.com", access(proxy=server.url))
    assert await api.get("/v1") == "via"
    assert seen == ["vendor.example.com"]
    await api.close()
    api = Api("http://vendor.example.com", access(proxy="gopher://x"))
    with pytest.raises(Denied, match="the setting proxy cannot be used"):
        await api.get("/v1")


async def test_the_environment_adds_neither_proxy_nor_credentials(
    server: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login joe password " + SECRET)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answers["/"] = Response.json({})
    api = Api(server.url, access())
    await api.get("/")
    assert "authorization" not in server.requests[0].headers
    await api.close()


async def test_nothing_is_logged_of_a_request(server: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "exporter")
    await failure(server, Response(json.dumps({"secret": SECRET}).encode(), 500), query={"key": Secret(SECRET)})
    assert [record for record in caplog.records if record.name.startswith("exporter")] == []
