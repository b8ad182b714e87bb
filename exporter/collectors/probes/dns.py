"""DNS: a question to one server, over UDP, TCP or TLS, and what its answer says.

Source: https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/prober/dns.go,
https://www.rfc-editor.org/rfc/rfc1035, https://www.rfc-editor.org/rfc/rfc7858 (over TLS)
"""

import re
import ssl
import struct
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import ClassVar, Literal, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from pydantic import IPvAnyAddress, ValidationInfo, field_validator, model_validator

from exporter.clients.datagrams import Datagrams
from exporter.collector import Model
from exporter.collectors.probes import handshake
from exporter.collectors.probes.connection import connect
from exporter.collectors.probes.probe import BY_TARGET, Finding, Probe, host_and_port, joined
from exporter.collectors.probes.resolve import Address, resolve, use
from exporter.metric import Metric

PHASE = Metric(
    "probe_dns_duration_seconds", "Where the probe's time went: resolve, connect, request.", labels=("instance", "phase")
)
ANSWERS = Metric("probe_dns_answer_rrs", "Records in the section that answers the question.", labels=BY_TARGET)
AUTHORITIES = Metric("probe_dns_authority_rrs", "Records in the section that names the authorities.", labels=BY_TARGET)
ADDITIONALS = Metric("probe_dns_additional_rrs", "Records in the section with additional ones.", labels=BY_TARGET)
SUCCEEDED = Metric(
    "probe_dns_query_succeeded", "Whether an answer to the question came, whatever it says: 1 or 0.", labels=BY_TARGET
)
SERIAL = Metric("probe_dns_serial", "The serial number of the zone, where it was asked for its SOA record.", labels=BY_TARGET)

_REASONS = {"resolve": "dns", "connect": "refused", "tls": "tls"}


class Records(Model):
    """What the records of one section of an answer must say, each written as in a zone file, with tabs."""

    fail_if_matches_regexp: tuple[re.Pattern[str], ...] = ()
    """Expressions that no record may match."""
    fail_if_all_match_regexp: tuple[re.Pattern[str], ...] = ()
    """Expressions that not every record may match."""
    fail_if_not_matches_regexp: tuple[re.Pattern[str], ...] = ()
    """Expressions that every record has to match."""
    fail_if_none_matches_regexp: tuple[re.Pattern[str], ...] = ()
    """Expressions that at least one record has to match."""

    def wrong(self, records: Sequence[str]) -> Iterator[str]:
        """What is not as it should be."""
        for pattern in self.fail_if_matches_regexp:
            if any(map(pattern.search, records)):
                yield f"a record matches {pattern.pattern}"
        for pattern in self.fail_if_all_match_regexp:
            if records and all(map(pattern.search, records)):
                yield f"every record matches {pattern.pattern}"
        for pattern in self.fail_if_not_matches_regexp:
            if not all(map(pattern.search, records)):
                yield f"a record does not match {pattern.pattern}"
        for pattern in self.fail_if_none_matches_regexp:
            if not any(map(pattern.search, records)):
                yield f"no record matches {pattern.pattern}"


class Dns(handshake.Tls, Probe, kind="dns"):
    """Name servers, each asked the same question."""

    example: ClassVar[str] = "192.0.2.53:53"
    phase_metric: ClassVar[Metric] = PHASE
    phases: ClassVar[Sequence[str]] = ("resolve", "connect", "request")
    shares: ClassVar[Sequence[ModuleType]] = (handshake,)

    target: str = ""
    """The server to ask: a host and a port, 53 unless given, or 853 over TLS."""
    query_name: str
    """The name to ask for."""
    query_type: str = "ANY"
    """The type of record to ask for: `A`, `AAAA`, `MX`, `SOA` and so on."""
    query_class: str = "IN"
    """The class of record to ask for."""
    recursion_desired: bool = True
    """Whether the server is to ask others where it does not know."""
    transport_protocol: Literal["udp", "tcp"] = "udp"
    """How to ask. An answer that UDP is too short for is asked for over TCP, as resolvers do."""
    dns_over_tls: bool = False
    """Whether to ask over TLS; takes `transport_protocol: tcp`."""
    source_ip_address: IPvAnyAddress | None = None
    """The address of this machine to ask from."""
    valid_rcodes: tuple[str, ...] = ("NOERROR",)
    """The codes of answers that mean success."""
    validate_answer_rrs: Records = Records()
    """What the records that answer must say."""
    validate_authority_rrs: Records = Records()
    """What the records that name authorities must say."""
    validate_additional_rrs: Records = Records()
    """What the additional records must say."""

    @classmethod
    def canonical(cls, target: str) -> str:
        """Host and port. Raises `ValueError`."""
        return joined(*host_and_port(target, cls.example, 53))

    @field_validator("query_name")
    @classmethod
    def _name(cls, name: str) -> str:
        try:
            dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            raise ValueError("expected a name such as www.example.com") from None
        return name

    @field_validator("query_type", "query_class")
    @classmethod
    def _known(cls, given: str, info: ValidationInfo) -> str:
        try:
            (dns.rdatatype if info.field_name == "query_type" else dns.rdataclass).from_text(given)
        except (dns.exception.DNSException, ValueError):
            raise ValueError("expected one that the DNS has, such as A or IN") from None
        return given

    @field_validator("valid_rcodes")
    @classmethod
    def _codes(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(dns.rcode.to_text(dns.rcode.from_text(code)) for code in given)
        except (dns.exception.DNSException, ValueError):
            raise ValueError("expected codes such as NOERROR or NXDOMAIN") from None

    @model_validator(mode="after")
    def _tls_over_tcp(self) -> Self:
        if self.dns_over_tls and self.transport_protocol != "tcp":
            raise ValueError("expected transport_protocol: tcp beside dns_over_tls")
        return self

    async def probe(self, target: str, finding: Finding) -> str | None:
        finding.tell(SUCCEEDED, 0)
        context = await self.context() if self.dns_over_tls else None
        host, port = host_and_port(target, self.example, 853 if self.dns_over_tls else 53)
        query = dns.message.make_query(self.query_name, self.query_type, self.query_class)
        if not self.recursion_desired:
            query.flags &= ~dns.flags.RD
        addresses: list[Address] = []
        try:
            addresses = await resolve(self, host, port, finding)
            answer = await self._answer(query, addresses, context, self.hostname or host, finding)
        except TimeoutError:
            return "timeout"
        except (OSError, UnicodeError, EOFError, dns.exception.DNSException) as error:
            phase = finding.phase
            finding.end()
            finding.note(f"{type(error).__name__}{f' in the phase {phase}' if phase else ''}: {error}")
            if phase == "tls":
                await handshake.look_at_certificate(finding, addresses[0].ip, port, self.hostname or host)
            refused = isinstance(error, ConnectionRefusedError)  # which UDP hears of only when it has asked
            return "refused" if refused else _REASONS.get(phase, "protocol")
        finding.end()
        return self._judge(answer, finding)

    async def _answer(
        self, query: dns.message.Message, addresses: list[Address], context: ssl.SSLContext | None, host: str, finding: Finding
    ) -> dns.message.Message:
        if self.transport_protocol == "udp":
            answer = await self._by_datagram(query, addresses[0], finding)
            if not answer.flags & dns.flags.TC:
                return answer
            finding.note("the answer is cut short; asking over TCP")
        source = None if self.source_ip_address is None else str(self.source_ip_address)
        async with connect(addresses, finding, source) as connection:
            if context is not None:
                await connection.start_tls(context, host, finding)
            finding.begin("request")
            wire = query.to_wire()
            await connection.send(struct.pack("!H", len(wire)) + wire)
            while True:
                (length,) = struct.unpack("!H", await connection.reader.readexactly(2))
                message = _read(await connection.reader.readexactly(length), query, finding)
                if message is not None:
                    return message

    async def _by_datagram(self, query: dns.message.Message, address: Address, finding: Finding) -> dns.message.Message:
        use(address, finding)
        finding.begin("connect")
        source = None if self.source_ip_address is None else str(self.source_ip_address)
        async with Datagrams.to(address.ip, address.port, source) as datagrams:
            finding.begin("request")
            datagrams.send(query.to_wire())
            while True:  # what is no answer to this question may come from anyone
                answer = _read(await datagrams.receive(), query, finding)
                if answer is not None:
                    return answer

    def _judge(self, answer: dns.message.Message, finding: Finding) -> str | None:
        sections = [list(_written(section)) for section in (answer.answer, answer.authority, answer.additional)]
        finding.tell(SUCCEEDED, 1)
        for metric, records in zip((ANSWERS, AUTHORITIES, ADDITIONALS), sections, strict=True):
            finding.tell(metric, len(records))
        for rrset in answer.answer:
            if self.query_type.upper() == "SOA" and rrset.rdtype == dns.rdatatype.SOA:
                finding.tell(SERIAL, next(iter(rrset)).serial)
        code = dns.rcode.to_text(answer.rcode())
        finding.note(f"the answer is {code}, with {len(sections[0])} records")
        if code not in self.valid_rcodes:
            return "rcode"
        validators = (self.validate_answer_rrs, self.validate_authority_rrs, self.validate_additional_rrs)
        for name, records, validator in zip(("answer", "authority", "additional"), sections, validators, strict=True):
            for wrong in validator.wrong(records):
                finding.note(f"{name} section: {wrong}")
                return "answer"
        return None


def _read(wire: bytes, query: dns.message.Message, finding: Finding) -> dns.message.Message | None:
    """The answer that a message is; None for one to another question. Raises `DNSException` when it cannot be read."""
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except dns.exception.DNSException as error:
        if wire[:2] == struct.pack("!H", query.id):
            raise
        finding.note(f"passed over {len(wire)} bytes that are no message: {type(error).__name__}")
        return None
    if not query.is_response(message):
        finding.note("passed over an answer to another question")
        return None
    return message


def _written(section: Sequence[dns.rrset.RRset]) -> Iterator[str]:
    for rrset in section:
        for record in rrset:
            yield "\t".join(
                [
                    str(rrset.name),
                    str(rrset.ttl),
                    dns.rdataclass.to_text(rrset.rdclass),
                    dns.rdatatype.to_text(rrset.rdtype),
                    record.to_text(),
                ]
            )
