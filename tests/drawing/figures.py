"""Figures of now, as HTML: tiles, bars, meters and tables, with the sizes that Grafana gives them."""

import html
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.drawing.answers import Series
from tests.drawing.fields import Field, field
from tests.drawing.frames import Cell, tabulated

Json = dict[str, Any]

TEXT, ACCENT = "#24292e", "#0072B2"
_GAP, _LETTER = 8, 0.56
"""Between tiles, and the width of a letter for its height."""
_COLUMN, _LINE = 150, 29
"""The least width of a column that has none of its own, and the height of a line of a table."""


class Figure(NamedTuple):
    """A value with its name."""

    name: str
    value: float
    field: Field


def name_of(target: Json, labels: dict[str, str]) -> str:
    """What Grafana calls a series."""
    legend = str(target["legendFormat"])
    if legend == "__auto":
        return ", ".join(f"{label}={value}" for label, value in labels.items()) or str(target["expr"])
    for label in set(_labels_in(legend)):
        legend = legend.replace("{{" + label + "}}", labels.get(label, ""))
    return legend


def _labels_in(legend: str) -> Iterable[str]:
    return (part.split("}}")[0] for part in legend.split("{{")[1:])


def figures(panel: Json, answers: list[list[Series]]) -> list[Figure]:
    """The last value of every series, or of a panel that shows rows of a table, of every row."""
    if panel["options"].get("reduceOptions", {}).get("values"):
        frame = tabulated(panel, answers)
        names = [str(cell) for cell in next(iter(frame.values()), [])]
        values = [cell for cell in frame.get("Value", []) if isinstance(cell, float)]
        return [Figure(name, value, field(panel, "Value", "A")) for name, value in zip(names, values, strict=True)]
    return [
        Figure(name, each.last, field(panel, name, target["refId"]))
        for target, series in zip(panel["targets"], answers, strict=True)
        for each in series
        for name in [name_of(target, each.labels)]
    ]


def tiles(panel: Json, answers: list[list[Series]], width: float, height: float) -> str:
    """All tiles are of one size, and their texts too: as large as the longest fits."""
    found = figures(panel, answers)
    if not found:
        return nothing(panel)
    columns, lines = _grid(width, height, len(found))
    named = len(found) > 1 or panel["options"].get("textMode") == "value_and_name"
    wide, tall = (width - _GAP * (columns - 1)) / columns - 2 * _GAP, (height - _GAP * (lines - 1)) / lines - _GAP
    value_longest, name_longest = max(len(_shown(each)) for each in found), max(len(each.name) for each in found)
    name_size = min(30.0, wide / (name_longest * _LETTER), tall * 0.3) if named else 0
    value_size = min(wide / (value_longest * _LETTER), (tall - name_size * 1.2) / 1.2)
    name_size = min(name_size, value_size * 0.7)
    filled = panel["options"].get("colorMode") == "background"
    cells = "".join(_tile(each, name_size, value_size, filled) for each in found)
    return f'<div class="tiles" style="grid-template-columns:repeat({columns},1fr)">{cells}</div>'


def _tile(figure: Figure, name_size: float, value_size: float, filled: bool) -> str:
    colour = figure.field.colour(figure.value) or TEXT
    ground, colour = (colour, "#fff") if filled else ("none", colour)
    name = f'<i style="font-size:{name_size:.1f}px">{html.escape(figure.name)}</i>' if name_size else ""
    value = f'<b style="font-size:{value_size:.1f}px;color:{colour}">{html.escape(_shown(figure))}</b>'
    return f'<div class="tile" style="background:{ground}">{name}{value}</div>'


def _shown(figure: Figure) -> str:
    return figure.field.text(figure.value)


def _grid(width: float, height: float, count: int) -> tuple[int, int]:
    """Columns and lines of tiles that are as near to squares as there is room for."""
    square = max(_side(width, height, count), _side(height, width, count))
    columns = max(1, math.floor((width + _GAP) / (square + _GAP)))
    lines = math.ceil(count / columns)
    return min(columns, count), lines


def _side(width: float, height: float, count: int) -> float:
    parts = math.ceil(math.sqrt(count * width / height))
    if math.floor(parts * height / width) * parts < count:
        return height / math.ceil(parts * height / width) - _GAP
    return width / parts - _GAP


def bars(panel: Json, answers: list[list[Series]], width: float, height: float) -> str:
    found = figures(panel, answers)
    if not found:
        return nothing(panel)
    most = panel["fieldConfig"]["defaults"].get("max") or max(figure.value for figure in found) or 1
    tall = max(16.0, min(40.0, height / len(found) - 8))
    name_width = min(0.4 * width, max(len(figure.name) for figure in found) * 13 * _LETTER + 15)
    value_width = max(len(_shown(figure)) for figure in found) * 13 * _LETTER + 10
    room = width - name_width - value_width
    rows = (
        f'<div class="bar" style="height:{tall:.0f}px"><i style="width:{name_width:.0f}px">{html.escape(figure.name)}</i>'
        f'<s style="width:{room:.0f}px"><u style="width:{max(0, min(1, figure.value / most)) * 100:.0f}%;'
        f'background:{figure.field.colour(figure.value) or ACCENT}"></u></s>{html.escape(_shown(figure))}</div>'
        for figure in found
    )
    return "".join(rows)


def table(panel: Json, answers: list[list[Series]], width: float, height: float) -> str:
    """Columns are never narrower than Grafana makes them: what does not fit is reached by scrolling only."""
    frame = tabulated(panel, answers)
    if not frame or not any(frame.values()):
        return nothing(panel)
    fields = {name: field(panel, name, "") for name in frame}
    fixed = [int(each.properties.get("custom.width", 0)) for each in fields.values()]
    least = [int(each.properties.get("custom.minWidth", _COLUMN)) for each in fields.values()]
    # What columns of no fixed width leave of the width is shared by them.
    left = width - sum(own or needs for own, needs in zip(fixed, least, strict=True))
    share = max(0.0, left) / max(1, fixed.count(0))
    sizes = [own or needs + share for own, needs in zip(fixed, least, strict=True)]
    head = "".join(
        f'<th style="width:{size:.0f}px">{html.escape(fields[name].properties.get("displayName", name))}</th>'
        for name, size in zip(frame, sizes, strict=True)
    )
    shown = range(min(len(next(iter(frame.values()))), int(height // _LINE)))
    rows = "".join(f"<tr>{''.join(_cell(fields[name], column, row) for name, column in frame.items())}</tr>" for row in shown)
    return f'<table style="width:{sum(sizes):.0f}px"><tr>{head}</tr>{rows}</table>'


def _cell(of: Field, column: list[Cell], row: int) -> str:
    cell, style, bar = column[row], "", ""
    if cell is None or cell == "":
        text = str(of.properties.get("noValue", ""))
    elif isinstance(cell, str):
        text, colour = of.word(cell)
        style = f"color:{colour}" if colour else ""
    else:
        text, options = of.text(cell), of.properties.get("custom.cellOptions", {})
        numbers = [each for each in column if isinstance(each, float)]
        if options.get("type") == "color-background":
            style = f"background:{_shade(cell, of, numbers)}"
        elif options.get("type") == "gauge":
            share = cell / (of.properties.get("max") or max(numbers) or 1)
            bar = f'<u style="width:{max(0, min(1, share)) * 45:.0f}%;background:{ACCENT}"></u>'
        else:
            style = f"color:{of.colour(cell) or TEXT}"
    return f'<td style="{style}">{bar}{html.escape(text)}</td>'


def _shade(value: float, of: Field, numbers: list[float]) -> str:
    low, high = of.properties.get("min", min(numbers)), of.properties.get("max", max(numbers))
    return f"hsl(262 45% {95 - 45 * max(0, min(1, (value - low) / ((high - low) or 1))):.0f}%)"


def nothing(panel: Json) -> str:
    return f'<div class="nothing">{html.escape(str(panel["fieldConfig"]["defaults"].get("noValue", "No data")))}</div>'
