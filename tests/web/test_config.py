"""The web configuration file, its other sections, and what they do to answers."""

import asyncio
import logging
import re
import shutil
from pathlib import Path

import httpx
import pytest

from exporter.errors import SettingsError
from exporter.web.config import read
from exporter.web.gate import Receive, Scope, Send
from tests.web.serving import Files, answer, client, sent, serving, users

HASH = "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
HEADERS = """
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    Strict-Transport-Security: max-age=31536000
    Content-Security-Policy: ""
"""


@pytest.mark.parametrize(
    "text", ["", "tls_server_config: {}", "basic_auth_users:\nrate_limit:\n", "tls_server_config: {cert_file: ''}"]
)
async def test_sections_may_be_empty_and_then_everybody_is_served(files: Files, text: str) -> None:
    async with serving(config_file=files.write(text)) as listener, client(listener) as http:
        assert listener.urls[0].startswith("http://")
        assert (await http.get("/")).text == "hello"


async def test_headers_are_added_to_every_answer_in_place_of_the_applications(files: Files) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"", 200, (b"X-Frame-Options", b"sameorigin"), (b"x-own", b"kept"))

    async with (
        serving(application, config_file=files.write(HEADERS + users(alice="wonder"))) as listener,
        client(listener) as http,
    ):
        for found in (await http.get("/"), await http.get("/", auth=("alice", "wonder"))):
            assert found.headers.get_list("x-frame-options") == ["deny"]
            assert found.headers["x-content-type-options"] == "nosniff"
            assert found.headers["strict-transport-security"] == "max-age=31536000"
            assert "content-security-policy" not in found.headers
            assert "server" not in found.headers
        assert found.headers["x-own"] == "kept"


async def test_more_requests_than_the_rate_limit_allows_are_answered_429(files: Files) -> None:
    async with (
        serving(config_file=files.write("rate_limit: {interval: 1h, burst: 2}")) as listener,
        client(listener) as http,
    ):
        assert [(await http.get("/")).status_code for _ in range(3)] == [200, 200, 429]


async def test_users_that_change_are_taken_up_and_a_wrong_change_is_not(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(config_file=files.write(users(alice="wonder"))) as listener, client(listener) as http:
        request = http.build_request("GET", "/")
        assert (await sent(http, request, auth=("alice", "wonder"))).status_code == 200
        files.write("basic_auth_users: {alice: plain-text}")
        async with asyncio.timeout(10):
            while not caplog.messages:
                await asyncio.sleep(0.02)
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert f"{files.config}:1: basic_auth_users.alice: expected a bcrypt hash" in caplog.messages[0]
        assert "plain-text" not in caplog.text
        assert (await sent(http, request, auth=("alice", "wonder"))).status_code == 200
        files.write(users(bob="builder"))
        async with asyncio.timeout(10):
            while (await sent(http, request, auth=("bob", "builder"))).status_code != 200:
                await asyncio.sleep(0.02)
        assert (await sent(http, request, auth=("alice", "wonder"))).status_code == 401
    assert len(caplog.messages) == 1


async def test_a_client_that_was_let_in_is_looked_at_again_after_a_change(files: Files) -> None:
    closed: list[str] = []

    async def trace(event: str, _: object) -> None:
        closed.append(event)

    async with serving(config_file=files.write(users(alice="wonder"))) as listener, client(listener) as http:
        request = http.build_request("GET", "/", extensions={"trace": trace})
        await sent(http, request, auth=("alice", "wonder"))
        files.write(users(alice="land"))
        async with asyncio.timeout(10):
            while (await sent(http, request, auth=("alice", "wonder"))).status_code != 401:
                await asyncio.sleep(0.02)
    assert closed.count("connection.connect_tcp.complete") == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- x", "1: expected a mapping with the key tls_server_config"),
        (
            "tls_config: {}",
            "1: tls_config: unknown key; expected one of tls_server_config, http_server_config, basic_auth_users, r",
        ),
        ("tls_server_config: on", "1: tls_server_config: expected a mapping"),
        ("http_server_config: {http3: true}", "1: http_server_config.http3: unknown key; did you mean http2?"),
        (
            "http_server_config:\n  headers: {Server: x}",
            "2: http_server_config.headers: Server cannot be set; expected some of C",
        ),
        (
            "http_server_config:\n  headers: {X-Frame-Options: allow}",
            "2: http_server_config.headers: expected deny or sameorigin",
        ),
        (
            'http_server_config:\n  headers: {X-XSS-Protection: "1\\r\\nx: y"}',
            "2: http_server_config.headers: expected printable",
        ),
        ("basic_auth_users: [s3cret]", "1: basic_auth_users: expected a valid dictionary"),
        ("basic_auth_users:\n  alice: s3cret", "2: basic_auth_users.alice: expected a bcrypt hash, such as `htpasswd"),
        (f"basic_auth_users: {{alice: {HASH.replace('$10$', '$32$')}}}", "1: basic_auth_users.alice: expected a bcrypt hash"),
        (f"basic_auth_users: {{alice: {HASH}a}}", "1: basic_auth_users.alice: expected a bcrypt hash"),
        ("rate_limit: {interval: 1}", "1: rate_limit.interval: 1: expected a duration such as 1s or 100ms, or 0 for no limit"),
        ("rate_limit: {interval: 1s}", "1: rate_limit: expected a burst of at least 1"),
        ("rate_limit: {interval: 1s, burst: -1}", "1: rate_limit.burst: -1: expected greater than or equal to 0"),
        ("a: {", "1: not YAML:"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_without_secrets(files: Files, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(files.write(text), {})
    assert str(raised.value).replace(":2: not YAML", ":1: not YAML").startswith(f"{files.config}:{message}")
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(("written", "burst_later"), [("100ms", 1), ("1m30s", 0), ("1.5h", 0), ("10us", 1)])
def test_intervals_are_written_as_go_writes_them(files: Files, written: str, burst_later: int) -> None:
    now = 0.0
    bucket = read(files.write(f"rate_limit: {{interval: {written}, burst: 1}}"), {}).bucket
    assert bucket is not None
    bucket._clock = lambda: now
    bucket._time = now
    assert bucket.take()
    now = 0.2
    assert bucket.take() == bool(burst_later)


def test_a_file_that_is_not_there_is_named(files: Files) -> None:
    with pytest.raises(SettingsError, match=r"web\.yml: cannot be read: No such file or directory"):
        read(files.config, {})


async def test_a_proxy_cannot_say_who_the_client_is(files: Files) -> None:
    seen: list[object] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"][0], scope["scheme"]))
        await answer(send, b"")

    async with serving(application) as listener, client(listener) as http:
        await http.get("/", headers={"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"})
        assert isinstance(http, httpx.AsyncClient)
    assert seen == [("127.0.0.1", "http")]


def test_the_examples_of_the_documentation_are_read(files: Files) -> None:
    text = (Path(__file__).parents[2] / "docs/web.md").read_text()
    examples = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "scrape_configs" not in block]
    for name, source in (("server.crt", "cert.pem"), ("server.key", "key.pem"), ("clients.crt", "ca.pem")):
        shutil.copy(files.folder / source, files.folder / name)
    for example in examples:
        read(files.write(example), {})
    assert len(examples) == 5
