"""What checks of collectors showed, for people and for programs."""

import json
from collections.abc import Iterator, Sequence

from exporter import columns
from exporter.checkup import Report

_HEADS = ("NAME", "KIND", "TIME", "SERIES", "MISSING", "DROPPED", "REDACTED", "RESULT")
_NUMBERS = range(2, 7)  # columns


def as_table(reports: Sequence[Report], width: int | None) -> str:
    """A line each, then what there is to remark on."""
    lines = columns.table(_HEADS, [_row(report) for report in reports], _NUMBERS, width)
    for report in reports:
        for remark in _remarks(report):
            lines += ["", *columns.wrapped(f"{report.name}: {remark}", width)]
    return "\n".join(lines)


def as_json(reports: Sequence[Report]) -> str:
    """An object: `ok` when all are, and `collectors`, a list."""
    shown = [
        {
            "name": report.name,
            "kind": report.kind,
            "ok": report.ok,
            "failure": report.failure,
            "findings": report.findings,
            "duration_seconds": round(report.duration, 6),
            "series": report.series,
            "missing": report.missing,
            "dropped": dict(report.dropped),
            "redacted": report.redacted,
        }
        for report in reports
    ]
    return json.dumps({"ok": all(report.ok for report in reports), "collectors": shown}, indent=2, ensure_ascii=False)


def in_short(report: Report) -> str:
    """One line: how it went and how long it took."""
    parts = [report.result] if not report.ok else [f"{report.series} series"]
    parts += [f"dropped {_by_reason(report)}"] if report.dropped else []
    parts += [f"{report.redacted} redacted"] if report.redacted else []
    return f"{report.name}: {', '.join(parts)} ({_seconds(report.duration)})"


def _row(report: Report) -> tuple[str, ...]:
    dropped = sum(report.dropped.values())
    counts = (report.series, len(report.missing), dropped, report.redacted)
    return (report.name, report.kind, _seconds(report.duration), *map(str, counts), report.result)


def _remarks(report: Report) -> Iterator[str]:
    if report.missing:
        count = len(report.missing)
        yield f"no series of {count} declared {'metric' if count == 1 else 'metrics'}: {', '.join(report.missing)}"
    if report.dropped:
        raise_it = "; raise max_series, or let it find less" if "budget" in report.dropped else ""
        yield f"series dropped: {_by_reason(report)}{raise_it}"
    if report.redacted:
        yield f"{report.redacted} series with a label value replaced, since it looked like personal data or a credential"


def _by_reason(report: Report) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(report.dropped.items()))


def _seconds(duration: float) -> str:
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.1f} s"
