"""Figures over time, as SVG: lines with their axes and legend, heat maps."""

import html
import math
import time
from typing import Any, NamedTuple

from tests.drawing.answers import Series
from tests.drawing.fields import Field, field, written
from tests.drawing.figures import ACCENT, name_of, nothing

Json = dict[str, Any]
Points = list[tuple[float, float]]

_LEFT, _BOTTOM, _LINE = 66, 18, 20
"""Room for the axes, and the height of a line of the legend."""


class _Line(NamedTuple):
    name: str
    field: Field
    colour: str
    points: Points
    floor: Points
    """What it stands on: what it is stacked on, or zero."""


def lines(panel: Json, answers: list[list[Series]], width: float, height: float) -> str:
    found = _lines(panel, answers)
    if not found:
        return nothing(panel)
    legend = _legend(found, width) if panel["options"]["legend"]["showLegend"] else []
    tall = height - min(len(legend) * _LINE, 0.35 * height)
    values = [value for line in found for _, value in line.points if math.isfinite(value)] or [0.0]
    low, high = min(0.0, *values), max(values)
    high = panel["fieldConfig"]["defaults"].get("max", high) or 1.0
    scale = _Scale(panel["times"], (low, high + (high - low) * 0.05), width, tall)
    body = [_axes(scale, found[0].field, tall)]
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        shown = panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] != "off" and step["value"] is not None
        if shown and low <= step["value"] <= scale.values[1]:
            y = scale.y(step["value"])
            body.append(f'<path d="M{_LEFT} {y:.1f} H{width}" stroke="{step["color"]}" stroke-dasharray="6 4"/>')
    named = {line.name: line for line in found}
    body += [_drawn(line, scale, named.get(line.field.properties.get("custom.fillBelowTo", ""))) for line in found]
    items = "".join(f'<div class="legend" style="height:{_LINE}px">{"".join(row)}</div>' for row in legend)
    chart = f'<svg width="{width:.0f}" height="{tall:.0f}" fill="none">{"".join(body)}</svg>'
    return chart + f'<div style="max-height:{0.35 * height:.0f}px;overflow:hidden">{items}</div>'


class _Scale(NamedTuple):
    times: tuple[float, float]
    values: tuple[float, float]
    width: float
    height: float

    def x(self, moment: float) -> float:
        return _LEFT + (moment - self.times[0]) / ((self.times[1] - self.times[0]) or 1) * (self.width - _LEFT - 4)

    def y(self, value: float) -> float:
        low, high = self.values
        return (self.height - _BOTTOM) * (1 - (value - low) / ((high - low) or 1)) + 2


def _lines(panel: Json, answers: list[list[Series]]) -> list[_Line]:
    sums: dict[tuple[str, bool], dict[float, float]] = {}
    found = []
    for target, series in zip(panel["targets"], answers, strict=True):
        for rank, each in enumerate(series):
            name = name_of(target, each.labels)
            of = field(panel, name, target["refId"])
            points, floor, stacking = (
                each.points,
                [(moment, 0.0) for moment, _ in each.points],
                of.properties["custom.stacking"],
            )
            if stacking["mode"] == "normal":
                # What is negative is stacked downwards.
                below = sums.setdefault((stacking["group"], each.last < 0), {})
                floor = [(moment, below.get(moment, 0.0)) for moment, _ in each.points]
                points = [(moment, value + under) for (moment, value), (_, under) in zip(points, floor, strict=True)]
                below.update(points)
            found.append(_Line(name, of, _hue(of, rank, len(series)), points, floor))
    return found


def _hue(of: Field, rank: int, count: int) -> str:
    color = of.properties.get("color", {})
    base = str(color.get("fixedColor", ACCENT))
    if color.get("mode") != "shades" or count == 1:
        return base
    return f"color-mix(in srgb, {base} {100 - 70 * rank / count:.0f}%, {'white' if rank % 2 else 'black'})"


def _drawn(line: _Line, scale: _Scale, below: _Line | None) -> str:
    pieces: list[tuple[Points, Points]] = [([], [])]
    usual = min((b[0] - a[0] for a, b in zip(line.points, line.points[1:], strict=False)), default=0.0)
    most = max(1.5 * usual, int(line.field.properties.get("custom.spanNulls", 0)) / 1000)
    for point, below_it in zip(line.points, line.floor, strict=True):
        if pieces[-1][0] and point[0] - pieces[-1][0][-1][0] > most:
            pieces.append(([], []))
        if math.isfinite(point[1]):
            pieces[-1][0].append(point)
            pieces[-1][1].append(below_it)
    stroke, wide = line.colour, line.field.properties.get("custom.lineWidth", 1)
    dash = 'stroke-dasharray="8 8"' if line.field.properties.get("custom.lineStyle") else ""
    drawn = "".join(
        f'<polyline points="{_path(piece, scale)}" stroke="{stroke}" stroke-width="{wide * 1.5}" {dash}/>'
        for piece, _ in pieces
    )
    alone = [piece[0] for piece, _ in pieces if len(piece) == 1 and wide]
    drawn += "".join(f'<circle cx="{scale.x(at):.1f}" cy="{scale.y(value):.1f}" r="2" fill="{stroke}"/>' for at, value in alone)
    if below is not None:
        around = _path(line.points + below.points[::-1], scale)
        drawn += f'<polygon points="{around}" fill="{stroke}" fill-opacity="0.2"/>'
    elif opacity := line.field.properties.get("custom.fillOpacity"):
        for piece, floor in pieces:
            around = _path(piece + floor[::-1], scale)
            drawn += f'<polygon points="{around}" fill="{stroke}" fill-opacity="{opacity / 150:.2f}"/>'
    return drawn


def _path(points: Points, scale: _Scale) -> str:
    return " ".join(f"{scale.x(moment):.1f},{scale.y(value):.1f}" for moment, value in points if math.isfinite(value))


def _axes(scale: _Scale, of: Field, height: float) -> str:
    low, high = scale.values
    step = _nice((high - low) / max(2, height / 50))
    marks, drawn = [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)], []
    for mark in marks:
        y, text = scale.y(mark), written(mark, of.unit, of.decimals)
        drawn.append(f'<path d="M{_LEFT} {y:.1f} H{scale.width:.0f}" stroke="#e8e8e8"/>')
        drawn.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{html.escape(text)}</text>')
    for i in range(1, 4):
        moment = scale.times[0] + (scale.times[1] - scale.times[0]) * i / 4
        form = "%m-%d" if scale.times[1] - scale.times[0] > 200_000 else "%H:%M"
        words = time.strftime(form, time.gmtime(moment))
        drawn.append(f'<text x="{scale.x(moment):.0f}" y="{height - 4:.0f}" text-anchor="middle">{words}</text>')
    return "".join(drawn)


def _nice(step: float) -> float:
    size = 10.0 ** math.floor(math.log10(step))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= step * 0.999)


def _legend(found: list[_Line], width: float) -> list[list[str]]:
    """The names in lines, broken where the width ends."""
    rows: list[list[str]] = [[]]
    used = 0.0
    for line in found:
        need = len(line.name) * 6.4 + 34
        if used + need > width and rows[-1]:
            rows.append([])
            used = 0.0
        rows[-1].append(f'<span><s style="background:{line.colour}"></s>{html.escape(line.name)}</span>')
        used += need
    return rows


def heatmap(panel: Json, answers: list[list[Series]], width: float, height: float) -> str:
    """Buckets from below upwards, each cell as dark as it holds of what lies in it and in none below."""
    (series,) = answers
    buckets = sorted(series, key=lambda each: float(each.labels["le"]))
    if not buckets:
        return nothing(panel)
    times = sorted({moment for each in buckets for moment, _ in each.points})
    counts, before = [], dict.fromkeys(times, 0.0)
    for each in buckets:
        held = dict(each.points)
        counts.append([max(0.0, held.get(moment, 0.0) - before[moment]) for moment in times])
        before |= held
    most = max((count for row in counts for count in row), default=0.0) or 1.0
    wide, tall = (width - _LEFT) / len(times), (height - _BOTTOM) / len(buckets)
    cells = [
        f'<rect x="{_LEFT + i * wide:.1f}" y="{height - _BOTTOM - (rank + 1) * tall:.1f}" width="{max(1, wide - 1):.1f}" '
        f'height="{max(1, tall - 1):.1f}" fill="#08519c" fill-opacity="{math.sqrt(count / most):.2f}"/>'
        for rank, row in enumerate(counts)
        for i, count in enumerate(row)
        if count > 0
    ]
    unit, every = panel["options"]["yAxis"]["unit"], math.ceil(len(buckets) / (height / 22))
    names = [
        f'<text x="{_LEFT - 6}" y="{height - _BOTTOM - rank * tall - tall / 2 + 4:.1f}" text-anchor="end">'
        f"{html.escape(written(float(each.labels['le']), unit, None))}</text>"
        for rank, each in enumerate(buckets)
        if rank % every == 0
    ]
    return f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(cells + names)}</svg>'
