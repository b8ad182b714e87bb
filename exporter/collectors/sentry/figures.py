"""Samples of what Sentry answered. A project that is watched and not in the answer had no errors: its figures are 0."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporter.collectors.sentry.kinds import Kind, kind_of, level_of
from exporter.collectors.sentry.organization import text, understood
from exporter.collectors.sentry.resolutions import Resolutions, instant
from exporter.metric import Sample
from exporter.roles import errors

_HOUR, _DAY = 3600.0, 86400.0
_NEW = {"1h": _HOUR, "1d": _DAY, "7d": 7 * _DAY}
_RESOLUTION = {"7d": 7 * _DAY, "30d": 30 * _DAY}
_SESSIONS, _CRASH_FREE_SESSIONS, _CRASH_FREE_USERS = "sum(session)", "crash_free_rate(session)", "crash_free_rate(user)"
SESSION_FIELDS = (_SESSIONS, _CRASH_FREE_SESSIONS, _CRASH_FREE_USERS)
"""What `sessions` asks for."""


class Figures:
    """Samples of these projects, by their ids."""

    def __init__(self, source: str, projects: Mapping[str, str]) -> None:
        self._source, self._projects = source, projects

    def by_level(self, rows: Iterable[Any], window: str) -> Iterator[Sample]:
        """Of rows with `project`, `level` and `count()`."""
        counts: Counter[tuple[str, str]] = Counter()
        with understood("events", "counts by project and level"):
            for row in rows:
                counts[text(row["project"]), level_of(row["level"])] += _count(row["count()"])
        for project in self._all(project for project, _ in counts):
            for level in errors.LEVELS:
                value = counts[project, level]
                yield errors.EVENTS(value, source=self._source, project=project, level=level, window=window)

    def by_kind(self, rows: Iterable[Any], totals: Iterable[Any], further: Mapping[str, Kind], window: str) -> Iterator[Sample]:
        """Of rows with `project`, `error.type` and `count()`. What totals have beyond them is of the kind other."""
        counts: Counter[tuple[str, str]] = Counter()
        with understood("events", "counts by project and error.type"):
            for row in rows:
                counts[text(row["project"]), kind_of(row["error.type"], further)] += _count(row["count()"])
            left = {text(row["project"]): _count(row["count()"]) for row in totals}
        for (project, _), count in counts.items():
            left[project] = left.get(project, 0) - count
        for project in self._all(left):
            counts[project, "other"] += max(0, left.get(project, 0))
            for kind in errors.KINDS:
                value = counts[project, kind]
                yield errors.BY_KIND(value, source=self._source, project=project, kind=kind, window=window)

    def users(self, rows: Iterable[Any], window: str) -> Iterator[Sample]:
        """Of rows with `project` and `count_unique(user)`."""
        with understood("events", "users by project"):
            counts = {text(row["project"]): _count(row["count_unique(user)"]) for row in rows}
        for project in self._all(counts):
            yield errors.USERS(counts.get(project, 0), source=self._source, project=project, window=window)

    def dropped(self, answers: Iterable[Any], window: str) -> Iterator[Sample]:
        """Of summaries of outcomes."""
        counts: Counter[tuple[str, str]] = Counter()
        with understood("stats-summary", "outcomes by project"):
            for each in (project for answer in answers for project in answer["projects"]):
                for stats in each["stats"]:
                    for outcome in errors.OUTCOMES if stats["category"] == "error" else ():
                        counts[text(each["slug"]), outcome] += _count(stats["outcomes"].get(outcome, 0))
        for project in self._all(project for project, _ in counts):
            for outcome in errors.OUTCOMES:
                value = counts[project, outcome]
                yield errors.DROPPED(value, source=self._source, project=project, outcome=outcome, window=window)

    def sessions(self, groups: Iterable[Any], window: str) -> Iterator[Sample]:
        """Of groups by project. One that reports no sessions is not among them, and has no figure."""
        with understood("sessions", "totals by project"):
            found = [(str(group["by"]["project"]), [group["totals"][field] for field in SESSION_FIELDS]) for group in groups]
            totals = [(self._projects[key], [None if v is None else _number(v) for v in values])
                      for key, values in found if key in self._projects]  # fmt: skip
        for project, values in totals:
            for metric, value in zip(
                (errors.SESSIONS, errors.CRASH_FREE_SESSIONS, errors.CRASH_FREE_USERS), values, strict=True
            ):
                if value is not None:
                    yield metric(value, source=self._source, project=project, window=window)

    def unresolved(self, issues: Iterable[Any]) -> Iterator[Sample]:
        """Of unresolved issues."""
        counts: Counter[tuple[str, str, str]] = Counter()
        with understood("issues", "unresolved issues"):
            for issue in issues:
                state = issue.get("substatus") or "other"  # servers of before 2023 do not tell
                state = state if state in errors.STATES else "other"
                counts[text(issue["project"]["slug"]), state, level_of(issue["level"])] += 1
        for project in self._all(project for project, *_ in counts):
            for state in errors.STATES:
                for level in errors.LEVELS:
                    value = counts[project, state, level]
                    yield errors.ISSUES(value, source=self._source, project=project, state=state, level=level)

    def new(self, issues: Iterable[Any], now: float) -> Iterator[Sample]:
        """Of issues first seen of late."""
        with understood("issues", "new issues"):
            seen = [(text(issue["project"]["slug"]), instant(issue["firstSeen"])) for issue in issues]
        for project in self._all(project for project, _ in seen):
            for window, length in _NEW.items():
                value = sum(slug == project and at > now - length for slug, at in seen)
                yield errors.NEW_ISSUES(value, source=self._source, project=project, window=window)

    def resolutions(self, known: Resolutions, now: float) -> Iterator[Sample]:
        """Of issues resolved of late; without any there is nothing to tell."""
        for window, length in _RESOLUTION.items():
            for project, durations in known.within(now - length).items():
                buckets = errors.resolution_buckets(durations)
                yield errors.RESOLUTION.histogram(
                    buckets, count=len(durations), sum=sum(durations), source=self._source, project=project, window=window
                )

    def _all(self, found: Iterable[str]) -> list[str]:
        """Projects that are watched, and those found, such as one made a minute ago."""
        return list(dict.fromkeys([*self._projects.values(), *found]))


def _count(value: object) -> int:
    return int(_number(value))


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"expected a number, got {type(value).__name__}")
    return value
