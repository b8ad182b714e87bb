"""The company's application behind its website: routes, answers, background jobs, and what it measures of them.

Names of metrics are those of OpenTelemetry's semantic conventions, as Prometheus writes them, where these have any.
Source: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
"""

import asyncio
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random

import psycopg
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from exporter.demo.pool import Pool

SERVICE = "shop"
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_ERRORS, _REFUSED = 0.3, 0.85  # shares of requests, while errors burst and while payments fail
_FAULTS, _CACHED = 0.0004, 0.86  # on an ordinary day: of requests that end in an error, and of those answered from the cache
_QUERY = "select count(*), pg_sleep(%s) from (select from shop.users limit 50) as page"
_SLOW = 1.3  # seconds that a query takes while the database is slow


@dataclass(frozen=True, slots=True)
class Route:
    """Where the application answers, and how."""

    method: str
    template: str
    seconds: float
    """The median of what it takes beside the database."""
    weight: int
    """How often of a thousand requests."""
    status: int = 200
    static: bool = False
    """Whether it needs no database."""
    job: str = ""
    """What is to be done afterwards."""

    @property
    def pattern(self) -> str:
        """An expression for its paths."""
        return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.template))


ROUTES = (
    Route("GET", "/", 0.008, 150, static=True),
    Route("GET", "/pricing", 0.006, 60, static=True),
    Route("POST", "/api/login", 0.07, 70),
    Route("POST", "/api/mfa", 0.03, 30),
    Route("GET", "/api/groups", 0.02, 150),
    Route("GET", "/api/groups/{id}", 0.025, 150),
    Route("POST", "/api/readings", 0.035, 90, 201, job="readings"),
    Route("GET", "/api/projects", 0.03, 100),
    Route("POST", "/api/payments", 0.12, 40, 201, job="receipts"),
    Route("POST", "/webhooks/payments", 0.012, 60, 202, job="webhooks"),
    Route("GET", "/reports/{id}", 0.16, 100, job="reports"),
)


class Application:
    """Answers requests over the company's database, as `dsn` reaches it, and as incidents let it."""

    def __init__(self, dsn: str, going_on: Callable[[], Collection[str]], seed: int = 1) -> None:
        self._going_on, self._random = going_on, Random(seed)  # noqa: S311 - chance, not secrecy
        self._routes = [(re.compile(route.pattern), route) for route in ROUTES]
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series beside each counter and histogram, which nobody asks for
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.pool = Pool(dsn, self.registry)
        labels = ["http_request_method", "http_route", "http_response_status_code", "service_name"]
        self._duration = Histogram(
            "http_server_request_duration_seconds", "How long requests took.", labels, registry=self.registry, buckets=_BOUNDS
        )
        self._active = Gauge(
            "http_server_active_requests", "Requests that are being answered.", [labels[0], labels[3]], registry=self.registry
        )
        self._cache = Counter(
            "cache_requests", "Look-ups in a cache.", ["cache", "result", "service_name"], registry=self.registry
        )
        self._jobs = Counter(
            "job_runs", "Background jobs that ended.", ["queue", "outcome", "service_name"], registry=self.registry
        )
        self._waiting = Gauge(
            "job_queue_length", "Background jobs that wait.", ["queue", "service_name"], registry=self.registry
        )
        self._ran = Histogram(
            "job_duration_seconds", "How long background jobs ran.", ["queue", "service_name"], registry=self.registry
        )
        self.queues = {route.job: 0 for route in ROUTES if route.job}
        for queue in self.queues:
            self._waiting.labels(queue, SERVICE).set(0)
            for outcome in ("succeeded", "failed"):
                self._jobs.labels(queue, outcome, SERVICE)

    def metrics(self) -> bytes:
        """The page of its metrics, as text."""
        return generate_latest(self.registry)

    def route(self, method: str, path: str) -> Route | None:
        """Which of its routes a request takes."""
        return next((route for pattern, route in self._routes if route.method == method and pattern.fullmatch(path)), None)

    def serves(self, path: str) -> bool:
        """Whether there is any route to a path."""
        return any(pattern.fullmatch(path) for pattern, _ in self._routes)

    async def answer(self, route: Route, *, credentials: bool = True) -> int:
        """Answer a request: its status. `credentials` says whether those that it shows are right."""
        began = time.perf_counter()
        status = 500
        with self._active.labels(route.method, SERVICE).track_inprogress():
            try:
                status = await self._status(route, credentials=credentials)
            finally:
                told = self._duration.labels(route.method, route.template, status, SERVICE)
                told.observe(time.perf_counter() - began)
        if route.job and status < 400:
            self.queues[route.job] += 1
        return status

    async def work(self) -> None:
        """Do the background jobs, a few every second, until cancelled."""
        while True:
            stuck = "job-backlog" in self._going_on()
            for queue, waiting in self.queues.items():
                done = 0 if stuck else waiting
                self.queues[queue] -= done
                self._jobs.labels(queue, "succeeded", SERVICE).inc(done)
                for _ in range(done):
                    self._ran.labels(queue, SERVICE).observe(self._random.lognormvariate(-1.5, 0.6))
                if stuck and waiting:
                    self._jobs.labels(queue, "failed", SERVICE).inc()
                self._waiting.labels(queue, SERVICE).set(self.queues[queue])
            await asyncio.sleep(1)

    async def _status(self, route: Route, *, credentials: bool) -> int:
        going_on, chance = self._going_on(), self._random.random()
        refusals = {
            500: route.template.startswith(("/api", "/webhooks"))
            and chance < (_ERRORS if "error-burst" in going_on else _FAULTS),
            401: not credentials or (route.template == "/api/mfa" and "mfa-failures" in going_on),
            502: route.template == "/api/payments" and "payment-outage" in going_on and chance < _REFUSED,
        }
        if refused := next((status for status, applies in refusals.items() if applies), None):
            return refused
        await asyncio.sleep(route.seconds * self._random.lognormvariate(0, 0.4))
        if route.static:
            return route.status
        cached = route.method == "GET" and chance < _CACHED
        if route.method == "GET":
            self._cache.labels("pages", "hit" if cached else "miss", SERVICE).inc()
        if cached and "slow-database" not in going_on:
            return route.status
        try:
            async with self.pool.connection() as connection:
                await connection.execute(_QUERY, [_SLOW if "slow-database" in going_on else 0])
        except (psycopg.OperationalError, TimeoutError):
            return 503
        return route.status
