"""The servers of the engine's measurements, each started in a process of its own: `python -m tests.bench.serve KIND ...`."""

import asyncio
import itertools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import prometheus_client
import uvicorn

from exporter import app
from exporter.serving import Web
from exporter.settings import Settings
from tests.bench.synthetic import CHILDREN, LABELS, Objects, Synthetic, label_values, values


def bellwether(port: str, *collectors: str) -> None:
    """Bellwether with synthetic collectors, each given as NAME:SERIES:SECONDS."""
    fields = [each.split(":") for each in collectors]
    settings = Settings(collectors=tuple(Synthetic(name=name, series=int(n), every=float(every)) for name, n, every in fields))
    app.run_until_signal(app.serve(settings, Web((f"127.0.0.1:{port}",))))


def soak(port: str) -> None:
    """Bellwether with collectors that are polled ten times a second or read at the scrape; each reload replaces one of them."""
    sizes = itertools.cycle((1000, 1500))

    def settings() -> Settings:
        return Settings(
            collectors=(
                Synthetic(name="steady", series=2000, churn=100, every=0.1),
                Synthetic(name="replaced", series=next(sizes), every=0.1),
                Synthetic(name="fresh", series=100, every="scrape"),
                Objects(name="objects"),
            )
        )

    app.run_until_signal(app.serve(settings(), Web((f"127.0.0.1:{port}",)), settings))


def client(port: str, series: str) -> None:
    """prometheus_client's own server, with as many gauges."""
    registry = registered(int(series))
    prometheus_client.start_http_server(int(port), "127.0.0.1", registry)
    threading.Event().wait()


def bare(port: str, identity: str, gzip: str) -> None:
    """The two given files from memory, by the least that ASGI allows, on the server that Bellwether runs on."""
    bodies = [Path(identity).read_bytes(), Path(gzip).read_bytes()]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body = bodies[scope["path"] == "/gzip"]
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), length]})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(
        application, port=int(port), interface="asgi3", lifespan="off", access_log=False, log_config=None, ws="none",
        proxy_headers=False, server_header=False,
    )  # fmt: skip
    asyncio.run(uvicorn.Server(config).serve())


def registered(series: int) -> prometheus_client.CollectorRegistry:
    """A registry of prometheus_client with the series that the collector `Synthetic` has."""
    registry = prometheus_client.CollectorRegistry()
    figures = values()
    for number in range(0, series, CHILDREN):
        gauge = prometheus_client.Gauge(f"level_{number // CHILDREN}", "A level that was made up.", LABELS, registry=registry)
        for labels in label_values(min(CHILDREN, series - number)):
            gauge.labels(*labels).set(next(figures))
    return registry


if __name__ == "__main__":
    KINDS: dict[str, Callable[..., None]] = {"bellwether": bellwether, "soak": soak, "client": client, "bare": bare}
    KINDS[sys.argv[1]](*sys.argv[2:])
