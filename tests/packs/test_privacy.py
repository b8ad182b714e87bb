"""The pack `privacy`: every figure, against the same worked out from the story, and the edges by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from exporter.demo import chapters, company
from exporter.demo.chapters import Row
from exporter.demo.company import Company
from exporter.packs.load import shipped
from tests.packs.conftest import NOW, SEED, Asking, ask
from tests.packs.expected import histogram, rounded
from tests.packs.rows import counted, fill

KINDS = ("access", "erasure", "portability", "opt_out")
STATES = ("in_time", "overdue")
Told = Callable[[str], dict[str, list[Row]]]


class Request(NamedTuple):
    """A row of shop.data_requests."""

    id: str
    kind: str
    received: datetime
    answer_by: datetime | None
    answered: datetime | None

    def state(self, at: datetime) -> str:
        return "overdue" if at > (self.answer_by or self.received + timedelta(days=30)) else "in_time"


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100), NOW - timedelta(days=300)])
async def test_requests_are_those_of_the_story(as_of: datetime, chapter: Told, asked: Asking) -> None:
    requests = [Request(*row) for row in chapter("privacy")["data_requests"]]  # type: ignore[arg-type]
    found = await asked("privacy", as_of)
    waiting = [row for row in requests if row.received <= as_of and not (row.answered and row.answered <= as_of)]
    states = [(row.kind, row.state(as_of)) for row in waiting]
    assert waiting
    assert found["privacy_requests_open"] == {(kind, state): states.count((kind, state)) for kind in KINDS for state in STATES}
    assert found["privacy_oldest_open_request_seconds"] == {
        (kind,): max((as_of - row.received).total_seconds() for row in waiting if row.kind == kind)
        for kind in {row.kind for row in waiting}
    }
    taken: dict[Any, list[float]] = {}
    for row in requests:
        if row.answered and as_of - timedelta(days=90) < row.answered <= as_of:
            taken.setdefault((row.kind, "90d"), []).append((row.answered - row.received).total_seconds())
    assert len(taken) == 4
    bounds = shipped()["privacy"].queries["completions"].buckets
    assert {labels: rounded(parts) for labels, parts in found["privacy_request_completion_seconds"].items()} == {
        labels: histogram(seconds, bounds) for labels, seconds in taken.items()
    }
    assert found["privacy_requests_received_total"] == counted(
        ((row.kind,) for row in requests if row.received <= as_of), KINDS
    )
    assert found["privacy_requests_completed_total"] == counted(
        ((row.kind, row.state(row.answered)) for row in requests if row.answered and row.answered <= as_of), KINDS, STATES
    )


async def test_stored_data_are_those_of_the_last_report(told: Company, asked: Asking) -> None:
    """The view knows the present alone, by the wall clock: the last report that was told before it, of days ahead too."""
    reports: dict[str, Any] = {}
    days = (NOW - told.story.begins_at) // timedelta(days=1) + 1 + company._DAYS_AHEAD
    rows = chapters.tell(told.story, SEED, told.story.begins_at, days, ["privacy"])["retention_reports"]
    for dataset, reported, keep, oldest, overdue in rows:
        if reported <= datetime.now(UTC):  # type: ignore[operator]
            reports[str(dataset)] = keep, oldest, overdue
    as_of = NOW + timedelta(days=5)
    found = await asked("privacy", as_of)
    assert len(reports) == 5
    assert found["privacy_data_overdue_rows"] == {(name,): overdue for name, (_, _, overdue) in reports.items()}
    assert found["privacy_data_keep_seconds"] == {(name,): keep.total_seconds() for name, (keep, _, _) in reports.items()}
    assert found["privacy_data_oldest_age_seconds"] == {
        (name,): (as_of - oldest).total_seconds() for name, (_, oldest, _) in reports.items()
    }
    months_before = await asked("privacy", NOW - timedelta(days=800))  # harmless where it cannot be known
    assert months_before["privacy_data_oldest_age_seconds"] == {}


@pytest.mark.parametrize(
    ("as_of", "keep", "days"),
    [
        (datetime(2024, 3, 1, tzinfo=UTC), "1 year", 366),
        (datetime(2026, 3, 1, tzinfo=UTC), "1 year", 365),
        (datetime(2024, 2, 29, tzinfo=UTC), "1 year", 366),  # the day before, a year ago, is the 28th
        (datetime(2026, 3, 31, tzinfo=UTC), "1 month", 31),
        (datetime(2026, 3, 1, tzinfo=UTC), "1 month", 28),
        (datetime(2026, 3, 29, 12, tzinfo=UTC), "30 days", 30),  # when clocks are put forward in Europe
    ],
)
async def test_months_are_as_long_as_the_one_that_is_over(database: str, as_of: datetime, keep: str, days: int) -> None:
    """Just on the limit: not overdue by the application's `oldest_at < now() - keep_for`, nor by age against limit."""
    stored = [{"dataset": "logs", "keep_for": keep, "oldest_at": as_of - timedelta(days=days), "overdue": 0}]
    stored += [{"dataset": "empty", "keep_for": keep, "overdue": 0}]
    fill(database, {"stored_data": stored, "privacy_requests": []})
    found = await ask(database, "privacy", as_of)
    assert found["privacy_data_keep_seconds"] == {("logs",): days * 86400, ("empty",): days * 86400}
    assert found["privacy_data_oldest_age_seconds"] == {("logs",): days * 86400}
    assert found["privacy_data_overdue_rows"] == {("logs",): 0, ("empty",): 0}


async def test_a_request_is_overdue_only_after_the_last_instant(database: str) -> None:
    instant, month = timedelta(microseconds=1), timedelta(days=30)
    requests = [
        {"kind": "access", "created_at": NOW - month},
        {"kind": "access", "created_at": NOW - month - instant},
        {"kind": "erasure", "created_at": NOW - 2 * month, "due_at": NOW},
        {"kind": "erasure", "created_at": NOW - instant, "due_at": NOW - instant},
        {"kind": "erasure", "created_at": NOW - month, "due_at": NOW, "completed_at": NOW + instant},
        {"kind": "opt_out", "created_at": NOW - 2 * month, "completed_at": NOW - month},
        {"kind": "opt_out", "created_at": NOW - 2 * month, "completed_at": NOW - month + instant},
        {
            "kind": "access",
            "created_at": NOW - 3 * month,
            "due_at": NOW - month,
            "completed_at": NOW - month,
        },  # longer than 30 days
        {"kind": "portability", "created_at": NOW - 2 * instant, "due_at": NOW - instant, "completed_at": NOW},  # shorter
        {"kind": "portability", "created_at": NOW - instant, "due_at": NOW - instant},
        {"kind": "portability", "created_at": NOW + instant},
    ]
    fill(database, {"stored_data": [], "privacy_requests": requests})
    found = await ask(database, "privacy", NOW)
    zeros = {(kind, state): 0 for kind in KINDS for state in STATES}
    assert found["privacy_requests_open"] == zeros | {
        ("access", "in_time"): 1,
        ("access", "overdue"): 1,
        ("erasure", "in_time"): 2,
        ("erasure", "overdue"): 1,
        ("portability", "overdue"): 1,
    }
    assert found["privacy_requests_completed_total"] == zeros | {
        ("opt_out", "in_time"): 1,
        ("opt_out", "overdue"): 1,
        ("access", "in_time"): 1,
        ("portability", "overdue"): 1,
    }
    assert found["privacy_oldest_open_request_seconds"].keys() == {("access",), ("erasure",), ("portability",)}


async def test_before_the_first_request_there_is_nothing_but_zeros(database: str) -> None:
    fill(database, {"stored_data": [], "privacy_requests": [{"kind": "access", "created_at": NOW + timedelta(days=1)}]})
    found = await ask(database, "privacy", NOW)
    zeros = [found.pop(f"privacy_requests_{name}_total") for name in ("received", "completed")]
    assert [set(series.values()) for series in zeros] == [{0}, {0}]
    assert {name: series for name, series in found.items() if series} == {}
