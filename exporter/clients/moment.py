"""Moment: the instant of a poll, and how requests ask for a window of time that ends with it.

`{now}` in a path, a parameter or a body stands for it, `{now-1h}` for an hour before, `{start}` for the window's beginning,
`{window}` for its length as it was written. Formats: `{now:iso}`, which is the usual one, `:date`, `:unix` and `:ms`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator

from exporter.fields import seconds

_MENTION = re.compile(r"\{(?:now|start|window)\b[^}]*\}?")
_MARK = re.compile(r"\{(?:(?P<at>now|start)(?:-(?P<before>[0-9a-z]+))?(?::(?P<format>iso|date|unix|ms))?|window)\}")


def length(window: str) -> float:
    """A window's length in seconds. Raises `ValueError`."""
    return seconds(window)


def _window(text: str) -> str:
    if not seconds(text):
        raise ValueError("expected a window of more than no time, such as 1d")
    return text


Window = Annotated[str, AfterValidator(_window)]
"""A length of time as labels show it: `1h`."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a poll takes place, in Unix time, and the window it asks for."""

    now: float
    window: str = ""
    """Its length as a duration; empty where a request has no windows."""

    def fill(self, value: Any) -> Any:
        """The value with what its texts say of time replaced. A text that is but one number of seconds becomes a number."""
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, str):
            return value
        whole = _MARK.fullmatch(value)
        if whole and whole["format"] in {"unix", "ms"}:
            return int(self._text(whole))
        return self.text(value)

    def text(self, text: str) -> str:
        """The same of a text that stays one."""
        return _MARK.sub(self._text, text)

    def _text(self, mark: re.Match[str]) -> str:
        if mark["at"] is None:
            return self.window
        at = self.now - seconds(mark["before"] or 0) - (seconds(self.window) if mark["at"] == "start" else 0)
        if mark["format"] in {"unix", "ms"}:
            return str(int(at * (1000 if mark["format"] == "ms" else 1)))
        date = datetime.fromtimestamp(int(at), UTC)
        return f"{date:%Y-%m-%d}" if mark["format"] == "date" else f"{date:%Y-%m-%dT%H:%M:%SZ}"


def check(value: Any, *, windows: bool) -> None:
    """Raises `ValueError` for what looks like a mark and is none, and for a window where there is none."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            check(item, windows=windows)
    for mention in _MENTION.findall(value) if isinstance(value, str) else ():
        mark = _MARK.fullmatch(mention)
        if mark is None:
            raise ValueError(
                f"{mention}: expected {{now}}, {{now-1h}}, {{start}} or {{window}}, with :iso, :date, :unix or :ms"
            )
        if mark["before"]:
            seconds(mark["before"])
        if mark["at"] != "now" and not windows:
            raise ValueError(f"{mention}: expected windows beside it, such as [1d, 7d]")
