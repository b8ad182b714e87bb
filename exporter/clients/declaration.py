"""Declaration: a metric that a user declares in the settings, for services whose figures nobody can know beforehand.

Source of the naming rules: https://prometheus.io/docs/practices/naming/
"""

import math
from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from exporter.fields import Model
from exporter.metric import Metric

_OWN_NAMES = ("bellwether_", "process_")  # the exporter's own figures, and those of this process are among them


class Declaration(Model):
    """A metric: how it is called, and what it says."""

    name: str
    """Its name. One that another collector uses, too, has to have the same type and labels as there."""
    help: str = Field(min_length=1)
    """What it says, for the page's header."""
    type: Literal["gauge", "counter"] = "gauge"
    """`gauge`, or `counter` for what only ever grows at the service."""
    unit: str = ""
    """What it counts, where the name's suffix does not say it, such as `currency`."""
    scale: float = Field(default=1, allow_inf_nan=False)
    """What values are multiplied by, such as `0.001` for milliseconds that become seconds."""

    @model_validator(mode="after")
    def _can_be_shown(self) -> Self:
        self.declared_as()
        if self.name.startswith(_OWN_NAMES):
            raise ValueError(f"expected another name than {self.name}: {' and '.join(_OWN_NAMES)} are the exporter's own")
        if self.type == "counter" and not self.name.endswith("_total"):
            raise ValueError(f"expected a name that ends in _total, as those of counters do, got {self.name}")
        return self

    def declared_as(self, labels: Iterable[str] = ()) -> Metric:
        """The metric with these labels after `source`. Raises `ValueError` for what cannot be a name."""
        return Metric(self.name, self.help, self.type, ("source", *labels), self.unit)


def united(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """Metrics by name, the first of those that agree. Raises `ValueError` where two of one name do not."""
    by_name: dict[str, Metric] = {}
    for metric in metrics:
        known = by_name.setdefault(metric.name, metric)
        if not known.same_as(metric):
            labels = " and ".join(f"({', '.join(each.labels[1:])})" for each in (known, metric))
            raise ValueError(
                f"{metric.name} is declared twice and differently, as {known.type} and {metric.type} with the labels {labels}; "
                "expected one type and the same labels in the same order"
            )
    return by_name


def number(value: Any) -> float:
    """A number, a truth value as 1 or 0, or a number written as text. Raises `ValueError` for all else."""
    if isinstance(value, bool | int | float | str):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = math.nan
        if math.isfinite(found):
            return found
    raise ValueError(f"expected a number, got {_KINDS.get(type(value), 'something else')}")


_KINDS = {
    str: "a text that is none", float: "one that is not finite", int: "one too large", list: "a list", dict: "an object",
    type(None): "nothing",
}  # fmt: skip
