"""What is usual at this hour of the week, for a Prometheus that has just begun: anomalies compare with the four weeks before.

Of those weeks it needs the hours around this one closely, and what the rules would have remembered of them. Nothing was out of
the ordinary then, so that is the figures themselves.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import yaml

_WEEKS = 4
_BEFORE, _AFTER = timedelta(hours=2), timedelta(hours=1)  # what counts of an hour need, and how long somebody may look on
_STEP = 300.0
_PATIENCE = 60.0
PACKS = ["authentication", "billing", "notifications", "realtime", "users"]
"""Those that tell what anomalies watch."""


def hours(now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When to look closely, the longest ago first."""
    for week in range(_WEEKS, 0, -1):
        then = now - timedelta(weeks=week)
        yield then - _BEFORE, then + _AFTER


async def remembered(prometheus: str, rules: str, now: datetime) -> str:
    """What is remembered of those hours, as OpenMetrics text, by a Prometheus once it has their figures, and its rules."""
    groups = yaml.safe_load(rules)["groups"]
    levels = [rule for group in groups for rule in group["rules"] if rule.get("record") == "anomaly:level"]
    lines: list[str] = []
    async with httpx.AsyncClient(base_url=f"http://{prometheus}", trust_env=False, timeout=_PATIENCE) as client:
        await _known(client, now - timedelta(weeks=1))
        for rule in levels:
            for begin, end in hours(now):
                asked = {"query": rule["expr"], "start": begin.timestamp(), "end": end.timestamp(), "step": _STEP}
                answer = (await client.post("/api/v1/query_range", data=asked)).raise_for_status().json()
                lines += _lines(answer["data"]["result"], rule["labels"]["anomaly"])
    return "".join([*lines, "# EOF\n"])


async def _known(client: httpx.AsyncClient, then: datetime) -> None:
    """Until it has figures of then."""
    while True:
        answer = await client.get("/api/v1/query", params={"query": "saas_users_registered_total", "time": then.timestamp()})
        if answer.raise_for_status().json()["data"]["result"]:
            return
        await asyncio.sleep(1)


def _lines(found: list[dict[str, Any]], anomaly: str) -> Iterator[str]:
    for series in found:
        for at, value in series["values"]:
            yield f"anomaly:learned{{anomaly={json.dumps(anomaly)}}} {value} {at}\n"
