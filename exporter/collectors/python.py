"""Python: whatever was made for prometheus_client, a collector or a registry, mounted from an import path.

So existing exporters written in Python plug in. Timestamps, exemplars, native histograms and `_created` are left behind.
Source: https://prometheus.github.io/client_python/collector/custom/
"""

import asyncio
import difflib
import importlib
import inspect
import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol, cast

from prometheus_client import CollectorRegistry
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from exporter.collector import Collector, Samples, Secret
from exporter.errors import Malformed, PollError, TimedOut, Unreachable
from exporter.metric import Metric, MetricType, Sample

REFUSED = Metric(
    "bellwether_python_refused_families",
    "Families that a mounted collector gave in its last run and that are not shown whole, by reason: taken, invalid, value.",
    labels=("source", "reason"),
)
_REASONS = ("taken", "invalid", "value")

_BOUNDS = {"histogram": "le", "summary": "quantile"}
_SUFFIXES = {"histogram": {"_bucket", "_sum", "_count"}, "summary": {"", "_sum", "_count"}}
_PLAIN = {"gauge", "counter", "info", "stateset"}
_MOST_LABELS = 64  # names of labels in one family, since each of its series has them all
_NO_HELP = "No help text was given."
_OWN_NAMES = ("bellwether_", "process_")  # the exporter's own figures, and those of this process are among them
_SHORTEST_SECRET = 4  # characters; what is shorter than that is no secret, and would be found everywhere

_Argument = Secret | bool | int | float | Literal[""] | list[Any] | dict[str, Any] | None


class Python(Collector, kind="python"):
    """A collector or registry made for prometheus_client, run in a thread of its own.

    A metric whose name another kind of collector has is left out; of two mounted ones, the first to show a series keeps it,
    so `labels` should tell theirs apart.
    """

    collector: str
    """What to mount, as `package.module:name`: a collector or registry, or a class or function that makes one."""
    arguments: dict[str, _Argument] = Field(default_factory=dict, validate_default=True)
    """What the class or function is called with, by name. Texts among them may be secrets: none is ever shown."""
    metrics: tuple[str, ...] = ("*",)
    """The metrics to show, by name; `*` stands for any text."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that each series gets, in place of its own of that name."""

    _mounted: "_Mountable | None" = PrivateAttr(default=None)
    _run: "Future[list[_Family] | BaseException] | None" = PrivateAttr(default=None)
    _shown: dict[str, Metric] = PrivateAttr(default_factory=dict)
    """The metrics of the last run, by name."""

    @field_validator("collector")
    @classmethod
    def _can_be_imported(cls, path: str) -> str:
        _resolve(path)
        return path

    @field_validator("arguments")
    @classmethod
    def _fit(cls, arguments: dict[str, _Argument], info: ValidationInfo) -> dict[str, _Argument]:
        if path := info.data.get("collector"):
            _call(_resolve(path), arguments)
        return arguments

    @field_validator("labels")
    @classmethod
    def _can_be_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        Metric("labels", "Labels to be checked.", labels=tuple(labels))
        return labels

    def declares(self) -> Iterable[Metric]:
        """What it came upon in its last run, and how much of that is not shown."""
        return (REFUSED, *self._shown.values())

    async def collect(self) -> Samples:
        if self._run is not None and not self._run.done():
            raise TimedOut("the run before has not come back; a thread cannot be ended, so no other is started beside it")
        self._run = _in_thread(self)
        families = await asyncio.wrap_future(self._run)  # with its error as a value: a future takes some for its own
        if isinstance(families, BaseException):
            raise self._failure(families)
        refused = Counter(dict.fromkeys(_REASONS, 0))
        for family, metric in self._admit(families, refused):
            for sample in family.samples(metric, self.labels):
                yield sample
            refused["value"] += family.contradicts_itself
        for reason, count in refused.items():
            yield REFUSED(count, source=self.name, reason=reason)

    def read(self) -> "list[_Family]":
        """What the mounted collector gives now. Blocks for as long as that takes."""
        if self._mounted is None:
            self._mounted = self._mount()
        families: dict[tuple[str, MetricType], _Family] = {}
        for given in self._mounted.collect():
            for name, type_, suffix, labels, value in _rows(given):
                family = families.get((name, type_))
                if family is None:
                    family = families[name, type_] = _Family(name, type_, str(given.documentation))
                family.add(suffix, labels, value)
        return [family for family in families.values() if any(fnmatchcase(family.name, name) for name in self.metrics)]

    def _mount(self) -> "_Mountable":
        found = _resolve(self.collector)
        made = found if _is_mountable(found) else found(**_call(found, self.arguments))
        if not _is_mountable(made):
            raise Malformed(f"{self.collector} made something without collect(): a {type(made).__name__}")
        return cast("_Mountable", made)

    def _admit(self, families: "list[_Family]", refused: Counter[str]) -> "list[tuple[_Family, Metric]]":
        """Those that make a valid page. Whether other collectors have their names is for the snapshot to see."""
        before, self._shown = self._shown, {}
        taken: set[str] = set()
        admitted = []
        for family in families:
            try:
                metric = family.metric(tuple(self.labels), before.get(family.name))
            except ValueError:
                refused["invalid"] += 1
                continue
            if metric.name.startswith(_OWN_NAMES) or not taken.isdisjoint(metric.names):
                refused["taken"] += 1
                continue
            taken.update(metric.names)
            self._shown[metric.name] = metric
            admitted.append((family, metric))
        return admitted

    def _failure(self, error: BaseException) -> Exception:
        """What to raise for what the mounted collector raised. Holds no text of the arguments."""
        if isinstance(error, PollError):
            return error
        texts = [value.read() for value in self.arguments.values() if isinstance(value, Secret)]
        secrets = [text for text in texts if len(text) >= _SHORTEST_SECRET]
        message = f"{type(error).__name__}: {error}"
        for secret in secrets:
            message = message.replace(secret, "********")
        if isinstance(error, TimeoutError):
            return TimedOut(message)
        if isinstance(error, OSError):  # as are the errors of most HTTP clients
            return Unreachable(message)
        if isinstance(error, Exception) and not any(secret in text for secret in secrets for text in _messages(error)):
            return error
        return RuntimeError(message)


class _Mountable(Protocol):
    def collect(self) -> Iterable[Any]: ...


@dataclass(slots=True)
class _Spread:
    """One label set of a histogram or summary, line by line."""

    labels: dict[str, Any]
    bounds: list[tuple[str, float]] = field(default_factory=list)
    totals: dict[str, float] = field(default_factory=dict)
    """`_sum` and `_count`."""

    def sample(self, metric: Metric, labels: dict[str, str]) -> Sample:
        """Raises `ValueError` or `TypeError` when the figures cannot be right."""
        pairs = [(float(bound), float(value)) for bound, value in self.bounds]
        sum_, count = self.totals.get("_sum"), self.totals.get("_count")
        if sum_ is not None and sum_ < 0:  # it may fall, as no counter may
            sum_ = None
        make = metric.histogram if metric.type == "histogram" else metric.summary
        return make(pairs, sum=sum_, count=count, **labels)


@dataclass(slots=True)
class _Family:
    """All that foreign code gave for one metric."""

    name: str
    type: MetricType
    help: str
    rows: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    spreads: dict[tuple[tuple[str, Any], ...], _Spread] = field(default_factory=dict)
    contradicts_itself: bool = False
    """Whether a label set was left out because its figures cannot be right."""

    def add(self, suffix: str, labels: dict[str, Any], value: float) -> None:
        if self.type not in _BOUNDS:
            self.rows.append((labels, value))
            return
        labels = dict(labels)
        bound = labels.pop(_BOUNDS[self.type], None)
        spread = self.spreads.setdefault(tuple(sorted(labels.items())), _Spread(labels))
        if bound is None:
            spread.totals[suffix] = value
        else:
            spread.bounds.append((bound, value))

    def metric(self, own_labels: tuple[str, ...], before: Metric | None) -> Metric:
        """Its declaration: that of the run before, if it is as before. Raises `ValueError` when there can be none."""
        label_sets = [labels for labels, _ in self.rows] + [spread.labels for spread in self.spreads.values()]
        names = tuple(dict.fromkeys([*own_labels, *(name for labels in label_sets for name in labels)]))
        if len(names) > _MOST_LABELS:
            raise ValueError(f"{self.name}: expected at most {_MOST_LABELS} labels, got {len(names)}")
        metric = Metric(self.name, self.help if self.help.strip() else _NO_HELP, self.type, names, found=True)
        return before if before is not None and before.same_as(metric) else metric

    def samples(self, metric: Metric, own_labels: dict[str, str]) -> Iterator[Sample]:
        """Its samples. A label that only others of the family have is empty, which is as good as absent."""

        def filled(labels: dict[str, Any]) -> dict[str, str]:
            return {name: str(labels.get(name, "")) for name in metric.labels} | own_labels

        for labels, value in self.rows:
            yield metric(value, **filled(labels))
        for spread in self.spreads.values():
            try:
                sample = spread.sample(metric, filled(spread.labels))
            except (TypeError, ValueError):
                self.contradicts_itself = True
            else:
                yield sample


def _rows(given: Any) -> Iterator[tuple[str, MetricType, str, dict[str, Any], float]]:
    """Metric name, type, suffix, labels and value of each sample of a family of prometheus_client."""
    if not hasattr(given, "samples"):
        raise Malformed(f"expected collect() to give metric families, got a {type(given).__name__}")
    for name, labels, value, *_ in given.samples:
        suffix = name.removeprefix(given.name)
        if given.type in _SUFFIXES:
            if suffix in _SUFFIXES[given.type]:
                yield given.name, given.type, suffix, labels, value
        elif given.type == "gaugehistogram" or (given.type == "info" and suffix != "_info"):
            yield name, "gauge", "", labels, value
        elif given.type != "counter" or suffix != "_created":
            yield name, given.type if given.type in _PLAIN else "unknown", "", labels, value


def _in_thread(collector: Python) -> "Future[list[_Family] | BaseException]":
    """A run in a thread that nobody waits for when the process ends: `asyncio.to_thread` would, and has few threads."""
    future: Future[list[_Family] | BaseException] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(collector.read())
        except BaseException as error:  # noqa: BLE001 - even SystemExit: foreign code may raise it, and a future would pass it on
            future.set_result(error)

    threading.Thread(target=run, name=f"collector {collector.name}", daemon=True).start()
    return future


def _messages(error: BaseException | None) -> Iterator[str]:
    """What the log would show of an error and of those that led to it, but for lines of code."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield from traceback.format_exception_only(error)
        error = error.__cause__ or error.__context__


def _resolve(path: str) -> Any:
    """What stands at an import path. Raises `ValueError`."""
    module_name, _, name = path.partition(":")
    if not module_name or not name:
        raise ValueError("expected an import path such as package.module:Class")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs foreign code, which may raise anything
        raise ValueError(
            f"expected a module that can be imported; {module_name} raises {type(error).__name__}: {error}; "
            "is its package installed where Bellwether is?"
        ) from None
    found = getattr(module, name, None)
    if found is None:
        near = difflib.get_close_matches(name, dir(module), 1)
        raise ValueError(f"expected a name that {module_name} has" + (f"; did you mean {near[0]}?" if near else ""))
    if not _is_mountable(found) and not (callable(found) and (hasattr(found, "collect") or not isinstance(found, type))):
        raise ValueError(f"expected a collector with collect(), or what makes one; {path} is a {type(found).__name__}")
    return found


def _is_mountable(found: object) -> bool:
    return not isinstance(found, type) and callable(getattr(found, "collect", None))


def _call(found: Any, arguments: dict[str, _Argument]) -> dict[str, Any]:
    """What to call it with: where it would register with the global registry, one of its own. Raises `ValueError`."""
    call: dict[str, Any] = {name: value.read() if isinstance(value, Secret) else value for name, value in arguments.items()}
    if _is_mountable(found):
        if call:
            raise ValueError(f"expected none, since there is nothing to call: it is a {type(found).__name__} already")
        return call
    signature = inspect.signature(found)
    for parameter in signature.parameters.values():
        if isinstance(parameter.default, CollectorRegistry):
            call.setdefault(parameter.name, CollectorRegistry())
    try:
        signature.bind(**call)
    except TypeError as error:
        raise ValueError(f"expected arguments for ({', '.join(signature.parameters)}): {error}") from None
    return call
