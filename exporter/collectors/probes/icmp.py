"""ICMP: whether hosts answer an echo request, and how long that takes: the round-trip latency to named peers.

Source: https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/prober/icmp.go,
https://www.rfc-editor.org/rfc/rfc792
"""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, IPvAnyAddress

from exporter.clients.ping import Echo
from exporter.collectors.probes.probe import BY_TARGET, Finding, Probe
from exporter.collectors.probes.resolve import Address, resolve, use
from exporter.metric import Metric

PHASE = Metric(
    "probe_icmp_duration_seconds",
    "Where the probe's time went: resolve, setup, rtt; the last is the round-trip latency.",
    labels=("instance", "phase"),
)
HOP_LIMIT = Metric(
    "probe_icmp_reply_hop_limit", "How many more hops the reply could have taken: the time to live over IPv4.", labels=BY_TARGET
)

_REASONS = {"resolve": "dns"}


class Icmp(Probe, kind="icmp"):
    """Hosts, each sent one echo request: whether they answer, and how long the round trip takes.

    Takes no privilege where `net.ipv4.ping_group_range` holds the user's group; the capability `CAP_NET_RAW` elsewhere.
    """

    example: ClassVar[str] = "db.example.com"
    phase_metric: ClassVar[Metric] = PHASE
    phases: ClassVar[Sequence[str]] = ("resolve", "setup", "rtt")

    target: str = ""
    """A host's name or address, without a port."""
    source_ip_address: IPvAnyAddress | None = None
    """The address of this machine to send from."""
    payload_size: int = Field(default=36, ge=0, le=65_507)
    """How many bytes to send along."""
    dont_fragment: bool = False
    """Whether no router may cut the request to pieces."""
    ttl: int | None = Field(default=None, ge=1, le=255)
    """How many hops the request may take; the system's default unless given."""

    @classmethod
    def canonical(cls, target: str) -> str:
        """The host. Raises `ValueError`."""
        host = target[1:-1] if target.startswith("[") and target.endswith("]") else target
        if not host or set(host) & set("/@?#[] ") or host.count(":") == 1:
            raise ValueError(f"expected a host without a port, such as {cls.example}")
        return host

    async def probe(self, target: str, finding: Finding) -> str | None:
        try:
            addresses = await resolve(self, self.canonical(target), 0, finding)
            await self._ask(addresses[0], finding)
        except (OSError, UnicodeError) as error:
            if isinstance(error, TimeoutError):
                raise
            phase = finding.phase
            finding.end()
            finding.note(f"{type(error).__name__} in the phase {phase}: {error}")
            return _REASONS.get(phase, "unreachable")
        return None

    async def _ask(self, address: Address, finding: Finding) -> None:
        use(address, finding)
        finding.begin("setup")
        source = None if self.source_ip_address is None else str(self.source_ip_address)
        echo = Echo.to(address.ip, size=self.payload_size, ttl=self.ttl, dont_fragment=self.dont_fragment, source=source)
        try:
            finding.note(
                f"an echo request of {self.payload_size} bytes to {address.ip}, {'raw' if echo.raw else 'unprivileged'}"
            )
            finding.begin("rtt")
            echo.send()
            reply = await echo.receive()
            finding.end()
        finally:
            echo.close()
        finding.note("the reply came")
        if reply.hop_limit is not None:
            finding.tell(HOP_LIMIT, reply.hop_limit)
