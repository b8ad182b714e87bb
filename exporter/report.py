"""What checks of collectors showed, for people and for programs."""

import json
from collections.abc import Iterator, Sequence

from exporter import columns
from exporter.checkup import Report
from exporter.packs.examination import Examination

_HEADS = ("NAME", "KIND", "TIME", "SERIES", "MISSING", "DROPPED", "REDACTED", "RESULT")
_NUMBERS = range(2, 7)  # columns
_NAMED_ONE_BY_ONE = 8  # metrics without series
_QUERY_HEADS = ("PACK", "QUERY", "ROWS", "SERIES", "TIME", "COST", "RESULT")
_QUERY_NUMBERS = range(2, 6)


def as_table(reports: Sequence[Report], width: int | None) -> str:
    """A line each, then the queries of each that runs packs, then what there is to remark on."""
    lines = columns.table(_HEADS, [_row(report) for report in reports], _NUMBERS, width)
    for report in reports:
        if report.examined:
            rows = [_query_row(each) for each in report.examined]
            lines += ["", f"{report.name}:", *columns.table(_QUERY_HEADS, rows, _QUERY_NUMBERS, width)]
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
            "queries": [_query_object(each) for each in report.examined],
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


def _query_row(each: Examination) -> tuple[str, ...]:
    if each.seconds is None:  # it does not run
        return (each.pack, each.query, "", "", "", "", f"{each.state}: {each.why}" if each.state == "refused" else each.why)
    cost = "" if each.cost is None else f"{each.cost:,.0f}"
    return (each.pack, each.query, f"{each.rows}", f"{each.series}", _seconds(each.seconds), cost, each.why or "ok")


def _query_object(each: Examination) -> dict[str, object]:
    return {
        "pack": each.pack,
        "query": each.query,
        "state": each.state,
        "why": each.why,
        "rows": each.rows,
        "series": each.series,
        "duration_seconds": None if each.seconds is None else round(each.seconds, 6),
        "cost": each.cost,
        "advice": each.advice,
    }


def _remarks(report: Report) -> Iterator[str]:
    for advice in dict.fromkeys(advice for each in report.examined for advice in each.advice):
        queries = ", ".join(f"{each.pack}.{each.query}" for each in report.examined if advice in each.advice)
        yield f"{advice}; without it the whole table is read to find a few of its rows, by {queries}"
    if report.missing:
        count = len(report.missing)
        yield f"no series of {count} declared {'metric' if count == 1 else 'metrics'}: {', '.join(_grouped(report.missing))}"
    if report.dropped:
        raise_it = "; raise max_series, or let it find less" if "budget" in report.dropped else ""
        yield f"series dropped: {_by_reason(report)}{raise_it}"
    if report.redacted:
        yield f"{report.redacted} series with a label value replaced, since it looked like personal data or a credential"


def _grouped(names: Sequence[str]) -> Iterator[str]:
    """The names; where there are many, those that begin alike as one: `node_hwmon_* (98)`."""
    by_prefix: dict[str, list[str]] = {}
    for name in names:
        by_prefix.setdefault("_".join(name.split("_")[:2]), []).append(name)
    for prefix, group in by_prefix.items():
        if len(names) > _NAMED_ONE_BY_ONE and len(group) > 2:
            yield f"{prefix}_* ({len(group)})"
        else:
            yield from group


def _by_reason(report: Report) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(report.dropped.items()))


def _seconds(duration: float) -> str:
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.1f} s"
