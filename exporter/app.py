"""The whole exporter, wired: settings, collectors, scheduler, snapshot, server. The one place that knows all."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from exporter.configuration import as_yaml
from exporter.errors import SettingsError
from exporter.probe import Prober
from exporter.runbooks import Runbooks
from exporter.scheduler import Scheduler
from exporter.server import Server
from exporter.settings import Settings
from exporter.snapshot import Snapshot

log = logging.getLogger(__name__)

DEFAULT_ADDRESS = "127.0.0.1:11042"
_BACKLOG = 128
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_DRAIN = 5  # seconds that requests under way are given at the end


class App:
    """One exporter: `async with App(settings, address).running() as url` serves until the block ends."""

    def __init__(
        self, settings: Settings, address: str = DEFAULT_ADDRESS, read_settings: Callable[[], Settings] | None = None
    ) -> None:
        self._settings, self._read_settings = settings, read_settings
        self._socket = _listen(address)
        self._scheduler = Scheduler(settings.collectors, snapshot := Snapshot())
        self._server = _Uvicorn(
            uvicorn.Config(
                Server(self._scheduler, snapshot, self, Runbooks()),
                interface="asgi3",
                lifespan="off",
                proxy_headers=False,
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN,
                ws="none",
            )
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def prober(self) -> Prober:
        """What may be probed on demand."""
        return self._settings.prober

    def configuration(self) -> str:
        """The settings in force, as YAML, without secrets."""
        return as_yaml(self._settings)

    def reload(self) -> str:
        """Read the settings again and take them up; gives what is wrong with them, or nothing."""
        try:
            settings = self._settings if self._read_settings is None else self._read_settings()
        except SettingsError as error:
            log.error("the settings are wrong, those before stay in force: %s", error)  # noqa: TRY400 - the user's mistake, not ours
            self._scheduler.reload.successful = False
            return str(error)
        self._scheduler.replace(settings.collectors)
        self._settings = settings
        self._scheduler.reload.successful, self._scheduler.reload.time = True, time.time()
        log.info("settings reloaded")
        return ""

    async def ready(self) -> None:
        """Wait until every collector has had its first turn."""
        await self._scheduler.first_turns()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Collect and serve while the block runs; gives the address."""
        log.info("listening on %s", self.url)
        with self._socket:
            async with asyncio.TaskGroup() as tasks:
                polling = tasks.create_task(self._scheduler.run(), name="scheduler")
                serving = tasks.create_task(self._server.serve(sockets=[self._socket]), name="server")
                try:
                    yield self.url
                finally:
                    self._server.should_exit = True
                    await serving
                    polling.cancel()
                    log.info("stopped")


async def serve(settings: Settings, address: str, read_settings: Callable[[], Settings] | None = None) -> None:
    """Run an exporter until the task is cancelled; SIGHUP reads the settings again."""
    app, loop = App(settings, address, read_settings), asyncio.get_running_loop()
    async with app.running():
        loop.add_signal_handler(signal.SIGHUP, app.reload)
        try:
            await asyncio.Event().wait()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)


def run_until_signal(main: Coroutine[Any, Any, None]) -> None:
    """Run until it ends, or until SIGINT or SIGTERM cancels it. A second signal ends the process without waiting."""

    async def supervised() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.create_task(main)

        def stop() -> None:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)
            task.cancel()

        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, stop)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    asyncio.run(supervised())


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # signals are the application's: it ends more than the server


def _listen(address: str) -> socket.socket:
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"--web.listen-address: {address!r}: expected HOST:PORT, such as {DEFAULT_ADDRESS}")
    host = host.strip("[]") or "0.0.0.0"  # noqa: S104 - `:PORT` asks for all interfaces, as elsewhere in the field
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each answer waits 40 ms for the reader's ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"--web.listen-address: cannot listen on {address}: {error.strerror}; is another exporter running there?"
        ) from None
    return listener
