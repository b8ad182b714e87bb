"""The pack `experience`: every figure, against the same worked out from the story, and the edges by hand."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from exporter.demo.chapters import Row
from exporter.packs.load import shipped
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.expected import histogram, rounded
from tests.packs.rows import counted, fill

DAY = timedelta(days=1)
RATINGS = ("good", "needs_improvement", "poor")
CLASSES = ("2xx", "3xx", "4xx", "5xx", "other")
BOUNDS = {
    "lcp": (2.5, 4),
    "inp": (0.2, 0.5),
    "fid": (0.1, 0.3),
    "cls": (0.1, 0.25),
    "ttfb": (0.8, 1.8),
    "fcp": (1.8, 3),
    "tti": (3.8, 7.3),
}
Told = Callable[[str], dict[str, list[Row]]]


class Timing(NamedTuple):
    """A row of shop.page_timings."""

    at: datetime
    page: str
    device: str | None
    name: str
    value: Decimal

    @property
    def labels(self) -> tuple[str, str, str]:
        return self.page, self.device or "unknown", self.name

    @property
    def rating(self) -> str:
        good, fair = (Decimal(str(bound)) for bound in BOUNDS[self.name])
        return RATINGS[(self.value > good) + (self.value > fair)]


class Call(NamedTuple):
    """A row of shop.requests."""

    at: datetime
    route: str
    method: str
    status: int
    milliseconds: Decimal

    @property
    def seconds(self) -> float:
        return float(self.milliseconds / 1000)


def nearest_rank(values: list[Decimal]) -> float:
    """The 75th percentile: the least value that at least three of four values do not exceed."""
    return float(sorted(values)[math.ceil(0.75 * len(values)) - 1])


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_vitals_are_those_of_the_story(as_of: datetime, chapter: Told, asked: Asking) -> None:
    timings = [Timing(*row) for row in chapter("experience")["page_timings"]]  # type: ignore[arg-type]
    found = await asked("experience", as_of)
    today: dict[tuple[str, str, str], list[Timing]] = {}
    for timing in timings:
        if as_of - DAY < timing.at <= as_of:
            today.setdefault(timing.labels, []).append(timing)
    assert len(today) > 20
    for metric, has_unit in (("web_vital_seconds", True), ("web_vital_score", False)):
        expected = {
            (*labels, "75", "1d"): nearest_rank([timing.value for timing in measured])
            for labels, measured in today.items()
            if (labels[2] != "cls") == has_unit
        }
        assert found[metric] == pytest.approx(expected, rel=0.01)
    assert found["web_vital_rating_ratio"] == pytest.approx(
        {
            (*labels, rating, "1d"): sum(timing.rating == rating for timing in measured) / len(measured)
            for labels, measured in today.items()
            if labels[2] != "load"
            for rating in RATINGS
        }
    )
    rated = [(*timing.labels, timing.rating) for timing in timings if timing.at <= as_of and timing.name != "load"]
    assert {labels[-1] for labels in rated} == set(RATINGS)
    assert found["web_vital_measurements_total"] == counted(rated, None, None, None, RATINGS)


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_the_api_is_that_of_the_story(as_of: datetime, chapter: Told, asked: Asking) -> None:
    calls = [Call(*row) for row in chapter("experience")["requests"]]  # type: ignore[arg-type]
    found = await asked("experience", as_of)
    past = [call for call in calls if call.at <= as_of]
    labelled = [(call.route, call.method, f"{str(call.status)[0]}xx") for call in past]
    assert found["api_requests_total"] == counted(labelled, None, None, CLASSES)
    seconds = dict.fromkeys(counted(labelled, None, None, CLASSES), 0.0)
    for call, labels in zip(past, labelled, strict=True):
        seconds[labels] += call.seconds
    assert found["api_request_seconds_total"] == pytest.approx(seconds)
    durations: dict[Any, list[float]] = {}
    for window, length in (("5m", timedelta(minutes=5)), ("1d", DAY)):
        for call in past:
            if call.at > as_of - length:
                durations.setdefault((call.route, call.method, window), []).append(call.seconds)
    bounds = shipped()["experience"].queries["durations"].buckets
    assert {labels: rounded(parts) for labels, parts in found["api_request_duration_seconds"].items()} == {
        labels: histogram(values, bounds) for labels, values in durations.items()
    }


def measured(timing: str, *values: float | str, at: datetime = NOW) -> list[dict[str, object]]:
    return [{"page": "/", "device": "mobile", "timing": timing, "value": value, "occurred_at": at} for value in values]


@pytest.mark.parametrize("vital", BOUNDS)
async def test_a_value_on_the_published_bound_belongs_to_the_better_side(database: str, vital: str) -> None:
    good, fair = BOUNDS[vital]
    fill(database, {"page_timings": measured(vital, good, fair, fair + 0.001, fair + 1), "api_calls": []})
    found = await ask(database, "experience", NOW)
    shares = {labels[3]: share for labels, share in found["web_vital_rating_ratio"].items()}
    assert shares == {"good": 0.25, "needs_improvement": 0.25, "poor": 0.5}
    assert {labels[3]: number for labels, number in found["web_vital_measurements_total"].items()} == {
        "good": 1,
        "needs_improvement": 1,
        "poor": 2,
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 2, 3, 4), 3),
        ((1, 2, 3, 4, 5), 4),
        ((7,), 7),
        ((0, 0, 0, 5), 0),
        ((0, 0, 0.3, 5), 0.3),
        (tuple(range(1, 1001)), 750),
        ((0.001, 0.002, 0.003, 3600), 0.003),
        (("-1", "NaN", "3601", 2), 2),
    ],
)
async def test_three_of_four_by_hand(database: str, values: tuple[float, ...], expected: float) -> None:
    fill(database, {"page_timings": measured("lcp", *values) + measured("cls", *values), "api_calls": []})
    found = await ask(database, "experience", NOW)
    assert found["web_vital_seconds"] == {("/", "mobile", "lcp", "75", "1d"): pytest.approx(expected, rel=0.01)}
    assert found["web_vital_score"] == {("/", "mobile", "cls", "75", "1d"): pytest.approx(expected, rel=0.01)}


async def test_a_day_is_open_where_it_begins_and_closed_where_it_ends(database: str) -> None:
    instant = timedelta(microseconds=1)
    timings = [
        *measured("lcp", 1, at=NOW - DAY),
        *measured("lcp", 5, at=NOW - DAY + instant),
        *measured("lcp", 5, at=NOW),
        *measured("lcp", 1, at=NOW + instant),
    ]
    calls = [
        {"route": "/x", "method": "GET", "status": status, "seconds": 0.2, "occurred_at": at}
        for status, at in ((204, NOW), (101, NOW - timedelta(minutes=5)), (0, NOW - DAY), (599, NOW - DAY + instant))
    ]
    fill(database, {"page_timings": timings, "api_calls": calls})
    found = await ask(database, "experience", NOW)
    assert {labels[3]: share for labels, share in found["web_vital_rating_ratio"].items()} == {
        "good": 0,
        "needs_improvement": 0,
        "poor": 1,
    }
    assert {labels[2]: number for labels, number in found["api_requests_total"].items()} == {
        "2xx": 1,
        "3xx": 0,
        "4xx": 0,
        "5xx": 1,
        "other": 2,
    }
    bounds = shipped()["experience"].queries["durations"].buckets
    assert {labels: rounded(parts) for labels, parts in found["api_request_duration_seconds"].items()} == {
        ("/x", "GET", "5m"): histogram([0.2], bounds),
        ("/x", "GET", "1d"): histogram([0.2] * 3, bounds),
    }


async def test_before_the_first_measurement_there_is_nothing(asked: Asking) -> None:
    found = await asked("experience", NOW - timedelta(days=1000))
    assert {name: series for name, series in found.items() if series} == {}
