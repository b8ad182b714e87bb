"""A collector on its default settings asks for less than half of what its vendor's documentation allows in an hour."""

import asyncio
import random

import pytest

from exporter.collector import Collector
from exporter.job import Job
from exporter.snapshot import Snapshot
from tests.vendors import faulty
from tests.vendors.case import Case, asked, cases
from tests.vendors.conftest import Simulators

CASES = cases()


def polls_per_hour(collector: Collector) -> float:
    """On the default interval, or schedule."""
    return 3600 / Job(collector, Snapshot(), random.Random(1)).interval


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_calls_an_hour_are_within_half_of_the_documented_limit(case: Case, vendors: Simulators) -> None:
    """The first poll asks for everything, those after it only for what is due again: of them there are more."""
    async with faulty.faulty(await asyncio.to_thread(vendors.url, case.simulator)) as proxy:
        collector = case.collector(proxy.url)
        assert "every" not in case.settings(proxy.url), "the default interval is what counts"
        calls = []
        for _ in range(2):
            proxy.reset()
            await asked(collector)
            calls.append(proxy.requests)
        await collector.close()
    polls = polls_per_hour(collector)
    most, least = calls[0] * polls, calls[1] * polls
    assert most > 0
    assert calls[1] <= calls[0]
    an_hour = case.requests_per_hour or most
    # What the case claims cannot be less than what every poll asks, plus everything once.
    assert least - calls[1] + calls[0] <= max(an_hour, calls[0]) + 1e-9, f"{calls} calls a poll, {polls:g} polls an hour"
    if case.limit_per_hour is not None:
        assert an_hour <= case.limit_per_hour / 2, f"{an_hour:g} calls an hour, {case.limit_per_hour:g} are allowed"
