"""What long work is at: a line that moves on a terminal, a line for each step anywhere else."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PERIOD = 0.1  # seconds between two frames
_CLEAR = "\r\x1b[K"


class Progress:
    """`with Progress(sys.stderr) as progress:` and `progress.at(...)` as the work goes on; the moving line is gone at the end.

    A thread draws it, so that it moves while the work holds the event loop.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self.live = stream, is_terminal(stream)
        self._text: Callable[[], str] = str
        self._turn, self._end = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)

    def at(self, text: Callable[[], str]) -> None:
        """Show this from now on, on a terminal; it is called for each frame, so that it can count and tell the time."""
        self._text = text

    def write(self, text: str) -> None:
        """Leave whole lines behind, above the moving one. With `flush`, what a log handler needs of a stream."""
        with self._turn:
            self._stream.write((_CLEAR if self.live else "") + text)
            self._stream.flush()

    def flush(self) -> None:
        """Nothing is held back."""

    def __enter__(self) -> Self:
        if self.live:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._end.set()
        if self.live:
            self._thread.join()
            self._stream.write(_CLEAR)
            self._stream.flush()

    def _draw(self) -> None:
        began, frame = time.monotonic(), 0
        while not self._end.wait(_PERIOD):
            text = self._text()
            if not text:
                continue
            shown = f"{_FRAMES[frame % len(_FRAMES)]} {text} {time.monotonic() - began:.0f} s"
            with self._turn:
                self._stream.write(_CLEAR + shown[: shutil.get_terminal_size().columns - 1])
                self._stream.flush()
            frame += 1


def is_terminal(stream: TextIO) -> bool:
    """Whether a person watches who sees a line change: a terminal that can do so."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
