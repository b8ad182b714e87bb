"""Sentry: errors by level and kind, issues and how long they take to be resolved, users affected, sessions without a crash.

Source: https://docs.sentry.io/api/, and where that is silent https://github.com/getsentry/sentry/tree/master/src/sentry
"""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from exporter.clients.access import Keyed
from exporter.clients.api import CALLS, DURATION, QUOTA, Api, Params
from exporter.clients.cadence import Cadence
from exporter.collector import Collector, Duration, Every, Sample, Samples, Secret
from exporter.collectors.sentry.figures import SESSION_FIELDS, Figures
from exporter.collectors.sentry.kinds import Kinds
from exporter.collectors.sentry.organization import Listed, Organization, text, understood
from exporter.collectors.sentry.resolutions import Resolutions
from exporter.errors import Denied
from exporter.roles import errors

_DECLARED = (
    errors.EVENTS, errors.BY_KIND, errors.USERS, errors.DROPPED, errors.ISSUES, errors.NEW_ISSUES, errors.INCOMPLETE,
    errors.RESOLUTION, errors.SESSIONS, errors.CRASH_FREE_SESSIONS, errors.CRASH_FREE_USERS, CALLS, DURATION, QUOTA,
)  # fmt: skip

_EVENT_WINDOWS = {"1h": "1h", "1d": "24h"}
_DAY_WINDOW = "1d"  # of what Sentry counts by whole hours
_ROWS = 100  # as many as are given at once
_MOST_GROUPS = 5000  # rows by project, and by project and level


class Sentry(Keyed, Collector, kind="sentry"):
    """Errors of one organization's projects, at sentry.io or on a server of your own."""

    url: str = "https://sentry.io"
    """Where Sentry is: `https://de.sentry.io` for an organization kept in Europe, or your own server."""
    organization: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """The organization's slug, as in `https://SLUG.sentry.io`."""
    key_setting: ClassVar[str] = "token"
    key_is_made: ClassVar[str] = (
        "that of an internal integration with the permissions Project, Issue & Event and Organization: Read; make one in "
        "Sentry's settings, Custom Integrations"
    )

    token: Secret
    """The token of an internal integration that may read projects, issues and events, and the organization."""
    projects: tuple[str, ...] = ()
    """The slugs of the projects that matter; all that the token may see unless given."""
    environments: tuple[str, ...] = ()
    """The environments that matter, such as `production`; all unless given. Dropped errors are of all anyway."""
    separately: bool = False
    """Whether to ask for one project at a time, where a plan or an old server refuses questions over several."""
    issues: str = "issue.category:error"
    """Which issues count, in Sentry's search syntax; empty for those of performance and feedback as well."""
    dataset: str = Field(default="errors", pattern=r"^[A-Za-z_]+$")
    """What events are counted from; `discover` on servers of before 2024."""
    kinds: Kinds = Field(default_factory=dict)
    """Further types of errors with their kinds, such as `"*PaymentError": api`, where `*` stands for any text: script, network,
    api, validation or other. Those in common use are known."""
    most_issues: int = Field(default=1000, ge=1)
    """The most unresolved issues, and the most new ones, that are looked at."""
    most_resolved: int = Field(default=100, ge=0)
    """The most resolved issues that are looked at, those seen last, each with one request once; 0 for none."""
    most_types: int = Field(default=500, ge=1)
    """The most types of errors that are told apart; further ones are of the kind `other`."""
    breakdowns_every: Duration = 900.0
    """How often kinds, affected users, dropped errors, sessions and resolved issues are asked for."""
    every: Every = 120.0
    """How often errors by level and unresolved and new issues are asked for: four requests, and one per hundred issues."""
    timeout: Duration = 60.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _organization: Organization = PrivateAttr()
    _breakdowns: Cadence = PrivateAttr()
    _resolutions: Resolutions = PrivateAttr(default_factory=Resolutions)
    _projects: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        self._api = Api(self.url, self, timeout=min(30.0, self.timeout), error_name=_error_name)
        environments = {"environment": self.environments} if self.environments else {}
        self._organization = Organization(self._api, self.organization, environments)
        self._breakdowns = Cadence(self.breakdowns_every)
        return self

    async def collect(self) -> Samples:
        for sample in await self._breakdowns.samples(self._ask_for_breakdowns):  # first, since it finds the projects
            yield sample
        figures = Figures(self.name, self._projects)
        for window in _EVENT_WINDOWS:
            for sample in figures.by_level((await self._events(window, "project", "level", "count()")).rows, window):
                yield sample
        unresolved = await self._issues("is:unresolved", "14d", self.most_issues)
        for sample in figures.unresolved(unresolved.rows):
            yield sample
        new = await self._issues("firstSeen:-7d", "7d", self.most_issues)
        for sample in figures.new(new.rows, time.time()):
            yield sample
        yield errors.INCOMPLETE(not (unresolved.complete and new.complete), source=self.name)
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _ask_for_breakdowns(self) -> AsyncIterator[Sample]:
        self._projects = await self._find_projects()
        figures = Figures(self.name, self._projects)
        for window in _EVENT_WINDOWS:
            totals = (await self._events(window, "project", "count()", "count_unique(user)")).rows
            for sample in figures.users(totals, window):
                yield sample
            types = await self._events(window, "project", "error.type", "count()", most=self.most_types)
            for sample in figures.by_kind(types.rows, totals, self.kinds, window):
                yield sample
        asked: Params = {"field": "sum(quantity)", "category": "error", "statsPeriod": "24h"}
        answers = [await self._organization.one("stats-summary", {**asked, **scope}) for scope in self._scopes()]
        for sample in figures.dropped(answers, _DAY_WINDOW):
            yield sample
        # A longer interval than an hour would round the window to whole days.
        asked = {"field": SESSION_FIELDS, "groupBy": "project", "statsPeriod": "24h", "interval": "1h", "includeSeries": 0}
        sessions = await self._listed("sessions", {**asked, "per_page": _ROWS}, _MOST_GROUPS, lambda page: page["groups"])
        for sample in figures.sessions(sessions.rows, _DAY_WINDOW):
            yield sample
        if self.most_resolved:
            resolved = await self._issues("is:resolved", "30d", self.most_resolved)
            if await self._resolutions.learn(self._organization, resolved.rows):
                for sample in figures.resolutions(self._resolutions, time.time()):
                    yield sample

    async def _find_projects(self) -> dict[str, str]:
        """The slugs of the projects that are watched, by their ids."""
        listed = await self._organization.listed("projects", {}, _MOST_GROUPS)
        with understood("projects", "projects with id and slug"):
            found = {text(project["slug"]): text(project["id"]) for project in listed.rows}
        missing = [slug for slug in self.projects if slug not in found]
        if missing or not found:
            names = f"no project {' and no '.join(missing)}" if missing else "no project"
            raise Denied(f"projects: the token sees {names}; check the setting projects and the integration's permissions")
        return {found[slug]: slug for slug in self.projects or found}

    def _scopes(self) -> list[dict[str, list[str]]]:
        """The projects to ask about: all in one question, or each in one of its own."""
        if self.separately:
            return [{"project": [key]} for key in self._projects]
        return [{"project": list(self._projects) if self.projects else ["-1"]}]

    async def _listed(self, what: str, asked: Params, most: int, rows: Callable[[Any], Any] = lambda page: page) -> Listed:
        parts = [await self._organization.listed(what, {**asked, **scope}, most, rows) for scope in self._scopes()]
        return Listed([row for part in parts for row in part.rows], all(part.complete for part in parts))

    async def _events(self, window: str, *fields: str, most: int = _MOST_GROUPS) -> Listed:
        """Counts of errors by the fields that are no counts, the largest first."""
        asked: Params = {
            "dataset": self.dataset,
            "field": fields,
            "statsPeriod": _EVENT_WINDOWS[window],
            "sort": "-count()",
            "per_page": _ROWS,
        }
        if self.dataset != "errors":  # which has nothing else in it
            asked = {**asked, "query": "!event.type:transaction"}
        return await self._listed("events", asked, most, lambda page: page["data"])

    async def _issues(self, query: str, period: str, most: int) -> Listed:
        """Issues that were seen within the period. They are counted here: the header X-Hits is an estimate."""
        asked: Params = {
            "query": f"{query} {self.issues}".strip(),
            "statsPeriod": period,
            "limit": _ROWS,
            "collapse": ("stats", "unhandled"),
        }
        return await self._listed("issues", asked, most)


def _error_name(data: Any) -> object:
    """What some refusals have beside the text for people, such as sso-required."""
    return data["detail"]["code"]
