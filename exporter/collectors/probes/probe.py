"""What all kinds of probe share: targets, their results, and the rule that a target that is down is a finding.

Names, types and units of blackbox_exporter 0.28; a value that a probe did not come to is absent rather than 0.
Source: https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/prober/handler.go
"""

import asyncio
import sys
import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from exporter.collector import Collector, Duration, Every, Samples, declared_in
from exporter.metric import Metric, Sample

BY_TARGET = ("instance",)

SUCCESS = Metric("probe_success", "Whether the last probe got what it was told to expect: 1 or 0.", labels=BY_TARGET)
FAILURE = Metric(
    "bellwether_probe_failure",
    "Set to 1 while the last probe failed, with the reason: dns, refused, unreachable, tls, timeout, protocol, status, "
    "version, ssl, body, regex, bytes, rcode or answer.",
    labels=("instance", "reason"),
)
DURATION = Metric("probe_duration_seconds", "How long the last probe took.", labels=BY_TARGET)
TIMEOUT = Metric("probe_timeout_seconds", "How long a probe may take.", labels=BY_TARGET)
DNS_LOOKUP = Metric("probe_dns_lookup_time_seconds", "How long it took to resolve the target's name.", labels=BY_TARGET)
IP_PROTOCOL = Metric("probe_ip_protocol", "The version of the Internet Protocol that was used: 4 or 6.", labels=BY_TARGET)
ADDRESS_HASH = Metric(
    "probe_ip_addr_hash",
    "A hash of the address that was used (FNV-1a, 32 bits): it changes when the name leads elsewhere.",
    labels=BY_TARGET,
)

_MOST_TARGETS = 200  # all are probed at once, and none may wait for another
_MOST_STEPS = 200


class Finding:
    """What a probe has come to know of a target so far: all of it when it succeeds, the beginning when it fails."""

    def __init__(self, limit: float, phases: Iterable[str] = ()) -> None:
        self.values: dict[Metric, tuple[float, Mapping[str, str]]] = {}
        self.phases = dict.fromkeys(phases, 0.0)
        """Seconds by phase; those that the kind always shows are there from the start."""
        self.phase = ""
        """The phase under way; empty between two."""
        self.steps: list[str] = []
        """What was done, for people."""
        self._start = self._since = time.perf_counter()
        self._limit = limit

    @property
    def elapsed(self) -> float:
        """Seconds since the probe began."""
        return time.perf_counter() - self._start

    @property
    def left(self) -> float:
        """Seconds until the probe has to be done."""
        return max(self._limit - self.elapsed, 0.001)

    def tell(self, metric: Metric, value: float, **labels: str) -> None:
        """Take a value down, in place of what was known before."""
        self.values[metric] = (value, labels)

    def note(self, step: str) -> None:
        """Say what was done. Holds nothing that was set as a secret."""
        if len(self.steps) < _MOST_STEPS:
            self.steps.append(f"{self.elapsed:8.4f} s  {step}")

    def begin(self, phase: str) -> None:
        """Start the clock of a phase, and stop that of the one before."""
        self.end()
        self.phase, self._since = phase, time.perf_counter()

    def end(self) -> float:
        """Stop the clock of the phase under way; gives the seconds it took this time."""
        took = time.perf_counter() - self._since
        if self.phase:
            self.phases[self.phase] = self.phases.get(self.phase, 0.0) + took
        self.phase = ""
        return took


class Probe(Collector):
    """Targets, each asked for by itself. A probe that fails is a successful run with `probe_success` 0."""

    example: ClassVar[str]
    """A target as it may be given."""
    phase_metric: ClassVar[Metric | None] = None
    """What tells where the time went, by `phase`."""
    phases: ClassVar[Sequence[str]] = ()
    """The phases that are shown even where a probe did not come to them."""
    shares: ClassVar[Sequence[ModuleType]] = ()
    """Modules whose metrics the kind has, beside those of its own file and of this one."""

    target: str = ""
    """What to probe."""
    targets: tuple[str, ...] = Field(default=(), max_length=_MOST_TARGETS)
    """Several things to probe with the same settings, all at the same time, in place of `target`; 200 at most."""
    instance: str = ""
    """The value of the label `instance` where there is one `target`; what is given as target, without its query, otherwise."""
    preferred_ip_protocol: Literal["ip4", "ip6"] = "ip6"
    """Which addresses of a name to try first."""
    ip_protocol_fallback: bool = True
    """Whether to try addresses of the other protocol too."""
    every: Every = 30.0
    """How often the probe is sent."""
    timeout: Duration = 10.0
    """How long one run may take; a probe itself gives up half a second earlier, so that its failure is reported."""

    _findings: dict[str, Finding] = PrivateAttr(default_factory=dict)

    @classmethod
    @abstractmethod
    def canonical(cls, target: str) -> str:
        """A target in full, as it is compared with those allowed. Raises `ValueError` when it is none."""

    @abstractmethod
    async def probe(self, target: str, finding: Finding) -> str | None:
        """Ask one target; gives why that failed, if it did. Raises a `PollError` when no target can be asked."""

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """The metrics of every probe, and those of its kind."""
        for module in (sys.modules[__name__], *cls.shares, sys.modules[cls.__module__]):
            yield from declared_in(module)

    @field_validator("target", "targets")
    @classmethod
    def _valid(cls, given: str | tuple[str, ...], info: ValidationInfo) -> str | tuple[str, ...]:
        targets = (given,) if isinstance(given, str) else given
        for target in targets:
            cls.canonical(target)
        if len({cls.shown(target) for target in targets}) < len(targets):
            raise ValueError("expected no two targets that show as the same instance")
        return given

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.target) == bool(self.targets):
            raise ValueError(f"expected target, such as {self.example}, or targets, a list of them")
        if self.instance and self.targets:
            raise ValueError("expected no instance beside targets: each target's own text becomes its instance")
        return self

    @classmethod
    def shown(cls, target: str) -> str:
        """A target as the label `instance` has it."""
        return target

    @property
    def log(self) -> Mapping[str, Sequence[str]]:
        """What the last run did, step by step, for each target."""
        return {target: finding.steps for target, finding in self._findings.items()}

    async def collect(self) -> Samples:
        limit = max(self.timeout - 0.5, self.timeout / 2)
        targets = self.targets or (self.target,)
        self._findings = {target: Finding(limit, self.phases) for target in targets}
        runs = [asyncio.create_task(self._run(target, finding, limit)) for target, finding in self._findings.items()]
        try:
            results = await asyncio.gather(*runs)
        finally:
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)
        for samples in results:
            for sample in samples:
                yield sample

    async def _run(self, target: str, finding: Finding, limit: float) -> list[Sample]:
        finding.tell(TIMEOUT, limit)
        try:
            async with asyncio.timeout(limit):
                failure = await self.probe(target, finding)
        except TimeoutError:
            finding.note(f"out of time{f' in the phase {finding.phase}' if finding.phase else ''}")
            failure = "timeout"
        finding.end()
        finding.tell(DURATION, finding.elapsed)
        finding.note(f"failed: {failure}" if failure else "succeeded")
        return list(self._samples(self.instance or self.shown(target), finding, failure))

    def _samples(self, instance: str, finding: Finding, failure: str | None) -> Iterable[Sample]:
        yield SUCCESS(failure is None, instance=instance)
        if failure is not None:
            yield FAILURE(1, instance=instance, reason=failure)
        for metric, (value, labels) in finding.values.items():
            yield metric(value, instance=instance, **labels)
        if self.phase_metric is not None:
            for phase, elapsed in finding.phases.items():
                yield self.phase_metric(elapsed, instance=instance, phase=phase)


def host_and_port(target: str, example: str, default_port: int | None = None) -> tuple[str, int]:
    """The parts of `host:port`; an IPv6 address stands in brackets. Raises `ValueError`."""
    host, colon, port = target.rpartition(":")
    if default_port is not None and (not colon or target.endswith("]") or (target.count(":") > 1 and "[" not in target)):
        host, port = target, str(default_port)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host or set(host) & set("/@?#[] ") or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"expected a host and a port, such as {example}")
    return host, int(port)


def joined(host: str, port: int) -> str:
    """`host:port`, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
