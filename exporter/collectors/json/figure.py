"""Figure: a metric of a JSON API, and how its values are found in the items of an answer."""

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from exporter.clients.declaration import Declaration, number
from exporter.collectors.json.expression import Expression

Labels = tuple[str, ...]
Value = tuple[Labels, float]


class Figure(Declaration):
    """A metric, and where its values are."""

    labels: dict[str, Expression] = Field(default_factory=dict)
    """Its labels, after those of the request, and what finds their values in an item."""
    value: Expression | None = None
    """What finds the value in an item: a number, also one written as text, true or false. How many items there are, unless
    given."""
    missing: Literal["refuse", "absent", "zero"] = "refuse"
    """What becomes of an item without the value: the run fails, the item does not count, or it counts as 0."""
    combine: Literal["sum", "max", "min", "mean"] | None = None
    """How items with the same labels become one value; without it, the run fails where there are two."""
    most: int | None = Field(default=None, ge=1)
    """How many label sets to show, the largest, for sums; the rest becomes one more, whose labels are `other`."""

    @model_validator(mode="after")
    def _can_be_reckoned(self) -> Self:
        if self.value is None and self.combine not in {None, "sum"}:
            raise ValueError(f"expected value beside combine: {self.combine}")
        if self.most is not None and not self.adds_up:
            raise ValueError("expected combine: sum beside most, since other figures do not add up")
        return self

    @property
    def adds_up(self) -> bool:
        """Whether values are sums."""
        return self.value is None or self.combine == "sum"

    def reading(self, item: Any) -> float | None:
        """The value in an item; None where it does not count. Raises `ValueError`."""
        if self.value is None:
            return self.scale
        found = self.value.find(item)
        if found is None and self.missing != "refuse":
            return 0.0 if self.missing == "zero" else None
        try:
            return number(found) * self.scale
        except ValueError as error:
            hint = "; set missing to absent or zero if that is usual" if found is None else ""
            raise ValueError(f"value: {self.value}: {error}{hint}") from None

    def combined(self, values: Iterable[Value]) -> dict[Labels, float]:
        """One value for each label set. Raises `ValueError` where there are two, and nothing says what to make of them."""
        by_labels: dict[Labels, list[float]] = {}
        for labels, value in values:
            by_labels.setdefault(labels, []).append(value)
        if not self.adds_up and self.combine is None and any(len(found) > 1 for found in by_labels.values()):
            raise ValueError("expected items with labels of their own, got two alike; give combine, or a label more")
        figures = {labels: self._one(found) for labels, found in by_labels.items()}
        if self.most is None or len(figures) <= self.most:
            return figures
        largest = dict(sorted(figures.items(), key=lambda figure: figure[1], reverse=True)[: self.most])
        rest = sum(value for labels, value in figures.items() if labels not in largest)
        other = ("other",) * len(next(iter(largest)))
        return largest | {other: largest.get(other, 0.0) + rest}

    def _one(self, values: list[float]) -> float:
        if self.combine in {"max", "min"}:
            return max(values) if self.combine == "max" else min(values)
        return sum(values) / (len(values) if self.combine == "mean" else 1)


def label(name: str, expression: Expression, item: Any) -> str:
    """The value of a label in an item. Raises `ValueError`."""
    found = expression.find(item)
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, str | int | float):
        return str(found)
    got = "nothing; an expression such as not_null(…, 'none') gives a value all the same" if found is None else "something else"
    raise ValueError(f"label {name}: {expression}: expected a text or number, got {got}")
