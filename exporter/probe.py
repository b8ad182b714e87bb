"""Probes on demand: `/probe?target=…&module=…` as blackbox_exporter has it, for targets that the settings allow.

Source of the contract: https://github.com/prometheus/blackbox_exporter#readme
"""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from exporter.collectors.probes.probe import Probe
from exporter.errors import PollError
from exporter.exposition import Format
from exporter.guard import Draft
from exporter.logs import redacted
from exporter.metric import Metric, Sample
from exporter.snapshot import Snapshot

DEFAULT_MODULE = "http_2xx"
DEFAULT_MODULES: Mapping[str, Mapping[str, Any]] = {
    "http_2xx": {"kind": "http"},
    "http_post_2xx": {"kind": "http", "method": "POST"},
    "tcp_connect": {"kind": "tcp"},
    "tcp_tls": {"kind": "tcp", "tls": True},
    "pop3s_banner": {"kind": "tcp", "tls": True, "query_response": [{"expect": r"^\+OK"}]},
    "smtp_starttls": {
        "kind": "tcp",
        "query_response": [
            {"expect": "^220 "},
            {"send": "EHLO prober\r"},
            {"expect": "^250[ -]STARTTLS"},
            {"send": "STARTTLS\r"},
            {"expect": "^220"},
            {"starttls": True},
            {"send": "QUIT\r"},
        ],
    },
    "ssh_banner": {"kind": "tcp", "query_response": [{"expect": "^SSH-2.0-"}, {"send": "SSH-2.0-bellwether-probe\r"}]},
    "irc_banner": {
        "kind": "tcp",
        "query_response": [
            {"send": "NICK prober"},
            {"send": "USER prober prober prober :prober"},
            {"expect": r"PING :([^ ]+)", "send": "PONG ${1}"},
            {"expect": r"^:[^ ]+ 001"},
        ],
    },
    "icmp": {"kind": "icmp"},
    "icmp_ttl5": {"kind": "icmp", "timeout": "5s", "ttl": 5},
    "dns_udp": {"kind": "dns", "query_name": ".", "query_type": "NS"},
    "dns_tcp": {"kind": "dns", "query_name": ".", "query_type": "NS", "transport_protocol": "tcp"},
}
"""Modules that need no settings, under the names that blackbox_exporter's own have."""


class Refused(Exception):
    """A probe that is not made: with the status and the text of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Found:
    """What one probe found, and how."""

    snapshot: Snapshot
    steps: tuple[str, ...]
    """What was done, for people."""

    def page(self, format_: Format) -> bytes:
        """The metrics."""
        return self.snapshot.page(format_)


@dataclass(frozen=True, slots=True)
class Prober:
    """The modules that may be asked for, each a probe waiting for its target, and the targets that are allowed."""

    modules: Mapping[str, Probe] = field(default_factory=dict)
    targets: tuple[str, ...] = ()

    async def probe(self, target: str, module: str, deadline: float, hostname: str = "") -> Found:
        """What one probe found, within `deadline` seconds. Raises `Refused`.

        `hostname`: what to ask for in TLS and in the header `Host`, for probes that do. The series have no label
        `instance`: Prometheus gives them that of the target it asked for.
        """
        probe = self._probe(target, module, deadline, hostname)
        bare = {metric.name: _without_instance(metric) for metric in probe.declares()}
        draft, snapshot, steps = Draft(bare, probe.max_series), Snapshot(), list[str]()
        try:
            async with aclosing(probe.collect()) as samples:
                async for sample in samples:
                    draft.add(_bare(sample, bare))
        except PollError as error:  # a finding, as every other way in which a probe can fail
            draft = Draft(bare, probe.max_series)
            draft.add(bare["probe_success"](0))
            steps.append(redacted(f"{error.reason}: {error}"))
        finally:
            await probe.close()
        snapshot.publish("probe", draft.lines)
        steps[:0] = [redacted(step) for step in probe.log.get(target, ())]
        return Found(snapshot, tuple(steps))

    def describe(self, target: str, module: str, found: Found) -> str:
        """A probe for people: what was asked, how, what was done, and what was found."""
        settings = self._probe(target, module).model_dump_json(indent=2, exclude={"name", "every", "max_age", "max_series"})
        steps = "".join(f"{step}\n" for step in found.steps)
        metrics = found.page(Format.TEXT).decode()
        return f"target {target}\nmodule {module}\n\nlog:\n{steps}\nsettings:\n{settings}\n\nmetrics:\n{metrics}"

    def _probe(self, target: str, module: str, deadline: float | None = None, hostname: str = "") -> Probe:
        if not target:
            raise Refused(400, "the parameter target is missing: /probe?target=TARGET&module=NAME")
        if module not in self.modules:
            raise Refused(
                400, f"there is no module {module}; the settings' probe.modules has {', '.join(self.modules) or 'none'}"
            )
        template = self.modules[module]
        if not any(_allows(pattern, _in_full(template, target)) for pattern in self.targets):
            raise Refused(403, "the target is not allowed; the settings' probe.targets says which ones are")
        given = {**template.model_dump(exclude_unset=True), "target": target}
        if deadline is not None:
            given["timeout"] = min(template.timeout, deadline)
        if hostname and "hostname" in type(template).model_fields:
            given["hostname"] = hostname
        try:
            return type(template).model_validate(given)
        except ValidationError as error:
            raise Refused(400, f"target: {error.errors(include_url=False)[0]['msg'].removeprefix('Value error, ')}") from None


def _in_full(template: Probe, target: str) -> str:
    try:
        return type(template).canonical(target)
    except ValueError:  # what is allowed is said first, and only then what is wrong
        return target


def _allows(pattern: str, target: str) -> bool:
    """Whether a target fits, part by part: a star in a host's place matches no slash, so no path can pose as a host."""
    wanted, given = _parts(pattern), _parts(target)
    if wanted is None or given is None:
        return False
    return all(fnmatchcase(part, allowed) for part, allowed in zip(given, wanted, strict=True))


def _parts(text: str) -> tuple[str, str, str, str] | None:
    """Scheme, host, port and path; None for what can be no target. What is no URL has neither scheme nor path."""
    url = urlsplit(text if "://" in text else f"//{text}")
    host, colon, port = url.netloc.rpartition(":")
    if not colon or url.netloc.endswith("]") or (":" in host and not host.endswith("]")):
        host, port = url.netloc, {"http": "80", "https": "443"}.get(url.scheme, "")
    if not host or "@" in url.netloc or not (port.isdigit() or port in {"", "*"}) or (not url.scheme and url.path):
        return None
    return url.scheme, host.lower().strip("[]"), port, (url.path or "/") if url.scheme else ""


def _without_instance(metric: Metric) -> Metric:
    return replace(metric, labels=tuple(label for label in metric.labels if label != "instance"))


def _bare(sample: Sample, bare: Mapping[str, Metric]) -> Sample:
    labels = dict(zip(sample.metric.labels, sample.labels, strict=True))
    labels.pop("instance", None)
    return bare[sample.metric.name](sample.value, **labels)
