"""Probes: one endpoint each, asked as its users ask it, over a connection of its own.

Names, types and units of blackbox_exporter 0.28; a value that a probe did not come to is absent rather than 0.
Source: https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/prober/http.go,
https://www.encode.io/httpcore/extensions/#trace
"""

import asyncio
import contextlib
import functools
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import httpx
from pydantic import Field, field_validator

from exporter.collector import Collector, Duration, Every, Samples, Secret
from exporter.errors import Denied
from exporter.metric import Metric

_BY_TARGET = ("instance",)

SUCCESS = Metric("probe_success", "Whether the last probe got what it was told to expect: 1 or 0.", labels=_BY_TARGET)
FAILURE = Metric(
    "bellwether_probe_failure",
    "Set to 1 while the last probe failed, with the reason: dns, refused, tls, timeout, protocol, status or body.",
    labels=("instance", "reason"),
)
DURATION = Metric("probe_duration_seconds", "How long the last probe took.", labels=_BY_TARGET)
TIMEOUT = Metric("probe_timeout_seconds", "How long a probe may take.", labels=_BY_TARGET)
DNS_LOOKUP = Metric("probe_dns_lookup_time_seconds", "How long it took to resolve the target's name.", labels=_BY_TARGET)
IP_PROTOCOL = Metric("probe_ip_protocol", "The version of the Internet Protocol that was used: 4 or 6.", labels=_BY_TARGET)
PHASE = Metric(
    "probe_http_duration_seconds",
    "Where the probe's time went: resolve, connect, tls, processing, transfer, each summed over redirects.",
    labels=("instance", "phase"),
)
STATUS_CODE = Metric("probe_http_status_code", "The status of the final response; 0 when none came.", labels=_BY_TARGET)
HTTP_VERSION = Metric("probe_http_version", "The version of HTTP in the final response.", labels=_BY_TARGET)
SSL = Metric("probe_http_ssl", "Whether the final response came over TLS: 1 or 0.", labels=_BY_TARGET)
REDIRECTS = Metric("probe_http_redirects", "How many redirects were followed.", labels=_BY_TARGET)
CONTENT_LENGTH = Metric(
    "probe_http_content_length", "The length that the final response announced; -1 when it announced none.", labels=_BY_TARGET
)
BODY_LENGTH = Metric(
    "probe_http_uncompressed_body_length", "The length of the final response's body, after decompression.", labels=_BY_TARGET
)
EARLIEST_EXPIRY = Metric(
    "probe_ssl_earliest_cert_expiry",
    "When the first of the certificates that the server presents expires, trusted or not, in Unix time.",
    labels=_BY_TARGET,
    unit="timestamp_seconds",
)
CHAIN_EXPIRY = Metric(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "When the chain through which the server was trusted expires, in Unix time.",
    labels=_BY_TARGET,
)
TLS_VERSION = Metric("probe_tls_version_info", "The version of TLS in use, as a label.", labels=("instance", "version"))

_LONGEST_BODY = 10_000_000  # bytes; what lies beyond is not read, and the length not reported
_MOST_REDIRECTS = 10
_PHASE_BEGINS = {
    "connection.connect_tcp.started": "connect",
    "connection.start_tls.started": "tls",
    "http11.send_request_headers.started": "processing",
    "http11.receive_response_body.started": "transfer",
}
_REASONS = {"resolve": "dns", "connect": "refused", "tls": "tls", "transfer": "body"}
"""Why a probe failed follows from the phase under way; otherwise the answer was not one of HTTP, `protocol`."""


class Http(Collector, kind="http"):
    """One URL, asked for as a browser would: name lookup, connection, TLS, status, body, and the certificates' expiry.

    A probe that fails is a successful poll with `probe_success` 0: a page that is down is a finding.
    """

    target: str
    """The URL, `http` or `https`. Credentials belong into `headers`."""
    instance: str = ""
    """The value of the label `instance`; the target without its query unless given, since queries often hold tokens."""
    method: Literal["GET", "HEAD", "OPTIONS"] = "GET"
    """The request's method."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Further headers of the request, such as `Authorization`. Never sent to another origin that a redirect leads to."""
    valid_status_codes: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    """The statuses that mean success; every 2xx unless given."""
    follow_redirects: bool = True
    """Whether to judge what a redirect leads to, or the redirect itself."""
    ca_file: Path | None = None
    """Certificates of authorities to trust in place of the system's, as PEM; read once."""
    verify: bool = True
    """Whether the server's certificate must be valid. Its expiry is reported in any case."""
    every: Every = 30.0
    """How often the probe is sent."""
    timeout: Duration = 10.0
    """How long one run may take; the probe itself gives up half a second earlier, so that its failure is reported."""

    @field_validator("target")
    @classmethod
    def _complete_url(cls, target: str) -> str:
        try:
            url = httpx.URL(target)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("expected an http or https URL with a host, such as https://www.example.com/health")
        if url.userinfo:
            raise ValueError("expected no credentials in the URL; give them in headers, as Authorization")
        return target

    async def collect(self) -> Samples:
        seen = _Seen()
        seen.values[TIMEOUT] = limit = max(self.timeout - 0.5, self.timeout / 2)
        seen.values[STATUS_CODE] = 0
        context = await asyncio.to_thread(_tls, self.ca_file, self.verify)
        start = time.perf_counter()
        try:
            async with asyncio.timeout(limit):
                failure = await self._probe(seen, context)
        except TimeoutError:
            failure = "timeout"
        seen.end_phase()
        seen.values[DURATION] = time.perf_counter() - start

        instance = self.instance or self.target.partition("#")[0].partition("?")[0]
        yield SUCCESS(failure is None, instance=instance)
        if failure is not None:
            yield FAILURE(1, instance=instance, reason=failure)
        for metric, value in seen.values.items():
            yield metric(value, instance=instance)
        for phase, elapsed in seen.phases.items():
            yield PHASE(elapsed, instance=instance, phase=phase)
        if seen.tls_version:
            yield TLS_VERSION(1, instance=instance, version=seen.tls_version)

    async def _probe(self, seen: "_Seen", context: ssl.SSLContext) -> str | None:
        """The reason of the failure, if any."""
        route = _Route(self.target, self.headers, context, seen)
        try:
            async with httpx.AsyncClient(transport=route, trust_env=False, timeout=None) as client:  # noqa: S113 - the caller's
                return await self._ask(client, seen)
        except httpx.TimeoutException:
            return "timeout"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
            phase = seen.phase
            seen.end_phase()
            if phase == "tls":
                await _look_at_certificates(seen, *route.last)
            return _REASONS.get(phase, "protocol")

    async def _ask(self, client: httpx.AsyncClient, seen: "_Seen") -> str | None:
        headers = {"User-Agent": "bellwether", "Accept-Encoding": "identity", "Connection": "close"}
        request = client.build_request(self.method, self.target, headers=headers, extensions={"trace": seen.trace})
        response = await client.send(request, stream=True)
        redirects = 0
        while self.follow_redirects and response.next_request is not None:
            await response.aclose()
            if redirects == _MOST_REDIRECTS:
                seen.values[STATUS_CODE] = response.status_code
                return "protocol"
            seen.values[REDIRECTS] = redirects = redirects + 1
            response = await client.send(response.next_request, stream=True)
        seen.values |= {
            REDIRECTS: redirects,
            STATUS_CODE: response.status_code,
            HTTP_VERSION: float(response.http_version.removeprefix("HTTP/")),
            SSL: response.url.scheme == "https",
            CONTENT_LENGTH: int(response.headers.get("content-length", -1)),
        }
        length = 0
        async with contextlib.aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as chunks:
            async for chunk in chunks:
                length += len(chunk)
                if length > _LONGEST_BODY:
                    break
            else:
                seen.values[BODY_LENGTH] = length
        await response.aclose()
        seen.end_phase()
        seen.phases.setdefault("tls", 0.0)
        valid = response.status_code in self.valid_status_codes if self.valid_status_codes else response.is_success
        return None if valid else "status"


class _Seen:
    """What a probe has come to know so far: all of it when it succeeds, the beginning when it fails."""

    def __init__(self) -> None:
        self.values: dict[Metric, float] = {}
        self.phases: dict[str, float] = {}
        self.tls_version = ""
        self.streams: list[Any] = []
        """The connections opened, as httpcore's network streams."""
        self.phase = ""
        """The phase under way; empty between two."""
        self._since = 0.0

    def begin_phase(self, phase: str) -> None:
        self.end_phase()
        self.phase, self._since = phase, time.perf_counter()

    def end_phase(self) -> None:
        if self.phase:
            self.phases[self.phase] = self.phases.get(self.phase, 0.0) + time.perf_counter() - self._since
        self.phase = ""

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore as a connection goes through its phases."""
        if event in _PHASE_BEGINS:
            self.begin_phase(_PHASE_BEGINS[event])
        elif event == "connection.connect_tcp.complete":
            self.streams.append(info["return_value"])
        elif event == "http11.receive_response_headers.complete":
            self.end_phase()
        elif event == "connection.start_tls.complete":
            self.certificates(info["return_value"].get_extra_info("ssl_object"))

    def certificates(self, connection: ssl.SSLObject) -> None:
        """Take down what the handshake showed."""
        # ssl gives whole chains from Python 3.13 on only, and as bytes that it cannot parse; underneath, it has both.
        inner = connection._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
        self.tls_version = (connection.version() or "").replace("TLSv", "TLS ")
        self.values[EARLIEST_EXPIRY] = min(map(_expiry, inner.get_unverified_chain()))
        if connection.context.verify_mode is ssl.CERT_REQUIRED:
            self.values[CHAIN_EXPIRY] = min(map(_expiry, inner.get_verified_chain()))


class _Route(httpx.AsyncBaseTransport):
    """Resolves names itself, to time it, then tries each address; adds the headers only where the target itself is asked."""

    def __init__(self, target: str, headers: Mapping[str, Secret], context: ssl.SSLContext, seen: _Seen) -> None:
        self.last = ("", 0, "")
        """The address and port tried last, and the name they were tried for."""
        self._target, self._headers, self._seen = httpx.URL(target), headers, seen
        # Nothing is kept alive: a probe that finds an open connection has not tested whether one can be opened.
        self._inner = httpx.AsyncHTTPTransport(verify=context, limits=httpx.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url, host, port = request.url, request.url.raw_host.decode("ascii"), _port(request.url)
        headers = request.headers.copy()  # httpx makes the next request after a redirect from the original's
        if (url.scheme, url.host, port) == (self._target.scheme, self._target.host, _port(self._target)):
            headers.update({name.encode(): secret.read().encode() for name, secret in self._headers.items()})
        self._seen.begin_phase("resolve")
        addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self._seen.end_phase()
        self._seen.values.setdefault(DNS_LOOKUP, self._seen.phases["resolve"])
        refusal = httpx.ConnectError("the name has no address")
        for family, *_, address in addresses:
            self.last = (str(address[0]), port, host)
            self._seen.values[IP_PROTOCOL] = 6 if family == socket.AF_INET6 else 4
            direct = httpx.Request(
                request.method,
                url.copy_with(host=self.last[0]),
                headers=headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(direct)
            except httpx.ConnectError as error:
                if self._seen.phase != "connect":
                    raise
                refusal = error
        raise refusal

    async def aclose(self) -> None:
        await self._inner.aclose()
        for stream in self._seen.streams:  # httpcore leaves one open when it is cancelled in a TLS handshake
            await stream.aclose()


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


@functools.cache  # the system's authorities take tens of milliseconds to read
def _tls(ca_file: Path | None, verify: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError among them
        cause = "holds no certificates as PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise Denied(f"cannot use ca_file {ca_file}: {cause}") from error
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _look_at_certificates(seen: _Seen, address: str, port: int, host: str) -> None:
    """A second handshake, without verification, since a refused one tells nothing of what was refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
        seen.certificates(writer.get_extra_info("ssl_object"))
        writer.transport.abort()
        await writer.wait_closed()


def _expiry(certificate: Any) -> float:
    return ssl.cert_time_to_seconds(certificate.get_info()["notAfter"])
