"""The TCP probe, against real servers on loopback."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from exporter.collectors.probes.tcp import Tcp
from tests.collectors.probes.asking import Found, reason, run
from tests.stack import free_port

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that talks to each client, and closes when it is done."""
    talks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*filter(None, talks))


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def saying(*lines: bytes) -> Talk:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(lines)

    return say


async def probe(port: int, **settings: object) -> Found:
    return await run(Tcp, target=f"localhost:{port}", preferred_ip_protocol="ip4", **settings)


def mail(context: ssl.SSLContext) -> Talk:
    """The beginning of SMTP, with STARTTLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220-mail.example\r\n220 ready\r\n")
        assert (await reader.readline()).startswith(b"EHLO")
        writer.write(b"250-mail.example\r\n250-STARTTLS\r\n250 OK\r\n")
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"220 go ahead\r\n")
        await writer.start_tls(context)
        assert (await reader.readline()).startswith(b"EHLO")
        writer.write(b"250 secure\r\n")

    return talk


SMTP = [
    {"expect": "^220 "},
    {"send": "EHLO prober"},
    {"expect": "^250-STARTTLS"},
    {"send": "STARTTLS"},
    {"expect": "^220"},
    {"starttls": True},
    {"send": "EHLO prober"},
    {"expect": "^250 secure"},
]


async def test_a_port_that_accepts_is_up() -> None:
    async with serving(silent) as port:
        found = await probe(port)
    assert reason(found) is None
    assert {key: value for key, value in found.items() if "time" not in key[0] and "duration" not in key[0]} == {
        ("probe_success",): 1,
        ("probe_ip_protocol",): 4,
        ("probe_ip_addr_hash",): 3668918509,
        ("probe_failed_due_to_regex",): 0,
        ("probe_failed_due_to_bytes",): 0,
    }


async def test_a_port_that_refuses_is_down() -> None:
    assert reason(await probe(free_port())) == "refused"


async def test_a_name_that_does_not_resolve() -> None:
    assert reason(await run(Tcp, target="no-such-host.invalid:80")) == "dns"


async def test_ipv6_address() -> None:
    async with await asyncio.start_server(lambda _, writer: writer.close(), "::1", 0) as server:
        found = await run(Tcp, target=f"[::1]:{server.sockets[0].getsockname()[1]}")
    assert (reason(found), found["probe_ip_protocol",]) == (None, 6)


async def test_the_next_address_is_tried_where_the_first_refuses() -> None:
    async with serving(silent) as port:  # on 127.0.0.1 alone, while localhost is ::1 first
        found = await run(Tcp, target=f"localhost:{port}")
    assert (reason(found), found["probe_ip_protocol",]) == (None, 4)


async def test_it_connects_from_the_address_that_is_set() -> None:
    peers: list[str] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername")[0])

    async with serving(note) as port:
        found = await probe(port, source_ip_address="127.0.0.7", query_response=[{"expect": "never"}])
    assert (reason(found), peers) == ("regex", ["127.0.0.7"])


async def test_a_conversation_that_goes_as_it_should_and_what_was_said() -> None:
    async def irc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"NICK prober\n"
        writer.write(b":irc.example NOTICE *\r\nPING :4711\r\n")
        assert await reader.readline() == b"PONG 4711 $\n"
        writer.write(b":irc.example 001 prober\r\n")

    steps = [
        {"send": "NICK prober"},
        {"expect": "PING :(?P<token>[^ ]+)", "send": "PONG ${1} $$"},
        {"expect": "^:([^ ]+) (001)", "labels": {"server": "$1", "code": "${2}"}},
    ]
    async with serving(irc) as port:
        found = await probe(port, query_response=steps)
    assert (reason(found), found["probe_expect_info", "irc.example", "001"]) == (None, 1)


async def test_a_line_that_never_comes() -> None:
    async with serving(saying(b"SSH-1.99-old\r\n")) as port:
        found = await probe(port, query_response=[{"expect": "^SSH-2.0-"}])
    assert (reason(found), found["probe_failed_due_to_regex",]) == ("regex", 1)


async def test_bytes_that_are_others() -> None:
    async with serving(saying(b"\x00\x01AB")) as port:
        right = await probe(port, query_response=[{"expect_bytes": "\x00\x01A"}])
        wrong = await probe(port, query_response=[{"expect_bytes": "\x00\x01B"}])
    assert (reason(right), right["probe_failed_due_to_bytes",]) == (None, 0)
    assert (reason(wrong), wrong["probe_failed_due_to_bytes",]) == ("bytes", 1)


async def test_silence_is_a_timeout_and_no_mismatch() -> None:
    async with serving(silent) as port:
        found = await probe(port, timeout=0.4, query_response=[{"expect": "."}])
    assert (reason(found), found["probe_failed_due_to_regex",]) == ("timeout", 0)


async def test_a_line_without_an_end_is_no_protocol() -> None:
    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 100_000)
            await writer.drain()

    async with serving(pour) as port:
        assert reason(await probe(port, query_response=[{"expect": "y"}])) == "protocol"


async def test_a_reset_is_no_protocol() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        import socket
        import struct

        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serving(reset) as port:
        assert reason(await probe(port, query_response=[{"send": "hello", "expect_bytes": ""}, {"expect": "x"}])) == "protocol"


async def test_tls_at_once(tls: ssl.SSLContext, ca_file: Path) -> None:
    async with serving(saying(b"+OK\r\n"), tls) as port:
        found = await probe(port, tls=True, ca_file=ca_file, query_response=[{"expect": r"^\+OK"}])
    assert (reason(found), found["probe_tls_version_info", "TLS 1.3"]) == (None, 1)
    assert found["probe_ssl_last_chain_expiry_timestamp_seconds",] == found["probe_ssl_earliest_cert_expiry",]


async def test_starttls(tls: ssl.SSLContext, ca_file: Path) -> None:
    async with serving(mail(tls)) as port:
        found = await probe(port, ca_file=ca_file, query_response=SMTP)
    assert (reason(found), found["probe_tls_version_info", "TLS 1.3"]) == (None, 1)


@pytest.mark.parametrize("at_once", [True, False])
async def test_expiry_is_told_of_an_expired_certificate(authority: trustme.CA, ca_file: Path, at_once: bool) -> None:
    ended = datetime(2021, 1, 1, tzinfo=UTC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=ended).configure_cert(context)
    server = serving(saying(b"+OK\r\n"), context) if at_once else serving(mail(context))
    async with server as port:
        settings = {"tls": True} if at_once else {"query_response": SMTP}
        found = await probe(port, ca_file=ca_file, **settings)
    assert (reason(found), found["probe_ssl_earliest_cert_expiry",]) == ("tls", ended.timestamp())
    assert ("probe_ssl_last_chain_expiry_timestamp_seconds",) not in found


async def test_hostname_is_what_the_certificate_is_for(authority: trustme.CA, ca_file: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.example").configure_cert(context)
    async with serving(silent, context) as port:
        without = await probe(port, tls=True, ca_file=ca_file)
        named = await probe(port, tls=True, ca_file=ca_file, hostname="mail.example")
    assert (reason(without), reason(named)) == ("tls", None)


async def test_no_tls_where_tls_is_expected() -> None:
    async with serving(saying(b"plain text\r\n")) as port:
        found = await probe(port, tls=True)
    assert reason(found) == "tls"
    assert ("probe_ssl_earliest_cert_expiry",) not in found


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "host"}, "expected a host and a port"),
        ({"target": "host:0"}, "expected a host and a port"),
        ({"target": "http://host:80"}, "expected a host and a port"),
        ({"target": "a@host:80"}, "expected a host and a port"),
        ({"query_response": [{"expect": "(x", "send": ""}]}, "valid regular expression"),
        ({"query_response": [{"expect": "x", "send": "${1}"}]}, "stands for no group"),
        ({"query_response": [{"labels": {"a": "b"}}]}, "expected an expression"),
        ({"query_response": [{"expect": "x", "labels": {"instance": "b"}}]}, "no label named instance"),
        ({"query_response": [{"expect": "x", "labels": {"a b": "b"}}]}, "not a label name"),
    ],
)
def test_wrong_settings(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Tcp.model_validate({"target": "host:80", **settings})
