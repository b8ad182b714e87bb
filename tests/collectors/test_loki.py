"""The kind `loki` against a real server that gives the documented answers of Loki 3. Loki itself cannot be had here."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.clients.volume import LINES, NEWEST, READY, Tally, Window
from exporter.collectors.loki import BYTES, Loki
from exporter.errors import Denied, Malformed, PollError, Throttled, Unreachable
from exporter.metric import Sample
from exporter.poll import poll
from tests.endpoint import Endpoint, Request, Response, endpoint

QUERY, RANGE = "/loki/api/v1/query", "/loki/api/v1/query_range"
Make = Callable[..., Loki]
SELECTOR = '{service_name="shop"} |= "x"'


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as served:
        served.answers |= {
            "/ready": Response.text("ready\n"),
            QUERY: lambda request: Response.recorded(
                f"loki/query_{'bytes' if 'bytes' in request.query['query'] else 'by_level'}"
            ),
            RANGE: Response.recorded("loki/query_range_streams"),
        }
        yield served


@pytest.fixture
async def loki(server: Endpoint) -> AsyncIterator[Make]:
    """Makes collectors of the server, closed after the test."""
    made: list[Loki] = []

    def make(**settings: Any) -> Loki:
        made.append(Loki.model_validate({"name": "shop", "url": server.url, "query": SELECTOR, **settings}))
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


async def samples(collector: Loki) -> list[Sample]:
    return [sample async for sample in collector.collect()]


def lines(found: list[Sample]) -> dict[str, float]:
    return {sample.labels[1]: sample.value for sample in found if sample.metric is LINES}


def value(found: list[Sample], metric: Any) -> float | None:
    return next((sample.value for sample in found if sample.metric is metric), None)


NONE = dict.fromkeys(("trace", "debug", "info", "warning", "error", "critical", "other"), 0)
SOME = NONE | {"info": 1267, "warning": 37, "error": 7, "other": 3}


def set_clock(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr("exporter.collectors.loki.time.time", lambda: now)


async def test_it_begins_at_zero_so_that_a_restart_counts_nothing_twice(server: Endpoint, loki: Make) -> None:
    found = await samples(loki())
    assert lines(found) == NONE
    assert server.asked(QUERY) == []


async def test_lines_are_counted_by_level_whatever_its_spelling(
    server: Endpoint, loki: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = loki()
    set_clock(monkeypatch, 1_000_000.7)
    await samples(collector)
    set_clock(monkeypatch, 1_000_060.2)
    assert lines(await samples(collector)) == SOME
    [request] = server.asked(QUERY)
    assert request.query == {
        "query": f"sum by (detected_level) (count_over_time({SELECTOR} [60s]))",
        "time": "1000060000000000",
    }


async def test_windows_meet_so_that_each_line_counts_once(
    server: Endpoint, loki: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line every second, one of ten an error: however the polls fall, the counters grow by one a second."""

    def counted(request: Request) -> Response:
        up_to = int(request.query["time"]) // 10**9
        length = int(request.query["query"].rpartition("[")[2].partition("s]")[0])
        errors = sum(second % 10 == 0 for second in range(up_to - length + 1, up_to + 1))
        result = [("error", errors), ("info", length - errors)]
        vector = [{"metric": {"level": level}, "value": [up_to, str(count)]} for level, count in result]
        return Response.json({"status": "success", "data": {"resultType": "vector", "result": vector}})

    server.answers[QUERY] = counted
    collector = loki(level_label="level", late_by="45s")
    start = 1_000_000
    for after in (0, 30, 61, 90, 300, 301):
        set_clock(monkeypatch, start + after)
        found = lines(await samples(collector))
        assert found == NONE | {"error": after // 10, "info": after - after // 10}


async def test_late_lines_are_counted_and_none_is_ever_taken_back(
    server: Endpoint, loki: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"fresh": 5, "settling": 0}

    def counted(request: Request) -> Response:
        window = "fresh" if request.query["time"].startswith(now) else "settling"
        result = [{"metric": {"detected_level": "info"}, "value": [0, str(counts[window])]}]
        return Response.json({"status": "success", "data": {"resultType": "vector", "result": result}})

    server.answers[QUERY] = counted
    collector = loki(late_by=60)
    for now, fresh, settling, expected in (
        ("1000000", 0, 0, 0),
        ("1000030", 5, 0, 5),
        ("1000050", 9, 0, 9),  # four came late
        ("1000055", 3, 0, 9),  # lines were deleted
        ("1000100", 4, 11, 15),  # the first 40 seconds are settled
    ):
        counts.update(fresh=fresh, settling=settling)
        set_clock(monkeypatch, int(now))
        assert lines(await samples(collector))["info"] == expected


async def test_a_failure_loses_nothing_and_is_caught_up(server: Endpoint, loki: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = loki()
    set_clock(monkeypatch, 1_000_000)
    await samples(collector)
    set_clock(monkeypatch, 1_000_300)
    server.answers[RANGE] = Response.text("", status=500)
    with pytest.raises(Unreachable):
        await samples(collector)
    server.answers[RANGE] = Response.recorded("loki/query_range_empty")
    server.requests.clear()
    found = await samples(collector)
    assert [request.query["query"].partition(" [")[2] or request.query["query"] for request in server.asked(QUERY)] == [
        "180s]))", "120s]))", "180s]))",
    ]  # fmt: skip
    assert value(found, BYTES) == 40960
    assert lines(found) == {level: 2 * count for level, count in SOME.items()}


def test_after_a_long_failure_no_more_than_an_hour_is_asked_for() -> None:
    windows = Tally(0).windows(1_000_000, 120)
    assert (windows.settling, windows.fresh) == (Window(996_280, 999_880), Window(999_880, 1_000_000))
    assert Tally(1_000_000).windows(999_000, 120) == Tally(1_000_000).windows(1_000_000, 120)  # a clock set back


async def test_the_newest_line_tells_whether_lines_still_come_in(server: Endpoint, loki: Make) -> None:
    collector = loki()
    assert value(await samples(collector), NEWEST) == pytest.approx(1569266497.240578)
    [request] = server.asked(RANGE)
    assert (request.query["limit"], request.query["direction"], request.query["query"]) == ("1", "backward", SELECTOR)
    server.answers[RANGE] = Response.recorded("loki/query_range_empty")
    assert value(await samples(collector), NEWEST) == pytest.approx(1569266497.240578)
    assert value(await samples(loki()), NEWEST) is None


async def test_readiness_is_shown_where_it_is_asked_for(server: Endpoint, loki: Make) -> None:
    assert value(await samples(loki()), READY) == 1
    server.answers["/ready"] = Response.recorded("loki/not_ready")
    assert value(await samples(loki()), READY) == 0
    del server.answers["/ready"]
    assert value(await samples(loki(ready=False)), READY) is None
    with pytest.raises(Malformed, match=r"GET /ready at .* 404"):
        await samples(loki())


async def test_tenant_and_credentials_go_with_each_request(server: Endpoint, loki: Make) -> None:
    await samples(loki(tenant="shop|web", username="1234", password="glc_token"))
    assert {request.headers["x-scope-orgid"] for request in server.requests} == {"shop|web"}
    assert {request.headers["authorization"][:6] for request in server.requests} == {"Basic "}


async def test_further_spellings_of_levels_can_be_given(server: Endpoint, loki: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = loki(levels={"Warn": "error"})
    set_clock(monkeypatch, 1_000_000)
    await samples(collector)
    set_clock(monkeypatch, 1_000_060)
    assert lines(await samples(collector)) == SOME | {"warning": 0, "error": 44}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Response.recorded("loki/no_tenant"), Denied),
        (Response.recorded("loki/too_many"), Throttled),
        (Response.recorded("loki/parse_error"), Malformed),
        (Response.recorded("loki/query_range_streams"), Malformed),
        (Response.json({"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "x"]}]}}), Malformed),
        (Response.json([]), Malformed),
        (Response.text("<html>", "text/html"), Malformed),
        (Response.text("", status=502), Unreachable),
    ],
    ids=["tenant", "limit", "query", "streams", "number", "list", "html", "gateway"],
)  # fmt: skip
async def test_each_documented_failure_has_its_reason(
    server: Endpoint, loki: Make, monkeypatch: pytest.MonkeyPatch, answer: Response, kind: type[PollError]
) -> None:
    collector = loki(bearer_token="s3cr3t-token")
    set_clock(monkeypatch, 1_000_000)
    await samples(collector)
    set_clock(monkeypatch, 1_000_060)
    server.answers[QUERY] = answer
    with pytest.raises(kind, match="/loki/api/v1/query") as raised:
        await samples(collector)
    assert "s3cr3t" not in str(raised.value)


async def test_a_metric_query_is_not_one_of_lines(server: Endpoint, loki: Make) -> None:
    with pytest.raises(ValidationError, match="begins with a selector"):
        loki(query="sum(rate({a='b'}[1m]))")


async def test_all_of_it_passes_the_guards(server: Endpoint, loki: Make) -> None:
    collector = loki()
    draft = await poll(collector, {metric.name: metric for metric in collector.declares()})
    assert draft.dropped == {}
    assert 'logs_lines_total{source="shop",level="error"} 0.0\n' in draft.lines[LINES]
