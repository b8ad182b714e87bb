"""Whatever a collector or a client does, the exporter goes on, and its page stays one that Prometheus can read."""

import asyncio
import contextlib
import gc
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.app import App
from exporter.metric import Sample
from exporter.serving import Web
from exporter.settings import Settings
from tests.stack import free_port, until
from tests.toy import EVENTS, LEVEL, Toy, constant, in_turn

# One of the tests raises in a destructor, on purpose, and Python tells of that whenever it gets to it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LOOPBACK = Web(("127.0.0.1:0",))

OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0"}


@asynccontextmanager
async def serving(*toys: Toy) -> AsyncIterator[httpx.AsyncClient]:
    app = App(Settings(collectors=toys), LOOPBACK)
    limits = httpx.Limits(max_connections=300)
    async with app.running() as url, httpx.AsyncClient(base_url=url, trust_env=False, limits=limits, timeout=30) as client:
        yield client


async def series(client: httpx.AsyncClient, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by label values. The page must be readable in both formats."""
    families = list(parse_text((await client.get("/metrics")).text))
    assert list(parse_openmetrics((await client.get("/metrics", headers=OPENMETRICS)).text))  # type: ignore[no-untyped-call]
    return {
        tuple(sample.labels.values()): sample.value for family in families for sample in family.samples if sample.name == name
    }


async def eventually(figure: Callable[[], Awaitable[float]], at_least: float) -> None:
    """Wait until a figure is so large, with patience for a slow machine."""
    async with asyncio.timeout(60):
        while await figure() < at_least:
            await asyncio.sleep(0.02)


async def test_a_collector_that_never_returns_and_will_not_be_cancelled_harms_nobody() -> None:
    release = asyncio.Event()

    async def script() -> AsyncGenerator[Sample, None]:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
        yield EVENTS(1)

    stubborn = Toy.of(script, name="stubborn", timeout="50ms", every=0.1)
    async with serving(stubborn, Toy.of(constant(LEVEL(1, place="x")), name="good", every=0.1)) as client:

        async def runs() -> float:
            return (await series(client, "bellwether_collector_polls_total"))[("good",)]

        await eventually(runs, at_least=3)
        assert await series(client, "toy_level") == {("x",): 1}
        assert ("stubborn",) not in await series(client, "bellwether_collector_up")
        release.set()


async def test_a_collector_that_raises_in_its_destructor_too_harms_nobody() -> None:
    class Nasty:
        def __del__(self) -> None:
            raise RuntimeError("in the destructor")

    async def script() -> AsyncGenerator[Sample, None]:
        nasty = Nasty()
        yield EVENTS(1)
        raise ValueError(f"{type(nasty)}")

    async with serving(Toy.of(script, name="nasty", every=0.1), Toy.of(constant(LEVEL(1, place="x")), name="good")) as client:

        async def failures() -> float:
            gc.collect()
            return (await series(client, "bellwether_collector_failures_total")).get(("nasty", "bug"), 0)

        await eventually(failures, at_least=2)
        assert await series(client, "toy_level") == {("x",): 1}


async def test_a_series_that_two_collectors_have_is_shown_once_as_the_first_to_show_it_has_it() -> None:
    first = Toy.of(constant(LEVEL(1, place="x"), LEVEL(1, place="only first")), name="first", every=0.1)
    second = Toy.of(constant(LEVEL(2, place="x"), LEVEL(2, place="only second")), name="second", every=0.1)
    async with serving(first, second) as client:

        async def duplicates() -> float:
            return sum((await series(client, "bellwether_collector_dropped_series_total")).values())

        await eventually(duplicates, at_least=2)
        level = await series(client, "toy_level")
        dropped = await series(client, "bellwether_collector_dropped_series_total")
        counts = await series(client, "bellwether_collector_series")
    winner, loser = ("first", "second") if level[("x",)] == 1 else ("second", "first")
    assert level.keys() == {("x",), ("only first",), ("only second",)}
    assert (dropped.get((winner, "duplicate")), counts[(winner,)], counts[(loser,)]) == (None, 2, 1)
    assert dropped[(loser, "duplicate")] >= 2


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=40), st.floats()), min_size=1, max_size=20))
def test_any_label_and_any_value_gives_a_page_that_both_parsers_read(items: list[tuple[str, float]]) -> None:
    async def check() -> None:
        toy = Toy.of(constant(*[LEVEL(value, place=place) for place, value in items]), every="scrape")
        async with serving(toy) as client:
            page = (await client.get("/metrics")).content.decode()
            assert len([line for line in page.split("\n") if line.startswith("toy_level{")]) == len(
                {place for place, _ in items}
            )
            assert any(family.name == "bellwether_collector_up" for family in parse_text(page))

    asyncio.run(check())


async def test_a_megabyte_of_label_is_dropped_and_counted() -> None:
    toy = Toy.of(constant(LEVEL(1, place="x" * 1_000_000), LEVEL(2, place="y")), every="scrape")
    async with serving(toy) as client:
        assert await series(client, "toy_level") == {("y",): 2}
        assert (await series(client, "bellwether_collector_dropped_series_total"))[("toy", "label_length")] >= 1


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("a\nb", "a\nb"),
        ('a"b', 'a"b'),
        ("a\\b", "a\\b"),
        ("a\0b", "a\0b"),
        ("a\rb\u2028c", "a\rb\u2028c"),
        (b"a\xffb".decode(errors="surrogateescape"), "a?b"),
    ],
)
async def test_a_label_with_anything_in_it_is_read_back_as_it_was_but_for_what_is_not_unicode(label: str, shown: str) -> None:
    async with serving(Toy.of(constant(LEVEL(1, place=label)), every="scrape")) as client:
        assert await series(client, "toy_level") == {(shown,): 1}


async def test_a_value_beyond_a_double_is_dropped_and_counted_and_any_other_is_shown() -> None:
    figures = {"large": 2**63, "larger": 10**300, "none": math.nan, "all": math.inf, "less": -math.inf}
    samples = [LEVEL(value, place=place) for place, value in figures.items()]
    async with serving(Toy.of(constant(*samples, LEVEL(10**400, place="too large")), every="scrape")) as client:
        level = await series(client, "toy_level")
        assert math.isnan(level.pop(("none",)))
        assert level == {(place,): float(value) for place, value in figures.items() if place != "none"}
        assert (await series(client, "bellwether_collector_dropped_series_total"))[("toy", "value")] >= 1


async def test_a_million_series_cost_the_budget_and_no_more() -> None:
    async def flood() -> AsyncGenerator[Sample, None]:
        for number in range(1_000_000):
            yield LEVEL(number, place=str(number))

    before = psutil.Process().memory_info().rss
    async with serving(
        Toy.of(flood, name="flood", every="1h", timeout="2m"), Toy.of(constant(EVENTS(1)), name="good")
    ) as client:
        answered = 0
        async with asyncio.timeout(110):
            while ("flood",) not in await series(client, "bellwether_collector_up"):
                assert (await client.get("/metrics/good")).status_code == 200
                answered += 1
        assert len(await series(client, "toy_level")) == 10_000
        assert (await series(client, "bellwether_collector_dropped_series_total"))[("flood", "budget")] == 990_000
    assert psutil.Process().memory_info().rss - before < 100_000_000
    assert answered > 10, "others had no turn while it went on"


async def test_a_clock_that_jumps_drops_no_series_and_delays_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    counts = iter(range(100_000))

    async def script() -> AsyncGenerator[Sample, None]:
        yield EVENTS(next(counts))

    async with serving(Toy.of(script, every=0.1)) as client:

        async def runs() -> float:
            return (await series(client, "toy_events_total")).get((), -1)

        await eventually(runs, at_least=0)
        for jump in (86_400.0, -86_400.0):
            monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
            before = await runs()
            assert before >= 0, "the series was dropped"
            await eventually(runs, at_least=before + 3)


async def test_of_two_hundred_simultaneous_scrapes_forty_share_one_run_and_the_others_are_told_to_come_later() -> None:
    runs, release = 0, asyncio.Event()
    release.set()

    async def script() -> AsyncGenerator[Sample, None]:
        nonlocal runs
        runs += 1
        await release.wait()
        yield EVENTS(runs)

    async with serving(Toy.of(script, every="scrape")) as client:
        await eventually(lambda: _status_is_200(client, "/-/ready"), at_least=1)  # its first turn, at the start
        before = runs
        release.clear()
        scrapes = [asyncio.create_task(client.get("/metrics/toy")) for _ in range(200)]
        async with asyncio.timeout(60):
            while sum(scrape.done() for scrape in scrapes) < 160:
                await asyncio.sleep(0.02)
        release.set()
        answers = await asyncio.gather(*scrapes)
    assert Counter(answer.status_code for answer in answers) == {200: 40, 503: 160}
    assert runs - before == 1


async def _status_is_200(client: httpx.AsyncClient, path: str) -> bool:
    return (await client.get(path)).status_code == 200


async def test_a_collector_that_blocks_is_only_late_itself_when_it_blocks_in_a_thread() -> None:
    release = threading.Event()

    async def script() -> AsyncGenerator[Sample, None]:
        await asyncio.to_thread(release.wait)
        yield EVENTS(1)

    slow = Toy.of(script, name="slow", timeout="100ms", every="1h")
    async with serving(slow, Toy.of(constant(LEVEL(1, place="x")), name="good")) as client:

        async def failures() -> float:
            return (await series(client, "bellwether_collector_failures_total")).get(("slow", "timeout"), 0)

        try:
            await eventually(failures, at_least=1)
            assert await series(client, "toy_level") == {("x",): 1}  # while the thread still waits
        finally:
            release.set()


async def test_after_a_failure_while_others_are_scraped_the_page_is_whole() -> None:
    async def fails() -> list[Sample]:
        raise OSError("disk on fire")

    async def works() -> list[Sample]:
        return [EVENTS(1)]

    async with serving(Toy.of(in_turn(works, fails, works, fails), every=0.1, max_age="50ms")) as client:
        for _ in range(30):
            families = {family.name for family in parse_text((await client.get("/metrics")).text)}
            assert {"bellwether_build_info", "bellwether_collector_polls"} <= families
            await asyncio.sleep(0.02)


@contextlib.contextmanager
def running(folder: Path, settings_text: str) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    file, log, address = folder / "bellwether.yml", folder / "log", f"127.0.0.1:{free_port()}"
    file.write_text(settings_text)
    with log.open("wb") as stream:
        exporter = subprocess.Popen(
            [sys.executable, "-m", "exporter", "run", "--config", str(file), "--web.listen-address", address], stderr=stream
        )
    try:
        until(lambda: "listening on" in log.read_text() or exporter.poll() is not None, pause=0.05)
        assert exporter.poll() is None, log.read_text()
        yield exporter, f"http://{address}", log
    finally:
        if exporter.poll() is None:
            exporter.kill()
        exporter.wait(20)


def test_sigterm_during_a_poll_ends_it_and_the_process_before_the_poll_would_end(tmp_path: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:  # accepts, and never answers
        silent.settimeout(60)
        target = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        config = f"collectors:\n- {{kind: http, target: '{target}', timeout: 10m, every: 20m}}\n"
        with running(tmp_path, config) as (exporter, _, log):
            polling, _ = silent.accept()  # the poll is under way now
            with polling:
                exporter.send_signal(signal.SIGTERM)
                assert exporter.wait(60) == 0
            assert "Traceback" not in log.read_text()


def test_a_thousand_scrapes_aborted_midway_leak_no_descriptor(tmp_path: Path) -> None:
    with running(tmp_path, "collectors:\n- {kind: node}\n") as (exporter, url, _):
        process, port = psutil.Process(exporter.pid), int(url.rpartition(":")[2])
        assert httpx.get(f"{url}/metrics", trust_env=False).status_code == 200
        descriptors = process.num_fds()
        for _ in range(1000):
            with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                client.recv(1)
        until(lambda: process.num_fds() <= descriptors, pause=0.05)
        assert httpx.get(f"{url}/metrics", trust_env=False).status_code == 200
