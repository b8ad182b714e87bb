"""Collector: a pydantic model whose fields are its settings, and `collect()`. Importing its file is registering it."""

import importlib
import pkgutil
import sys
from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, model_validator

from exporter.fields import Cron, Duration, Model, Secret, seconds
from exporter.metric import Metric, Sample

__all__ = ["Collector", "Duration", "Every", "Model", "Sample", "Samples", "Secret", "declared_in", "kinds", "load_kinds"]

Samples = AsyncGenerator[Sample, None]
"""What `collect()` gives: an async generator, so that it can be closed when a run is cut short."""

_kinds: dict[str, type["Collector"]] = {}


def _every(value: object) -> object:
    if value == "scrape" or isinstance(value, Cron):
        return value
    if isinstance(value, str) and " " in value:
        return Cron(value)
    try:
        interval = seconds(value)
    except ValueError:
        raise ValueError("expected a duration such as 15s or 5m, five fields as in a crontab, or the word scrape") from None
    if interval < 0.1:
        raise ValueError("expected an interval of at least 100ms")
    return interval


def _shown(every: object) -> object:
    return str(every) if isinstance(every, Cron) else every


Every = Annotated[float | Literal["scrape"] | InstanceOf[Cron], BeforeValidator(_every), PlainSerializer(_shown)]
"""When a collector runs: an interval, in seconds, a schedule, or `scrape` for at each scrape."""


class Collector(Model):
    """One source of samples. What a subclass does not know: intervals, retries, deadlines, rendering, other collectors."""

    kind: ClassVar[str]

    name: str = Field(default="", pattern=r"^[A-Za-z0-9_.:-]*$")
    """Tells several collectors of a kind apart; the kind's name unless given. Also the path `/metrics/NAME`."""
    every: Every = 30.0
    """When it runs: every so often, at each `scrape`, or by a schedule as in a crontab, such as `0 6 * * *` (in UTC)."""
    timeout: Duration = 10.0
    """How long one run may take."""
    max_age: Duration | None = None
    """How long the last samples stay after runs begin to fail; three intervals unless given."""
    max_series: int = Field(default=10_000, ge=1)
    """The most series it may expose; what is beyond is dropped and counted."""

    def __init_subclass__(cls, kind: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not kind:
            return
        if kind in _kinds and _kinds[kind].__module__ != cls.__module__:
            raise TypeError(f"two collectors are of kind {kind!r}: {_kinds[kind].__module__} and {cls.__module__}")
        cls.kind = kind
        _kinds[kind] = cls

    @model_validator(mode="before")
    @classmethod
    def _name_of_kind(cls, data: Any) -> Any:
        return {**data, "name": data.get("name") or cls.kind} if isinstance(data, dict) else data

    @abstractmethod
    def collect(self) -> Samples:
        """Yield the samples of one run. Raises a `PollError` when the target does not give them."""

    async def close(self) -> None:
        """Give back what is held between runs: connections, files. The collector is not used again."""

    def same_as(self, other: "Collector") -> bool:
        """Whether another collector has the same settings, so that this one may go on in its place."""
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def declares(self) -> Iterable[Metric]:
        """The metrics it may yield: those of its module, unless the settings decide."""
        return self.declares_always()

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics that every collector of this kind may yield, whatever its settings."""
        return declared_in(sys.modules[cls.__module__])


def declared_in(module: object) -> Iterator[Metric]:
    """The metrics that stand in a module: constants, or the values of constant tuples and mappings, in order."""
    for constant in vars(module).values():
        if isinstance(constant, Metric):
            yield constant
        elif isinstance(constant, tuple | Mapping):
            values = constant.values() if isinstance(constant, Mapping) else constant
            yield from (value for value in values if isinstance(value, Metric))


def load_kinds() -> Mapping[str, type[Collector]]:
    """Import every file of `exporter.collectors`, and so find every kind of collector."""
    package = importlib.import_module("exporter.collectors")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return kinds()


def kinds() -> Mapping[str, type[Collector]]:
    """The kinds of collector known so far, by name."""
    return dict(sorted(_kinds.items()))
