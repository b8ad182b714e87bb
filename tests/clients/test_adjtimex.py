"""The clock's state, as the kernel tells it to whoever asks."""

import ctypes

import pytest

from exporter.clients.adjtimex import TIME_ERROR, Timex, adjtimex


def test_the_structure_is_as_long_as_the_kernels() -> None:
    """208 bytes where a long has 8: the size that the kernel copies."""
    assert ctypes.sizeof(Timex) == (208 if ctypes.sizeof(ctypes.c_long) == 8 else 128)


def test_asking_changes_nothing_and_tells_the_clock() -> None:
    try:
        state, timex = adjtimex()
    except PermissionError:
        pytest.skip("this container forbids adjtimex(2)")
    assert 0 <= state <= TIME_ERROR
    assert 9_000 <= timex.tick <= 11_000  # microseconds: 100 ticks a second, which can be changed by a tenth
    assert (state == TIME_ERROR) == bool(timex.status & 0x40) or timex.status & 0x1000
    again = adjtimex()[1]
    assert (again.tick, again.freq, again.tai) == (timex.tick, timex.freq, timex.tai)
