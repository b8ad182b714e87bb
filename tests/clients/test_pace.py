"""A budget of requests, on a clock that the test moves, and in a client."""

import pytest

from exporter.clients.access import Access
from exporter.clients.api import CALLS, Api
from exporter.clients.pace import Pace
from exporter.errors import Throttled
from tests.endpoint import Response, endpoint


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("calls", "seconds"), [(600, 3600), (50, 15), (25, 1), (5, 60), (1, 10)])
def test_a_client_that_asks_as_often_as_it_may_stays_below_the_limit_in_any_stretch(calls: int, seconds: float) -> None:
    clock = Clock()
    pace = Pace(calls, seconds, clock=clock)
    went: list[float] = []
    while clock.now < 1000 + 4 * seconds:
        clock.now += pace.claim(float("inf"))
        went.append(clock.now)
    busiest = max(sum(1 for other in went if at <= other < at + seconds) for at in went)
    assert 1 <= busiest <= max(1, 0.9 * calls)
    assert len(went) >= max(2, 4 * 0.5 * calls)  # and half of it can be had all the time


def test_who_does_not_wait_so_long_takes_nobodys_turn() -> None:
    clock = Clock()
    pace = Pace(5, 60, clock=clock)
    assert [pace.claim(1) for _ in range(2)] == [0, 0]
    assert [pace.claim(1) for _ in range(3)] == [24, 24, 24]
    clock.now += 23.5
    assert pace.claim(1) == pytest.approx(0.5)
    assert pace.claim(30) == pytest.approx(24.5)


async def test_a_request_beyond_the_budget_is_not_sent_and_says_how_long_to_wait() -> None:
    with endpoint() as server:
        server.answers["/"] = Response.json({})
        api = Api(server.url, Access(), pace=Pace(5, 3600))
        await api.get("/")
        await api.get("/")
        with pytest.raises(Throttled, match=r"not asked, to stay below the API's limit") as raised:
            await api.get("/")
        assert raised.value.retry_after == pytest.approx(1440, abs=5)
        assert len(server.requests) == 2
        assert [sample.value for sample in api.samples("x") if sample.metric is CALLS] == [2]
        await api.close()


async def test_a_request_waits_for_its_turn_where_that_is_soon() -> None:
    with endpoint() as server:
        server.answers["/"] = Response.json({})
        api = Api(server.url, Access(), pace=Pace(100, 1), timeout=5)
        for _ in range(45):
            await api.get("/")
        assert len(server.requests) == 45
        await api.close()
