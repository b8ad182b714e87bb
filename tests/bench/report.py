"""Tables in Markdown, and what was to be reached."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure beside its target. Without a figure, the reason why there is none."""

    work: str
    figure: float | str
    target: float
    unit: str = ""
    sense: Literal["at most", "at least"] = "at most"

    @property
    def met(self) -> str:
        if isinstance(self.figure, str):
            return "not measured"
        met = self.figure <= self.target if self.sense == "at most" else self.figure >= self.target
        return "met" if met else "**not met**"


@dataclass(slots=True)
class Section:
    """What one measurement gives."""

    title: str
    columns: Sequence[str] = ()
    rows: list[Sequence[Cell]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    remark: str = ""

    def markdown(self) -> str:
        table = markdown_table(self.columns, self.rows) if self.rows else ""
        return "\n".join([f"### {self.title}\n", table, *([self.remark + "\n"] if self.remark else [])])


def summary(sections: Sequence[Section]) -> str:
    """All targets in one table."""
    rows: list[Sequence[Cell]] = [
        (
            verdict.work,
            _with_unit(verdict.figure, verdict.unit),
            f"{verdict.sense} {_with_unit(verdict.target, verdict.unit)}",
            verdict.met,
        )
        for section in sections
        for verdict in section.verdicts
    ]
    return markdown_table(("work", "measured", "target", ""), rows)


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table; figures to three digits."""
    cells = [columns, ["---" if number == 0 else "---:" for number in range(len(columns))], *[map(shown, row) for row in rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells) + "\n"


def shown(cell: Cell) -> str:
    """A figure to three digits, or a text."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{round(cell):,}"
    return f"{cell:.3g}"


def _with_unit(figure: float | str, unit: str) -> str:
    return figure if isinstance(figure, str) else shown(figure) + (" " + unit if unit else "")
