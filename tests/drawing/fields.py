"""How Grafana reads the settings of a field: which overrides hold for it, and what its values look like."""

import math
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

Json = dict[str, Any]

_MONEY, _NUMBERS = ("", "K", "M", "B", "T"), ("", " K", " Mil", " Bil", " Tri")
_SIZES, _SPEEDS = (" B", " KiB", " MiB", " GiB", " TiB"), (" B/s", " kB/s", " MB/s", " GB/s", " TB/s")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_ENDINGS = {"ops": " ops/s", "hertz": " Hz", "celsius": " °C", "bps": " b/s"}
_TIMES = ((60, 1, "s"), (3600, 60, "mins"), (86_400, 3600, "hours"), (604_800, 86_400, "days"), (31_536_000, 604_800, "weeks"))


class Field(NamedTuple):
    """The settings that hold for one series or column."""

    unit: str
    decimals: int | None
    properties: Json

    def text(self, value: float) -> str:
        """A value as a reader sees it."""
        return self._mapped(value, "text") or written(value, self.unit, self.decimals)

    def colour(self, value: float) -> str | None:
        """The colour that a word for the value or a threshold gives it; none where it has a fixed one or none."""
        if word := self._mapped(value, "color"):
            return word
        color = self.properties.get("color", {})
        if color.get("mode") == "thresholds":
            steps = self.properties.get("thresholds", {}).get("steps", [])
            reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
            return str(reached[-1]) if reached else None
        fixed = color.get("fixedColor")
        return None if fixed in {None, "text"} else str(fixed)

    def _mapped(self, value: Any, what: str) -> str:
        name = f"{value + 0:g}" if isinstance(value, float) else str(value)  # -0 is 0
        for mapping in self.properties.get("mappings", []):
            if name in mapping["options"]:
                return str(mapping["options"][name].get(what, ""))
        return ""

    def word(self, value: str) -> tuple[str, str | None]:
        """A text of a column, and its colour."""
        return self._mapped(value, "text") or value, self._mapped(value, "color") or None


def field(panel: Json, name: str, ref_id: str) -> Field:
    """What the defaults of a panel and its overrides say of the field of that name that a query gave."""
    config = panel["fieldConfig"]
    found: Json = dict(config["defaults"])
    found = {**{f"custom.{key}": value for key, value in found.pop("custom", {}).items()}, **found}
    for override in config["overrides"]:
        kind, options = override["matcher"]["id"], override["matcher"]["options"]
        if _holds(kind, options, name, ref_id):
            found |= {item["id"]: item["value"] for item in override["properties"]}
    return Field(found.get("unit", "short"), found.get("decimals"), found)


def _holds(kind: str, options: str, name: str, ref_id: str) -> bool:
    """Whether an override is for that field."""
    if kind == "byRegexp":
        return re.search(_expression(options), name) is not None
    return options == {"byFrameRefID": ref_id, "byName": name}[kind]


def _expression(text: str) -> str:
    """A regular expression of Grafana: between slashes, flags behind."""
    found = re.fullmatch(r"/(.*)/(\w*)", text, re.DOTALL)
    assert found is not None, text
    return ("(?i)" if "i" in found[2] else "") + found[1]


def written(value: float, unit: str, decimals: int | None) -> str:
    """A number as Grafana writes it in that unit."""
    if not math.isfinite(value):
        return str(value)
    if unit.startswith("currency"):
        return f"{_SYMBOLS.get(unit[8:], unit[8:])}{_scaled(value, 1000, _MONEY, decimals)}"
    if unit.startswith("suffix:"):
        return _fixed(value, decimals) + unit[7:]
    if write := _WRITTEN.get(unit):
        return write(value, decimals)
    return _scaled(value, 1000, _NUMBERS, decimals) + _ENDINGS.get(unit, "")


def _scaled(value: float, factor: int, names: tuple[str, ...], decimals: int | None) -> str:
    rank = 0
    while abs(value) >= factor and rank < len(names) - 1:
        value, rank = value / factor, rank + 1
    return _fixed(value, decimals) + names[rank]


def _duration(value: float, decimals: int | None) -> str:
    size = abs(value)
    if size < 1:
        factor, name = next(((f, n) for f, n in ((1e9, "ns"), (1e6, "µs")) if size and size * f < 1000), (1000, "ms"))
        return f"{_fixed(value * factor, decimals)} {name}" if size else "0 s"
    for most, divisor, name in _TIMES:
        if size < most:
            return f"{_fixed(value / divisor, decimals)} {name}"
    return f"{_fixed(value / 31_536_000, decimals)} years"


def _fixed(value: float, decimals: int | None) -> str:
    """As many decimals as asked for, else those that leave three digits."""
    if decimals is None:
        decimals = 0 if value == int(value) else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


_WRITTEN: dict[str, Callable[[float, int | None], str]] = {
    "locale": lambda value, decimals: f"{value:,.{decimals or 0}f}",
    "percentunit": lambda value, decimals: f"{_fixed(value * 100, decimals)}%",
    "s": _duration,
    "bytes": lambda value, decimals: _scaled(value, 1024, _SIZES, decimals),
    "Bps": lambda value, decimals: _scaled(value, 1000, _SPEEDS, decimals),
    "dateTimeFromNow": lambda value, _: f"{_duration(time.time() - value / 1000, 0)} ago",
    "bool_yes_no": lambda value, _: "Yes" if value else "No",
}
