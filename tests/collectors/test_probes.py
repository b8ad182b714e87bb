"""The HTTP probe, against real servers on loopback."""

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from exporter.collector import Sample
from exporter.collectors.probes import Http
from exporter.errors import Denied

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


def reason(found: dict[tuple[str, ...], float]) -> str | None:
    """Why the probe failed; None when it succeeded. Both of its figures have to agree."""
    reasons = [key[1] for key in found if key[0] == "bellwether_probe_failure"]
    assert found["probe_success",] == (0 if reasons else 1)
    assert len(reasons) <= 1
    return reasons[0] if reasons else None


def phases(found: dict[tuple[str, ...], float]) -> dict[str, float]:
    return {key[1]: value for key, value in found.items() if key[0] == "probe_http_duration_seconds"}


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
    assert sorted(phases(found)) == ["connect", "processing", "resolve"]
    assert ("probe_http_version",) not in found


async def test_refused_connection() -> None:
    async with serving(OK) as port:
        pass
    found = await probe(f"http://127.0.0.1:{port}/")
    assert (reason(found), found["probe_http_status_code",]) == ("refused", 0)
    assert sorted(phases(found)) == ["connect", "resolve"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid"])
async def test_unknown_name(host: str) -> None:
    found = await probe(f"http://{host}/")
    assert reason(found) == "dns"
    assert sorted(phases(found)) == ["resolve"]


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


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost")


@pytest.fixture
def tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


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
    assert sorted(phases(found)) == ["connect", "resolve", "tls"]


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
    assert sorted(phases(found)) == ["connect", "resolve", "tls"]


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
    "target", ["http://user:s3cret@host/", "https://s3cret@host/", "host:80", "ftp://s3cret/", "http://", "http://s3cret:port/"]
)
def test_target_must_be_a_whole_url_without_credentials(target: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Http(target=target)
    assert "s3cret" not in str(raised.value)
    assert "expected" in str(raised.value)
