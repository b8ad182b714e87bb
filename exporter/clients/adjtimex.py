"""What the kernel knows about the quality of the host's clock: adjtimex(2), asked to change nothing.

Source of the structure: https://man7.org/linux/man-pages/man2/adjtimex.2.html
"""

import ctypes
import functools
import os

TIME_ERROR = 5
"""The state of a clock that no server keeps right."""
STA_NANO = 0x2000
"""The bit of `status` that says `offset` and `jitter` are in nanoseconds, not microseconds."""

_NAMES_OF_LONGS = ("constant", "precision", "tolerance", "time_seconds", "time_fraction", "tick", "ppsfreq", "jitter")


class Timex(ctypes.Structure):
    """`struct timex`, in the units of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in _NAMES_OF_LONGS),
        ("shift", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("stabil", "jitcnt", "calcnt", "errcnt", "stbcnt")),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


def adjtimex() -> tuple[int, Timex]:
    """The clock's state and figures. Raises `OSError`, as where a container forbids the call."""
    timex = Timex(modes=0)
    state: int = _library().adjtimex(ctypes.byref(timex))
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return state, timex


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)  # the C library that the process runs on
