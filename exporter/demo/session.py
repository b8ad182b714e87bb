"""One run of the demo: database, company, application, services and exporter, started in order and ended in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.app import App
from exporter.collector import Collector, kinds, load_kinds
from exporter.demo import programs
from exporter.demo.chapters import activity
from exporter.demo.company import Company, require_known
from exporter.demo.database import Server
from exporter.demo.desk import Desk
from exporter.demo.incidents.upheavals import Upheaval, blocked, follow, stopped
from exporter.demo.machine import Machine
from exporter.demo.secured import Secured
from exporter.demo.stack import Stack
from exporter.demo.traffic import Traffic
from exporter.demo.vendors import Vendors
from exporter.demo.website import Website
from exporter.serving import Web
from exporter.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever starts the demo may decide about it."""

    incidents: tuple[str, ...] = ()
    """Those that go on from the beginning."""
    application: tuple[str, int] = ("127.0.0.1", 0)
    """Where the application listens."""
    stack: bool = True
    """Whether Prometheus and Alertmanager are started where they are found."""
    tools: Path | None = None
    """Where to look for them beside the PATH."""


async def run(web: Web, say: Say, wishes: Wishes = Wishes()) -> None:
    """Run the demo until cancelled; `say` gets each line meant for the person watching. Raises `DemoError`."""
    for incident in wishes.incidents:
        require_known(incident)
    say("starting PostgreSQL ...")
    with Server() as server:
        say("loading 400 days of a company's history ...")
        async with contextlib.AsyncExitStack() as parts:
            enter = parts.enter_async_context
            company = await enter(Company(server))
            for incident in wishes.incidents:
                await company.start_incident(incident)

            def going_on() -> frozenset[str]:
                return company.life.going_on

            host, port = wishes.application
            site = await enter(Website(company.application_dsn, port, host=host, going_on=going_on))
            secured = await enter(Secured(site.port))
            vendors = await enter(Vendors(company.application_dsn))
            desk = await enter(Desk(going_on, company.start_incident, company.end_incident))

            def watched(*, services: bool) -> Settings:
                of_services = _services(vendors) if services else []
                return Settings(collectors=(*_own(company.monitor_dsn, site, secured, Machine.under(going_on)), *of_services))

            exporter = Exporter(web, watched)
            upheavals: dict[str, Upheaval] = {
                "certificate": secured.ending,
                "database-blocked": lambda: blocked(company.application_dsn),
                "database-down": lambda: stopped(server),
                "exporter-down": exporter.away,
            }
            tasks = [
                asyncio.create_task(exporter.run(), name="exporter"),
                asyncio.create_task(Traffic(site.url, lambda: datetime.now(UTC), going_on).run(), name="traffic"),
                asyncio.create_task(follow(going_on, upheavals), name="incidents"),
            ]
            parts.push_async_callback(_cancelled, tasks)
            await _unless_one_ends(exporter.up.wait(), tasks)
            say("collecting for the first time ...\n")
            await _unless_one_ends(exporter.app.ready(), tasks)
            for line in [*_addresses(exporter.url, site, secured, desk, company), "", *await _headlines(exporter.url), ""]:
                say(line)
            exporter.watch_all()  # the services last: to be asked for the first time, they all look through the whole history
            if stack := _stack(wishes, say, url=exporter.url, site=site, desk=desk, company=company):
                beside = asyncio.create_task(stack.run(), name="stack")
                parts.push_async_callback(_cancelled, [beside])
            say(f"from now on also its {len(vendors.settings())} services. Ctrl-C ends it.")
            await _unless_one_ends(asyncio.Event().wait(), tasks)


class Exporter:
    """The exporter of the demo, which an incident may take away for a while."""

    def __init__(self, web: Web, watched: Callable[..., Settings]) -> None:
        self._web, self._watched, self._all = web, watched, False
        self.up, self._down, self._back = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(self) -> NoReturn:
        """Serve until cancelled, but for the times when it is away."""
        while True:
            self.app = App(self._watched(services=self._all), self._web, lambda: self._watched(services=self._all))
            async with self.app.running() as self.url:
                self.up.set()
                await self._down.wait()
            self.up.clear()
            await self._back.wait()

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncGenerator[None]:
        """Shut it down, and start it again in the end."""
        self._back.clear()
        self._down.set()
        try:
            yield
        finally:
            self._down.clear()
            self._back.set()

    def watch_all(self) -> None:
        """Watch the company's services too."""
        self._all = True
        self.app.reload()


async def _unless_one_ends(awaited: Coroutine[Any, Any, object], tasks: list[asyncio.Task[Any]]) -> None:
    """Wait for something that should come, or fail as the first of the tasks that does."""
    coming = asyncio.ensure_future(awaited)
    try:
        await asyncio.wait([coming, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        coming.cancel()
    for task in tasks:
        if task.done():
            task.result()


async def _cancelled(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _stack(wishes: Wishes, say: Say, *, url: str, site: Website, desk: Desk, company: Company) -> Stack | None:
    if not wishes.stack:
        return None
    found, missing = programs.find(wishes.tools)
    if found is None:
        say(f"without Prometheus and Alertmanager: {', '.join(missing)} not found on the PATH; --tools DIR looks elsewhere")
        return None
    return Stack(
        found,
        exporter=url.removeprefix("http://"),
        application=site.url.removeprefix("http://"),
        desk=desk.url,
        dsn=company.monitor_dsn,
        say=say,
    )


def _own(dsn: str, site: Website, secured: Secured, machine: Machine) -> tuple[Collector, ...]:
    """What the demo watches: the same collectors, on the same settings, as a user's own file would name."""
    load_kinds()
    kind = kinds()
    sign_up = {"name": "sign-up", "steps": activity.SIGN_UP, "by": "visitor"}
    guarded = {"dsn": dsn, "guardrails": {"activation": "lower"}}
    experiments = [kind["experiments"].model_validate(guarded)] if find_spec("scipy") else []
    more = dict.fromkeys(("stat_statements_query", "statio_user_indexes", "bloat_table", "bloat_index"), True)
    shop = {"name": "shop", "target": f"{secured.url}/healthz", "every": "15s", "ca_file": secured.authority}
    return (
        machine,
        kind["postgres"].model_validate({"dsn": dsn, "instance": "demo", "every": "15s", "queries": more}),
        kind["sql"].model_validate({"dsn": dsn, "every": "15s", "count_from": "first_row"}),  # going on from the history
        kind["funnel"].model_validate({"dsn": dsn, "funnels": [sign_up], "every": "60s"}),
        kind["http"].model_validate({"name": "website", "target": f"{site.url}/healthz", "every": "15s"}),
        kind["http"].model_validate(shop),
        *experiments,
    )


def _services(vendors: Vendors) -> list[Collector]:
    """The collectors of the services that the company subscribes to."""
    kind = load_kinds()
    return [kind[name].model_validate(given) for name, given in vendors.settings()]


def _addresses(url: str, site: Website, secured: Secured, desk: Desk, company: Company) -> list[str]:
    return [
        f"metrics    {url}/metrics",
        f"overview   {url}/",
        f"website    {site.url}/ and {secured.url}/",
        f"incidents  {desk.url}/",
        f"database   psql '{company.admin_dsn}'",
    ]


async def _headlines(url: str) -> list[str]:
    """Five figures of the company as its own database tells them, read back from the exporter's own page."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        page = (await client.get("/metrics")).raise_for_status().text
    families = text_string_to_metric_families(page)
    samples = [sample for family in families for sample in family.samples if sample.labels.get("source", "sql") == "sql"]
    mrr = _sum_by(samples, "saas_mrr", "currency")
    customers = _sum_by(samples, "saas_customers", "status")
    attempts = _sum_by(samples, "payment_attempts_total", "outcome")
    churn = _sum_by(samples, "saas_customer_churn_ratio", "window")
    size = _sum_by(samples, "pg_database_size_bytes", "instance")
    now = datetime.now(UTC)
    return [
        f"as of {now:%Y-%m-%d %H:%M:%S} UTC, from {url}/metrics:",
        "  MRR                 " + ", ".join(f"{amount:,.2f} {currency.upper()}" for currency, amount in sorted(mrr.items())),
        "  customers           " + ", ".join(f"{count:,.0f} {status}" for status, count in customers.items()),
        "  churn, 30 days      " + ", ".join(f"{ratio:.1%}" for ratio in churn.values()),
        "  payments            " + ", ".join(f"{count:,.0f} {outcome}" for outcome, count in attempts.items()),
        "  database            " + ", ".join(f"{size_ / 2**20:,.0f} MiB" for size_ in size.values()),
    ]


def _sum_by(samples: Iterable[Sample], name: str, label: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for sample in samples:
        if sample.name == name:
            sums[sample.labels[label]] = sums.get(sample.labels[label], 0.0) + sample.value
    return sums
