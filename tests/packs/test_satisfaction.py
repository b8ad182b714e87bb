"""The pack `satisfaction`: every figure, against the same worked out from the story, and the edges by hand."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from exporter.demo.chapters import Row
from exporter.packs.load import shipped
from tests.packs.conftest import NOW, Asking, ask
from tests.packs.expected import histogram, rounded
from tests.packs.rows import counted, fill

SEVERITIES = ("critical", "high", "medium", "low")
MOODS = ("positive", "neutral", "negative", "none")
Told = Callable[[str], dict[str, list[Row]]]


class Answer(NamedTuple):
    """A row of shop.survey_answers."""

    id: str
    user: str
    question: str
    score: int
    mood: str | None
    at: datetime


class Wish(NamedTuple):
    """A row of shop.wishes."""

    id: str
    area: str | None
    wished: datetime
    decided: datetime | None
    decision: str | None


class Bug(NamedTuple):
    """A row of shop.bugs."""

    id: str
    severity: str
    area: str | None
    reported: datetime
    fixed: datetime | None


def within(days: int, as_of: datetime, at: datetime | None) -> bool:
    return at is not None and as_of - timedelta(days=days) < at <= as_of


def is_open(as_of: datetime, begun: datetime, ended: datetime | None) -> bool:
    return begun <= as_of and (ended is None or ended > as_of)


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_surveys_say_what_the_story_told(as_of: datetime, chapter: Told, asked: Asking) -> None:
    answers = [Answer(*row) for row in chapter("satisfaction")["survey_answers"]]  # type: ignore[arg-type]
    found = await asked("satisfaction", as_of)
    nps: dict[Any, Any] = {}
    kinds: dict[Any, Any] = {}
    csat: dict[Any, Any] = {}
    for days in (7, 30, 90):
        scores = [row.score for row in answers if row.question == "nps" and within(days, as_of, row.at)]
        if days > 7:
            promoters, detractors = sum(score in (9, 10) for score in scores), sum(score in range(7) for score in scores)
            nps[f"{days}d",] = 100 * promoters / len(scores) - 100 * detractors / len(scores)
            kinds |= {("promoter", f"{days}d"): promoters, ("detractor", f"{days}d"): detractors}
            kinds["passive", f"{days}d"] = scores.count(7) + scores.count(8)
        satisfied = [row.score for row in answers if row.question == "csat" and within(days, as_of, row.at)]
        csat[f"{days}d",] = sum(satisfied) / len(satisfied)
    assert found["satisfaction_nps"] == pytest.approx(nps)
    assert found["satisfaction_nps_answers"] == kinds
    assert found["satisfaction_csat_score"] == pytest.approx(csat)
    assert {labels: rounded(parts) for labels, parts in found["satisfaction_answer_score"].items()} == {
        (survey, "30d"): histogram(
            (row.score for row in answers if row.question == survey and within(30, as_of, row.at)), range(11)
        )
        for survey in ("nps", "csat")
    }
    past = [(row.question, row.mood or "none") for row in answers if row.at <= as_of]
    assert len(past) > 1000
    assert found["satisfaction_answers_total"] == counted(past, ("nps", "csat"), MOODS)


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_wishes_and_votes_are_those_of_the_story(as_of: datetime, chapter: Told, asked: Asking) -> None:
    told = chapter("satisfaction")
    wishes = [Wish(*row) for row in told["wishes"]]  # type: ignore[arg-type]
    area = {wish.id: wish.area or "unknown" for wish in wishes}
    votes = [str(wish) for wish, at in told["wish_votes"] if at <= as_of]  # type: ignore[operator]
    found = await asked("satisfaction", as_of)
    areas = {area[wish.id] for wish in wishes if wish.wished <= as_of}
    wanted = [wish.id for wish in wishes if is_open(as_of, wish.wished, wish.decided)]
    open_votes = [area[wish] for wish in votes if wish in wanted]
    assert open_votes
    assert found["satisfaction_feature_requests_open"] == {
        (name,): [area[wish] for wish in wanted].count(name) for name in areas
    }
    assert found["satisfaction_feature_requests_open_votes"] == {(name,): open_votes.count(name) for name in areas}
    assert found["satisfaction_feature_requests_created_total"] == counted(
        ((area[wish.id],) for wish in wishes if wish.wished <= as_of), None
    )
    assert found["satisfaction_feature_requests_closed_total"] == counted(
        ((area[wish.id], str(wish.decision)) for wish in wishes if wish.decided and wish.decided <= as_of),
        None,
        ("done", "declined"),
    )
    assert found["satisfaction_feature_request_votes_total"] == counted(((area[wish],) for wish in votes), None)


@pytest.mark.parametrize("as_of", [NOW, NOW - timedelta(days=100)])
async def test_bugs_are_those_of_the_story(as_of: datetime, chapter: Told, asked: Asking) -> None:
    bugs = [Bug(*row) for row in chapter("satisfaction")["bugs"]]  # type: ignore[arg-type]
    found = await asked("satisfaction", as_of)

    def labels(chosen: Iterable[Bug]) -> list[tuple[str, str]]:
        return [(bug.severity, bug.area or "unknown") for bug in chosen]

    known = labels(bug for bug in bugs if bug.reported <= as_of)
    unfixed = [bug for bug in bugs if is_open(as_of, bug.reported, bug.fixed)]
    assert found["satisfaction_bug_reports_open"] == {pair: labels(unfixed).count(pair) for pair in known}
    assert found["satisfaction_bug_reports_created_total"] == counted(known, SEVERITIES, None)
    assert found["satisfaction_bug_reports_closed_total"] == counted(
        labels(bug for bug in bugs if bug.fixed and bug.fixed <= as_of), SEVERITIES, None
    )
    ages: dict[Any, list[float]] = {}
    for bug in unfixed:
        ages.setdefault((bug.severity,), []).append((as_of - bug.reported).total_seconds())
    taken: dict[Any, list[float]] = {}
    for bug in bugs:
        if bug.fixed and within(30, as_of, bug.fixed):
            taken.setdefault((bug.severity, "30d"), []).append((bug.fixed - bug.reported).total_seconds())
    assert len(taken) == 4
    for query, metric, expected in (
        ("bug_ages", "satisfaction_open_bug_report_age_seconds", ages),
        ("bug_resolutions", "satisfaction_bug_report_resolution_seconds", taken),
    ):
        bounds = shipped()["satisfaction"].queries[query].buckets
        assert {key: rounded(parts) for key, parts in found[metric].items()} == {
            key: histogram(values, bounds) for key, values in expected.items()
        }


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((9, 10), 100), ((0, 6), -100), ((7, 8), 0), ((10, 6), 0), ((10, 10, 8, 3), 25), ((6, 7, 9), 0), ((9, 8, 8), 100 / 3)],
)
async def test_nps_by_hand(database: str, scores: tuple[int, ...], expected: float) -> None:
    """Wordings as published: 9 and 10 promote, 0 to 6 detract, 7 and 8 count only as answers."""
    answers = [{"survey": "nps", "score": score, "created_at": NOW} for score in scores]
    answers += [{"survey": "csat", "score": 5, "created_at": NOW}]
    fill(database, {"feedback": answers, "feature_requests": [], "feature_request_votes": [], "bug_reports": []})
    found = await ask(database, "satisfaction", NOW)
    assert found["satisfaction_nps"] == pytest.approx({("30d",): expected, ("90d",): expected})


async def test_a_window_is_open_where_it_begins_and_closed_where_it_ends(database: str) -> None:
    instant, month, quarter = timedelta(microseconds=1), timedelta(days=30), timedelta(days=90)
    times = {10: NOW, 0: NOW + instant, 9: NOW - month + instant, 6: NOW - month, 5: NOW - quarter + instant, 1: NOW - quarter}
    answers = [{"survey": "nps", "score": score, "created_at": at} for score, at in times.items()]
    fill(database, {"feedback": answers, "feature_requests": [], "feature_request_votes": [], "bug_reports": []})
    found = await ask(database, "satisfaction", NOW)
    assert found["satisfaction_nps"] == {("30d",): 100, ("90d",): 0}
    assert found["satisfaction_answer_score"]["nps", "30d"] == histogram([10, 9], range(11))
    assert found["satisfaction_csat_score"] == {}


async def test_before_the_first_answer_there_is_nothing_but_zeros(asked: Asking) -> None:
    found = await asked("satisfaction", NOW - timedelta(days=1000))
    zeros = found.pop("satisfaction_answers_total")
    assert zeros == counted([], ("nps", "csat"), MOODS)
    assert {name: series for name, series in found.items() if series} == {}
