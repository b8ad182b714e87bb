"""History: its instants, its text, and a year of it in the real Prometheus beside what SQL says of each day."""

import contextlib
import itertools
import re
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from exporter import backfill
from exporter.backfill.instants import instants
from exporter.backfill.part import Part, joined
from exporter.backfill.replay import Replay
from exporter.collectors.sql import Sql
from exporter.errors import SettingsError
from exporter.fields import Secret
from exporter.guard import Draft
from exporter.metric import Metric
from exporter.packs.counter import CountFrom
from exporter.settings import load
from tests import past
from tests.past import LABELS
from tests.stack import free_port, until
from tests.tools import tool

FROM, TO = "2023-11-01", "2024-11-01"  # with the 29th of February and both changes of the clocks
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(begin: str, end: str, step: str = "1d", zone: str = "UTC") -> list[str]:
    return [f"{instant:%Y-%m-%dT%H:%M}" for instant in instants(begin, end, step, zone, NOW)]


# Instants


def test_days_are_those_of_the_calendar_where_clocks_change() -> None:
    assert at("2024-03-30", "2024-04-02", zone="Europe/Paris") == ["2024-03-29T23:00", "2024-03-30T23:00", "2024-03-31T22:00"]
    assert at("2024-10-26", "2024-10-29", zone="Europe/Paris") == ["2024-10-25T22:00", "2024-10-26T22:00", "2024-10-27T23:00"]


def test_hours_are_hours_wherever_clocks_change() -> None:
    found = at("2024-03-31", "2024-04-01", "1h", "Europe/Paris")
    assert (len(found), found[0], found[-1]) == (23, "2024-03-30T23:00", "2024-03-31T21:00")
    assert at("2024-03-30", "2024-04-01T02:00", "24h", "Europe/Paris")[-1] == "2024-03-31T23:00"  # 1:00 there


def test_a_day_that_has_no_midnight_begins_when_it_begins() -> None:
    begins = at("2024-04-25", "2024-04-28", zone="Africa/Cairo")
    assert begins == ["2024-04-24T22:00", "2024-04-25T22:00", "2024-04-26T21:00"]  # on the 26th from 0:00 to 1:00


def test_a_day_that_was_left_out_has_no_instant() -> None:
    found = at("2011-12-29", "2012-01-01", zone="Pacific/Apia")
    assert found == ["2011-12-29T10:00", "2011-12-30T10:00"]  # there was no 30th there


def test_a_midnight_that_comes_twice_is_the_first_and_a_start_is_the_one_that_was_meant() -> None:
    assert at("2024-11-03", "2024-11-04", zone="America/Havana") == ["2024-11-03T04:00"]
    assert at("2024-10-27T02:30+01:00", "2024-10-28", zone="Europe/Paris") == ["2024-10-27T01:30"]


def test_months_end_when_they_end() -> None:
    assert [each[:10] for each in at("2024-02-28", "2024-03-02")] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert [each[:10] for each in at("2023-01-31", "2023-02-15", "1w")] == ["2023-01-31", "2023-02-07", "2023-02-14"]


def test_the_start_is_asked_about_and_the_end_is_not() -> None:
    assert at("2024-01-01T06:00+02:00", "2024-01-03T04:00Z") == ["2024-01-01T04:00", "2024-01-02T04:00"]
    assert at("2024-01-01", "2024-01-01T00:00:01") == ["2024-01-01T00:00"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("2024-01-02", "2024-01-01", "1d", "UTC"), "--from: '2024-01-02' is not before --to: '2024-01-01'"),
        (("2024-01-01", "2024-01-01", "1d", "UTC"), "--from: '2024-01-01' is not before --to: '2024-01-01'"),
        (("2025-12-01", "2026-01-02", "1d", "UTC"), "--to: '2026-01-02' is in the future"),
        (("yesterday", "2024-01-01", "1d", "UTC"), "--from: 'yesterday': expected a date such as"),
        (("2023-02-29", "2024-01-01", "1d", "UTC"), "--from: '2023-02-29': expected a date such as"),
        (("2023-01-01", "2024-13-01", "1d", "UTC"), "--to: '2024-13-01': expected a date such as"),
        (("0001-01-01", "2024-01-01", "1d", "Asia/Tokyo"), "--from: '0001-01-01': expected a date such as"),
        (("2023-01-01", "2024-01-01", "0s", "UTC"), "--step: '0s': expected a duration of whole seconds"),
        (("2023-01-01", "2024-01-01", "1500ms", "UTC"), "--step: '1500ms': expected a duration of whole seconds"),
        (("2023-01-01", "2024-01-01", "daily", "UTC"), "--step: 'daily': expected a duration of whole seconds"),
        (("2023-01-01", "2024-01-01", "99999999999y", "UTC"), "--step: '99999999999y': expected"),
        (("2023-01-01", "2024-01-01", "1d", "Paris"), "--time-zone: 'Paris': expected a time zone such as"),
        (("2023-01-01", "2024-01-01", "1d", "../etc"), "--time-zone: '../etc': expected a time zone such as"),
        (("2023-01-01", "2024-01-01", "1d", ""), "--time-zone: '': expected a time zone such as"),
    ],
)
def test_what_is_no_stretch_of_time_is_told_with_its_option(given: tuple[str, str, str, str], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        instants(*given, NOW)
    assert str(caught.value).startswith(told)


# Text

MONEY = Metric("shop_money", 'In "major" units.', labels=("source", "note"))
SALES = Metric("shop_sales_total", "Sales.", "counter", ("source",))
AGES = Metric("shop_age_seconds", "Ages.", "histogram", ("source", "kind"))
NOTES = ("plain", 'a "quote", a \\ and a }', 'kind,le="3"')


def lines(day: int) -> dict[Metric, list[str]]:
    draft = Draft({metric.name: metric for metric in (MONEY, SALES, AGES)}, 1000)
    for note in NOTES[day % 2 :]:
        draft.add(MONEY(day + 0.1, source="s", note=note))
        draft.add(AGES.histogram({1: day, 2.5: 2 * day, float("inf"): 2 * day}, sum=day * 3.5, source="s", kind=note))
    draft.add(SALES(1e15 + day, source="s"))
    return draft.lines


def samples(text: str) -> Iterator[Sample]:
    """What a page says, as the reference parser reads it; label sets are found to be together, and instants in order.

    That parser loses all but the first instant of a histogram, so it is given the page instant by instant.
    """
    assert text.endswith("# EOF\n")
    pages: dict[int, list[str]] = {}
    order: list[tuple[str, str]] = []
    times: dict[tuple[str, str], list[int]] = {}
    heads: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            heads = [line] if line.startswith("# TYPE") else [*heads, line]
            continue
        series, _, time = line.rpartition(" ")
        labels = heads[0], re.sub(r',le="[^"]*"}', "}", series[series.index("{") :].rpartition(" ")[0])
        order.append(labels)
        times.setdefault(labels, []).append(int(time))
        page = pages.setdefault(int(time), [])
        page += [line] if heads[0] in page else [*heads, line]
    assert len([key for key, _ in itertools.groupby(order)]) == len(times)
    assert all(each == sorted(each) for each in times.values())
    for _, page in sorted(pages.items()):
        for family in parse("\n".join([*page, "# EOF", ""])):  # type: ignore[no-untyped-call]
            yield from family.samples


def test_the_text_is_openmetrics_with_all_instants_of_a_series_together(tmp_path: Path) -> None:
    days = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(4)]
    whole, parts = Part(), [Part(), Part(), Part()]
    for day, instant in enumerate(days):
        whole.add(instant, lines(day))
        parts[(0, 0, 1, 2)[day]].add(instant, lines(day))
    text = b"".join(whole.text())
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for sample in samples(text.decode()):
        label = sample.labels.get("note") or sample.labels.get("kind") or ""
        key = (sample.name, label, sample.labels.get("le", ""))
        found.setdefault(key, []).append((float(sample.timestamp or 0), sample.value))
    for note in NOTES:
        shown = [(days[day].timestamp(), day) for day in range(4) if note in NOTES[day % 2 :]]
        assert found["shop_money", note, ""] == [(time, day + 0.1) for time, day in shown]
        assert found["shop_age_seconds_bucket", note, "2.5"] == [(time, 2 * day) for time, day in shown]
        assert found["shop_age_seconds_sum", note, ""] == [(time, 3.5 * day) for time, day in shown]
    assert found["shop_sales_total", "", ""] == [(days[day].timestamp(), 1e15 + day) for day in range(4)]
    assert len(found) == 3 + 1 + 3 * 5
    files = [tmp_path / f"{index}.om" for index in range(3)]
    for file, part in zip(files, parts, strict=True):
        file.write_bytes(b"".join(part.text()))
    assert b"".join(joined(files)) == text


def test_nothing_is_a_page_of_nothing() -> None:
    assert b"".join(Part().text()) == b"# EOF\n"
    assert b"".join(joined([])) == b"# EOF\n"


# A year


@pytest.fixture
def shop(database: str) -> str:
    past.fill(database)
    return database


def replay(settings: Path, output: Path, begin: str = FROM, end: str = TO, *, zone: str = "UTC") -> Replay:
    when = instants(begin, end, "1d", zone, NOW)
    return backfill.replay(load(settings).collectors, when, list(LABELS.items()), output, "1d")


def ignore(_: str) -> None:
    pass


def make_blocks(files: Iterable[Path], store: Path) -> None:
    for file in files:
        command = [str(tool("promtool")), "tsdb", "create-blocks-from", "--max-block-duration=486h", "openmetrics"]
        command += [str(file), str(store)]
        subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def prometheus(folder: Path, store: Path) -> Iterator[str]:
    """Prometheus over blocks that are there already; gives its address."""
    config, address = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    config.write_text("{}")
    command = [str(tool("prometheus")), f"--config.file={config}", f"--storage.tsdb.path={store}"]
    command += [f"--web.listen-address={address}", "--storage.tsdb.retention.time=50y"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(lambda: ready(f"http://{address}"), pause=0.1)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(60)


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def matrix(url: str, selector: str, *labels: str) -> dict[tuple[str, ...], dict[float, float]]:
    """Every sample that Prometheus has, as it is stored: by labels, then by time."""
    parameters = {"query": f"{selector}[5y]", "time": "2025-01-01T00:00:00Z"}
    answer: Any = httpx.get(f"{url}/api/v1/query", params=parameters, trust_env=False, timeout=60).json()
    assert answer["status"] == "success", answer
    return {
        tuple(series["metric"][label] for label in labels): {time: float(value) for time, value in series["values"]}
        for series in answer["data"]["result"]
    }


async def test_a_year_of_days_is_in_prometheus_what_sql_says_of_each(shop: str, tmp_path: Path) -> None:
    told: list[str] = []
    files = await replay(past.settings(tmp_path, shop), tmp_path / "history", zone="Europe/Paris").run(told.append)
    assert [file.name[:8] for file in files][:3] == ["20231031", "20231130", "20231231"]  # midnights there
    assert told[0] == "shop: left out, since they know no past: present/rows"
    assert len(told) == 1 + 12
    days = list(instants(FROM, TO, "1d", "Europe/Paris", NOW))
    assert len(days) == 366
    store = tmp_path / "tsdb"
    make_blocks([*files, files[0]], store)  # to load one twice does no harm
    with prometheus(tmp_path, store) as url:
        mrr = matrix(url, 'saas_mrr{job="bellwether",instance="127.0.0.1:11042",source="shop"}', "plan", "currency")
        attempts = matrix(url, "payment_attempts_total", "outcome", "currency")
        ages = matrix(url, "support_open_ticket_age_seconds_bucket", "priority", "le")
        counts = matrix(url, "support_open_ticket_age_seconds_count", "priority")
        assert matrix(url, "shop_rows") == {}
    expected_mrr: dict[tuple[str, ...], dict[float, float]] = {}
    expected_attempts: dict[tuple[str, ...], dict[float, float]] = {}
    with past.reading(shop) as connection:
        for day in days:
            rows = connection.execute(
                "select plan, currency,"
                " sum(case when coalesce(trial_ends_at, started_at) > %(day)s or ended_at <= %(day)s then 0"
                " else amount / interval_months end) from subscription where started_at <= %(day)s group by plan, currency",
                {"day": day},
            ).fetchall()
            for plan, currency, amount in rows:
                expected_mrr.setdefault((plan, currency), {})[day.timestamp()] = float(amount)
            paid = connection.execute(
                "select outcome, currency, count(*) from payment where created_at <= %s group by outcome, currency", [day]
            )
            for outcome, currency, number in paid:
                expected_attempts.setdefault((outcome, currency), {})[day.timestamp()] = float(number)
            opened = connection.execute(
                "select priority, count(*), count(*) filter (where created_at >= %(day)s - interval '1 day') from ticket"
                " where created_at <= %(day)s and (resolved_at is null or resolved_at > %(day)s) group by priority",
                {"day": day},
            )
            for priority, number, young in opened:
                assert counts[priority,][day.timestamp()] == ages[priority, "+Inf"][day.timestamp()] == number
                assert ages[priority, "86400.0"][day.timestamp()] == young
    assert mrr == expected_mrr
    assert len(mrr) == 6
    assert sum(map(len, mrr.values())) == 6 * 366
    assert attempts == expected_attempts


@pytest.mark.parametrize("count_from", ["first_run", "first_row"])
async def test_the_past_ends_where_the_present_begins(shop: str, tmp_path: Path, count_from: CountFrom) -> None:
    """At the last instant every series is there, and its value the one that the polling collector has, if it counts all rows.

    Else the polling collector's counters are at 0: a reset, after which Prometheus counts what they grow by and no more.
    """
    [file] = await replay(past.settings(tmp_path, shop), tmp_path / "x.om", "2024-02-01", "2024-03-02").run(ignore)
    last = datetime(2024, 3, 1, tzinfo=UTC)
    found: dict[tuple[Any, ...], float] = {}
    for sample in samples(file.read_text()):
        if float(sample.timestamp or 0) == last.timestamp():
            labels = dict(sample.labels)
            assert [labels.pop(name) for name in LABELS] == list(LABELS.values())
            found[sample.name, *labels.items()] = sample.value
    collector = Sql(name="shop", dsn=Secret(shop), packs=("revenue", "support"), count_from=count_from)
    collector._as_of = last
    draft = Draft({metric.name: metric for metric in collector.declares()}, 10_000)
    async for polled in collector.collect():
        if not polled.metric.name.startswith("bellwether_"):
            draft.add(polled)
    await collector.close()
    page = "".join(line for lines in draft.lines.values() for line in lines)
    polled_then = [sample for family in parse_text(page) for sample in family.samples]
    expected: dict[tuple[Any, ...], float] = {(each.name, *each.labels.items()): each.value for each in polled_then}
    if count_from == "first_run":
        assert {value for (name, *_), value in expected.items() if name.endswith("_total")} == {0}
        found |= {key: 0 for key in found if key[0].endswith("_total")}
    assert found == expected
    assert len(found) > 50


# Parts


async def test_parts_are_cut_where_they_grow_too_large_and_say_the_same(shop: str, tmp_path: Path) -> None:
    settings = past.settings(tmp_path, shop)
    whole, cut = tmp_path / "whole.om", tmp_path / "cut.om"
    told: list[str] = []
    await replay(settings, whole, end="2024-01-15").run(ignore)
    await replay(settings, cut, end="2024-01-15").run(told.append, most=1000)
    sizes = [int(line.split()[3]) for line in told if " samples" in line]
    assert len(sizes) > 10
    assert max(sizes) < 1300  # one instant more than is wanted at most
    assert cut.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.parts"))


async def test_what_is_done_is_not_done_again(shop: str, tmp_path: Path) -> None:
    settings, told = past.settings(tmp_path, shop), list[str]()
    first = await replay(settings, tmp_path / "history", end="2024-01-01").run(ignore)
    with past.reading(shop) as connection:
        connection.execute("drop table payment cascade")
    again = await replay(settings, tmp_path / "history", end="2024-01-01").run(told.append)
    assert again == first
    assert told[1:] == ["going on after 2023-12-31T00:00:00+00:00: 61 of 61 instants are done"]


async def test_counters_go_on_from_where_they_stood_even_if_rows_are_gone_meanwhile(shop: str, tmp_path: Path) -> None:
    settings = past.settings(tmp_path, shop)
    settings.write_text(settings.read_text().replace("[revenue, support, present]", "[revenue]"))

    def break_off(line: str) -> None:
        if line.startswith("20231101"):
            raise InterruptedError(line)

    whole = await replay(settings, tmp_path / "whole", end="2024-01-01").run(ignore)
    with pytest.raises(InterruptedError):
        await replay(settings, tmp_path / "history", end="2024-01-01").run(break_off)
    with past.reading(shop) as connection:
        connection.execute("delete from payment where created_at < '2023-11-01Z'")
    resumed = await replay(settings, tmp_path / "history", end="2024-01-01").run(ignore)
    assert [file.read_bytes() for file in resumed] == [file.read_bytes() for file in whole]


async def test_before_there_was_anything_there_is_no_file(shop: str, tmp_path: Path) -> None:
    told: list[str] = []
    settings = past.settings(tmp_path, shop)
    settings.write_text(settings.read_text().replace("[revenue, support, present]", "[support]"))
    files = await replay(settings, tmp_path / "history", "2022-08-15", "2022-12-01").run(told.append)
    assert [file.name for file in files] == ["20221101T000000Z.om"]
    assert told[:3] == [f"no file: {days} instants, 0 samples" for days in (17, 30, 31)]
