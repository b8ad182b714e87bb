"""Every page of the bundle on the living company with its history: nothing on it is empty, and it comes quickly."""

import asyncio
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable

import httpx
import pytest

from tests.end_to_end.pages import Answer, Query, asked, queries, rendered
from tests.stack import Stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("with history")]

_FILLED_WITHIN = 960.0  # seconds: forecasts take two figures five minutes apart, and are themselves made every five
_OPENINGS = 10  # of each page, to measure
NOT_IN_THE_DEMO = {
    r"k6_": "nobody runs a load test against it",
    r"container_": "there is no container engine",
    r"pgbouncer_": "connections are not pooled",
    r"pg_stat_replication_|pg_replication_slots_": "the database has no replica",
    r"pg_bloat_table_bytes": "the exporter's role may not read the statistics of tables that it may not read",
    r"probe_icmp_": "pings take rights that not everybody has",
    r"logs_|elasticsearch_": "there is no server of logs",
    r"cloud_datapoint_": "nobody asks CloudWatch",
    r"(http_server_request|error_events).*offset 7d": "what is scraped has no past",
    r"anomaly:(expected|lower|upper)\{anomaly=\"(api-latency|cpu|error-ratio|traffic)\"\}": "what is scraped has no past",
    r"capacity:(time_left|outlook)(?!.*\"(users|mrr|churn|adoption)\").*capacity:history": "it is too early to say",
    r"capacity:outlook.*offset 7d": "nothing was foreseen a week ago",
    r"\[1h\] offset 7d": "history has a figure an hour, of which two make an increase",
    r"anomaly:\w+\{anomaly=\"(mfa-verification|notification-delivery)\"\}|kind=\"mfa_verification\", outcome=\"failed\"": (
        "at a weekend they are too few for a share to say anything"
    ),
    r"slo:errors:increase5m\{slo=\"realtime\"\}.* > 0\)\)$": "at a weekend hardly anybody connects",
    r"(_pack_(error|up)|_postgres_error|error_issues|code=~\"5..\").*\)+ > 0$|^sum by \(collector, reason\)": (
        "nothing is wrong"
    ),
    r"slo:lost_money": "no payment was lost",
}
"""Expressions for queries that have no data there, and why."""


NOT_RECORDED = r"slo:lost_money:"
"""Records that come to nothing while nothing is wrong."""


@pytest.fixture(scope="module")
def pages() -> dict[str, list[Query]]:
    return {dashboard["uid"]: list(queries(dashboard)) for dashboard in rendered()}


def has_a_source(query: Query) -> bool:
    return not any(re.search(each, query.expression, re.DOTALL) for each in NOT_IN_THE_DEMO)


def test_every_page_asks_for_something(pages: dict[str, list[Query]]) -> None:
    assert [page for page, found in pages.items() if not found] == []


def test_every_query_of_every_page_has_data(stack: Stack, pages: dict[str, list[Query]]) -> None:
    remaining = [query for found in pages.values() for query in found if has_a_source(query)]
    refused, deadline = list[Answer](), time.monotonic() + _FILLED_WITHIN
    while remaining and time.monotonic() < deadline:
        answers = asyncio.run(asked(stack.prometheus, remaining))
        refused += [answer for answer in answers if answer.refusal]
        remaining = [answer.query for answer in answers if not answer.series and not answer.refusal]
        time.sleep(min(5, len(remaining)))
    assert by_page((answer.query, answer.refusal) for answer in refused) == {}
    assert by_page((query, "") for query in remaining) == {}


def by_page(found: Iterable[tuple[Query, str]]) -> dict[str, list[str]]:
    """What to say of them."""
    said: dict[str, list[str]] = defaultdict(list)
    for query, why in found:
        said[query.page].append(f"{query.title}: {query.expression} {why}".rstrip())
    return dict(said)


def test_how_long_each_page_takes(stack: Stack, pages: dict[str, list[Query]]) -> None:
    """The figures are for people: a time of a machine that does other things too proves nothing."""
    print("\npage             queries   p50 ms   p95 ms   together: p50 ms   p95 ms")  # noqa: T201 - a figure for people
    for page, found in sorted(pages.items()):
        each: list[float] = []
        together: list[float] = []
        for _ in range(_OPENINGS):
            began = time.perf_counter()
            each += [answer.seconds * 1000 for answer in asyncio.run(asked(stack.prometheus, found))]
            together.append((time.perf_counter() - began) * 1000)
        one, all_ = (statistics.quantiles(times, n=20) for times in (each, together))
        print(f"{page:16} {len(found):7} {one[9]:8.0f} {one[18]:8.0f} {all_[9]:18.0f} {all_[18]:8.0f}")  # noqa: T201 - as above
        assert len(each) == _OPENINGS * len(found)


def test_every_recording_rule_has_data_and_every_rule_evaluates(stack: Stack) -> None:
    groups = httpx.get(f"http://{stack.prometheus}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 10
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] == "err"] == []
    recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
    recorded -= {name for name in recorded if re.match(NOT_RECORDED, name)}

    def missing() -> set[str]:
        return {name for name in recorded if not stack.query(f'{{__name__="{name}"}}')}

    deadline = time.monotonic() + _FILLED_WITHIN
    while (found := missing()) and time.monotonic() < deadline:
        time.sleep(5)
    assert sorted(found) == []


def test_every_job_of_the_configuration_is_scraped(stack: Stack) -> None:
    jobs = {each["metric"]["job"] for each in until(lambda: stack.query("up == 1"))}
    assert {"bellwether", "node", "postgres", "blackbox", "app", "prometheus", "alertmanager"} <= jobs
    assert stack.query("up == 0") == []
