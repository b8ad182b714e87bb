"""The whole exporter, wired: settings, collectors, scheduler, snapshot, server. The one place that knows all."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from exporter.configuration import as_yaml
from exporter.errors import SettingsError
from exporter.probe import Prober
from exporter.runbooks import Runbooks
from exporter.scheduler import Scheduler
from exporter.server import Server
from exporter.serving import Web
from exporter.settings import Settings
from exporter.snapshot import Snapshot
from exporter.web import Listener

log = logging.getLogger(__name__)

_DEFAULT = Web()
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class App:
    """One exporter: `async with App(settings, web).running() as url` serves until the block ends.

    Making one binds its sockets. Raises `SettingsError` for a wrong address or web configuration.
    """

    def __init__(self, settings: Settings, web: Web = _DEFAULT, read_settings: Callable[[], Settings] | None = None) -> None:
        self._settings, self._read_settings = settings, read_settings
        self._scheduler = Scheduler(settings.collectors, snapshot := Snapshot())
        self._listener = Listener(
            Server(self._scheduler, snapshot, self, Runbooks()),
            web.addresses,
            config_file=web.config_file,
            systemd_socket=web.systemd_socket,
            max_requests=web.max_requests,
        )

    @property
    def url(self) -> str:
        """Where it listens first."""
        return self._listener.urls[0]

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
        log.info("listening on %s", ", ".join(self._listener.urls))
        async with asyncio.TaskGroup() as tasks:
            polling = tasks.create_task(self._scheduler.run(), name="scheduler")
            serving = tasks.create_task(self._listener.serve(), name="listener")
            try:
                yield self.url
            finally:
                self._listener.stop()
                await serving
                polling.cancel()
                log.info("stopped")


async def serve(settings: Settings, web: Web, read_settings: Callable[[], Settings] | None = None) -> None:
    """Run an exporter until the task is cancelled; SIGHUP reads the settings again."""
    app, loop = App(settings, web, read_settings), asyncio.get_running_loop()
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
