"""Case: how a vendor's collector is set up in tests, and how one poll of it is taken."""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.collector import Collector, kind_of
from exporter.metric import Distribution

_FRAME = {"conftest", "case", "faulty", "shapes"}

Labels = tuple[str, ...]
Figures = dict[str, dict[Labels, Any]]


@dataclass(frozen=True)
class Case:
    """One vendor in the common tests."""

    kind: str
    settings: Callable[[str], Mapping[str, object]]
    """The settings of a collector that watches the simulator at a URL; with the key that the simulator accepts."""
    limit_per_hour: float | None
    """How many calls an hour the vendor documents to allow one key; None where it documents no limit."""
    vendor: str = ""
    """The name of the simulator, where it is not the kind."""
    requests_per_hour: float | None = None
    """How many calls an hour the defaults come to, where not every poll asks for everything: the sum over the cadences."""

    emulated: bool = False
    """Whether the service is AWS, emulated by moto, in place of one of the demo's simulators."""

    @property
    def simulator(self) -> str:
        """The name of the simulator."""
        return self.vendor or self.kind

    @property
    def name(self) -> str:
        """Tells cases of one kind apart."""
        return self.simulator if self.simulator.startswith(self.kind) else f"{self.kind}-{self.simulator}"

    def collector(self, url: str, **settings: object) -> Collector:
        """A new collector of the kind."""
        kind = _kind_of(self.kind)
        assert kind is not None, f"no file of exporter/collectors has the kind {self.kind}"
        return kind.model_validate({**self.settings(url), **settings})


_kind_of = functools.cache(kind_of)  # which looks through every file of the package


def cases() -> list[Case]:
    """Those of all files of this folder that have a `CASE`, or several as `CASES`."""
    found: list[Case] = []
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if not module.name.startswith("test_") and module.name not in _FRAME:
            names = vars(importlib.import_module(f"tests.vendors.{module.name}"))
            found += [names["CASE"]] if "CASE" in names else names.get("CASES", [])
    return found


async def asked(collector: Collector) -> Figures:
    """What one poll says, by metric and then by labels without `source`; of a histogram or summary, its parts.

    An undeclared metric, or a series that comes twice, fails the test.
    """
    declared = {metric.name: metric for metric in collector.declares()}
    figures: Figures = {}
    async with aclosing(collector.collect()) as samples:
        async for sample in samples:
            assert sample.metric.found or declared[sample.metric.name].same_as(sample.metric)
            labels = sample.labels[1:] if sample.metric.labels[:1] == ("source",) else sample.labels
            assert labels not in figures.setdefault(sample.metric.name, {}), f"{sample.metric.name} {labels} comes twice"
            value = sample.value.parts if isinstance(sample.value, Distribution) else sample.value
            figures[sample.metric.name][labels] = value
    return figures
