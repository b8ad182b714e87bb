"""Tables as Grafana makes them of answers: a frame for each query, then the transformations in their order."""

from typing import Any

from tests.drawing.answers import Series

Json = dict[str, Any]
Cell = str | float | None
Frame = dict[str, list[Cell]]
"""Columns by name, all of one length."""


def tabulated(panel: Json, answers: list[list[Series]]) -> Frame:
    """The table that a panel shows of the answers to its queries."""
    several = len(answers) > 1
    frames = [_frame(series, f"Value #{_letter(i)}" if several else "Value") for i, series in enumerate(answers)]
    steps = {
        "joinByField": _join,
        "organize": _organize,
        "sortBy": _sort,
        "convertFieldType": _convert,
        "groupingToMatrix": _matrix,
    }
    for transformation in panel["transformations"]:
        frames = steps[transformation["id"]](frames, transformation["options"])
    (frame,) = frames
    for order in panel["options"].get("sortBy", []):
        frame = _sorted(frame, order["displayName"], bool(order["desc"]))
    return frame


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _frame(series: list[Series], value: str) -> Frame:
    labels = sorted({label for each in series for label in each.labels if label != "__name__"})
    columns: Frame = {label: [each.labels.get(label) for each in series] for label in labels}
    return {"Time": [each.points[-1][0] for each in series], **columns, value: [each.last for each in series]}


def _join(frames: list[Frame], options: Json) -> list[Frame]:
    by = options["byField"]
    keys = list(dict.fromkeys(key for frame in frames for key in frame.get(by, [])))
    joined: Frame = {by: keys}
    for i, frame in enumerate(frames):
        place = {key: row for row, key in enumerate(frame.get(by, []))}
        for name, column in frame.items():
            if name != by:
                joined[f"Time {i + 1}" if name == "Time" else name] = [
                    column[place[key]] if key in place else None for key in keys
                ]
    return [joined]


def _organize(frames: list[Frame], options: Json) -> list[Frame]:
    order, left_out, names = options["indexByName"], options["excludeByName"], options["renameByName"]
    return [
        {
            names.get(name, name): frame[name]
            for name in sorted(frame, key=lambda name: order.get(name, 99))
            if not left_out.get(name)
        }
        for frame in frames
    ]


def _sort(frames: list[Frame], options: Json) -> list[Frame]:
    (order,) = options["sort"]
    return [_sorted(frame, order["field"], bool(order["desc"])) for frame in frames]


def _sorted(frame: Frame, name: str, descending: bool) -> Frame:
    if name not in frame:
        return frame
    column = frame[name]
    rows = sorted(range(len(column)), key=lambda row: _key(column[row]), reverse=descending)
    return {other: [cells[row] for row in rows] for other, cells in frame.items()}


def _key(cell: Cell) -> tuple[int, float, str]:
    return (1, cell, "") if isinstance(cell, float) else (0, 0.0, cell or "")


def _convert(frames: list[Frame], options: Json) -> list[Frame]:
    numbers = {conversion["targetField"] for conversion in options["conversions"]}
    return [
        {
            name: [float(cell) if name in numbers and cell is not None else cell for cell in column]
            for name, column in frame.items()
        }
        for frame in frames
    ]


def _matrix(frames: list[Frame], options: Json) -> list[Frame]:
    (frame,) = frames
    row, column, value = options["rowField"], options["columnField"], options["valueField"]
    if row not in frame:
        return [{}]
    across, down = list(dict.fromkeys(frame[column])), list(dict.fromkeys(frame[row]))
    cells = {(r, c): v for r, c, v in zip(frame[row], frame[column], frame[value], strict=True)}
    names = [f"{name:g}" if isinstance(name, float) else str(name) for name in across]
    return [{f"{row}\\{column}": down, **{n: [cells.get((d, a)) for d in down] for n, a in zip(names, across, strict=True)}}]
