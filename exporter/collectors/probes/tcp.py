"""TCP: a connection, TLS on it at once or when the server is ready, and a conversation of lines.

Source: https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/prober/tcp.go,
https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/CONFIGURATION.md#tcp_probe
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import ClassVar, Self

from pydantic import IPvAnyAddress, model_validator

from exporter.collectors.probes import handshake
from exporter.collectors.probes.connection import Connection, connect
from exporter.collectors.probes.expectation import FAILED_REGEX, Step, expanded
from exporter.collectors.probes.probe import BY_TARGET, Finding, Probe, host_and_port, joined
from exporter.collectors.probes.resolve import Address, resolve
from exporter.metric import Metric

FAILED_BYTES = Metric(
    "probe_failed_due_to_bytes",
    "Whether the probe failed because other bytes came than were expected: 1 or 0.",
    labels=BY_TARGET,
)
EXPECT_INFO = Metric(
    "probe_expect_info",
    "What the target said, as labels that the settings name, beside `instance`.",
    labels=BY_TARGET,
)

_REASONS = {"resolve": "dns", "connect": "refused", "tls": "tls"}


class Tcp(handshake.Tls, Probe, kind="tcp"):
    """Ports: whether they accept connections, speak TLS, and say what they should."""

    example: ClassVar[str] = "db.example.com:5432"
    shares: ClassVar[Sequence[ModuleType]] = (handshake,)

    target: str = ""
    """A host and a port, such as `db.example.com:5432` or `[2001:db8::1]:5432`."""
    tls: bool = False
    """Whether to begin with TLS."""
    query_response: tuple[Step, ...] = ()
    """A conversation: steps with `expect`, `expect_bytes`, `send`, `starttls` and `labels`."""
    source_ip_address: IPvAnyAddress | None = None
    """The address of this machine to connect from."""

    @classmethod
    def canonical(cls, target: str) -> str:
        """Host and port. Raises `ValueError`."""
        return joined(*host_and_port(target, cls.example))

    @model_validator(mode="after")
    def _one_set_of_labels(self) -> Self:
        if sum(bool(step.labels) for step in self.query_response) > 1:
            raise ValueError("expected labels in one step of query_response only")
        if any("instance" in step.labels for step in self.query_response):
            raise ValueError("expected no label named instance: it names the target")
        self._expect_info()
        return self

    def declares(self) -> Iterable[Metric]:
        """Those of the kind; what the target said has the labels that the settings name."""
        yield from (metric for metric in self.declares_always() if metric is not EXPECT_INFO)
        yield self._expect_info()

    def _expect_info(self) -> Metric:
        names = next((tuple(step.labels) for step in self.query_response if step.labels), ())
        return Metric(EXPECT_INFO.name, EXPECT_INFO.help, labels=(*BY_TARGET, *names))

    async def probe(self, target: str, finding: Finding) -> str | None:
        finding.tell(FAILED_REGEX, 0)
        finding.tell(FAILED_BYTES, 0)
        context = await self.context()
        host, port = host_and_port(target, self.example)
        source = None if self.source_ip_address is None else str(self.source_ip_address)
        addresses: list[Address] = []
        try:
            addresses = await resolve(self, host, port, finding)
            async with connect(addresses, finding, source) as connection:
                return await self._converse(connection, context, self.hostname or host, finding)
        except TimeoutError:
            return "timeout"
        except (OSError, UnicodeError, ValueError, EOFError) as error:  # ValueError: a line longer than the reader takes
            phase = finding.phase
            finding.end()
            finding.note(f"{type(error).__name__}{f' in the phase {phase}' if phase else ''}: {error}")
            if phase == "tls":
                await self._look_at_certificate(addresses, source, self.hostname or host, finding)
            return _REASONS.get(phase, "protocol")

    async def _look_at_certificate(self, addresses: list[Address], source: str | None, host: str, finding: Finding) -> None:
        """The same conversation again, without verification, since a refused handshake tells nothing of what was refused."""
        finding.note("looking at the certificate that was refused")
        again = Finding(finding.left / 2)
        with contextlib.suppress(OSError, UnicodeError, ValueError, EOFError):  # TimeoutError among them
            async with asyncio.timeout(again.left), connect(addresses, again, source) as connection:
                await self._converse(connection, handshake.lenient(), host, again)
        finding.values |= {metric: told for metric, told in again.values.items() if metric in handshake.SEEN}

    async def _converse(self, connection: Connection, context: ssl.SSLContext, host: str, finding: Finding) -> str | None:
        if self.tls:
            await connection.start_tls(context, host, finding)
        for step in self.query_response:
            say = step.send
            if step.expect_bytes and not await _comes(connection, step.expect_bytes.encode(), finding):
                finding.tell(FAILED_BYTES, 1)
                return "bytes"
            if step.expect is not None:
                match = await _line_like(connection, step.expect, finding)
                if match is None:
                    finding.tell(FAILED_REGEX, 1)
                    return "regex"
                say = expanded(say, match)
                if step.labels:
                    values = {label: expanded(value, match) for label, value in step.labels.items()}
                    finding.tell(self._expect_info(), 1, **values)
            if say:
                finding.note(f"sending {say!r}")
                await connection.send(f"{say}\n".encode())
            if step.starttls:
                await connection.start_tls(context, host, finding)
        return None


async def _comes(connection: Connection, expected: bytes, finding: Finding) -> bool:
    try:
        got = await connection.reader.readexactly(len(expected))
    except asyncio.IncompleteReadError as error:
        got = error.partial
    finding.note(f"read {got!r}")
    return got == expected


async def _line_like(connection: Connection, pattern: re.Pattern[str], finding: Finding) -> re.Match[str] | None:
    """The match in the first line that has one; None when the other side ends before."""
    while line := await connection.reader.readline():
        text = line.rstrip(b"\r\n").decode(errors="replace")
        finding.note(f"read {text!r}")
        if match := pattern.search(text):
            return match
    finding.note(f"the other side ended, and no line matches {pattern.pattern}")
    return None
