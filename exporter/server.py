"""The HTTP surface, as an ASGI application: metrics, health, runbooks, and a page for people.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from typing import Any, Protocol
from urllib.parse import parse_qs

from prometheus_client.exposition import choose_encoder

from exporter import landing
from exporter.exposition import Format
from exporter.health import SOURCE, Health
from exporter.runbooks import Runbooks
from exporter.snapshot import Snapshot

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_TEXT = b"text/plain; charset=utf-8"
_HTML = b"text/html; charset=utf-8"
_PROMETHEUS_TIMEOUT = 10.0  # seconds; Prometheus' own default, for whoever does not send the header
_MARGIN = 0.5  # seconds kept back from the scraper's timeout, for the answer to travel


class Engine(Protocol):
    """What keeps the snapshot up to date, as far as requests need to know it."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kind of each collector, by its name."""

    @property
    def healths(self) -> Mapping[str, Health]:
        """How each collector fares, by its name."""

    @property
    def ready(self) -> bool:
        """Whether every collector has had its first turn."""

    async def refresh(self, names: Collection[str], deadline: float) -> None:
        """Bring up to date what is collected at the scrape, waiting at most `deadline` seconds."""


class Server:
    """Answers requests from the snapshot; only what is collected at the scrape is waited for."""

    def __init__(self, engine: Engine, snapshot: Snapshot, runbooks: Runbooks) -> None:
        self._engine, self._snapshot, self._runbooks = engine, snapshot, runbooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, b"expected GET or HEAD\n", extra=[(b"allow", b"GET, HEAD")])
            return
        path: str = scope["path"]
        match path:
            case "/metrics":
                await self._metrics(scope, send, None)
            case "/-/healthy":
                await _answer(send, 200, b"healthy\n")
            case "/-/ready":
                await self._ready(send)
            case "/":
                page = landing.page(self._engine.kinds, self._engine.healths)
                await _answer(send, 200, page.encode(), _HTML)
            case _ if path.startswith("/metrics/"):
                await self._metrics(scope, send, path.removeprefix("/metrics/"))
            case _ if path.startswith("/runbooks/"):
                await self._runbook(send, path.removeprefix("/runbooks/"))
            case _:
                await _answer(send, 404, f"no such page: {path}; the start page / lists them\n".encode())

    async def _ready(self, send: Send) -> None:
        if self._engine.ready:
            await _answer(send, 200, b"ready\n")
        else:
            await _answer(send, 503, b"not ready: some collectors have not had their first turn\n")

    async def _runbook(self, send: Send, name: str) -> None:
        text = self._runbooks.get(name)
        if text is None:
            await _answer(send, 404, f"no runbook is named {name}\n".encode())
        else:
            await _answer(send, 200, text.encode())

    async def _metrics(self, scope: Scope, send: Send, part: str | None) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        collect = [part] if part is not None else query.get("collect[]", [])
        exclude = query.get("exclude[]", [])
        everything = [SOURCE, *self._engine.kinds]
        unknown = [name for name in [*collect, *exclude] if not self._named(name)]
        if unknown:
            known = ", ".join(everything)
            await _answer(send, 404, f"no collector is named {', '.join(unknown)}; expected some of {known}\n".encode())
            return
        chosen = self._all_named(collect) if collect else everything
        excluded = self._all_named(exclude)
        sources = [name for name in everything if name in chosen and name not in excluded]
        headers = dict(scope["headers"])
        await self._engine.refresh(sources, _deadline(headers))
        format_ = _format(headers.get(b"accept", b"").decode("latin-1"))
        gzip = _accepts_gzip(headers.get(b"accept-encoding", b"").decode("latin-1"))
        body = self._snapshot.page(format_, gzip=gzip, sources=None if sources == everything else sources)
        extra = [(b"vary", b"Accept, Accept-Encoding"), *([(b"content-encoding", b"gzip")] if gzip else [])]
        await _answer(send, 200, body, format_.value.encode(), extra, head=scope["method"] == "HEAD")

    def _named(self, name: str) -> Collection[str]:
        """The sources that a name stands for: one collector's, or all of a kind."""
        kinds = self._engine.kinds
        if name == SOURCE or name in kinds:
            return [name]
        return [collector for collector, kind in kinds.items() if kind == name]

    def _all_named(self, names: Iterable[str]) -> set[str]:
        return {source for name in names for source in self._named(name)}


def _deadline(headers: dict[bytes, bytes]) -> float:
    """Seconds that a scrape may wait: what Prometheus says it waits, less a margin."""
    try:
        timeout = float(headers.get(b"x-prometheus-scrape-timeout-seconds", b""))
    except ValueError:
        timeout = _PROMETHEUS_TIMEOUT
    return max(timeout - _MARGIN, timeout / 2) if timeout > 0 else _PROMETHEUS_TIMEOUT - _MARGIN


def _format(accept: str) -> Format:
    _, content_type = choose_encoder(accept)
    return Format.OPENMETRICS if content_type.startswith("application/openmetrics-text") else Format.TEXT


def _accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is listed and not ruled out. Source: RFC 9110, 12.5.3."""
    for item in accept_encoding.lower().split(","):
        coding, _, quality = item.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return quality.strip("0.") != "" or not quality
    return False


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes = _TEXT,
    extra: Iterable[tuple[bytes, bytes]] = (),
    *,
    head: bool = False,
) -> None:
    headers: Headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
