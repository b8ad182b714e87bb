"""States over time: a band for each thing, in pieces as long as a state lasted."""

import html
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tests.drawing.answers import Series
from tests.drawing.fields import Field, field
from tests.drawing.figures import name_of, nothing

Json = dict[str, Any]

_NAMES, _BOTTOM, _LETTER = 0.25, 18, 7
"""The share of the width that names have, the room below, and the width of a letter."""


def timeline(panel: Json, answers: list[list[Series]], width: float, height: float) -> str:
    found = [(target, each) for target, series in zip(panel["targets"], answers, strict=True) for each in series]
    tall = min(34.0, (height - _BOTTOM) / max(1, len(found)) * 0.8)
    rows = []
    for target, series in found:
        name = name_of(target, series.labels)
        wide = (1 - _NAMES) * width - 20
        band = "".join(_pieces(series, field(panel, name, target["refId"]), panel["times"], wide))
        title = f'<i style="width:{_NAMES * width:.0f}px">{html.escape(name)}</i>'
        rows.append(
            f'<div class="bar" style="height:{tall:.0f}px">{title}<s class="band" style="width:{wide:.0f}px">{band}</s></div>'
        )
    return "".join(rows) or nothing(panel)


def _pieces(series: Series, of: Field, times: tuple[float, float], width: float) -> Iterator[str]:
    begin, end = times
    at = begin
    for since, until, value in _lasting(series, end):
        for moment, colour, text in ((since, "none", ""), (until, of.colour(value) or "none", of.text(value))):
            wide = (moment - at) / ((end - begin) or 1) * width
            if wide > 0:
                word = html.escape(text) if len(text) * _LETTER < wide else ""
                yield f'<u style="width:{wide:.1f}px;background:{colour}">{word}</u>'
            at = max(at, moment)


def _lasting(series: Series, end: float) -> Iterator[tuple[float, float, float]]:
    """From when to when it had each value. Where points are missing it had none."""
    moments = [moment for moment, _ in series.points]
    step = min((later - sooner for sooner, later in pairwise(moments)), default=end - moments[0])
    since, value = series.points[0]
    before = since
    for moment, now in series.points[1:]:
        if now != value or moment - before > 1.5 * step:
            yield since, min(before + step, end), value
            since, value = moment, now
        before = moment
    yield since, min(before + step, end), value
