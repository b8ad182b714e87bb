"""The DNS probe, against real servers on loopback."""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from pydantic import ValidationError

from exporter.collectors.probes.dns import Dns
from tests.collectors.probes.asking import Found, reason, run
from tests.stack import free_port

Answer = Callable[[dns.message.Message], list[bytes]]
SOA = "ns.example.test. admin.example.test. 2026112101 7200 3600 1209600 300"


def records(*texts: str, kind: str = "A", code: int = dns.rcode.NOERROR, flags: int = 0) -> Answer:
    def answer(query: dns.message.Message) -> list[bytes]:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.Rcode(code))
        response.flags |= flags
        if texts:
            response.answer.append(dns.rrset.from_text("example.test.", 300, "IN", kind, *texts))
        return [response.to_wire()]

    return answer


class Udp(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: object) -> None:
        for message in self.answer(dns.message.from_wire(data)):
            self.transport.sendto(message, address)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def serving(udp: Answer | None, tcp: Answer | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a name server, on both transports where both have an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert tcp is not None
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            for message in tcp(dns.message.from_wire(await reader.readexactly(length))):
                writer.write(struct.pack("!H", len(message)) + message)
            await writer.drain()
        writer.close()

    port = free_port()
    async with contextlib.AsyncExitStack() as servers:
        if tcp is not None:
            await servers.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls))
        if udp is not None:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(lambda: Udp(udp), local_addr=("127.0.0.1", port))
            servers.callback(transport.close)
        yield port


async def probe(port: int, **settings: object) -> Found:
    return await run(Dns, target=f"127.0.0.1:{port}", **{"query_name": "example.test", "query_type": "A", **settings})


def phases(found: Found) -> dict[str, float]:
    return {key[1]: value for key, value in found.items() if key[0] == "probe_dns_duration_seconds"}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_answer_is_counted_by_section(transport: str) -> None:
    answer = records("192.0.2.1", "192.0.2.2")
    async with serving(answer, answer) as port:
        found = await probe(port, transport_protocol=transport)
    assert reason(found) is None
    counts = [found[f"probe_dns_{section}_rrs",] for section in ("answer", "authority", "additional")]
    assert (counts, found["probe_dns_query_succeeded",]) == ([2, 0, 0], 1)
    assert sorted(phases(found)) == ["connect", "request", "resolve"]
    assert all(elapsed > 0 for elapsed in phases(found).values())
    assert ("probe_dns_serial",) not in found


async def test_serial_of_a_zone() -> None:
    async with serving(records(SOA, kind="SOA")) as port:
        found = await probe(port, query_type="SOA")
    assert (reason(found), found["probe_dns_serial",]) == (None, 2026112101)


async def test_over_tls(tls: ssl.SSLContext, ca_file: Path) -> None:
    async with serving(None, records("192.0.2.1"), tls) as port:
        settings = {"transport_protocol": "tcp", "dns_over_tls": True, "hostname": "localhost"}
        found = await probe(port, ca_file=ca_file, **settings)
        untrusted = await probe(port, **settings)
    assert (reason(found), found["probe_tls_version_info", "TLS 1.3"]) == (None, 1)
    assert reason(untrusted) == "tls"
    assert untrusted["probe_ssl_earliest_cert_expiry",] == found["probe_ssl_earliest_cert_expiry",]


async def test_a_code_that_is_not_valid() -> None:
    async with serving(records(code=dns.rcode.NXDOMAIN)) as port:
        found = await probe(port)
        wanted = await probe(port, valid_rcodes=["NXDOMAIN"])
    assert (reason(found), found["probe_dns_query_succeeded",], reason(wanted)) == ("rcode", 1, None)


@pytest.mark.parametrize(
    ("validator", "expected"),
    [
        ({"fail_if_matches_regexp": [r"192\.0\.2\.2$"]}, "answer"),
        ({"fail_if_matches_regexp": [r"192\.0\.2\.3$"]}, None),
        ({"fail_if_all_match_regexp": [r"192\.0\.2\."]}, "answer"),
        ({"fail_if_all_match_regexp": [r"192\.0\.2\.1$"]}, None),
        ({"fail_if_not_matches_regexp": [r"^example\.test\.\t300\tIN\tA\t"]}, None),
        ({"fail_if_not_matches_regexp": [r"192\.0\.2\.1$"]}, "answer"),
        ({"fail_if_none_matches_regexp": [r"192\.0\.2\.1$"]}, None),
        ({"fail_if_none_matches_regexp": [r"192\.0\.2\.3$"]}, "answer"),
    ],
)
async def test_what_records_have_to_say(validator: dict[str, object], expected: str | None) -> None:
    async with serving(records("192.0.2.1", "192.0.2.2")) as port:
        assert reason(await probe(port, validate_answer_rrs=validator)) == expected


async def test_an_answer_cut_short_is_asked_for_over_tcp() -> None:
    cut = records(flags=dns.flags.TC)
    async with serving(cut, records("192.0.2.1", "192.0.2.2")) as port:
        found = await probe(port)
    async with serving(cut) as port:
        alone = await probe(port)
    assert (reason(found), found["probe_dns_answer_rrs",]) == (None, 2)
    assert (reason(alone), alone["probe_dns_query_succeeded",]) == ("refused", 0)


async def test_answers_to_other_questions_are_passed_over() -> None:
    def forge(query: dns.message.Message) -> list[bytes]:
        other = dns.message.make_response(query)
        other.id ^= 1
        another = dns.message.make_response(dns.message.make_query("evil.test", "A", id=query.id))
        return [b"junk", other.to_wire(), another.to_wire(), *records("192.0.2.1")(query)]

    async with serving(forge) as port:
        found = await probe(port)
    assert (reason(found), found["probe_dns_answer_rrs",]) == (None, 1)


async def test_no_answer_is_a_timeout() -> None:
    async with serving(lambda _: []) as port:
        found = await probe(port, timeout=0.4)
    assert (reason(found), found["probe_dns_query_succeeded",]) == ("timeout", 0)
    assert ("probe_dns_answer_rrs",) not in found


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_nobody_listens(transport: str) -> None:
    assert reason(await probe(free_port(), transport_protocol=transport)) == "refused"


async def test_an_answer_that_cannot_be_read() -> None:
    async with serving(lambda query: [struct.pack("!H", query.id) + b"\x80"]) as port:
        assert reason(await probe(port)) == "protocol"


async def test_several_servers_are_asked_the_same() -> None:
    async with serving(records("192.0.2.1")) as first, serving(records(code=dns.rcode.SERVFAIL)) as second:
        targets = [f"127.0.0.1:{first}", f"127.0.0.1:{second}"]
        collector = Dns.model_validate({"targets": targets, "query_name": "example.test", "query_type": "A"})
        up = {sample.labels[0]: sample.value async for sample in collector.collect() if sample.metric.name == "probe_success"}
    assert up == {targets[0]: 1, targets[1]: 0}


@pytest.mark.parametrize(
    "settings",
    [
        {"query_name": "a..b"},
        {"query_type": "XYZ"},
        {"query_class": "XYZ"},
        {"valid_rcodes": ["FINE"]},
        {"dns_over_tls": True},
        {"target": "http://1.1.1.1"},
    ],
)
def test_wrong_settings(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected"):
        Dns.model_validate({"target": "192.0.2.53", "query_name": "example.test", **settings})
