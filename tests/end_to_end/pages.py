"""The queries of the dashboards, as Grafana sends them when a page is opened."""

import asyncio
import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from exporter import bundle
from exporter.demo.stack import COSTS

_AT_ONCE = 6  # connections of a browser to a server
_POINTS = 1_000  # of a graph
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::\w+)?\}|\$([A-Za-z_]\w*)")
_SCRAPED = 15  # seconds, the interval that the data source states


@dataclass(frozen=True)
class Query:
    """A query of a page: where it stands, and over how many seconds it is asked; none for the present alone."""

    page: str
    title: str
    expression: str
    seconds: float


def rendered() -> list[dict[str, Any]]:
    """Every dashboard, as it is rendered now for the company."""
    files = bundle.render(bundle.Bundle(costs=COSTS))
    return [json.loads(text) for path, text in files.items() if path.suffix == ".json"]


def queries(dashboard: dict[str, Any]) -> Iterator[Query]:
    """All of a page, with those behind its variables."""
    page, span = dashboard["uid"], _seconds(dashboard["time"]["from"])
    values = dict(_values(dashboard))
    for panel in dashboard["panels"]:
        for each in [panel, *panel.get("panels", [])]:
            own = _seconds("now-" + each["timeFrom"].removeprefix("now-")) if each.get("timeFrom") else span
            for target in each.get("targets", []):
                if "expr" in target:
                    seconds = 0 if target.get("instant") else own
                    yield Query(page, each["title"], _substituted(target["expr"], values, own), seconds)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"] if isinstance(variable["query"], dict) else variable["query"]
            if found := re.fullmatch(r"label_values\((.+), *(\w+)\)", query):
                expression = f"count by ({found[2]}) ({_substituted(found[1], values, span)})"
                yield Query(page, f"variable {variable['name']}", expression, 0)


def _values(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What variables are on opening: their first value, or any where all are chosen."""
    for variable in dashboard["templating"]["list"]:
        chosen = variable.get("current", {}).get("value")
        if isinstance(chosen, str) and chosen not in ("", "$__all"):
            yield variable["name"], chosen
        elif variable["type"] in ("interval", "custom"):
            yield variable["name"], re.split(r"\s*,\s*", str(variable["query"]))[0]


def _substituted(expression: str, values: dict[str, str], span: float) -> str:
    step = max(_SCRAPED, span / _POINTS)
    own = {
        "__rate_interval": f"{max(4 * _SCRAPED, step + _SCRAPED):.0f}s",
        "__interval": f"{step:.0f}s",
        "__range": f"{span:.0f}s",
    }
    known = {**values, **own}
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2], ".+"), expression)


def _seconds(instant: str) -> float:
    """How long ago `now-30d` is, or the start of `now/d`."""
    found = re.fullmatch(r"now(?:-(\d+)([smhdwMy]))?(?:/\w+)?", instant)
    assert found, f"{instant} is not a relative time"
    return int(found[1]) * _UNITS[found[2]] if found[1] else _UNITS["d"]


@dataclass(frozen=True)
class Answer:
    """What came, and after how many seconds."""

    query: Query
    series: int
    seconds: float
    refusal: str = ""
    """What Prometheus says is wrong with it."""


async def asked(prometheus: str, given: Iterable[Query], at_once: int = _AT_ONCE) -> list[Answer]:
    """The answers to all of them, so many at a time."""
    turn = asyncio.Semaphore(at_once)
    async with httpx.AsyncClient(base_url=f"http://{prometheus}/api/v1", trust_env=False, timeout=60) as client:

        async def ask(query: Query) -> Answer:
            now = time.time()
            async with turn:
                began = time.perf_counter()
                if query.seconds:
                    step = max(_SCRAPED, query.seconds / _POINTS)
                    span = {"start": now - query.seconds, "end": now, "step": step}
                    response = await client.post("/query_range", data={"query": query.expression, **span})
                else:
                    response = await client.post("/query", data={"query": query.expression, "time": now})
                took = time.perf_counter() - began
            body = response.json()
            if body["status"] != "success":
                return Answer(query, 0, took, body["error"])
            data = body["data"]
            return Answer(query, 1 if data["resultType"] in ("scalar", "string") else len(data["result"]), took)

        return await asyncio.gather(*map(ask, given))
