"""The web configuration in force: read again when its files change, and kept when the new ones are wrong."""

import logging
from collections.abc import Mapping
from pathlib import Path

from exporter.errors import SettingsError
from exporter.web.config import Stamp, WebConfig, read, stamp

log = logging.getLogger(__name__)


class Watch:
    """A web configuration file, the certificates and the key that it names. Raises `SettingsError` when it is wrong."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._stamps: Mapping[Path, Stamp] = {}
        self._changing: Mapping[Path, Stamp] = {}
        self.config = WebConfig() if file is None else self._read(file)

    def refresh(self) -> bool:
        """Take up a change of the files; gives whether there was one.

        Files are read when two looks in a row find them the same, so that a certificate and its key can be replaced one
        after the other. A wrong version is logged once.
        """
        now = {file: stamp(file) for file in self._stamps}
        if self._file is None or now == self._stamps:
            return False
        if now != self._changing:
            self._changing = now
            return False
        try:
            config = self._replacement(self._file)
        except SettingsError as error:
            log.error("the web configuration is wrong, the one before stays in force: %s", error)  # noqa: TRY400 - no bug of ours
            return False
        self.config = config
        log.info("web configuration read again")
        return True

    def _replacement(self, file: Path) -> WebConfig:
        config = self._read(file)
        if (config.context is None) != (self.config.context is None):
            raise SettingsError(f"{file}: TLS cannot be switched on or off while running; restart for that")
        return config

    def _read(self, file: Path) -> WebConfig:
        stamps: dict[Path, Stamp] = {}
        try:
            return read(file, stamps)
        finally:
            self._stamps = stamps  # of a wrong version too: it is read again when one of its files changes
