"""Text in columns, fitted to a width."""

import textwrap
from collections.abc import Iterable, Sequence

_GAP = "  "
_NARROWEST = 24  # characters that a wrapped column keeps


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Iterable[int], width: int | None) -> list[str]:
    """Lines of a table with a head; `numbers` are the columns set to the right. The last column is wrapped to the width."""
    right = set(numbers)
    widths = [max(len(row[index]) for row in (heads, *rows)) for index in range(len(heads) - 1)]
    indent = sum(widths) + len(_GAP) * len(widths)
    lines = []
    for row in (heads, *rows):
        sized = enumerate(zip(row[:-1], widths, strict=True))
        cells = [cell.rjust(size) if index in right else cell.ljust(size) for index, (cell, size) in sized]
        first, *more = wrapped(row[-1], None if width is None else width - indent)
        lines += [_GAP.join([*cells, first]).rstrip(), *(" " * indent + each for each in more)]
    return lines


def wrapped(text: str, width: int | None) -> list[str]:
    """The text in lines of at most this width, at least one; in one line when there is no width."""
    if width is None:
        return [text]
    return textwrap.wrap(text, max(width, _NARROWEST), break_long_words=False, break_on_hyphens=False) or [""]
