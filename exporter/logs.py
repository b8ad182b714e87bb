"""Log lines to standard error, in logfmt as Prometheus' own programs write them or as JSON, and never a secret in one."""

import functools
import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Protocol
from urllib.parse import quote, unquote

from exporter.fields import known_secrets
from exporter.guard import REDACTED

Form = Literal["logfmt", "json"]

_QUIET = ("uvicorn", "httpx", "httpcore")  # they log each request, httpx with its URL
log = logging.getLogger(__name__)


class Lines(logging.Formatter):
    """One line a record: time, level, component, message, a traceback as one more value."""

    def __init__(self, form: Form = "logfmt") -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        pairs = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "component": record.name.removeprefix("exporter."),
            "msg": redacted(_message(record)),
        }
        if record.exc_info:
            pairs["traceback"] = redacted(self.formatException(record.exc_info))
        if self._form == "json":
            return json.dumps(pairs, ensure_ascii=False)
        quoted = {name: json.dumps(text) for name, text in pairs.items() if name in {"msg", "traceback"}}
        return " ".join(f"{name}={text}" for name, text in (pairs | quoted).items())


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object:
        """Take a line."""

    def flush(self) -> object:
        """Hold nothing back."""


def configure(level: str, form: Form = "logfmt", stream: Stream | None = None) -> None:
    """Send log lines of this level and above to standard error, and whatever Python would print there itself as one of them.

    `stream` takes them instead, where something else is drawn on standard error.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(form))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = _died
    threading.excepthook = _thread_died
    sys.unraisablehook = _ignored


def redacted(text: str) -> str:
    """The text without any secret that was read so far."""
    pattern = _pattern(known_secrets())
    return pattern.sub(REDACTED, text) if pattern else text


@functools.lru_cache(maxsize=1)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """What finds each of the secrets: as it is, as it stands in a URL, in a literal of Python's, in one of JSON's."""
    forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), unquote(secret), *_literals(secret))}
    longest_first = sorted(forms - {""}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _literals(secret: str) -> tuple[str, ...]:
    as_json = (json.dumps(secret, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False))
    return repr(secret)[1:-1], repr(secret.encode())[2:-1], *as_json


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # logging would print the call and its arguments, past this formatter
        return f"a log line that cannot be written: {record.msg}"


def _died(type_: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    log.critical("ended by %s", type_.__name__, exc_info=(type_, error, traceback))


def _thread_died(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None:
        log.error("a thread ended by %s", given.exc_type.__name__, exc_info=given.exc_value)


def _ignored(given: "sys.UnraisableHookArgs") -> None:
    what = given.err_msg or "ignored where nothing can be raised"
    log.error("%s: %s", what, given.exc_type.__name__, exc_info=given.exc_value)
