"""A day of the healthy company, for which nobody waits: figures of 24 hours, put together within minutes.

- **What the company's database knows**, `bellwether backfill` asks it about, every ten minutes of the day. In between figures
  stand still, as between two polls. Before the day lie the history of the stack, and those figures of the weeks before that
  anomalies compare with.
- **What else there is to see** (hosts, database, endpoints, the services, the application, the exporter itself) was scraped
  while the stack was running. Those minutes are repeated over the day: gauges begin anew each time, counters go on from where
  they were, and instants that go with the clock, as that of the last success, move along. A figure that the database tells as
  well changes over the day as it does there. The processors are taken to be idle for three quarters, and the clock to be set:
  that is the machine of the tests, not the company's.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import yaml

from tests.end_to_end.shelf import Series, Shelf, asked_for
from tests.stack import ROOT, Stack, until

SECONDS, WEEK = 86_400, 604_800
STEP = 60
"""Seconds from one figure to the next. No rule looks at less than five minutes."""
_POLLED_EVERY = 600
_WATCHED = 4 * STEP  # seconds of scrapes to repeat
_BEFORE = 6 * 3600  # seconds before the day that are scraped too, for what looks back
WEEKS_BEFORE = 2
_OF_ANOMALIES = ["authentication", "billing", "notifications", "realtime", "users"]  # the packs whose figures they compare
Known = dict[frozenset[tuple[str, str]], dict[float, float]]
"""By labels without the source: a figure by time."""
_LABEL = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')
_SETTLED = f"""
    min(min_over_time(bellwether_collector_up[{_WATCHED}s])) == 1 and on () min(min_over_time(up[{_WATCHED}s])) == 1
    and on () count(bellwether_collector_up) == count(bellwether_collector_up offset {_WATCHED + STEP}s)
    and on () count(up) == count(up offset {_WATCHED + STEP}s)
"""
"""All is well, and was scraped for longer than is watched, so that no target's first figure is missing."""


def put_on(shelf: Shelf, stack: Stack, names: set[str], folder: Path) -> int:
    """Fill a shelf with the metrics of those names. The end of the day, in seconds since 1970."""
    history = sorted((stack.folder / "days").glob("*.om"))[-3:] + sorted((stack.folder / "hours").glob("*.om"))
    for part in history:
        shelf.put(part)
    end = int(time.time()) // _POLLED_EVERY * _POLLED_EVERY
    today: Known = {}
    for week in range(WEEKS_BEFORE, -1, -1):
        ends = end - week * WEEK + (3600 if week else 0)
        begins = end - SECONDS - week * WEEK - (0 if week else _BEFORE)
        packs = {"packs": _OF_ANOMALIES} if week else {}
        for part in _told(stack, begins, ends, packs, folder / f"week-{week}"):
            series = list(_standing(part, names))
            shelf.put_series(series)
            if not week:
                today |= {_without_source(each.labels): {at: float(value) for at, value in each.points} for each in series}
    shelf.put_series(_repeated(stack, names, today, end))
    return end


def _told(stack: Stack, begins: int, ends: int, more: Mapping[str, object], output: Path) -> Iterator[Path]:
    """What the database says of some hours, as files."""
    output.mkdir()
    settings = output.with_suffix(".yml")
    settings.write_text(yaml.safe_dump({"collectors": [{"kind": "sql", "dsn": stack.admin_dsn, **more}]}))
    span = [f"{datetime.fromtimestamp(each, UTC):%Y-%m-%dT%H:%M:%SZ}" for each in (begins, ends + 1)]
    labels = ["--label", "job=bellwether", "--label", f"instance={stack.exporter}"]
    options = ["--from", span[0], "--to", span[1], "--step", f"{_POLLED_EVERY}s", "--config", str(settings)]
    run = [sys.executable, "-m", "exporter", "backfill", *options, *labels, "--output", str(output)]
    subprocess.run(run, check=True, cwd=ROOT, capture_output=True)
    return iter(sorted(output.glob("*.om")))


def _standing(part: Path, names: set[str]) -> Iterator[Series]:
    """Its series, each figure once a minute until the next."""
    found: dict[str, list[tuple[float, str]]] = {}
    for line in part.read_text().splitlines():
        if not line.startswith("#"):
            key, value, at = line.rsplit(" ", 2)
            if key.partition("{")[0] in names:
                points = found.setdefault(key, [])
                points += [(float(at) + later, value) for later in range(0, _POLLED_EVERY, STEP)]
    for key, points in found.items():
        name, _, labels = key.partition("{")
        yield Series({"__name__": name, **{label: json.loads(text) for label, text in _LABEL.findall(labels)}}, points)


def _without_source(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name != "source")


def _repeated(stack: Stack, names: set[str], today: Known, end: int) -> Iterator[Series]:
    """What was scraped, over the day; but for what is known of the company's own database anyway."""
    until(lambda: stack.query(_SETTLED), 600, pause=5)
    now = time.time()
    described = httpx.get(f"http://{stack.prometheus}/api/v1/metadata", trust_env=False).json()["data"]
    types = {name: said[0]["type"] for name, said in described.items()}
    told = {dict(each)["__name__"] for each in today}
    scraped = asked_for(stack.prometheus, f'{{job!="",__name__=~"{"|".join(names)}"}}', now - _WATCHED, now, STEP)
    for series in scraped:
        name = series.labels["__name__"]
        if series.labels.get("source") == "sql" and name in told:
            continue
        points = [float(value) for _, value in series.points]
        if len(points) > _WATCHED // STEP:  # of what came or went meanwhile, nobody knows how often it does
            kind = types.get(name) or types.get(re.sub(r"_(bucket|sum|count|total)$", "", name))
            grows = kind in ("counter", "histogram", "summary")
            own = {} if grows else today.get(_without_source(series.labels), {})
            calm = _CALM.get(name)
            points = calm(series.labels, points) if calm else points
            yield Series(series.labels, list(_over_a_day(points, now, own, end, grows=grows, name=name)))


def _over_a_day(
    points: list[float], now: float, own: Mapping[float, float], end: int, *, grows: bool, name: str
) -> Iterator[tuple[float, str]]:
    """`own` is how the company's database knew the figure over the day."""
    watched = points[1:]
    grown = watched[-1] - points[0] if grows else 0.0
    for number, at in enumerate(range(end - SECONDS - _BEFORE, end + 1, STEP)):
        times, index = divmod(number, len(watched))
        moved = at - now if name.endswith("_timestamp_seconds") else 0.0
        share = own[at] / own[end] if own.get(end) and at in own else 1.0
        yield at, repr((watched[index] + times * grown + moved) * share)


def _mostly_idle(labels: Mapping[str, str], points: list[float]) -> list[float]:
    """Seconds that a processor spent in a mode."""
    a_minute = 0.75 * STEP if labels["mode"] == "idle" else 0.02 * STEP
    return [points[0] + number * a_minute for number in range(len(points))]


_CALM: dict[str, Callable[[Mapping[str, str], list[float]], list[float]]] = {
    "node_cpu_seconds_total": _mostly_idle,
    "node_timex_maxerror_seconds": lambda _, points: [0.01] * len(points),
    "node_timex_sync_status": lambda _, points: [1.0] * len(points),
}
"""What this machine has of its own: it is busy with tests, and in many containers nobody sets the clock."""
