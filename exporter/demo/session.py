"""One run of the demo: database, company, website and exporter, started in order and ended in reverse."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.app import App
from exporter.collector import Collector, kinds, load_kinds
from exporter.demo.chapters import activity
from exporter.demo.company import Company
from exporter.demo.database import Server
from exporter.demo.vendors import Vendors
from exporter.demo.website import Website
from exporter.serving import Web
from exporter.settings import Settings


async def run(web: Web, say: Callable[[str], None]) -> None:
    """Run the demo until cancelled; `say` gets each line meant for the person watching. Raises `DemoError`."""
    say("starting PostgreSQL ...")
    with Server() as server:
        say("loading 400 days of a company's history ...")
        async with (
            Company(server) as company,
            Website(company.monitor_dsn) as site,
            Vendors(company.application_dsn) as vendors,
        ):
            settings = _settings(company.monitor_dsn, site.url)
            watching_all = Settings(collectors=(*settings.collectors, *_services(vendors)))
            app = App(settings, web, lambda: watching_all)
            async with app.running() as url:
                say("collecting for the first time ...\n")
                await app.ready()
                for line in [*_addresses(url, site.url, company.admin_dsn), "", *await _headlines(url), ""]:
                    say(line)
                app.reload()  # the services last: to be asked for the first time, they all look through the whole history
                say(f"from now on also its {len(vendors.settings())} services. Ctrl-C ends it.")
                await asyncio.Event().wait()


def _settings(dsn: str, site: str) -> Settings:
    """What the demo watches: the same collectors, on the same settings, as a user's own file would name."""
    load_kinds()
    kind = kinds()
    sign_up = {"name": "sign-up", "steps": activity.SIGN_UP, "by": "visitor"}
    return Settings(
        collectors=(
            kind["node"].model_validate({}),
            kind["postgres"].model_validate({"dsn": dsn, "instance": "demo", "every": "15s"}),
            kind["sql"].model_validate({"dsn": dsn, "every": "15s"}),
            kind["funnel"].model_validate({"dsn": dsn, "funnels": [sign_up]}),
            kind["http"].model_validate({"name": "website", "target": f"{site}/healthz", "every": "15s"}),
        )
    )


def _services(vendors: Vendors) -> list[Collector]:
    """The collectors of the services that the company subscribes to."""
    kind = load_kinds()
    return [kind[name].model_validate(given) for name, given in vendors.settings()]


def _addresses(url: str, site: str, admin_dsn: str) -> list[str]:
    return [
        f"metrics    {url}/metrics",
        f"overview   {url}/",
        f"website    {site}/",
        f"database   psql '{admin_dsn}'",
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
