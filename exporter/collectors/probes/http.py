"""HTTP: one URL asked for as a browser would, and what its answer says.

Source: https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/prober/http.go,
https://www.rfc-editor.org/rfc/rfc9110
"""

import base64
import contextlib
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Annotated, ClassVar, Literal, Self, cast

import httpx
from pydantic import Field, model_validator

from exporter.collector import Secret
from exporter.collectors.probes import handshake
from exporter.collectors.probes.expectation import FAILED_REGEX, HeaderMatch
from exporter.collectors.probes.probe import BY_TARGET, Finding, Probe
from exporter.collectors.probes.route import Route
from exporter.errors import Denied
from exporter.metric import Metric

PHASE = Metric(
    "probe_http_duration_seconds",
    "Where the probe's time went: resolve, connect, tls, processing, transfer, each summed over redirects.",
    labels=("instance", "phase"),
)
STATUS_CODE = Metric("probe_http_status_code", "The status of the final response; 0 when none came.", labels=BY_TARGET)
HTTP_VERSION = Metric("probe_http_version", "The version of HTTP in the final response.", labels=BY_TARGET)
SSL = Metric("probe_http_ssl", "Whether the final response came over TLS: 1 or 0.", labels=BY_TARGET)
REDIRECTS = Metric("probe_http_redirects", "How many redirects were followed.", labels=BY_TARGET)
CONTENT_LENGTH = Metric(
    "probe_http_content_length", "The length that the final response announced; -1 when it announced none.", labels=BY_TARGET
)
BODY_LENGTH = Metric(
    "probe_http_uncompressed_body_length", "The length of the final response's body, after decompression.", labels=BY_TARGET
)
LAST_MODIFIED = Metric(
    "probe_http_last_modified_timestamp_seconds",
    "When the final response says that it was last modified, in Unix time.",
    labels=BY_TARGET,
)
TLS_CIPHER = Metric("probe_tls_cipher_info", "The cipher suite in use, as a label.", labels=("instance", "cipher"))

_LONGEST_BODY = 10_000_000  # bytes; what lies beyond is not read, and the length not reported
_MOST_REDIRECTS = 10
_REASONS = {"resolve": "dns", "connect": "refused", "tls": "tls", "transfer": "body"}
"""Why a probe failed follows from the phase under way; otherwise the answer was not one of HTTP, `protocol`."""


class Http(handshake.Tls, Probe, kind="http"):
    """URLs, asked for as a browser would: name lookup, connection, TLS, status, headers, body, and certificates' expiry.

    A probe that fails is a successful poll with `probe_success` 0: a page that is down is a finding.
    """

    example: ClassVar[str] = "https://www.example.com/health"
    phase_metric: ClassVar[Metric] = PHASE
    phases: ClassVar[Sequence[str]] = ("resolve", "connect", "tls", "processing", "transfer")
    shares: ClassVar[Sequence[ModuleType]] = (handshake,)

    target: str = ""
    """The URL; `http://` where it has no scheme. Credentials belong into `headers`, `password` or `bearer_token`."""
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """The request's method."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Further headers of the request, such as `Authorization`. Never sent to another origin that a redirect leads to."""
    username: str = ""
    """The user for basic authentication."""
    password: Secret | None = None
    """The password of `username`."""
    bearer_token: Secret | None = None
    """A token for the header `Authorization`."""
    body: str = ""
    """The request's body. Shown on the page of settings, so it is no place for secrets."""
    compression: Literal["", "gzip", "deflate"] = ""
    """The encoding that the body is asked for, and must come in."""
    enable_http2: bool = True
    """Whether to offer HTTP/2 over TLS."""
    follow_redirects: bool = True
    """Whether to judge what a redirect leads to, or the redirect itself."""
    valid_status_codes: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    """The statuses that mean success; every 2xx unless given."""
    valid_http_versions: tuple[Literal["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"], ...] = ()
    """The versions of HTTP that mean success; any unless given."""
    fail_if_ssl: bool = False
    """Whether a final response over TLS is a failure."""
    fail_if_not_ssl: bool = False
    """Whether a final response without TLS is a failure."""
    fail_if_body_matches_regexp: tuple[re.Pattern[str], ...] = ()
    """Expressions none of which the body may match."""
    fail_if_body_not_matches_regexp: tuple[re.Pattern[str], ...] = ()
    """Expressions each of which the body has to match."""
    fail_if_header_matches: tuple[HeaderMatch, ...] = ()
    """Headers that may not match: each with `header`, `regexp` and `allow_missing`."""
    fail_if_header_not_matches: tuple[HeaderMatch, ...] = ()
    """Headers that have to match: each with `header`, `regexp` and `allow_missing`."""
    body_size_limit: int = Field(default=0, ge=0)
    """The most bytes that a body may have. Unless given, it may have any number, and is read up to 10 MB."""

    @classmethod
    def canonical(cls, target: str) -> str:
        """The URL, with its scheme. Raises `ValueError`."""
        full = target if "://" in target else f"http://{target}"
        try:
            url = httpx.URL(full)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError(f"expected an http or https URL with a host, such as {cls.example}")
        if url.userinfo:
            raise ValueError("expected no credentials in the URL; give them in headers, as Authorization")
        return full

    @classmethod
    def shown(cls, target: str) -> str:
        """The target without its query, since queries often hold tokens."""
        return target.partition("#")[0].partition("?")[0]

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("expected username and password together")
        given = [
            self.password,
            self.bearer_token,
            *(value for name, value in self.headers.items() if name.lower() == "authorization"),
        ]
        if sum(each is not None for each in given) > 1:
            raise ValueError("expected one of password, bearer_token and the header Authorization")
        return self

    async def probe(self, target: str, finding: Finding) -> str | None:
        finding.tell(STATUS_CODE, 0)
        finding.tell(FAILED_REGEX, 0)
        url = httpx.URL(self.canonical(target))
        context = await self.context(http2=self.enable_http2)
        try:
            route = Route(self, url, self._own_headers(), context, finding, hostname=self.hostname, http2=self.enable_http2)
        except OSError as error:
            raise Denied(f"cannot read a secret's file: {error.strerror}: {error.filename}") from None
        try:
            async with httpx.AsyncClient(transport=route, trust_env=False, timeout=None) as client:  # noqa: S113 - the caller's
                return await self._ask(client, url, finding)
        except httpx.TimeoutException:
            return "timeout"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            phase = finding.phase
            finding.end()
            finding.note(f"{type(error).__name__}{f' in the phase {phase}' if phase else ''}: {error}")
            if phase == "tls":
                await handshake.look_at_certificate(finding, *route.last)
            return _REASONS.get(phase, "protocol")

    def _own_headers(self) -> dict[str, str]:
        """What is sent to the target alone. Raises `OSError` when a secret's file cannot be read."""
        headers = {"Host": self.hostname} if self.hostname else {}
        headers |= {name: secret.read() for name, secret in self.headers.items()}
        if self.password is not None:
            pair = f"{self.username}:{self.password.read()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if self.bearer_token is not None:
            headers["Authorization"] = f"Bearer {self.bearer_token.read()}"
        return headers

    async def _ask(self, client: httpx.AsyncClient, url: httpx.URL, finding: Finding) -> str | None:
        # HTTP/2 knows no Connection header; there and here, nothing is kept alive on this side.
        headers = {"User-Agent": "bellwether", "Accept-Encoding": self.compression or "identity"}
        request = client.build_request(self.method, url, headers=headers, content=self.body or None)
        response = await client.send(request, stream=True)
        redirects = 0
        while self.follow_redirects and response.next_request is not None:
            await response.aclose()
            if redirects == _MOST_REDIRECTS:
                finding.tell(STATUS_CODE, response.status_code)
                finding.note(f"more than {_MOST_REDIRECTS} redirects")
                return "protocol"
            redirects += 1
            finding.tell(REDIRECTS, redirects)
            finding.note(f"status {response.status_code} leads to {self.shown(str(response.next_request.url))}")
            response = await client.send(response.next_request, stream=True)
        finding.tell(REDIRECTS, redirects)
        self._take_down(response, finding)
        body = await self._read(response, finding)
        await response.aclose()
        finding.end()
        return self._judge(response, body, finding)

    def _take_down(self, response: httpx.Response, finding: Finding) -> None:
        finding.tell(STATUS_CODE, response.status_code)
        finding.tell(HTTP_VERSION, float(response.http_version.removeprefix("HTTP/")))
        finding.tell(SSL, response.url.scheme == "https")
        length = response.headers.get("content-length", "")
        finding.tell(CONTENT_LENGTH, int(length) if length.isascii() and length.isdigit() else -1)
        if (modified := _instant(response.headers.get("last-modified", ""))) is not None:
            finding.tell(LAST_MODIFIED, modified)
        connection = response.extensions["network_stream"].get_extra_info("ssl_object")
        if connection is not None:
            finding.tell(TLS_CIPHER, 1, cipher=connection.cipher()[0])
        finding.note(f"status {response.status_code} by {response.http_version}")

    async def _read(self, response: httpx.Response, finding: Finding) -> bytes | None:
        """The body, decompressed; None when it is longer than it may be, where that is set."""
        most, chunks = self.body_size_limit or _LONGEST_BODY, bytearray()
        async with contextlib.aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as parts:
            async for part in parts:
                chunks += part
                if len(chunks) > most:
                    finding.note(f"the body is longer than {most} bytes")
                    return None if self.body_size_limit else bytes(chunks[:most])
        finding.tell(BODY_LENGTH, len(chunks))
        finding.note(f"a body of {len(chunks)} bytes")
        return bytes(chunks)

    def _judge(self, response: httpx.Response, body: bytes | None, finding: Finding) -> str | None:
        valid = response.status_code in self.valid_status_codes if self.valid_status_codes else response.is_success
        encoded = response.headers.get("content-encoding", "").lower()
        unlike = next(self._unlike(response, "" if body is None else body.decode(errors="replace")), None)
        if unlike is not None:
            finding.tell(FAILED_REGEX, 1)
            finding.note(unlike)
        ssl = response.url.scheme == "https"
        version = "HTTP/2.0" if response.http_version == "HTTP/2" else response.http_version
        failures = {
            "status": not valid,
            "body": body is None or (self.compression not in {"", encoded}),
            "version": bool(self.valid_http_versions) and version not in self.valid_http_versions,
            "ssl": (self.fail_if_ssl and ssl) or (self.fail_if_not_ssl and not ssl),
            "regex": unlike is not None,
        }
        return next((reason for reason, failed in failures.items() if failed), None)

    def _unlike(self, response: httpx.Response, body: str) -> Iterator[str]:
        """What does not match that should, or the other way round."""
        for matches, wanted in ((self.fail_if_header_matches, False), (self.fail_if_header_not_matches, True)):
            for match in matches:
                values = response.headers.get_list(match.header)
                if not values and not match.allow_missing:
                    yield f"there is no header {match.header}"
                elif values and any(map(match.regexp.search, values)) != wanted:
                    yield f"the header {match.header} {'does not match' if wanted else 'matches'} {match.regexp.pattern}"
        for patterns, wanted in ((self.fail_if_body_matches_regexp, False), (self.fail_if_body_not_matches_regexp, True)):
            for pattern in patterns:
                if bool(pattern.search(body)) != wanted:
                    yield f"the body {'does not match' if wanted else 'matches'} {pattern.pattern}"


def _instant(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
