"""A dashboard as HTML: Grafana's grid, and in each panel what its type shows of the answers."""

import html
from pathlib import Path
from typing import Any

from tests.drawing import charts, figures, states
from tests.drawing.answers import Answers

Json = dict[str, Any]

COLUMNS, CELL, GAP, PHONE = 24, 30, 8, 768
"""Grafana's grid: columns, the height of a cell, the gap between cells, and the width below which there is one column."""
_TITLE, _BORDER, _LINK = 30, 18, 8.0
"""The height of a panel's title, what its frame takes of its width, and the width of a letter above the grid."""
_HIDDEN = 2
"""What `hide` of a variable is when its choice is not shown."""
_STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_TYPES = {
    "stat": figures.tiles,
    "gauge": figures.tiles,
    "bargauge": figures.bars,
    "table": figures.table,
    "timeseries": charts.lines,
    "heatmap": charts.heatmap,
    "state-timeline": states.timeline,
}


def places(panels: list[Json], width: int) -> list[tuple[float, float, float, float]]:
    """Left, top, width and height of each panel in pixels, on a page of that width."""
    if width >= PHONE:
        step = (width + GAP) / COLUMNS
        grids = [panel["gridPos"] for panel in panels]
        return [(g["x"] * step, g["y"] * (CELL + GAP), g["w"] * step - GAP, g["h"] * (CELL + GAP) - GAP) for g in grids]
    found, top = [], 0.0
    for panel in panels:
        height = panel["gridPos"]["h"] * (CELL + GAP) - GAP
        found.append((0.0, top, float(width), float(height)))
        top += height + GAP
    return found


def page(dashboard: Json, width: int, answers: Answers) -> tuple[str, int]:
    """The HTML of a dashboard on a screen of that width, and how high it is."""
    inner = width - 16
    boxes = places(dashboard["panels"], inner)
    words = [f"{variable['label']} ▾" for variable in dashboard["templating"]["list"] if variable["hide"] != _HIDDEN]
    words += [f"↗ {link['title']}" for link in dashboard["links"]]
    above = 34 + 24 * -(-int(sum(len(word) * _LINK + 14 for word in words)) // inner)
    height = int(max(top + tall for _, top, _, tall in boxes)) + above + 16
    panels = "".join(_panel(panel, box, answers) for panel, box in zip(dashboard["panels"], boxes, strict=True))
    spans = "".join(f"<span>{html.escape(word)}</span>" for word in words)
    top = f'<div class="top" style="height:{above}px"><h1>{html.escape(dashboard["title"])}</h1>{spans}</div>'
    return f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style>{top}<div class="grid">{panels}</div>', height


def _panel(panel: Json, box: tuple[float, float, float, float], answers: Answers) -> str:
    left, top, width, height = box
    style = f"left:{left:.1f}px;top:{top:.1f}px;width:{width:.1f}px;height:{height:.1f}px"
    title = html.escape(panel["title"])
    if panel["type"] == "row":
        return f'<div class="panel row" style="{style}"><h2>{"▸" if panel["collapsed"] else "⌄"} {title}</h2></div>'
    tall = height - _TITLE - GAP
    if panel["type"] == "text":
        body = html.escape(panel["options"]["content"]).replace("\n", "<br>")
    else:
        found = [answers.of(target, panel, width) for target in panel["targets"]]
        body = _TYPES[panel["type"]](panel | {"times": answers.times}, found, width - _BORDER, tall)
    return (
        f'<div class="panel" style="{style}"><h2>{title}</h2><div class="body" style="height:{tall:.0f}px">{body}</div></div>'
    )
