"""Probes on demand: `/probe?target=…&module=…` as blackbox_exporter has it, for targets that the settings allow.

Source of the contract: https://github.com/prometheus/blackbox_exporter#readme
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

from pydantic import ValidationError

from exporter.collector import Collector
from exporter.errors import PollError
from exporter.exposition import Format
from exporter.guard import Draft
from exporter.metric import Metric, Sample
from exporter.snapshot import Snapshot

DEFAULT_MODULE = "http_2xx"
PLACEHOLDER = "http://placeholder.invalid/"
"""Stands in for the target where a module is checked before there is one."""


class Refused(Exception):
    """A probe that is not made: with the status and the text of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Prober:
    """The modules that may be asked for, each a collector waiting for its target, and the targets that are allowed."""

    modules: Mapping[str, Collector] = field(default_factory=dict)
    targets: tuple[str, ...] = ()

    async def probe(self, target: str, module: str, deadline: float) -> Snapshot:
        """What one probe found, within `deadline` seconds. Raises `Refused`.

        Its series have no label `instance`: Prometheus gives them that of the target it asked for.
        """
        collector = self._collector(target, module)
        bare = {metric.name: _without_instance(metric) for metric in collector.declares()}
        draft, snapshot = Draft(bare, collector.max_series), Snapshot()
        try:
            async with asyncio.timeout(min(collector.timeout, deadline)), aclosing(collector.collect()) as samples:
                async for sample in samples:
                    draft.add(_bare(sample, bare))
        except (PollError, TimeoutError):  # a finding, as every other way in which a probe can fail
            draft = Draft(bare, collector.max_series)
            draft.add(bare["probe_success"](0))
        finally:
            await collector.close()
        snapshot.publish("probe", draft.lines)
        return snapshot

    def describe(self, target: str, module: str, found: Snapshot) -> str:
        """A probe for people: what was asked, how, and what was found."""
        settings = self._collector(target, module).model_dump_json(indent=2, exclude={"name", "every", "max_age", "max_series"})
        return f"target {target}\nmodule {module}\n\nsettings:\n{settings}\n\nmetrics:\n{found.page(Format.TEXT).decode()}"

    def _collector(self, target: str, module: str) -> Collector:
        if not target:
            raise Refused(400, "the parameter target is missing: /probe?target=URL&module=NAME")
        if module not in self.modules:
            raise Refused(
                400, f"there is no module {module}; the settings' probe.modules has {', '.join(self.modules) or 'none'}"
            )
        if not any(_allows(pattern, target) for pattern in self.targets):
            raise Refused(403, "the target is not allowed; the settings' probe.targets says which ones are")
        template = self.modules[module]
        try:
            return type(template).model_validate({**template.model_dump(exclude_unset=True), "target": target})
        except ValidationError as error:
            raise Refused(400, f"target: {error.errors(include_url=False)[0]['msg'].removeprefix('Value error, ')}") from None


def _allows(pattern: str, target: str) -> bool:
    """Whether a target fits, part by part: a star in a host's place matches no slash, so no path can pose as a host."""
    wanted, given = urlsplit(pattern), urlsplit(target)
    try:
        same_place = wanted.scheme == given.scheme and _port(wanted) == _port(given)
    except ValueError:  # a port that is no number
        return False
    host = fnmatchcase((given.hostname or "").lower(), (wanted.hostname or "").lower())
    return same_place and host and given.username is None and fnmatchcase(given.path or "/", wanted.path or "/")


def _port(url: SplitResult) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def _without_instance(metric: Metric) -> Metric:
    return replace(metric, labels=tuple(label for label in metric.labels if label != "instance"))


def _bare(sample: Sample, bare: Mapping[str, Metric]) -> Sample:
    labels = dict(zip(sample.metric.labels, sample.labels, strict=True))
    labels.pop("instance", None)
    return bare[sample.metric.name](sample.value, **labels)
