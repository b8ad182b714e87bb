"""The HTTP probe, against real servers on loopback."""

import asyncio
import contextlib
import gzip
import math
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config
from pydantic import ValidationError

from exporter.collector import Sample
from exporter.collectors.probes.http import Http
from exporter.errors import Denied
from tests.collectors.probes.asking import reason
from tests.stack import free_port

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
PHASES = ["resolve", "connect", "tls", "processing", "transfer"]


@contextlib.asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that hands each request's head to `answer`, and closes when it is done."""
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await answer(await reader.readuntil(b"\r\n\r\n"), writer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*filter(None, serving))


def saying(*lines: str, body: bytes = b"") -> Answer:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode() + body)

    return answer


OK = saying("HTTP/1.1 200 OK", "Content-Length: 5", body=b"hello")


async def probe(target: str, **settings: object) -> dict[tuple[str, ...], float]:
    """One run's values, by the metric's name and the labels after `instance`."""
    samples = await samples_of(target, **settings)
    return {(sample.metric.name, *sample.labels[1:]): float(sample.value) for sample in samples}


async def samples_of(target: str, **settings: object) -> list[Sample]:
    collector = Http.model_validate({"target": target, **settings})
    return [sample async for sample in collector.collect()]


def phases(found: dict[tuple[str, ...], float]) -> dict[str, float]:
    return {key[1]: value for key, value in found.items() if key[0] == "probe_http_duration_seconds"}


def reached(found: dict[tuple[str, ...], float]) -> list[str]:
    """The phases that the probe came to; every other one is there too, as 0."""
    assert sorted(phases(found)) == sorted(PHASES)
    return sorted(phase for phase, elapsed in phases(found).items() if elapsed > 0)


async def test_success_tells_status_version_lengths_and_phases() -> None:
    async with serving(OK) as port:
        found = await probe(f"http://127.0.0.1:{port}/")
    assert reason(found) is None
    duration, lookup = found.pop(("probe_duration_seconds",)), found.pop(("probe_dns_lookup_time_seconds",))
    times = phases(found)
    assert sorted(times) == sorted(PHASES)
    assert times["tls"] == 0
    assert all(times[phase] > 0 for phase in PHASES if phase != "tls")
    assert times["resolve"] == lookup
    assert math.fsum(times.values()) <= duration
    assert {key: value for key, value in found.items() if key[0] != "probe_http_duration_seconds"} == {
        ("probe_success",): 1,
        ("probe_timeout_seconds",): 9.5,
        ("probe_ip_protocol",): 4,
        ("probe_ip_addr_hash",): 3668918509,  # what blackbox_exporter gives for 127.0.0.1
        ("probe_failed_due_to_regex",): 0,
        ("probe_http_status_code",): 200,
        ("probe_http_version",): 1.1,
        ("probe_http_ssl",): 0,
        ("probe_http_redirects",): 0,
        ("probe_http_content_length",): 5,
        ("probe_http_uncompressed_body_length",): 5,
    }


async def test_addresses_of_a_name_are_tried_until_one_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(_: object, port: int, *__: object, **___: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    async with serving(OK) as port:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        found = await probe(f"http://shop.example:{port}/")
    assert reason(found) is None


async def test_body_of_unknown_length_is_counted() -> None:
    async with serving(saying("HTTP/1.0 200 OK", body=b"x" * 100_000)) as port:
        found = await probe(f"http://127.0.0.1:{port}/")
    assert found["probe_http_version",] == 1.0
    assert found["probe_http_content_length",] == -1
    assert found["probe_http_uncompressed_body_length",] == 100_000


async def test_endless_body_is_not_read_to_its_end() -> None:
    async def pour(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 1_000_000)
            await writer.drain()

    async with serving(pour) as port:
        found = await probe(f"http://127.0.0.1:{port}/")
    assert reason(found) is None
    assert ("probe_http_uncompressed_body_length",) not in found


async def test_not_found_fails_unless_it_is_what_is_wanted() -> None:
    async with serving(saying("HTTP/1.1 404 Not Found", "Content-Length: 0")) as port:
        found = await probe(f"http://127.0.0.1:{port}/")
        wanted = await probe(f"http://127.0.0.1:{port}/", valid_status_codes=[404])
    assert (reason(found), found["probe_http_status_code",]) == ("status", 404)
    assert sorted(phases(found)) == sorted(PHASES)
    assert reason(wanted) is None


async def test_redirect_is_followed_to_its_end() -> None:
    async with serving(OK) as port, serving(redirect_to(f"http://127.0.0.1:{port}/there")) as start:
        found = await probe(f"http://127.0.0.1:{start}/")
        stayed = await probe(f"http://127.0.0.1:{start}/", follow_redirects=False)
    assert (reason(found), found["probe_http_redirects",], found["probe_http_status_code",]) == (None, 1, 200)
    assert math.fsum(phases(found).values()) <= found["probe_duration_seconds",]
    assert (reason(stayed), stayed["probe_http_redirects",], stayed["probe_http_status_code",]) == ("status", 0, 302)


async def test_redirects_in_a_circle_end() -> None:
    async with serving(redirect_to("/")) as port:
        found = await probe(f"http://127.0.0.1:{port}/")
    assert (reason(found), found["probe_http_redirects",], found["probe_http_status_code",]) == ("protocol", 10, 302)


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/", "http://127.0.0.1:port/"])
async def test_redirect_to_what_is_no_http_url_fails(location: str) -> None:
    async with serving(redirect_to(location)) as port:
        assert reason(await probe(f"http://127.0.0.1:{port}/")) == "protocol"


async def test_redirect_to_what_is_down_fails_without_a_status() -> None:
    async with serving(OK) as port:
        pass
    async with serving(redirect_to(f"http://127.0.0.1:{port}/")) as start:
        found = await probe(f"http://127.0.0.1:{start}/")
    assert (reason(found), found["probe_http_redirects",], found["probe_http_status_code",]) == ("refused", 1, 0)


def redirect_to(location: str) -> Answer:
    return saying("HTTP/1.1 302 Found", f"Location: {location}", "Content-Length: 0")


async def test_headers_reach_the_target_and_not_where_it_redirects() -> None:
    heads: list[bytes] = []

    def noting(answer: Answer) -> Answer:
        async def note(head: bytes, writer: asyncio.StreamWriter) -> None:
            heads.append(head)
            await answer(head, writer)

        return note

    async with serving(noting(OK)) as port, serving(noting(redirect_to(f"http://127.0.0.1:{port}/"))) as start:
        await probe(f"http://127.0.0.1:{start}/?q=1", headers={"X-Api-Key": "s3cret", "Host": "shop.example"})
    assert [b"s3cret" in head for head in heads] == [True, False]
    assert heads[0].startswith(b"GET /?q=1 HTTP/1.1\r\n")
    assert b"\r\nhost: shop.example\r\n" in heads[0].lower()
    assert f"\r\nhost: 127.0.0.1:{port}\r\n".encode() in heads[1].lower()


async def test_each_probe_opens_a_connection_of_its_own() -> None:
    clients: list[int] = []

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        clients.append(writer.get_extra_info("peername")[1])
        await OK(head, writer)

    async with serving(answer) as port:
        collector = Http(target=f"http://127.0.0.1:{port}/")
        for _ in range(3):
            _ = [sample async for sample in collector.collect()]
    assert len(set(clients)) == 3


async def test_slow_answer_is_a_timeout_that_tells_how_far_it_came() -> None:
    never = asyncio.Event()

    async def wait(_: bytes, __: asyncio.StreamWriter) -> None:
        await never.wait()

    async with serving(wait) as port:
        found = await probe(f"http://127.0.0.1:{port}/", timeout=0.4)
        never.set()
    assert (reason(found), found["probe_http_status_code",]) == ("timeout", 0)
    assert reached(found) == ["connect", "processing", "resolve"]
    assert ("probe_http_version",) not in found


async def test_refused_connection() -> None:
    async with serving(OK) as port:
        pass
    found = await probe(f"http://127.0.0.1:{port}/")
    assert (reason(found), found["probe_http_status_code",]) == ("refused", 0)
    assert reached(found) == ["connect", "resolve"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid"])
async def test_unknown_name(host: str) -> None:
    found = await probe(f"http://{host}/")
    assert reason(found) == "dns"
    assert reached(found) == ["resolve"]


async def test_connection_reset_instead_of_an_answer() -> None:
    async def reset(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with serving(reset) as port:
        found = await probe(f"http://127.0.0.1:{port}/")
    assert (reason(found), found["probe_http_status_code",]) == ("protocol", 0)


async def test_body_that_breaks_off() -> None:
    async with serving(saying("HTTP/1.1 200 OK", "Content-Length: 100", body=b"half")) as port:
        found = await probe(f"http://127.0.0.1:{port}/")
    assert (reason(found), found["probe_http_status_code",]) == ("body", 200)
    assert ("probe_http_uncompressed_body_length",) not in found


async def test_answer_that_is_not_http() -> None:
    async with serving(saying("SSH-2.0-OpenSSH_9.7")) as port:
        assert reason(await probe(f"http://127.0.0.1:{port}/")) == "protocol"


def expiry(certificate: trustme.LeafCert) -> float:
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()).not_valid_after_utc.timestamp()


async def test_trusted_tls_tells_versions_phases_and_expiry(
    tls: ssl.SSLContext, certificate: trustme.LeafCert, ca_file: Path
) -> None:
    async with serving(OK, tls) as port:
        found = await probe(f"https://localhost:{port}/", ca_file=ca_file)
    assert (reason(found), found["probe_http_ssl",], found["probe_tls_version_info", "TLS 1.3"]) == (None, 1, 1)
    assert found["probe_ssl_earliest_cert_expiry",] == expiry(certificate)
    assert found["probe_ssl_last_chain_expiry_timestamp_seconds",] == expiry(certificate)
    times = phases(found)
    assert sorted(times) == sorted(PHASES)
    assert all(elapsed > 0 for elapsed in times.values())
    assert math.fsum(times.values()) <= found["probe_duration_seconds",]


async def test_untrusted_certificate_fails_and_its_expiry_is_told(tls: ssl.SSLContext, certificate: trustme.LeafCert) -> None:
    async with serving(OK, tls) as port:
        found = await probe(f"https://localhost:{port}/")
    assert (reason(found), found["probe_http_status_code",]) == ("tls", 0)
    assert found["probe_ssl_earliest_cert_expiry",] == expiry(certificate)
    assert ("probe_ssl_last_chain_expiry_timestamp_seconds",) not in found
    assert reached(found) == ["connect", "resolve", "tls"]


async def test_expired_certificate_fails_and_its_expiry_is_told(authority: trustme.CA, ca_file: Path) -> None:
    from datetime import UTC, datetime

    expired = authority.issue_cert(
        "localhost", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expired.configure_cert(context)
    async with serving(OK, context) as port:
        found = await probe(f"https://localhost:{port}/", ca_file=ca_file)
    assert (reason(found), found["probe_ssl_earliest_cert_expiry",]) == ("tls", datetime(2021, 1, 1, tzinfo=UTC).timestamp())


async def test_certificate_for_another_name_fails(authority: trustme.CA, ca_file: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    async with serving(OK, context) as port:
        assert reason(await probe(f"https://localhost:{port}/", ca_file=ca_file)) == "tls"


async def test_verification_may_be_turned_off(tls: ssl.SSLContext, certificate: trustme.LeafCert) -> None:
    async with serving(OK, tls) as port:
        found = await probe(f"https://localhost:{port}/", verify=False)
    assert (reason(found), found["probe_ssl_earliest_cert_expiry",]) == (None, expiry(certificate))
    assert ("probe_ssl_last_chain_expiry_timestamp_seconds",) not in found


async def test_server_without_tls_is_a_tls_failure() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        found = await probe(f"https://localhost:{server.sockets[0].getsockname()[1]}/")
    assert reason(found) == "tls"
    assert ("probe_ssl_earliest_cert_expiry",) not in found


async def test_tls_handshake_that_never_ends_is_a_timeout_and_leaves_no_connection_open() -> None:
    async with serving(OK) as port:  # waits for a request, and at the end for the connection to be closed
        found = await probe(f"https://localhost:{port}/", timeout=0.4)
    assert reason(found) == "timeout"
    assert reached(found) == ["connect", "resolve", "tls"]


async def test_authorities_that_cannot_be_read_are_denied(tmp_path: Path) -> None:
    (empty := tmp_path / "empty.pem").touch()
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(Denied, match=path.name):
            await probe("https://localhost/", ca_file=path)


async def test_instance_is_the_target_without_its_query_unless_given() -> None:
    async with serving(OK) as port:
        target = f"http://127.0.0.1:{port}/health?token=s3cret#part"
        default = await samples_of(target, headers={"Authorization": "Bearer s3cret"})
        named = await samples_of(target, instance="shop")
    assert {sample.labels[0] for sample in default} == {f"http://127.0.0.1:{port}/health"}
    assert {sample.labels[0] for sample in named} == {"shop"}
    assert "s3cret" not in str([sample.labels for sample in default])


@pytest.mark.parametrize(
    "target",
    ["http://user:s3cret@host/", "https://s3cret@host/", "s3cret@host", "ftp://s3cret/", "http://", "http://s3cret:port/"],
)
def test_target_must_be_a_whole_url_without_credentials(target: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Http(target=target)
    assert "s3cret" not in str(raised.value)
    assert "expected" in str(raised.value)


BODY = saying("HTTP/1.1 200 OK", "Content-Length: 5", "X-Version: 7", "X-Version: 8", body=b"hello")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"fail_if_body_matches_regexp": ["h.llo"]}, "regex"),
        ({"fail_if_body_matches_regexp": ["error"]}, None),
        ({"fail_if_body_not_matches_regexp": ["hello", "world"]}, "regex"),
        ({"fail_if_body_not_matches_regexp": ["hello"]}, None),
        ({"fail_if_header_matches": [{"header": "x-version", "regexp": "8"}]}, "regex"),
        ({"fail_if_header_matches": [{"header": "X-Version", "regexp": "9"}]}, None),
        ({"fail_if_header_matches": [{"header": "X-Other", "regexp": "9"}]}, "regex"),
        ({"fail_if_header_matches": [{"header": "X-Other", "regexp": "9", "allow_missing": True}]}, None),
        ({"fail_if_header_not_matches": [{"header": "X-Version", "regexp": "9"}]}, "regex"),
        ({"fail_if_header_not_matches": [{"header": "X-Version", "regexp": "7"}]}, None),
        ({"valid_http_versions": ["HTTP/2.0"]}, "version"),
        ({"valid_http_versions": ["HTTP/1.0", "HTTP/1.1"]}, None),
        ({"fail_if_not_ssl": True}, "ssl"),
        ({"fail_if_ssl": True}, None),
        ({"body_size_limit": 4}, "body"),
        ({"body_size_limit": 5}, None),
        ({"compression": "gzip"}, "body"),
    ],
)
async def test_what_the_answer_has_to_be(settings: dict[str, object], expected: str | None) -> None:
    async with serving(BODY) as port:
        found = await probe(f"http://127.0.0.1:{port}/", **settings)
    assert reason(found) == expected
    assert found["probe_failed_due_to_regex",] == (expected == "regex")


async def test_compressed_body_is_measured_as_it_was() -> None:
    packed = gzip.compress(b"x" * 100_000)
    answer = saying("HTTP/1.1 200 OK", "Content-Encoding: gzip", f"Content-Length: {len(packed)}", body=packed)
    async with serving(answer) as port:
        found = await probe(f"http://127.0.0.1:{port}/", compression="gzip")
    assert (reason(found), found["probe_http_uncompressed_body_length",]) == (None, 100_000)
    assert found["probe_http_content_length",] == len(packed)


async def test_last_modification_is_told_and_a_wrong_date_is_not() -> None:
    told = []
    for date in ("Wed, 21 Oct 2015 07:28:00 GMT", "yesterday"):
        async with serving(saying("HTTP/1.1 200 OK", f"Last-Modified: {date}", "Content-Length: 0")) as port:
            found = await probe(f"http://127.0.0.1:{port}/")
        assert reason(found) is None
        told.append(found.get(("probe_http_last_modified_timestamp_seconds",)))
    assert told == [1445412480, None]


async def test_a_body_is_posted() -> None:
    got: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        got.append(await reader.readexactly(7))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await probe(f"http://127.0.0.1:{port}/", method="POST", body="ping=ok")
    assert (reason(found), found["probe_http_status_code",]) == (None, 201)
    assert (got[0].split()[0], got[1]) == (b"POST", b"ping=ok")


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"username": "bob", "password": "s3cret"}, b"authorization: basic ym9ionmzy3jlda=="),
        ({"bearer_token": "t0ken"}, b"authorization: bearer t0ken"),
        ({"hostname": "shop.example"}, b"host: shop.example"),
    ],
)
async def test_credentials_and_the_name_asked_for_go_to_the_target_only(settings: dict[str, str], header: bytes) -> None:
    heads: list[bytes] = []

    async def end(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head.lower())
        await OK(head, writer)

    async with serving(end) as port:

        async def begin(head: bytes, writer: asyncio.StreamWriter) -> None:
            heads.append(head.lower())
            await redirect_to(f"http://127.0.0.1:{port}/")(head, writer)

        async with serving(begin) as start:
            found = await probe(f"http://127.0.0.1:{start}/", **settings)
    assert reason(found) is None
    assert [header in head for head in heads] == [True, False]


async def test_huge_headers_are_no_http() -> None:
    async with serving(saying("HTTP/1.1 200 OK", *(f"X-{number}: {'x' * 1000}" for number in range(1000)))) as port:
        assert reason(await probe(f"http://127.0.0.1:{port}/")) == "protocol"


async def test_a_byte_at_a_time_is_a_timeout() -> None:
    async def trickle(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(trickle) as port:
        found = await probe(f"http://127.0.0.1:{port}/", timeout=0.6)
    assert (reason(found), found["probe_http_status_code",]) == ("timeout", 200)
    assert reached(found) == ["connect", "processing", "resolve", "transfer"]


async def test_old_tls_fails_and_the_expiry_is_told(certificate: trustme.LeafCert, ca_file: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1
    certificate.configure_cert(context)
    async with serving(OK, context) as port:
        found = await probe(f"https://localhost:{port}/", ca_file=ca_file)
    assert (reason(found), found["probe_ssl_earliest_cert_expiry",]) == ("tls", expiry(certificate))
    assert found["probe_tls_version_info", "TLS 1.0"] == 1


async def test_the_certificate_is_described(tls: ssl.SSLContext, certificate: trustme.LeafCert, ca_file: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    own = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    async with serving(OK, tls) as port:
        found = await probe(f"https://localhost:{port}/", ca_file=ca_file)
    [labels] = [key[1:] for key in found if key[0] == "probe_ssl_last_chain_info"]
    fingerprint, subject, issuer, names, serial = labels
    assert fingerprint == own.fingerprint(hashes.SHA256()).hex()
    assert (subject, issuer) == (own.subject.rfc4514_string(), own.issuer.rfc4514_string())
    assert names == "localhost"
    assert int(serial, 16) == own.serial_number
    assert [key[1] for key in found if key[0] == "probe_tls_cipher_info"] == ["TLS_AES_256_GCM_SHA384"]


async def test_http_2_is_spoken_where_the_server_does(certificate: trustme.LeafCert, ca_file: Path, tmp_path: Path) -> None:
    (key := tmp_path / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    (chain := tmp_path / "chain.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    config = Config()
    port = free_port()
    config.bind, config.keyfile, config.certfile = [f"127.0.0.1:{port}"], str(key), str(chain)
    config.accesslog = config.errorlog = None

    async def hello(scope: Any, _: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"hello"})

    ended = asyncio.Event()
    server = asyncio.create_task(serve(hello, config, shutdown_trigger=ended.wait))
    while not (await asyncio.to_thread(listens, port)):
        await asyncio.sleep(0.02)
    target = f"https://localhost:{port}/"
    two = await probe(target, ca_file=ca_file, valid_http_versions=["HTTP/2.0"], fail_if_body_not_matches_regexp=["^hello$"])
    one = await probe(target, ca_file=ca_file, enable_http2=False)
    ended.set()
    await server
    assert (reason(two), two["probe_http_version",], two["probe_http_uncompressed_body_length",]) == (None, 2, 5)
    assert reached(two) == sorted(PHASES)
    assert (reason(one), one["probe_http_version",]) == (None, 1.1)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def test_a_target_that_hangs_delays_no_other() -> None:
    never = asyncio.Event()

    async def wait(_: bytes, __: asyncio.StreamWriter) -> None:
        await never.wait()

    async with serving(wait) as hanging, serving(OK) as port:
        targets = [f"http://127.0.0.1:{hanging}/{number}" for number in range(20)] + [f"http://127.0.0.1:{port}/"]
        collector = Http.model_validate({"targets": targets, "timeout": 0.6})
        samples = [sample async for sample in collector.collect()]
        never.set()
    up = {sample.labels[0]: sample.value for sample in samples if sample.metric.name == "probe_success"}
    assert up == {**dict.fromkeys(targets[:-1], 0), targets[-1]: 1}


async def test_all_targets_are_asked_at_the_same_time() -> None:
    all_there = asyncio.Barrier(20)

    async def wait(head: bytes, writer: asyncio.StreamWriter) -> None:
        await all_there.wait()  # who asks them in turn waits for ever at the first
        await OK(head, writer)

    async with serving(wait) as port:
        collector = Http.model_validate({"targets": [f"http://127.0.0.1:{port}/{number}" for number in range(20)]})
        up = [sample.value async for sample in collector.collect() if sample.metric.name == "probe_success"]
    assert up == [1] * 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected target"),
        ({"target": "http://a/", "targets": ["http://b/"]}, "expected target"),
        ({"targets": ["http://a/", "http://a/?x"]}, "show as the same instance"),
        ({"targets": ["http://a/"], "instance": "x"}, "expected no instance"),
        ({"target": "http://a/", "username": "bob"}, "username and password together"),
        ({"target": "http://a/", "bearer_token": "t", "headers": {"authorization": "s3cret"}}, "expected one of"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as raised:
        Http.model_validate(settings)
    assert "s3cret" not in str(raised.value)


async def test_a_name_without_addresses_of_the_only_protocol_fails() -> None:
    async with serving(OK) as port:
        only = {"preferred_ip_protocol": "ip6", "ip_protocol_fallback": False}
        found = await probe(f"http://127.0.0.1:{port}/", **only)
        either = await probe(f"http://127.0.0.1:{port}/", preferred_ip_protocol="ip6")
    assert (reason(found), reason(either), either["probe_ip_protocol",]) == ("dns", None, 4)
