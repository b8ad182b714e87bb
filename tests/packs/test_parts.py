"""Queries in parts: one a run, all for one instant; together they say what the whole says."""

from datetime import timedelta

import pytest

from exporter.collectors.sql import Sql
from exporter.demo.company import Company
from exporter.errors import Malformed, SettingsError
from exporter.fields import Secret
from exporter.packs import dialect
from exporter.packs.load import shipped
from exporter.packs.pack import Figures, Measure, Query
from exporter.packs.round import WORTH_IT, Round
from exporter.packs.standing import Standing
from tests.packs.conftest import NOW

STEP = timedelta(seconds=15)
IN_PARTS = [(pack, name) for pack, each in shipped().items() for name, query in each.queries.items() if query.parts > 1]


def query(**given: object) -> Query:
    metrics = {"shop_orders": Measure(help="Orders.", value="orders")}
    sql = "select 1 as orders where %(as_of)s > '2026-01-01' and coalesce(%(part)s, 0) = 0"
    return Query.model_validate({"metrics": metrics, "parts": 3, "sql": sql} | given)


async def run(collector: Sql, as_of: object) -> None:
    collector._as_of = as_of  # type: ignore[assignment]
    assert [sample async for sample in collector.collect()]


async def whole(told: Company, pack: str, name: str) -> Figures:
    collector = Sql(name="company", dsn=Secret(told.monitor_dsn), packs=(pack,))
    await run(collector, NOW)
    await collector.close()
    [standing] = [each for each in collector._agenda.standings if each.name == name]
    assert standing.round is None
    return standing.figures


@pytest.mark.parametrize(("pack", "name"), IN_PARTS)
async def test_the_parts_together_say_what_the_whole_says(pack: str, name: str, told: Company) -> None:
    collector = Sql(name="company", dsn=Secret(told.monitor_dsn), packs=(pack,), every=15)
    await run(collector, NOW - timedelta(days=40))
    [standing] = [each for each in collector._agenda.standings if each.name == name]
    standing.in_parts, before = True, standing.figures
    for number in range(standing.query.parts):
        assert standing.figures is before
        assert standing.as_of == NOW - timedelta(days=40)
        await run(collector, NOW + number * STEP)
        assert standing.asked == NOW + number * STEP
    await collector.close()
    expected = await whole(told, pack, name)
    assert expected
    assert expected != before
    assert standing.figures == expected
    assert standing.as_of == NOW


def test_one_that_takes_no_time_is_asked_whole() -> None:
    standing = Standing("shop", "orders", query())
    assert standing.next_part(NOW).part is None  # nobody knows yet
    standing.succeeded(NOW, {})
    standing.seconds = WORTH_IT
    assert standing.next_part(NOW + STEP).part is None
    standing.succeeded(NOW + STEP, {})
    standing.seconds = 2 * WORTH_IT
    assert standing.next_part(NOW + 2 * STEP).part == 0
    standing.seconds = WORTH_IT / 2  # that of the part
    standing.succeeded(NOW + 2 * STEP, {})
    assert standing.next_part(NOW + 3 * STEP).part == 0


def test_a_round_that_fails_or_would_answer_for_the_future_is_begun_anew() -> None:
    standing = Standing("shop", "orders", query(every=3600), in_parts=True)
    first = standing.next_part(NOW)
    assert not first.take(["orders"], [{"orders": 1}])
    standing.asked = NOW
    assert standing.due(NOW + STEP, STEP)
    assert standing.next_part(NOW + STEP) is first
    assert standing.next_part(NOW - STEP) == Round(NOW - STEP, 3)
    standing.failed(NOW + STEP, Malformed("no"), "no")
    assert standing.next_part(NOW + 2 * STEP) == Round(NOW + 2 * STEP, 3)


def test_rows_of_two_parts_with_the_same_labels_are_refused() -> None:
    round_ = Round(NOW, 2)
    assert [round_.take(["orders"], [{"orders": number}]) for number in range(2)] == [False, True]
    with pytest.raises(Malformed, match="two rows have the same"):
        query().figures(round_.columns, round_.rows)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"parts": 1}, r"a gauge's query uses %\(as_of\)s; this one uses %\(as_of\)s, %\(part\)s"),
        ({"sql": "select %(as_of)s"}, r"a gauge's query in parts uses %\(as_of\)s, %\(part\)s; this one uses %\(as_of\)s"),
        ({"parts": 0}, "greater than or equal to 1"),
        ({"type": "histogram", "buckets": [1, 2]}, "parts: only a gauge is asked in parts"),
    ],
)
def test_parts_that_make_no_sense_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        query(**given)


def test_on_clickhouse_a_query_is_asked_whole() -> None:
    assert {each.parts for pack in dialect.translations().values() for each in pack.queries.values()} == {1}
    with pytest.raises(SettingsError, match="parts: on ClickHouse a query is asked whole"):
        dialect._checked(query())
