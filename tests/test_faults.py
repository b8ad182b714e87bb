"""Whatever a collector or a client does, the exporter goes on, and its page stays one that Prometheus can read."""

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
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


async def test_a_collector_that_raises_in_its_destructor_too_harms_nobody() -> None:
    class Nasty:
        def __del__(self) -> None:
            raise RuntimeError("in the destructor")

    async def script() -> AsyncGenerator[Sample, None]:
        nasty = Nasty()
        yield EVENTS(1)
        raise ValueError(f"{type(nasty)}")

    async with serving(Toy.of(script, name="nasty", every=0.1), Toy.of(constant(LEVEL(1, place="x")), name="good")) as client:
        await asyncio.sleep(0.5)
        gc.collect()
        assert await series(client, "toy_level") == {("x",): 1}
        assert (await series(client, "bellwether_collector_failures_total"))[("nasty", "bug")] >= 1


async def test_a_series_that_two_collectors_have_is_shown_once_as_the_first_to_show_it_has_it() -> None:
    first = Toy.of(constant(LEVEL(1, place="x"), LEVEL(1, place="only first")), name="first", every=0.1)
    second = Toy.of(constant(LEVEL(2, place="x"), LEVEL(2, place="only second")), name="second", every=0.1)
    async with serving(first, second) as client:
        await asyncio.sleep(1)
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


async def test_a_million_series_cost_the_budget_and_no_more() -> None:
    async def flood() -> AsyncGenerator[Sample, None]:
        for number in range(1_000_000):
            yield LEVEL(number, place=str(number))

    before = psutil.Process().memory_info().rss
    async with serving(
        Toy.of(flood, name="flood", every="1h", timeout="2m"), Toy.of(constant(EVENTS(1)), name="good")
    ) as client:
        slowest = 0.0
        async with asyncio.timeout(110):
            while ("flood",) not in await series(client, "bellwether_collector_up"):
                began = time.perf_counter()
                assert (await client.get("/metrics/good")).status_code == 200
                slowest = max(slowest, time.perf_counter() - began)
        assert len(await series(client, "toy_level")) == 10_000
        assert (await series(client, "bellwether_collector_dropped_series_total"))[("flood", "budget")] == 990_000
    assert psutil.Process().memory_info().rss - before < 100_000_000
    assert slowest < 5


async def test_a_clock_that_jumps_drops_no_series_and_delays_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    counts = iter(range(100_000))

    async def script() -> AsyncGenerator[Sample, None]:
        yield EVENTS(next(counts))

    async with serving(Toy.of(script, every=0.1)) as client:
        for jump in (86_400.0, -86_400.0):
            await asyncio.sleep(0.3)
            monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
            before = (await series(client, "toy_events_total"))[()]
            async with asyncio.timeout(5):
                while (await series(client, "toy_events_total"))[()] < before + 3:
                    await asyncio.sleep(0.05)


async def test_two_hundred_simultaneous_scrapes_are_all_answered_by_one_run() -> None:
    runs = 0

    async def script() -> AsyncGenerator[Sample, None]:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0.2)
        yield EVENTS(runs)

    async with serving(Toy.of(script, every="scrape")) as client:
        await asyncio.sleep(1)  # its first turn, at the start
        before = runs
        answers = await asyncio.gather(*[client.get("/metrics/toy") for _ in range(200)])
    assert {answer.status_code for answer in answers} <= {200, 503}  # 503: beyond the limit of requests at a time
    assert [answer for answer in answers if answer.status_code == 200]
    assert runs - before <= 10


async def test_a_collector_that_blocks_is_only_late_itself_when_it_blocks_in_a_thread() -> None:
    release = asyncio.Event()

    async def script() -> AsyncGenerator[Sample, None]:
        await asyncio.to_thread(time.sleep, 1.0)
        yield EVENTS(1)

    async with serving(
        Toy.of(script, name="slow", timeout="100ms"), Toy.of(constant(LEVEL(1, place="x")), name="good")
    ) as client:
        await asyncio.sleep(0.7)
        began = time.perf_counter()
        assert await series(client, "toy_level") == {("x",): 1}
        assert time.perf_counter() - began < 0.5
        release.set()
        await asyncio.sleep(1)  # for the thread to end before the test does


async def test_after_a_failure_while_others_are_scraped_the_page_is_whole() -> None:
    async def fails() -> list[Sample]:
        raise OSError("disk on fire")

    async def works() -> list[Sample]:
        return [EVENTS(1)]

    async with serving(Toy.of(in_turn(works, fails, works, fails), every=0.1, max_age="50ms")) as client:
        for _ in range(30):
            list(parse_text((await client.get("/metrics")).text))
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
        until(lambda: "listening on" in log.read_text(), pause=0.05)
        yield exporter, f"http://{address}", log
    finally:
        if exporter.poll() is None:
            exporter.kill()
        exporter.wait(20)


def test_sigterm_during_a_poll_ends_it_and_the_process_soon(tmp_path: Path) -> None:
    with contextlib.closing(__import__("socket").create_server(("127.0.0.1", 0))) as silent:  # accepts, and never answers
        target = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with running(tmp_path, f"collectors:\n- {{kind: http, target: '{target}', timeout: 1m, every: 2m}}\n") as (
            exporter,
            _,
            log,
        ):
            time.sleep(1.5)
            began = time.monotonic()
            exporter.send_signal(signal.SIGTERM)
            assert exporter.wait(15) == 0
            assert time.monotonic() - began < 8
            assert "Traceback" not in log.read_text()


def test_scrapes_at_a_high_rate_leak_neither_memory_nor_descriptors(tmp_path: Path) -> None:
    """A short soak: twelve hundred scrapes, one after the other."""
    with running(tmp_path, "collectors:\n- {kind: node}\n") as (exporter, url, _):
        process = psutil.Process(exporter.pid)

        def scrape(times: int) -> None:
            with httpx.Client(trust_env=False) as client:
                for _ in range(times):
                    client.get(f"{url}/metrics").raise_for_status()

        scrape(400)
        memory, descriptors = process.memory_info().rss, process.num_fds()
        scrape(800)
        assert process.memory_info().rss - memory < 3_000_000
        until(lambda: process.num_fds() <= descriptors, pause=0.05)  # the last connection is just ending
