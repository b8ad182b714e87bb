"""Examination: what `bellwether check` finds out about the queries of packs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

State = Literal["ok", "failed", "unmapped", "refused"]


@dataclass(frozen=True, slots=True)
class Examination:
    """One query of a pack; or, `query` being empty, a whole pack that was refused or whose views are not mapped."""

    pack: str
    query: str
    state: State
    why: str = ""
    """Why it gives no figures."""
    metrics: tuple[str, ...] = ()
    rows: int = 0
    """Rows that it returned."""
    series: int = 0
    seconds: float | None = None
    """How long it took; a counter's first run counts the whole table."""
    cost: float | None = None
    """What the planner expects it to cost, in its own unit; of a counter, what a later run costs."""
    advice: tuple[str, ...] = ()
    """Indexes that would help, each as a statement."""


@runtime_checkable
class Examinable(Protocol):
    """A collector that runs packs."""

    @property
    def refused(self) -> Mapping[str, str]:
        """What is wrong with the files of packs, by the pack's name."""

    def run_alone(self) -> None:
        """Prepare for a run before which there was none, and after which there is none."""

    async def examine(self) -> Sequence[Examination]:
        """What there is to say of each query, after a run."""
