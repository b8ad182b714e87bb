"""The HTTP surface, as an ASGI application: metrics, health, probes, settings, runbooks, and a page for people.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs

from exporter import landing
from exporter.collector import is_kind
from exporter.health import PROCESS_SOURCE, SOURCE, Health
from exporter.negotiation import accepts_gzip, deadline, format_of
from exporter.probe import DEFAULT_MODULE, Prober, Refused
from exporter.runbooks import Runbooks
from exporter.snapshot import Snapshot

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TEXT = b"text/plain; charset=utf-8"
_HTML = b"text/html; charset=utf-8"


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


class Control(Protocol):
    """What people and programs may ask of the running exporter, beside its figures."""

    def reload(self) -> str:
        """Read the settings again and take them up; gives what is wrong with them, or nothing."""

    def configuration(self) -> str:
        """The settings in force, as YAML, without secrets."""

    @property
    def prober(self) -> Prober:
        """What may be probed on demand."""


class Server:
    """Answers requests from the snapshot; only what is collected at the scrape is waited for."""

    def __init__(self, engine: Engine, snapshot: Snapshot, control: Control, runbooks: Runbooks) -> None:
        self._engine, self._snapshot, self._control, self._runbooks = engine, snapshot, control, runbooks
        self._pages = {
            "/": self._start,
            "/metrics": self._metrics,
            "/probe": self._probe,
            "/config": self._config,
            "/-/healthy": self._healthy,
            "/-/ready": self._ready,
            "/-/reload": self._reload,
        }
        self._folders = {"/metrics/": self._part, "/runbooks/": self._runbook}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        wanted = ("POST", "PUT") if path == "/-/reload" else ("GET", "HEAD")
        if scope["method"] not in wanted:
            await _answer(send, 405, f"expected {' or '.join(wanted)}\n", extra=[(b"allow", ", ".join(wanted).encode())])
            return
        handler = self._pages.get(path) or self._folders.get(path[: path.rfind("/") + 1])
        if handler is None:
            await _answer(send, 404, f"no such page: {path}; the start page / lists them\n")
        else:
            await handler(scope, send)

    async def _start(self, _: Scope, send: Send) -> None:
        await _answer(send, 200, landing.page(self._engine.kinds, self._engine.healths), _HTML)

    async def _config(self, _: Scope, send: Send) -> None:
        await _answer(send, 200, self._control.configuration())

    async def _healthy(self, _: Scope, send: Send) -> None:
        await _answer(send, 200, "healthy\n")

    async def _ready(self, _: Scope, send: Send) -> None:
        if self._engine.ready:
            await _answer(send, 200, "ready\n")
        else:
            await _answer(send, 503, "not ready: some collectors have not had their first turn\n")

    async def _reload(self, _: Scope, send: Send) -> None:
        wrong = self._control.reload()
        if wrong:
            await _answer(send, 500, f"the settings are wrong, those before stay in force:\n{wrong}\n")
        else:
            await _answer(send, 200, "reloaded\n")

    async def _runbook(self, scope: Scope, send: Send) -> None:
        name = scope["path"].rpartition("/")[2]
        text = self._runbooks.get(name)
        if text is None:
            await _answer(send, 404, f"no runbook is named {name}\n")
        else:
            await _answer(send, 200, text)

    async def _probe(self, scope: Scope, send: Send) -> None:
        query = _query(scope)
        target, module, hostname, debug = (query.get(name, [""])[0] for name in ("target", "module", "hostname", "debug"))
        module = module or DEFAULT_MODULE
        headers = dict(scope["headers"])
        try:
            found = await self._control.prober.probe(target, module, deadline(headers), hostname)
        except Refused as refusal:
            await _answer(send, refusal.status, f"{refusal}\n")
            return
        if debug == "true":
            await _answer(send, 200, self._control.prober.describe(target, module, found))
        else:
            format_ = format_of(headers)
            await _answer(send, 200, found.page(format_), format_.value.encode())

    async def _part(self, scope: Scope, send: Send) -> None:
        await self._send_metrics(scope, send, [scope["path"].rpartition("/")[2]])

    async def _metrics(self, scope: Scope, send: Send) -> None:
        await self._send_metrics(scope, send, _query(scope).get("collect[]", []) if scope["query_string"] else [])

    async def _send_metrics(self, scope: Scope, send: Send, collect: list[str]) -> None:
        everything = [SOURCE, *self._engine.kinds]
        sources = everything
        if collect or scope["query_string"]:
            exclude = _query(scope).get("exclude[]", [])
            # A kind that no collector is of gives nothing: one Prometheus configuration fits all settings.
            unknown = [name for name in [*collect, *exclude] if not self._named(name) and not is_kind(name)]
            if unknown:
                known = ", ".join(everything)
                await _answer(send, 404, f"no collector is named {', '.join(unknown)}; expected some of {known}\n")
                return
            chosen = self._all_named(collect) if collect else set(everything)
            excluded = self._all_named(exclude)
            sources = [name for name in everything if name in chosen - excluded]
        headers = dict(scope["headers"])
        await self._engine.refresh(sources, deadline(headers))
        format_, gzip = format_of(headers), accepts_gzip(headers)
        shown = [*sources, PROCESS_SOURCE] if SOURCE in sources else sources
        pieces = self._snapshot.pieces(format_, gzip=gzip, sources=None if sources == everything else shown)
        extra = [(b"vary", b"Accept, Accept-Encoding"), *([(b"content-encoding", b"gzip")] if gzip else [])]
        await _send(send, 200, pieces, format_.value.encode(), extra)

    def _named(self, name: str) -> Collection[str]:
        """The sources that a name stands for: one collector's, or all of a kind."""
        kinds = self._engine.kinds
        if name == SOURCE or name in kinds:
            return [name]
        return [collector for collector, kind in kinds.items() if kind == name]

    def _all_named(self, names: Iterable[str]) -> set[str]:
        return {source for name in names for source in self._named(name)}


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("latin-1"))


async def _answer(
    send: Send, status: int, body: bytes | str, content_type: bytes = _TEXT, extra: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    await _send(send, status, [body.encode() if isinstance(body, str) else body], content_type, extra)


async def _send(
    send: Send, status: int, pieces: Sequence[bytes], content_type: bytes, extra: Iterable[tuple[bytes, bytes]]
) -> None:
    """Send a whole answer. To HEAD the web server sends the headers alone."""
    length = sum(len(piece) for piece in pieces)
    headers = [(b"content-type", content_type), (b"content-length", str(length).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in pieces[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": pieces[-1] if pieces else b""})
