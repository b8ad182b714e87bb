"""The differences that are meant, each with its reason, as data: `expected/NAME.yaml`. One that is there no more fails too."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent / "expected"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    families: tuple[str, ...]
    """Names or patterns."""
    reason: str

    def names(self, family: str) -> bool:
        return any(fnmatchcase(family, pattern) for pattern in self.families)


class Rule(_Strict):
    """A difference that is meant."""

    difference: Literal["absent", "type", "labels", "series", "value"]
    some_machines: bool = False
    """Whether it depends on the machine, so that it need not be found."""

    def is_for(self, family: str, difference: str) -> bool:
        return difference == self.difference and self.names(family)


class Moving(_Strict):
    """Figures that are not the same a moment later."""

    within: float | None = None
    """The share of the greater figure by which they may be apart; None for any distance."""


class Expected(BaseModel):
    """What is expected of one original."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    title: str
    level: tuple[Rule, ...] = ()
    """How the catalogue differs from the level that it follows."""
    kinds: tuple[str, ...]
    """The kinds of collector that serve its families."""
    debian: str = ""
    """The version that Debian has, which is what can be started beside Bellwether."""
    renamed: dict[str, str] = Field(default_factory=dict)
    """Names of Debian's version that the level has otherwise."""
    dropped_labels: frozenset[str] = frozenset()
    """Labels of Debian's version that the level lacks."""
    side_by_side: tuple[Rule, ...] = ()
    """How what Bellwether serves differs from what Debian's version does."""
    moving: tuple[Moving, ...] = ()
    note: str = ""

    def close(self, family: str, low: float, ours: float, high: float, rounding: float) -> bool:
        """Whether a figure lies between two of the original's, or as near as a rule allows."""
        rule = next((rule for rule in self.moving if rule.names(family)), None)
        if rule is not None and rule.within is None:
            return True
        slack = max(abs(low), abs(high), abs(ours)) * (rounding if rule is None or rule.within is None else rule.within)
        return low - slack <= ours <= high + slack or (low != low and ours != ours)  # noqa: PLR0124 - NaN


def expected(original: str) -> Expected:
    """The table of one original."""
    return Expected.model_validate(yaml.safe_load((FOLDER / f"{original}.yaml").read_text(encoding="utf-8")))


def originals() -> list[str]:
    """Those that there is a table of."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))
