"""The kind `python` with real collectors of prometheus_client, whose own page is the measure of what is shown."""

import asyncio
import math
import os
import random
import subprocess
import sys
import threading
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pydantic import ValidationError

from exporter.collector import Collector
from exporter.collectors.python import Python
from exporter.errors import Denied, Malformed, TimedOut, Unreachable
from exporter.exposition import Format
from exporter.poll import poll
from exporter.scheduler import Scheduler
from exporter.snapshot import Snapshot
from tests.toy import LEVEL, METRICS, Toy, constant

FAMILIES: dict[str, list[Any]] = {}
"""What collectors that `given` makes give, by name; changed by the tests."""
STEPS: dict[str, Callable[[], Any]] = {}
"""What collectors that `doing` makes do, by name."""


def shop() -> CollectorRegistry:
    """A registry with one of each kind of metric, used."""
    registry = CollectorRegistry()
    Gauge("shop_open", "Whether it is open.", registry=registry).set(1)
    Gauge("shop_stock", 'A "quoted" \\ help\ntext.', ["article"], registry=registry).labels('a"b\\c\nd').set(-2.5)
    Counter("shop_sales", "Sales.", ["article"], registry=registry).labels("tea").inc(3)
    times = Histogram("shop_wait_seconds", "Waits.", ["till"], buckets=(0.001, 1, 2.5, 1e6), registry=registry)
    for till, wait in (("1", 0.5), ("1", 2), ("2", 2e6)):
        times.labels(till).observe(wait)
    Summary("shop_basket_bytes", "Baskets.", registry=registry).observe(7)
    Info("shop_build", "The build.", registry=registry).info({"version": "1.2", "branch": "main"})
    Enum("shop_state", "The state.", states=["quiet", "busy"], registry=registry).state("busy")
    return registry


def given(name: str) -> Any:
    return SimpleNamespace(collect=lambda: FAMILIES[name])


def doing(name: str, password: str = "") -> Any:
    return SimpleNamespace(collect=STEPS[name])


def at(name: str) -> str:
    return f"{__name__}:{name}"


def mounted(factory: str, **settings: Any) -> Python:
    return Python.model_validate({"collector": at(factory), "every": 0.1, **settings})


def gives(*families: Any, **settings: Any) -> Python:
    name = settings.setdefault("name", "python")
    FAMILIES[name] = list(families)
    return mounted("given", arguments={"name": name}, **settings)


def does(step: Callable[[], Any], **settings: Any) -> Python:
    STEPS["python"] = step
    return mounted("doing", arguments={"name": "python"} | settings.pop("arguments", {}), **settings)


REFUSED: dict[str, Tally[str]] = {}
"""Lines that the snapshot refused, by collector and reason, in the last run of each."""


async def shown(*collectors: Collector) -> Snapshot:
    """What is on the page after one run of each, in this order."""
    snapshot = Snapshot()
    snapshot.reserve(metric for collector in collectors for metric in collector.declares() if not metric.found)
    for collector in collectors:
        draft = await poll(collector, {metric.name: metric for metric in collector.declares()})
        assert draft.dropped == {}
        REFUSED[collector.name] = snapshot.publish(collector.name, draft.lines)
    return snapshot


def read(page: str, *, openmetrics: bool = False) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in (parse_openmetrics if openmetrics else parse_text)(page)
        for sample in family.samples
        if not sample.name.endswith("_created") and not sample.name.startswith("bellwether_")
    }


def types(page: str) -> dict[str, tuple[str, str]]:
    return {
        family.name: (family.type, family.documentation)
        for family in parse_text(page)
        if not family.name.endswith("_created") and not family.name.startswith("bellwether_")
    }


def refused(snapshot: Snapshot, source: str = "python") -> dict[str, float]:
    return {
        sample.labels["reason"]: sample.value
        for family in parse_text(snapshot.page().decode())
        for sample in family.samples
        if sample.name == "bellwether_python_refused_families" and sample.labels["source"] == source and sample.value
    }


async def test_every_kind_of_metric_is_shown_as_prometheus_client_shows_it() -> None:
    collector = mounted("shop")
    snapshot = await shown(collector)
    theirs = generate_latest(shop()).decode()
    assert read(snapshot.page().decode()) == read(theirs)
    assert types(snapshot.page().decode()) == types(theirs)
    assert read(snapshot.page(Format.OPENMETRICS).decode(), openmetrics=True) == read(theirs)
    assert refused(snapshot) == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("prometheus_client:REGISTRY", "python_info"),
        ("prometheus_client:PLATFORM_COLLECTOR", "python_info"),
        ("prometheus_client.platform_collector:PlatformCollector", "python_info"),
        ("prometheus_client.gc_collector:GCCollector", "python_gc_collections_total"),
    ],
)
async def test_a_registry_a_collector_and_a_class_can_be_mounted(path: str, name: str) -> None:
    snapshot = await shown(Python(collector=path, labels={"test": path}, metrics=("python_*",)))
    found = read(snapshot.page().decode())
    assert name in {series for series, _ in found}
    assert all(("test", path) in labels for _, labels in found)
    assert read(snapshot.page(Format.OPENMETRICS).decode(), openmetrics=True).keys() == found.keys()


async def test_a_class_that_would_register_itself_with_all_the_world_is_given_a_registry_of_its_own() -> None:
    before = set(prometheus_client.REGISTRY._collector_to_names)
    await shown(Python(collector="prometheus_client.gc_collector:GCCollector"))
    assert set(prometheus_client.REGISTRY._collector_to_names) == before


async def test_families_made_by_hand_are_shown_and_what_the_formats_cannot_hold_is_left_behind() -> None:
    counter = CounterMetricFamily("hand_sales", "Sales.", labels=["at"], created=5)
    counter.add_metric(["x"], 3, created=1.0, timestamp=99)
    literal = Metric("hand_fetch_count", "Fetches, under a name without the usual ending.", "counter")
    literal.add_sample("hand_fetch_count", {}, 4)
    waits = HistogramMetricFamily("hand_waits", "Waits.", buckets=[("0.1", 1), ("+Inf", 2)], sum_value=3)
    falling = HistogramMetricFamily("hand_levels", "Levels.", buckets=[("-1", 1), ("+Inf", 2)], sum_value=3)
    summary = SummaryMetricFamily("hand_sizes", "Sizes.", count_value=2, sum_value=-3)
    summary.add_sample("hand_sizes", {"quantile": "0.5"}, 1)
    spread = GaugeHistogramMetricFamily("hand_ages", "Ages.", buckets=[("1", 1), ("+Inf", 2)], gsum_value=3)
    snapshot = await shown(
        gives(
            counter,
            literal,
            waits,
            falling,
            summary,
            spread,
            InfoMetricFamily("hand_build", "Build.", {"version": "1"}),
            StateSetMetricFamily("hand_state", "State.", {"on": True, "off": False}),
            UnknownMetricFamily("hand_what", "", 7),
            GaugeMetricFamily("hand_unit_seconds", "In seconds.", 8, unit="seconds"),
        )
    )
    expected = {
        ("hand_sales_total", (("at", "x"),)): 3,
        ("hand_fetch_count", ()): 4,
        ("hand_waits_bucket", (("le", "0.1"),)): 1,
        ("hand_waits_bucket", (("le", "+Inf"),)): 2,
        ("hand_waits_sum", ()): 3,
        ("hand_waits_count", ()): 2,
        ("hand_levels_bucket", (("le", "-1.0"),)): 1,
        ("hand_levels_bucket", (("le", "+Inf"),)): 2,
        ("hand_sizes", (("quantile", "0.5"),)): 1,
        ("hand_sizes_count", ()): 2,
        ("hand_ages_bucket", (("le", "1"),)): 1,
        ("hand_ages_bucket", (("le", "+Inf"),)): 2,
        ("hand_ages_gcount", ()): 2,
        ("hand_ages_gsum", ()): 3,
        ("hand_build_info", (("version", "1"),)): 1,
        ("hand_state", (("hand_state", "on"),)): 1,
        ("hand_state", (("hand_state", "off"),)): 0,
        ("hand_what", ()): 7,
        ("hand_unit_seconds", ()): 8,
    }
    assert read(snapshot.page(Format.OPENMETRICS).decode(), openmetrics=True) == expected
    text = snapshot.page().decode()
    assert "# TYPE hand_fetch_count counter\n" in text
    assert "# HELP hand_what No help text was given.\n" in text
    assert refused(snapshot) == {}


async def test_series_of_one_family_with_different_labels_share_its_header() -> None:
    family = Metric("hand_mixed", "Mixed.", "gauge")
    family.add_sample("hand_mixed", {"a": "1"}, 1)
    family.add_sample("hand_mixed", {"b": "2", "c": 3}, 2)  # type: ignore[dict-item]  # a careless collector
    page = (await shown(gives(family))).page().decode()
    assert 'hand_mixed{a="1",b="",c=""} 1.0\n' in page
    assert 'hand_mixed{a="",b="2",c="3"} 2.0\n' in page
    assert page.count("# TYPE hand_mixed gauge") == 1


async def test_only_the_metrics_asked_for_are_shown() -> None:
    snapshot = await shown(mounted("shop", metrics=["shop_s*", "shop_build_info"]))
    assert types(snapshot.page().decode()).keys() == {"shop_stock", "shop_sales", "shop_state", "shop_build_info"}
    assert refused(snapshot) == {}


async def test_the_labels_of_the_settings_stand_in_place_of_its_own() -> None:
    family = GaugeMetricFamily("hand_level", "Level.", labels=["site"])
    family.add_metric(["its own"], 1)
    page = (await shown(gives(family, labels={"site": "here", "shop": "a"}))).page().decode()
    assert 'hand_level{site="here",shop="a"} 1.0\n' in page


@pytest.mark.parametrize(
    ("families", "reason"),
    [
        ([GaugeMetricFamily("bellwether_build_info", "Not ours.", 1)], "taken"),
        ([GaugeMetricFamily("process_start_time_seconds", "Not ours.", 1)], "taken"),
        ([GaugeMetricFamily("hand_x", "One.", 1), CounterMetricFamily("hand_x", "Two.", 1)], "taken"),
        ([HistogramMetricFamily("hand_x", "One.", [("+Inf", 1)], 1), GaugeMetricFamily("hand_x_count", "Two.", 1)], "taken"),
        ([GaugeMetricFamily("hand.dotted", "A name for another format.", 1)], "invalid"),
        ([GaugeMetricFamily("hand_labels", "Labels.", labels=[f"l{n}" for n in range(65)])], "invalid"),
        ([HistogramMetricFamily("hand_x", "Falls.", [("1", 5), ("+Inf", 1)], 1)], "value"),
        ([HistogramMetricFamily("hand_x", "Broken.", [("1", 5), ("?", 6)], None)], "value"),
    ],
)
async def test_a_family_that_would_spoil_the_page_is_left_out_and_counted(families: list[Any], reason: str) -> None:
    if families[0].name == "hand_labels":
        families[0].add_metric(["x"] * 65, 1)
    snapshot = await shown(gives(*families, GaugeMetricFamily("hand_good", "Good.", 1)))
    assert refused(snapshot) == {reason: 1}
    found = read(snapshot.page(Format.OPENMETRICS).decode(), openmetrics=True)
    assert found["hand_good", ()] == 1
    assert {name for name, _ in found} <= {"hand_good", "hand_x", "hand_x_bucket", "hand_x_sum", "hand_x_count"}


async def test_one_name_given_twice_in_a_run_is_one_family() -> None:
    one, two = GaugeMetricFamily("hand_x", "One.", labels=["a"]), GaugeMetricFamily("hand_x", "Two.", labels=["a"])
    one.add_metric(["1"], 1)
    two.add_metric(["2"], 2)
    snapshot = await shown(gives(one, GaugeMetricFamily("hand_y", "Y.", 3), two))
    assert read(snapshot.page(Format.OPENMETRICS).decode(), openmetrics=True) == {
        ("hand_x", (("a", "1"),)): 1,
        ("hand_x", (("a", "2"),)): 2,
        ("hand_y", ()): 3,
    }


async def test_a_name_that_another_collector_declares_is_left_to_it() -> None:
    toy = Toy.of(constant(LEVEL(1, place="x")), name="toy")
    foreign = gives(
        CounterMetricFamily("toy_level", "Not the toy's.", 5),
        HistogramMetricFamily("toy", "Takes up no name of the toy's.", [("+Inf", 1)], 1),
        GaugeMetricFamily("toy_events", "In OpenMetrics, the name of a family of the toy's.", 5),
    )
    for order in ((toy, foreign), (foreign, toy)):
        snapshot = await shown(*order)
        assert REFUSED == REFUSED | {"toy": {}, "python": {"taken": 2}}
        assert read(snapshot.page(Format.OPENMETRICS).decode(), openmetrics=True) == {
            ("toy_level", (("place", "x"),)): 1,
            ("toy_bucket", (("le", "+Inf"),)): 1,
            ("toy_sum", ()): 1,
            ("toy_count", ()): 1,
        }
    assert {metric.name for metric in METRICS} >= {"toy_level", "toy_events_total"}


async def test_of_two_mounted_collectors_with_one_name_the_first_keeps_it() -> None:
    first = gives(GaugeMetricFamily("hand_x", "One.", 1), name="first")
    second = gives(CounterMetricFamily("hand_x", "Two.", 2), name="second")
    snapshot = await shown(first, second, first)
    assert (REFUSED["first"], REFUSED["second"]) == ({}, {"taken": 1})
    assert read(snapshot.page(Format.OPENMETRICS).decode(), openmetrics=True) == {("hand_x", ()): 1}
    FAMILIES["first"] = []
    snapshot = await shown(first, second)
    assert read(snapshot.page().decode()) == {("hand_x_total", ()): 2}


async def test_two_mounted_collectors_share_a_name_when_labels_tell_them_apart_whatever_their_help_texts() -> None:
    first = gives(GaugeMetricFamily("hand_x", "One.", 1), name="first", labels={"site": "a"})
    second = gives(GaugeMetricFamily("hand_x", "Two.", 2), name="second", labels={"site": "b"})
    other = gives(UnknownMetricFamily("hand_x", "Three.", 3), name="other", labels={"site": "c"})
    same = gives(GaugeMetricFamily("hand_x", "Four.", 4), name="same", labels={"site": "a"})
    snapshot = await shown(first, second, other, same)
    expected = {("hand_x", (("site", "a"),)): 1, ("hand_x", (("site", "b"),)): 2}
    for format_ in Format:
        page = snapshot.page(format_).decode()
        assert (page.count("# TYPE hand_x "), page.count("# HELP hand_x ")) == (1, 1)
        assert read(page, openmetrics=format_ is Format.OPENMETRICS) == expected
    assert (REFUSED["other"], REFUSED["same"]) == ({"taken": 1}, {"duplicate": 1})


async def test_a_family_may_change_from_run_to_run() -> None:
    collector = gives(GaugeMetricFamily("hand_x", "One.", 1))
    declared = {metric.name: metric for metric in collector.declares()}
    first = await poll(collector, declared)
    FAMILIES["python"] = [CounterMetricFamily("hand_x", "Two.", 2), GaugeMetricFamily("hand_y", "Y.", math.nan)]
    second = await poll(collector, declared, first)
    snapshot = Snapshot()
    snapshot.publish("python", second.lines)
    assert "hand_x_total 2.0\n" in snapshot.page().decode()
    assert "hand_y NaN\n" in snapshot.page().decode()
    third = await poll(collector, {metric.name: metric for metric in collector.declares()}, second)
    assert third.texts.keys() == second.texts.keys()


def caused(error: Exception, *, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (ConnectionRefusedError(111, "refused"), Unreachable, "ConnectionRefusedError: [Errno 111] refused"),
        (TimeoutError("too slow"), TimedOut, "TimeoutError: too slow"),
        (Denied("no right"), Denied, "no right"),
        (ZeroDivisionError("oops"), ZeroDivisionError, "oops"),
        (SystemExit(3), RuntimeError, "SystemExit: 3"),
        (KeyboardInterrupt(), RuntimeError, "KeyboardInterrupt: "),
        (asyncio.CancelledError(), RuntimeError, "CancelledError: "),
        (OSError("cannot log in as root:hunter22"), Unreachable, "OSError: cannot log in as root:********"),
        (ValueError("hunter22 is too short"), RuntimeError, "ValueError: ******** is too short"),
        (caused(KeyError("no"), by=ValueError("hunter22")), RuntimeError, "KeyError: 'no'"),
    ],
)
async def test_whatever_it_raises_is_a_failed_run_that_shows_no_argument(
    error: BaseException, raised: type[Exception], message: str
) -> None:
    def step() -> None:
        raise error

    with pytest.raises(raised) as caught:
        await poll(does(step, arguments={"password": "hunter22"}), {})
    assert (type(caught.value), str(caught.value)) == (raised, message)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda: [5], "expected collect() to give metric families, got a int"),
        (lambda: iter(()).__next__(), "StopIteration"),
        (lambda: None, "'NoneType' object is not iterable"),
    ],
)
async def test_what_gives_no_families_fails(step: Callable[[], Any], message: str) -> None:
    with pytest.raises((Malformed, TypeError, RuntimeError)) as caught:
        await poll(does(step), {})
    assert message in str(caught.value)


def empty() -> None:
    """A factory that makes nothing."""


async def test_a_factory_that_makes_no_collector_is_said_so() -> None:
    with pytest.raises(Malformed, match=r":empty made something without collect\(\): a NoneType"):
        await poll(mounted("empty"), {})


class Hanging:
    """A collector whose first run waits until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def collect(self) -> Iterator[Any]:
        self.go_on.wait(30)
        yield GaugeMetricFamily("hand_x", "X.", 1)


async def test_one_that_hangs_holds_one_thread_and_is_tried_again_when_it_has_come_back() -> None:
    hanging = Hanging()
    collector = does(hanging.collect, name="hanging", timeout=0.1)

    def threads() -> int:
        return sum(thread.name == "collector hanging" for thread in threading.enumerate())

    try:
        with pytest.raises(TimeoutError):
            await poll(collector, {})
        for _ in range(3):
            with pytest.raises(TimedOut, match="the run before has not come back"):
                await poll(collector, {})
            assert threads() == 1
    finally:
        hanging.go_on.set()
    while threads():
        await asyncio.sleep(0.01)
    declared = {metric.name: metric for metric in collector.declares()}
    assert ("hand_x", ()) in {(metric.name, labels) for metric, labels in (await poll(collector, declared)).texts}


def test_one_that_hangs_does_not_keep_the_process_from_ending() -> None:
    program = """
import asyncio, contextlib
from exporter.collectors.python import Python
from exporter.poll import poll
async def main():
    with contextlib.suppress(TimeoutError):
        await poll(Python(collector="tests.collectors.test_python:forever", timeout=0.1), {})
asyncio.run(main())
print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=os.curdir
    )
    assert (done.stdout, done.stderr) == ("ended\n", "")


def forever() -> Any:
    return SimpleNamespace(collect=threading.Event().wait)


@asynccontextmanager
async def engine(*collectors: Collector) -> AsyncIterator[tuple[Scheduler, Snapshot]]:
    snapshot = Snapshot()
    scheduler = Scheduler(collectors, snapshot, randomness=random.Random(1))
    running = asyncio.create_task(scheduler.run())
    try:
        await scheduler.first_turns()
        yield scheduler, snapshot
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_in_the_engine_one_that_raises_harms_no_other_and_its_budget_holds() -> None:
    def broken() -> None:
        raise SystemExit(1)

    many = GaugeMetricFamily("hand_many", "Many.", labels=["n"])
    for number in range(50):
        many.add_metric([str(number)], number)
    good = gives(many, name="good", max_series=10)
    async with engine(does(broken), good) as (scheduler, snapshot):
        assert scheduler.healths["python"].failing == "bug: RuntimeError: SystemExit: 1"
        assert (scheduler.healths["good"].up, scheduler.healths["good"].series) == (True, 10)
        assert scheduler.healths["good"].dropped["budget"] >= 43
        assert len(read(snapshot.page().decode())) <= 10


@pytest.mark.parametrize(
    ("settings", "place", "message"),
    [
        ({"collector": "shop"}, "collector", "expected an import path such as package.module:Class"),
        (
            {"collector": "acme_absent:Shop"},
            "collector",
            (
                "expected a module that can be imported; acme_absent raises ModuleNotFoundError: "
                "No module named 'acme_absent'; is its package installed where Bellwether is?"
            ),
        ),
        ({"collector": at("shopp")}, "collector", f"expected a name that {__name__} has; did you mean shop?"),
        ({"collector": "os:sep"}, "collector", "expected a collector with collect(), or what makes one; os:sep is a str"),
        (
            {"collector": "builtins:int"},
            "collector",
            "expected a collector with collect(), or what makes one; builtins:int is a type",
        ),
        (
            {"collector": at("shop"), "arguments": {"colour": "red"}},
            "arguments",
            "expected arguments for (): got an unexpected keyword argument 'colour'",
        ),
        ({"collector": at("given")}, "arguments", "expected arguments for (name): missing a required argument: 'name'"),
        (
            {"collector": "prometheus_client:REGISTRY", "arguments": {"colour": "red"}},
            "arguments",
            "expected none, since there is nothing to call: it is a CollectorRegistry already",
        ),
        ({"collector": at("shop"), "labels": {"a-b": "c"}}, "labels", "labels: 'a-b' is not a label name"),
    ],
)
def test_settings_that_cannot_work_are_refused_when_they_are_read(settings: dict[str, Any], place: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Python.model_validate(settings)
    (error,) = caught.value.errors()
    assert (error["loc"], error["msg"]) == ((place,), f"Value error, {message}")


def test_a_module_that_ends_the_process_when_imported_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_exit.py").write_text("raise SystemExit(2)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValidationError, match="acme_exit raises SystemExit: 2"):
        Python(collector="acme_exit:Shop")


def test_texts_among_the_arguments_are_secrets_and_other_values_keep_their_type() -> None:
    collector = mounted("many", arguments={"a": "hunter2", "b": 5, "c": True, "d": 0.5, "e": None, "f": ["x"], "g": ""})
    assert "hunter2" not in repr(collector)
    assert Python.hides("arguments")
    assert collector.read() == []
    assert TAKEN == {"a": "hunter2", "b": 5, "c": True, "d": 0.5, "e": None, "f": ["x"], "g": ""}
    assert collector.same_as(Python.model_validate(collector.model_dump() | {"arguments": collector.arguments}))


TAKEN: dict[str, Any] = {}


def many(**arguments: Any) -> Any:
    TAKEN.update(arguments)
    return SimpleNamespace(collect=list)
