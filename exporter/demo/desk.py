"""The page of incidents: what may go wrong, what does, and what Alertmanager sent about it to whom."""

import html
import json
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from exporter.demo.incidents import INCIDENTS
from exporter.demo.served import served
from exporter.errors import DemoError

_KEPT = 200  # messages
_LONGEST = 2_000  # characters of a message that are shown
_HEAD = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>Incidents</title><style>body{font:16px/1.4 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "form{display:inline}td{padding:.2rem .6rem;vertical-align:top}pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    ":root{color-scheme:light dark}</style>"
)

Change = Callable[[str], Awaitable[None]]


class Desk:
    """A server on a loopback port: `async with Desk(...) as desk: desk.url`.

    `POST /incidents/NAME` starts one, `DELETE /incidents/NAME` ends it, `GET /incidents` tells what goes on; whatever is posted
    below `/sent/` is kept, and shown with all that at `/`.
    """

    def __init__(self, going_on: Callable[[], Collection[str]], start: Change, end: Change) -> None:
        self._going_on, self._start, self._end = going_on, start, end
        self._sent: deque[tuple[datetime, str, str]] = deque(maxlen=_KEPT)

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        routes = [
            Route("/", self._page),
            Route("/incidents", self._list),
            Route("/incidents/{name}", self._begin, methods=["POST"]),
            Route("/incidents/{name}", self._finish, methods=["DELETE"]),
            Route("/incidents/{name}/end", self._finish, methods=["POST"]),
            Route("/sent/{receiver:path}", self._keep, methods=["POST"]),
        ]
        self._serving = served(Starlette(routes=routes), [listening])
        await self._serving.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._serving.__aexit__(None, None, None)

    async def _list(self, _: Request) -> Response:
        going_on = self._going_on()
        return JSONResponse({name: {"effect": effect, "going_on": name in going_on} for name, effect in INCIDENTS.items()})

    async def _begin(self, request: Request) -> Response:
        return await self._changed(request, self._start)

    async def _finish(self, request: Request) -> Response:
        return await self._changed(request, self._end)

    async def _changed(self, request: Request, change: Change) -> Response:
        origin = request.headers.get("origin")
        if origin not in (None, self.url):  # another site's page, in the browser of whoever watches the demo
            return JSONResponse({"error": f"not from {origin}"}, 403)
        name = request.path_params["name"]
        if name not in INCIDENTS:
            return JSONResponse({"error": f"no incident is called {name!r}", "known": list(INCIDENTS)}, 404)
        try:
            await change(name)
        except DemoError as error:
            return JSONResponse({"error": str(error)}, 503)
        return RedirectResponse("/", 303) if origin else Response(status_code=204)

    async def _keep(self, request: Request) -> Response:
        receiver = request.path_params["receiver"]
        self._sent.append((datetime.now(UTC), receiver, (await request.body()).decode("utf-8", "replace")))
        if receiver == "pagerduty":
            return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": "demo"}, 202)
        return Response("ok")

    async def _page(self, _: Request) -> Response:
        going_on = self._going_on()
        rows = "".join(_row(name, effect, open_=name in going_on) for name, effect in INCIDENTS.items())
        sent = "".join(_message(*each) for each in reversed(self._sent)) or "<p>Nothing yet.</p>"
        return HTMLResponse(f"{_HEAD}<h1>Incidents</h1><table>{rows}</table><h1>What was sent</h1>{sent}")


def _row(name: str, effect: str, *, open_: bool) -> str:
    path, word = (f"/incidents/{name}/end", "End") if open_ else (f"/incidents/{name}", "Start")
    state = "<strong>goes on</strong>" if open_ else ""
    button = f"<form method=post action='{path}'><button>{word}</button></form>"
    return f"<tr><td>{button}<td>{name}<td>{html.escape(effect)} {state}"


def _message(at: datetime, receiver: str, body: str) -> str:
    try:
        shown: Any = json.dumps(json.loads(body), indent=1, ensure_ascii=False)
    except ValueError:
        shown = body
    return f"<h3>{at:%H:%M:%S} {html.escape(receiver)}</h3><pre>{html.escape(shown[:_LONGEST])}</pre>"
