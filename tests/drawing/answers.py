"""What the queries of a panel answer: from a running Prometheus, or made up where there is none."""

import math
import re
import time
import zlib
from typing import Any, NamedTuple, Protocol

import httpx

Json = dict[str, Any]

_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_SCRAPE = 15
_SAYINGS, _NUMBERED = ("one", "other", "third"), {"le", "period", "position"}


class Series(NamedTuple):
    """One series of an answer: its labels and its points, as seconds and value. An instant answer has one point."""

    labels: dict[str, str]
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        return self.points[-1][1]


class Answers(Protocol):
    """Where figures come from, and the seconds at which the page begins and ends."""

    times: tuple[float, float]

    def of(self, target: Json, panel: Json, width: float) -> list[Series]: ...


class Measured:
    """The answers of a Prometheus, asked as Grafana asks: with its variables, its steps and its built-in windows.

    A page that looks back `short` days or less shows `recent` seconds instead, as a Prometheus that just started knows no more.
    """

    def __init__(self, url: str, dashboard: Json, recent: float, short: float = 1) -> None:
        self._url, self._now = url, time.time()
        number, unit = int(dashboard["time"]["from"][4:-1]), dashboard["time"]["from"][-1]
        self.span = float(number * _UNITS[unit])
        if self.span <= short * _UNITS["d"]:
            self.span = min(self.span, recent)
        self.times = (self._now - self.span, self._now)
        chosen = {
            each["name"]: each["current"].get("value") for each in dashboard["templating"]["list"] if each["type"] == "query"
        }
        self._variables = {name: value if isinstance(value, str) else ".+" for name, value in chosen.items()}

    def of(self, target: Json, panel: Json, width: float) -> list[Series]:
        step = next((step for step in _STEPS if step >= self.span / width), _STEPS[-1])
        text = self._filled(target["expr"], step)
        if target["instant"]:
            return [Series(each["metric"], [_point(each["value"])]) for each in self._ask("query", query=text, time=self._now)]
        end = self._now // step * step
        found = self._ask("query_range", query=text, start=end - self.span, end=end, step=step)
        return [Series(each["metric"], [_point(value) for value in each["values"]]) for each in found]

    def _filled(self, text: str, step: float) -> str:
        built_in = {
            "__rate_interval": f"{max(step + _SCRAPE, 4 * _SCRAPE):g}s",
            "__range": f"{self.span:.0f}s",
            "__interval": f"{step:g}s",
        }
        for name, value in {**built_in, **self._variables}.items():
            text = re.sub(rf"\$({name}\b|{{{name}}})", value, text)
        return text

    def _ask(self, path: str, **parameters: Any) -> list[Json]:
        answer = httpx.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=60, trust_env=False).json()
        if answer["status"] != "success":
            raise ValueError(f"{parameters['query']}: {answer['error']}")
        data = answer["data"]
        result: list[Json] = data["result"] if data["resultType"] != "scalar" else [{"metric": {}, "value": data["result"]}]
        return result


def _point(pair: tuple[float, str]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


class MadeUp:
    """Three series for each query that has labels in its legend or its columns, one for each other."""

    span = 3600.0
    times = (0.0, span)

    def of(self, target: Json, panel: Json, width: float) -> list[Series]:
        labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"])) | set(_columns(panel))
        sets = [{label: _example(label, say) for label in labels} for say in (_SAYINGS if labels else ("",))]
        return [Series(found, self._points(target, found)) for found in sets]

    def _points(self, target: Json, labels: dict[str, str]) -> list[tuple[float, float]]:
        seed = zlib.crc32(repr((target["expr"], sorted(labels.items()))).encode())
        height, swing = 0.2 + seed % 60 / 100, 5 + seed % 23
        count = 1 if target["instant"] else 50
        return [(i * self.span / count, height + 0.1 * math.sin(i / swing)) for i in range(count)]


def _example(label: str, say: str) -> str:
    """A value of a label: a currency's is a code, and some have to be numbers."""
    if label == "currency":
        return "USD"
    return str(_SAYINGS.index(say)) if label in _NUMBERED else f"{label}-{say}"


def _columns(panel: Json) -> set[str]:
    """The labels that the transformations of a table speak of."""
    found: set[str] = set()
    for step in panel.get("transformations", []):
        options = step["options"]
        found |= {*options.get("renameByName", {}), *options.get("indexByName", {})}
        found |= {options[field] for field in ("rowField", "columnField") if field in options}
    return {name for name in found if re.fullmatch(r"[a-z_]+", name)}
