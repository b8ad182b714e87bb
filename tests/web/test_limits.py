"""The token bucket."""

from exporter.web.limits import Bucket


def test_a_burst_is_saved_up_and_then_tokens_come_one_by_one() -> None:
    now = 100.0
    bucket = Bucket(10, 3, lambda: now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now += 9.9
    assert not bucket.take()
    now += 0.2
    assert [bucket.take() for _ in range(2)] == [True, False]
    now += 1000
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
