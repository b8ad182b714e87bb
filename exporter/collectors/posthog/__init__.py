"""PostHog: who uses the product and how far they come, how fast its pages are, and which flags and experiments are on.

Source: https://posthog.com/docs/api/queries, https://posthog.com/docs/api/feature-flags and
https://posthog.com/docs/api/experiments
"""

import asyncio
import re
import time
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, PrivateAttr, field_validator, model_validator

from exporter.clients.access import Keyed
from exporter.clients.api import CALLS, DURATION, QUOTA, Answer, Api, Params
from exporter.collector import Collector, Duration, Every, Model, Samples, Secret
from exporter.collectors.posthog import answers, queries
from exporter.collectors.posthog.answers import whole
from exporter.errors import Malformed
from exporter.metric import Sample
from exporter.roles import product, vitals, web

_OF_PEOPLE = (product.ACTIVE, product.STICKINESS, web.VISITORS, web.VISITS, web.PAGE_VIEWS, web.CURRENT, web.EVENTS, web.PAGES)
_OF_PAGES = (vitals.SECONDS, vitals.SCORE, vitals.RATING)
_OF_FUNNELS = (
    product.STEP_USERS,
    product.STEP_CONVERSION,
    product.STEP_DROP_OFF,
    product.CONVERSION,
    product.CONVERSION_SECONDS,
)
_OF_SWITCHES = (product.FLAG_ENABLED, product.FLAG_ROLLOUT, product.FLAG_EVALUATIONS, product.EXPERIMENT_RUNNING)
_OF_CALLS = (CALLS, DURATION, QUOTA)

_PAGE_LENGTH = 100
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds between questions whether an answer is ready


class Declared(Model):
    """One funnel."""

    name: str = Field(min_length=1)
    """What it is called; becomes the label `funnel`."""
    steps: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=2, max_length=10)]
    """Names of events, in the order in which they have to happen; each once."""
    within: Duration = Field(default=604_800.0, ge=1)
    """How long after the first step the last may follow."""
    window: Duration = Field(default=2_592_000.0, ge=60, le=7_776_000)
    """How far back the first step may lie, 90 days at most: PostHog ends a query after ten seconds."""

    @field_validator("steps")
    @classmethod
    def _come_once(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(steps)) != len(steps):
            raise ValueError("expected each event once")
        return steps

    @property
    def shown_window(self) -> str:
        """The window as Prometheus writes durations, in one unit."""
        units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
        unit = next(unit for unit, seconds in units.items() if round(self.window) % seconds == 0)
        return f"{round(self.window) // units[unit]}{unit}"


class PostHog(Keyed, Collector, kind="posthog"):
    """One PostHog project: active users, traffic, events, web vitals, funnels, feature flags and experiments."""

    url: str = "https://us.posthog.com"
    """Where PostHog is: `https://us.posthog.com`, `https://eu.posthog.com` or a server of your own."""
    key_setting: ClassVar[str] = "api_key"
    key_is_made: ClassVar[str] = (
        "a personal API key that may read queries, flags and experiments: make one in PostHog's settings"
    )

    api_key: Secret
    """A personal API key with the scopes `query:read`, `feature_flag:read` and `experiment:read`."""
    project: int = Field(ge=1)
    """The project's number, as in the address of its pages."""
    funnels: tuple[Declared, ...] = ()
    """Funnels to count: each a `name` and `steps`, and one query more."""
    web_vitals: bool = True
    """Whether to ask for web vitals, which PostHog's library sends when that is switched on."""
    feature_flags: bool = True
    """Whether to ask for feature flags."""
    experiments: bool = True
    """Whether to ask for experiments."""
    most: int = Field(default=20, ge=1, le=200)
    """How many events, pages, measured pages and devices, and answers of flags are told apart: those with most."""
    every: Every = 300.0
    """How often it is asked for people and events: two queries."""
    breakdowns_every: Duration = 900.0
    """How often it is asked for all the rest, at the soonest: up to five calls, and one for each funnel."""
    timeout: Duration = 120.0
    """How long one run may take."""

    _api: Api = PrivateAttr()
    _breakdowns: list[Sample] = PrivateAttr(default_factory=list)
    _asked_at: float | None = PrivateAttr(default=None)
    """When the breakdowns were last had, by the monotonic clock."""

    @field_validator("url")
    @classmethod
    def _is_of_the_app(cls, url: str) -> str:
        if (urlsplit(url).hostname or "").endswith(".i.posthog.com"):
            raise ValueError(
                "expected PostHog's own address, such as https://eu.posthog.com, not the one that events are sent to"
            )
        return url

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        names = sorted((funnel.name, funnel.shown_window) for funnel in self.funnels)
        if twice := [name for (name, *rest), following in pairwise(names) if following == (name, *rest)]:
            raise ValueError(f"funnels: {twice[0]!r} is declared twice with the same window")
        self._api = Api(self.url, self, timeout=min(self.timeout, 60.0), error_name=lambda body: body["code"])
        return self

    async def collect(self) -> Samples:
        people = await self._table("activity", queries.activity())
        done = await self._table("events", queries.events(self.most))
        samples = whole("figures of people and page views", answers.activity(people, self.name))
        samples += whole("events by name", answers.events(done, self.most, self.name))
        now = time.monotonic()
        # A little early counts as due: else jitter would make every other turn wait for one more.
        if self._asked_at is None or now - self._asked_at >= 0.9 * self.breakdowns_every:
            self._breakdowns = await self._break_down()
            self._asked_at = now
        for sample in (*samples, *self._breakdowns):
            yield sample
        for sample in self._api.samples(self.name):
            yield sample

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _break_down(self) -> list[Sample]:
        """One question after the other: PostHog answers three at a time, and others ask too."""
        seen = await self._table("pages", queries.pages(self.most))
        samples = whole("visitors by page", answers.pages(seen, self.most, self.name))
        if self.web_vitals:
            measured = await self._table("vitals", queries.vitals(self.most))
            samples += whole("web vitals by page and device", answers.vitals(measured, self.name))
        for funnel in self.funnels:
            came = await self._table("funnel", queries.funnel(funnel.steps, funnel.window, funnel.within))
            found = answers.funnel(came, funnel.steps, self.name, funnel.name, funnel.shown_window)
            samples += whole(f"the steps of the funnel {funnel.name}", found)
        return samples + await self._switches()

    async def _switches(self) -> list[Sample]:
        samples: list[Sample] = []
        if self.feature_flags:
            met = await self._table("exposures", queries.exposures(self.most))
            samples += whole("answers of flags", answers.exposures(met, self.name))
            samples += whole("a list of feature flags", answers.flags(await self._listed("feature_flags"), self.name))
        if self.experiments:
            samples += whole("a list of experiments", answers.experiments(await self._listed("experiments"), self.name))
        return samples

    async def _listed(self, what: str) -> list[Any]:
        """All items of a list, page by page."""
        path = f"/api/projects/{self.project}/{what}/"
        items: list[Any] = []
        async for page in self._api.pages(path, _follow, {"limit": _PAGE_LENGTH}):
            items += _items(page, path)
        return items

    async def _table(self, name: str, query: str) -> answers.Table:
        """The rows of a query. Without `force_blocking` PostHog may give those of an earlier one."""
        path = f"/api/projects/{self.project}/query/"
        asked = {
            "query": {"kind": "HogQLQuery", "query": query},
            "name": f"bellwether_{name}",
            "refresh": "force_blocking",
        }
        data = await self._api.post(path, asked)
        pause = _FIRST_PAUSE
        while status := _unfinished(data):
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", status):
                raise Malformed(f"POST {path}: expected the id of a query, got something else")
            data = await self._api.get(f"{path}{status}/")
            if _unfinished(data):
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        return answers.table(data, f"the query bellwether_{name}")


def _unfinished(data: Any) -> str | None:
    """The id of a query whose answer is not ready; None where it is, or nothing is said of it."""
    status = data.get("query_status") if isinstance(data, dict) else None
    return str(status.get("id")) if isinstance(status, dict) and not status.get("complete") else None


def _follow(answer: Answer) -> Params | None:
    """The next page. Its address is not used, since behind a proxy a server may not know its own."""
    data = answer.data()
    following = data.get("next") if isinstance(data, dict) else None
    if following is None:
        return None
    try:
        query = parse_qs(urlsplit(following).query)
        return {"limit": int(query["limit"][0]), "offset": int(query["offset"][0])}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Malformed(f"{answer.place}: expected the next page's limit and offset, got something else") from None


def _items(page: Any, path: str) -> list[Any]:
    if isinstance(page, dict) and isinstance(page.get("results"), list):
        return list(page["results"])
    raise Malformed(f"GET {path}: expected a page with results, got something else; check url")
