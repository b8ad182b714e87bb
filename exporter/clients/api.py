"""One HTTP API as a client: credentials, limits, pages and quotas, and each failure as the error that says what to do next.

Source: https://www.rfc-editor.org/rfc/rfc9110 and, of quotas, https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

import asyncio
import json
import re
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from exporter.clients import body as bodies
from exporter.clients.access import Access, context
from exporter.clients.pace import Pace
from exporter.clients.refusal import refusal
from exporter.clients.signer import Signer
from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.fields import Secret
from exporter.metric import Metric, Sample

CALLS = Metric(
    "bellwether_api_requests_total",
    "Requests to an API, by status of the answer; without one by reason, such as unreachable or timeout.",
    "counter",
    ("source", "code"),
)
DURATION = Metric("bellwether_api_request_duration_seconds", "How long requests to an API took.", "summary", ("source",))
QUOTA = Metric("bellwether_api_quota_left", "Requests that the API still allows, as it last said.", labels=("source",))

_MOST_REDIRECTS = 3
_QUOTA_LEFT = ("ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining", "x-sentry-rate-limit-remaining")
_ERROR_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")

Params = Mapping[str, str | int | Sequence[str]]
"""A parameter with several values is sent several times."""
Follow = Callable[["Answer"], Mapping[str, Any] | str | None]
"""From a page to the parameters of the next one, to the fields of its body where that is posted, or to its URL; None after
the last."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came for a request."""

    status: int
    headers: httpx.Headers
    body: bytes
    place: str
    """Request and host, for messages."""

    @property
    def media_type(self) -> str:
        """The type of the body in small letters, without its parameters; empty where none was given."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    def data(self) -> Any:
        """The body as JSON. Raises `Malformed`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # of the body nothing is repeated: it may hold anything
            got = f"{len(self.body)} bytes of {self.media_type or 'no type'}"
            raise Malformed(f"{self.place}: expected JSON, got {got}; check the URL") from None


class _Ask(NamedTuple):
    """A request before there are credentials in it."""

    method: str
    url: httpx.URL
    params: Params | None
    body: Any
    headers: Mapping[str, str]


class Api:
    """Requests to one origin, over connections that are opened when first needed.

    `timeout` is for one request up to the last byte, in seconds; `most_bytes` for a body after decompression; `query` is
    for secrets that the API wants in the URL; `error_name` finds what the API calls an error in the JSON that came with it,
    and `meanings` says of some of these names what they are, where the status does not; `signer` makes credentials for each
    request; `pace` keeps below a documented limit. A request waits for its turn, unless for longer than its timeout.
    """

    def __init__(
        self,
        url: str,
        access: Access,
        *,
        timeout: float = 10.0,
        most_bytes: int = 10_000_000,
        connections: int = 4,
        query: Mapping[str, Secret] | None = None,
        error_name: Callable[[Any], object] | None = None,
        meanings: Mapping[str, type[PollError]] | None = None,
        signer: Signer | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._url, self._access, self._query = httpx.URL(url), access, query or {}
        self._timeout, self._most_bytes, self._connections = timeout, most_bytes, connections
        self._error_name, self._meanings = error_name, meanings or {}
        self._signer, self._pace = signer, pace
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._calls: Counter[str] = Counter()
        self._seconds = 0.0
        self.quota_left: float | None = None
        """Requests still allowed; None while the API has not said. Set by the collector where the API says it in a body."""

    def samples(self, source: str) -> Iterator[Sample]:
        """The calls so far, failed ones included, and the quota left."""
        for code, count in self._calls.items():
            yield CALLS(count, source=source, code=code)
        if self._calls:
            yield DURATION.summary(count=self._calls.total(), sum=self._seconds, source=source)
        if self.quota_left is not None:
            yield QUOTA(self.quota_left, source=source)

    async def get(self, path: str, params: Params | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON at a path below the API's URL. Raises `PollError`."""
        return (await self.answer("GET", path, params, headers=headers)).data()

    async def post(self, path: str, body: Any, params: Params | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON that comes for a JSON body. Raises `PollError`."""
        return (await self.answer("POST", path, params, body, headers=headers)).data()

    async def pages(
        self, path: str, follow: Follow, params: Params | None = None, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Any]:
        """The JSON of each page, one after the other; where there is a body, each is posted.

        What `follow` gives is laid over the parameters or the body. Raises `PollError`, also when sent back to a page.
        """
        method = "GET" if body is None else "POST"
        following: Mapping[str, Any] | str | None = {}
        seen: list[Mapping[str, Any] | str] = []
        while following is not None:
            if following in seen:
                raise Malformed(f"{method} {path} at {self._host}: expected a further page, was sent back to one")
            seen.append(following)
            if isinstance(following, str):
                answer = await self.answer(method, following, None, body)
            elif body is not None:
                answer = await self.answer(method, path, params, {**body, **following})
            else:
                answer = await self.answer(method, path, {**(params or {}), **following})
            yield answer.data()
            following = follow(answer)
            if not isinstance(following, Mapping | str | None):
                raise Malformed(f"{method} {path} at {self._host}: expected the place of a further page, got something else")

    async def answer(
        self,
        method: str,
        path: str = "",
        params: Params | None = None,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        accept: str = "application/json",
        expected: frozenset[int] = frozenset(),
    ) -> Answer:
        """What comes for a request: a status of success, or one of the `expected`. Raises `PollError`.

        Where a signer's credentials are refused, it is sent once more with new ones.
        """
        url = self._resolved(path)
        place = f"{method} {url.path} at {self._host}"
        ask = _Ask(method, url, params, body, {"Accept": accept, **(headers or {})})
        answer = await self._attempt(ask, place)
        if self._signer is not None and answer.status == httpx.codes.UNAUTHORIZED and answer.status not in expected:
            self._signer.forget()
            answer = await self._attempt(ask, place)
        if not 200 <= answer.status < 300 and answer.status not in expected:
            name = self._named(answer.body)
            raise refusal(answer.status, answer.headers, place, name, self._meanings.get(name))
        return answer

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @property
    def _host(self) -> str:
        return self._url.netloc.decode("ascii")

    async def _attempt(self, ask: _Ask, place: str) -> Answer:
        """One request, counted and timed from its turn on."""
        await self._turn(place)
        began, code = time.perf_counter(), "cancelled"
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._sent(await self._request(ask), place)
            code = str(answer.status)
        except PollError as error:
            code = error.reason
            raise
        except (TimeoutError, httpx.TimeoutException):
            code = TimedOut.reason
            raise TimedOut(f"{place}: no whole answer within {self._timeout:g} s") from None
        except httpx.LocalProtocolError:
            code = Denied.reason
            raise Denied(f"{place}: a header cannot be sent; check the credentials for line breaks") from None
        except httpx.ConnectError as error:
            code = Unreachable.reason
            raise Unreachable(f"{place}: cannot connect: {error}") from None
        except (httpx.HTTPError, OSError) as error:  # OSError: an alert of TLS that comes after the handshake goes past httpx
            code = Unreachable.reason
            raise Unreachable(f"{place}: the connection broke ({type(error).__name__})") from None
        finally:
            self._calls[code] += 1
            self._seconds += time.perf_counter() - began
        self._note_quota(answer.headers)
        return answer

    async def _turn(self, place: str) -> None:
        wait = self._pace.claim(self._timeout) if self._pace is not None else 0.0
        if wait > self._timeout:
            raise Throttled(f"{place}: not asked, to stay below the API's limit; the next request may go in {wait:.0f} s", wait)
        if wait:
            await asyncio.sleep(wait)

    async def _request(self, ask: _Ask) -> httpx.Request:
        """The request, with secrets as they are now."""
        try:
            client = await self._open()
            credentials = self._access.credentials()
            secrets = {name: secret.read() for name, secret in self._query.items()}
        except OSError as error:
            raise Denied(f"cannot read {error.filename}: {error.strerror}") from None
        headers = {"Accept-Encoding": "gzip", "User-Agent": "bellwether", **ask.headers, **credentials}
        url = ask.url.copy_merge_params({**(ask.params or {}), **secrets}) if ask.params or secrets else ask.url
        request = client.build_request(ask.method, url, json=ask.body, headers=headers)
        if self._signer is not None:
            await self._signer.sign(request, client)
        return request

    async def _sent(self, request: httpx.Request, place: str) -> Answer:
        """What comes for it, redirects within the origin followed."""
        client = await self._open()
        for _ in range(_MOST_REDIRECTS + 1):
            response = await client.send(request, stream=True)
            try:
                following = response.next_request
                if following is None:
                    return Answer(
                        response.status_code, response.headers, await bodies.read(response, self._most_bytes, place), place
                    )
            finally:
                await response.aclose()
            self._check_origin(following.url, place)
            request = following
        raise Malformed(f"{place}: expected an answer, got one redirect after the other; give the URL that they should end at")

    def _resolved(self, path: str) -> httpx.URL:
        """A path below the API's URL, or a whole URL that the API gave as that of the next page."""
        if not path:
            return self._url
        try:
            url = httpx.URL(path)
        except httpx.InvalidURL:
            raise Malformed(f"{self._host} gave as next page what is no URL") from None
        if url.is_absolute_url:
            self._check_origin(url, f"a page at {self._host}")
            return url
        return self._url.copy_with(raw_path=self._url.raw_path.partition(b"?")[0].rstrip(b"/") + url.raw_path)

    def _check_origin(self, url: httpx.URL, place: str) -> None:
        if (url.scheme, url.host, url.port) != (self._url.scheme, self._url.host, self._url.port):
            origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
            raise Malformed(f"{place}: sent on to {origin}, which is given no credentials; if that is right, set it as the URL")

    def _named(self, body: bytes) -> str:
        """What the API calls the error, where that is a plain name: free text may hold data."""
        with suppress(ValueError, LookupError, TypeError, AttributeError, RecursionError):
            name = self._error_name(json.loads(body)) if self._error_name else None
            if isinstance(name, str) and _ERROR_NAME.fullmatch(name):
                return name
        return ""

    def _note_quota(self, headers: httpx.Headers) -> None:
        for name in _QUOTA_LEFT:
            with suppress(KeyError, ValueError):
                self.quota_left = max(0.0, float(headers[name]))
                return

    async def _open(self) -> httpx.AsyncClient:
        async with self._opening:  # requests side by side need one client
            if self._client is None:
                self._client = self._made(await asyncio.to_thread(context, self._access))
        return self._client

    def _made(self, tls: ssl.SSLContext) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                verify=tls,
                proxy=self._access.proxy.read() if self._access.proxy else None,
                timeout=self._timeout,
                limits=httpx.Limits(max_connections=self._connections),
                trust_env=False,  # else a .netrc would add credentials that nobody asked for
            )
        except (ValueError, ImportError, httpx.InvalidURL):  # ImportError: of a kind of proxy that is not built in
            raise Denied("the setting proxy cannot be used; expected a URL such as http://proxy.example.com:3128") from None
