"""Collector: a pydantic model whose fields are its settings, and `collect()`. Importing its file is registering it.

Other packages offer kinds by entry points. Source: https://packaging.python.org/en/latest/specifications/entry-points/
"""

import functools
import importlib
import logging
import pkgutil
import sys
from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, model_validator

from exporter.errors import SettingsError
from exporter.fields import Cron, Duration, Model, Secret, seconds
from exporter.metric import Metric, Sample

__all__ = [
    "Collector",
    "Duration",
    "Every",
    "Model",
    "Sample",
    "Samples",
    "Secret",
    "declared_in",
    "is_kind",
    "kind_of",
    "kinds",
    "load_kinds",
]

log = logging.getLogger(__name__)

ENTRY_POINTS = "bellwether.collectors"
"""The group of entry points by which an installed package offers kinds: `NAME = "package.module:Class"`."""

Samples = AsyncGenerator[Sample, None]
"""What `collect()` gives: an async generator, so that it can be closed when a run is cut short."""

_PACKAGE = "exporter.collectors"
_DISTRIBUTION = "bellwether-exporter"

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


def kind_of(name: str) -> type[Collector] | None:
    """The kind of that name, or None. Of all files and packages that hold kinds, only the one that has it is imported.

    Raises `SettingsError` when two packages offer it, or the one that does cannot be imported.
    """
    for module in _modules():
        if name not in _kinds and _may_hold(module, name):
            importlib.import_module(module.name)
    offers = [offer for offer in entry_points(group=ENTRY_POINTS) if offer.name == name]
    packages = [_package(offer) for offer in offers]
    if name in _kinds and _kinds[name].__module__.startswith(f"{_PACKAGE}."):
        packages.insert(0, _DISTRIBUTION)
    if len(packages) > 1:
        raise SettingsError(f"the kind {name} is offered by {' and '.join(packages)}; expected one: uninstall the other")
    if offers and name not in _kinds:
        _load(offers[0])
    return _kinds.get(name)


@functools.lru_cache(maxsize=64)
def is_kind(name: str) -> bool:
    """Whether there is a kind of that name, as far as can be told without importing it."""
    offered = name in entry_points(group=ENTRY_POINTS).names
    return offered or name in _kinds or any(_may_hold(module, name) for module in _modules())


def load_kinds() -> Mapping[str, type[Collector]]:
    """Every kind there is, by name. One that cannot be had is left out, with a line in the log."""
    for module in _modules():
        if _may_hold(module):
            importlib.import_module(module.name)
    for name in sorted(entry_points(group=ENTRY_POINTS).names):
        try:
            kind_of(name)
        except SettingsError as error:
            log.warning("%s", error)
    return kinds()


def kinds() -> Mapping[str, type[Collector]]:
    """The kinds of collector known so far, by name."""
    return dict(sorted(_kinds.items()))


def _modules(package: str = _PACKAGE, path: Iterable[str] | None = None) -> Iterator[ModuleSpec]:
    """The files and packages that may hold kinds, and the files inside such packages; none of them is imported."""
    folders = list(importlib.import_module(package).__path__ if path is None else path)
    for module in pkgutil.iter_modules(folders, f"{package}."):
        if spec := PathFinder.find_spec(module.name, folders):
            yield spec
            if spec.submodule_search_locations is not None:
                yield from _modules(spec.name, spec.submodule_search_locations)


def _may_hold(module: ModuleSpec, kind: str = "") -> bool:
    """Whether a file names the kind, or any, as a class does; importing to find out would take its dependencies along."""
    source = getattr(module.loader, "get_source", lambda _: None)(module.name)
    return source is None or (f'kind="{kind}"' if kind else 'kind="') in source


def _load(offer: EntryPoint) -> None:
    before = dict(_kinds)
    try:
        found = offer.load()
        if not (isinstance(found, type) and issubclass(found, Collector) and getattr(found, "kind", None) == offer.name):
            raise TypeError(f'expected a class of Collector with kind="{offer.name}", got {found!r}')  # noqa: TRY301 - as any other
    except Exception as error:
        raise SettingsError(
            f"the kind {offer.name} cannot be had from the package {_package(offer)}: "
            f"{offer.value}: {type(error).__name__}: {error}"
        ) from error
    else:
        before[offer.name] = found
    finally:  # whatever other kinds its import registered, it takes an entry point of theirs to have them
        _kinds.clear()
        _kinds.update(before)


def _package(offer: EntryPoint) -> str:
    return offer.dist.name if offer.dist else offer.module
