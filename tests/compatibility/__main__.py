"""Print what the tables do not account for, and write `docs/compatibility.md`."""

import sys

from exporter.catalogue import catalogue
from tests.compatibility import compare, level, page
from tests.compatibility.compare import Report
from tests.compatibility.expected import expected, originals
from tests.compatibility.originals import ORIGINALS


def main() -> int:
    reports: dict[str, Report] = {}
    entries = catalogue()
    for original in originals():
        table = expected(original)
        ours = [entry for entry in entries if set(entry.kinds) & set(table.kinds)]
        reports[f"{original}, level"] = compare.with_catalogue(level.families(original), ours, table)
        if original in ORIGINALS:
            reports[f"{original}, side by side"] = compare.side_by_side(ORIGINALS[original](), table)
    for name, report in reports.items():
        sys.stdout.writelines(f"{name}: unexpected: {finding}\n" for finding in report.unexpected)
        sys.stdout.writelines(f"{name}: no longer: {rule.difference} of {', '.join(rule.families)}\n" for rule in report.stale)
    page.FILE.write_text(page.as_markdown(), encoding="utf-8")
    return 1 if any(report.unexpected or report.stale for report in reports.values()) else 0


sys.exit(main())
