"""What goes wrong with a vendor ends in the reason that says what to do, in time, and with nothing secret in the message.

Each vendor's collector asks its simulator through a proxy that spoils the answers.
"""

import asyncio
import copy
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import trustme

from exporter.app import App
from exporter.collector import Collector
from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.fields import known_secrets
from exporter.logs import Lines
from exporter.poll import poll
from exporter.serving import Web
from exporter.settings import Settings
from tests.vendors import faulty
from tests.vendors.case import Case, cases
from tests.vendors.conftest import Simulators
from tests.vendors.faulty import LEAK, Fault, Faulty, Reply, Request

CASES = cases()
FAULTS: dict[str, tuple[Fault, str]] = {
    "401": (faulty.status(401), Denied.reason),
    "403": (faulty.status(403), Denied.reason),
    "404": (faulty.status(404), Malformed.reason),
    "429": (faulty.status(429), Throttled.reason),
    "429-retry-after": (faulty.status(429, retry_after="17"), Throttled.reason),
    "500": (faulty.status(500), Unreachable.reason),
    "hang": (faulty.hang, TimedOut.reason),
    "reset": (faulty.reset, Unreachable.reason),
    "truncated": (faulty.truncated, Malformed.reason),
    "html": (faulty.html, Malformed.reason),
    "huge": (faulty.huge, Malformed.reason),
    "elsewhere": (faulty.elsewhere, Malformed.reason),
}
SHORT = 0.3  # seconds for a poll that hangs
MOST_VARIANTS, MOST_REQUESTS = 150, 1500  # of the answers of one vendor, and to see what becomes of them
SUCCESS = "success"

Poll = list[tuple[Request, Reply]]


@dataclass
class Outcome:
    """How a poll ended."""

    reason: str = SUCCESS
    error: BaseException | None = None
    dropped: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.reason}: {type(self.error).__name__}: {self.error} {self.dropped or ''}"


async def outcome(collector: Collector) -> Outcome:
    """Of one poll, told apart as the scheduler does."""
    try:
        draft = await poll(collector, {metric.name: metric for metric in collector.declares()})
    except PollError as error:
        return Outcome(error.reason, error)
    except TimeoutError as error:
        return Outcome(TimedOut.reason, error)
    except Exception as error:  # noqa: BLE001 - what the scheduler calls a bug is the test's to report
        return Outcome("bug", error)
    finally:
        await collector.close()
    return Outcome(dropped=dict(draft.dropped))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One certificate to trust in place of the system's hundred, which take longer to read than a poll lasts."""
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    return file


@pytest.fixture(scope="session")
def polls() -> dict[str, Poll]:
    """What each vendor was asked and answered in a full poll, by case; filled by the tests as they need it."""
    return {}


class Patient:
    """A vendor's case behind the proxy."""

    def __init__(self, case: Case, proxy: Faulty, authority: Path) -> None:
        self.case, self.proxy, self._authority = case, proxy, authority

    def collector(self, **settings: object) -> Collector:
        """A new one, which knows nothing."""
        self.proxy.reset()
        return self.case.collector(self.proxy.url, ca_file=self._authority, **settings)


@asynccontextmanager
async def before(case: Case, vendors: Simulators, authority: Path, polls: dict[str, Poll]) -> AsyncIterator[Patient]:
    """A case whose proxy answers from memory, once the vendor was asked."""
    url = await asyncio.to_thread(vendors.url, case.simulator)
    async with faulty.faulty(url) as proxy:
        found = Patient(case, proxy, authority)
        if case.name not in polls:
            ended = await outcome(found.collector(timeout=20))
            assert ended.reason == SUCCESS, ended
            polls[case.name] = list(proxy.recorded)
        proxy.replay(polls[case.name])
        yield found


@pytest.fixture(params=CASES, ids=lambda case: case.name)
async def patient(
    request: pytest.FixtureRequest, vendors: Simulators, authority: Path, polls: dict[str, Poll]
) -> AsyncIterator[Patient]:
    """Each vendor in turn."""
    async with before(request.param, vendors, authority, polls) as found:
        yield found


async def test_a_full_poll_succeeds_and_asks_something(patient: Patient, polls: dict[str, Poll]) -> None:
    ended = await outcome(patient.collector())
    assert (ended.reason, ended.dropped) == (SUCCESS, {}), ended
    assert patient.proxy.requests == len(polls[patient.case.name]) > 0


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_ends_in_its_reason_or_was_of_something_that_may_lack(
    patient: Patient, polls: dict[str, Poll], name: str
) -> None:
    fault, reason = FAULTS[name]
    last = len(polls[patient.case.name]) - 1
    for begins_at in {0, last}:
        collector = patient.collector(**({"timeout": SHORT} if name == "hang" else {}))
        patient.proxy.fault, patient.proxy.begins_at = fault, begins_at
        began = time.monotonic()
        ended = await outcome(collector)
        assert ended.reason == reason or (begins_at > 0 and ended.reason == SUCCESS), ended
        assert time.monotonic() - began < collector.timeout + 1
        assert_tells_nothing(str(ended.error))
        if name == "huge" and ended.error:
            assert "at most" in str(ended.error)  # and not because all of it was read and was no JSON
        if isinstance(ended.error, Throttled):
            assert ended.error.retry_after == (17 if name == "429-retry-after" else None)


def assert_tells_nothing(text: str) -> None:
    """Nothing of a body, and no secret that was read."""
    assert LEAK not in text
    assert [secret for secret in known_secrets() if secret in text] == []


@pytest.mark.slow
async def test_a_change_of_shape_is_malformed_or_makes_no_difference(patient: Patient, polls: dict[str, Poll]) -> None:
    recorded = polls[patient.case.name]
    answers = [reply.data for _, reply in recorded]
    found = list(variants(answers))
    most = min(MOST_VARIANTS, MOST_REQUESTS // len(recorded))
    sampled = found if len(found) <= most else Random(1).sample(found, most)
    wrong: list[str] = []
    for number, path, what in sampled:
        data = changed(answers[number], path, what)
        patient.proxy.replay(
            [(request, reply.holding(data) if at == number else reply) for at, (request, reply) in enumerate(recorded)]
        )
        ended = await outcome(patient.collector())
        if ended.reason not in {SUCCESS, Malformed.reason} or ended.dropped:
            wrong.append(f"{recorded[number][0].path} {written(path)} {what}: {ended}")
        assert_tells_nothing(str(ended.error))
    assert not wrong, f"{len(wrong)} of {len(sampled)}:\n" + "\n".join(wrong)


Place = tuple[str | int, ...]


def variants(answers: list[Any]) -> Iterator[tuple[int, Place, str]]:
    """Of each answer, each field removed, replaced by one of another type, and by null; of a list only its first element.

    A field that several answers have at the same place is changed in the first of them.
    """
    seen: set[tuple[str, str]] = set()
    for number, answer in enumerate(answers):
        for path, shape in places(answer):
            if (written(path), shape) not in seen:
                seen.add((written(path), shape))
                yield from ((number, path, what) for what in CHANGES)


def written(path: Place) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def changed(answer: Any, path: Place, what: str) -> Any:
    """A copy of the answer with one field changed."""
    whole = holder = copy.copy(answer)
    for key in path[:-1]:
        holder[key] = copy.copy(holder[key])
        holder = holder[key]
    CHANGES[what](holder, path[-1])
    return whole


def places(value: Any, path: Place = ()) -> Iterator[tuple[Place, str]]:
    """Where something stands in an answer, and the type of it."""
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value[:1]))
    for key, each in inside:
        yield (*path, key), type(each).__name__
        yield from places(each, (*path, key))


def _wrong(value: Any) -> Any:
    if isinstance(value, str):
        return 7
    return {"wrong": "type"} if isinstance(value, list) else "wrong"


def _delete(holder: Any, key: Any) -> None:
    del holder[key]


def _replace(holder: Any, key: Any) -> None:
    holder[key] = _wrong(holder[key])


def _blank(holder: Any, key: Any) -> None:
    holder[key] = None


CHANGES: dict[str, Callable[[Any, Any], None]] = {"missing": _delete, "of another type": _replace, "null": _blank}


@pytest.mark.slow
async def test_whatever_one_vendor_does_the_others_stay_and_nothing_secret_is_logged(
    vendors: Simulators, authority: Path, polls: dict[str, Poll], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with AsyncExitStack() as stack:
        patients = [await stack.enter_async_context(before(case, vendors, authority, polls)) for case in CASES]
        proxies = {each.case.name: each.proxy for each in patients}
        collectors = [each.collector(name=each.case.name, every="scrape", timeout=5) for each in patients]
        app = App(Settings(collectors=tuple(collectors)), Web(("127.0.0.1:0",)))
        address = await stack.enter_async_context(app.running())
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, trust_env=False, timeout=30))
        await app.ready()
        for proxy in proxies.values():
            proxy.reset()
            proxy.replays = None  # a second poll asks for what came since the first: only the vendor itself knows
        well = dict.fromkeys(proxies, 1.0)
        assert (await asked(client))[0] == well
        talkative = [name for name, proxy in proxies.items() if proxy.requests]  # others wait for their next turn
        assert talkative
        for number, (fault_name, (fault, reason)) in enumerate(FAULTS.items()):
            name = talkative[number % len(talkative)]
            proxies[name].reset()
            proxies[name].fault = fault
            states, page = await asked(client)
            assert states == well | {name: 0.0}, fault_name
            assert f'bellwether_collector_failures_total{{collector="{name}",reason="{reason}"}}' in page, fault_name
            assert f'source="{name}"' in page  # the last good figures stay
            proxies[name].reset()
        assert (await asked(client))[0] == well
    lines = [Lines().format(record) for record in caplog.records]
    assert any("fails: " in line for line in lines)
    raw = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("exporter"))
    assert_tells_nothing(raw)


async def asked(client: httpx.AsyncClient) -> tuple[dict[str, float], str]:
    """Whether each collector's last run went well, and the whole page. Asking for it is what makes them run."""
    page = (await client.get("/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "20"})).text
    lines = [line for line in page.splitlines() if line.startswith("bellwether_collector_up{")]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in lines}, page
