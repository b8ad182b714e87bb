"""A target's name to addresses, in the order in which they are tried. A lookup that hangs holds up nothing else.

Source: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv (the hash), getaddrinfo(3)
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import Any, NamedTuple

from exporter.collectors.probes.probe import ADDRESS_HASH, DNS_LOOKUP, IP_PROTOCOL, Finding, Probe

_Found = list[tuple[Any, ...]]


class Address(NamedTuple):
    """Where a connection can be tried: an IP address, with its zone where it has one, and a port."""

    family: socket.AddressFamily
    ip: str
    port: int


async def resolve(probe: Probe, host: str, port: int, finding: Finding) -> list[Address]:
    """The addresses of a name, at least one. Raises `OSError` when there is none, in the phase `resolve`."""
    finding.begin("resolve")
    found = await _lookup(host, port)
    preferred = socket.AF_INET6 if probe.preferred_ip_protocol == "ip6" else socket.AF_INET
    addresses = [Address(family, str(at[0]), port) for family, *_, at in found if family in {socket.AF_INET, socket.AF_INET6}]
    addresses.sort(key=lambda address: address.family != preferred)
    if not probe.ip_protocol_fallback:
        addresses = [address for address in addresses if address.family == preferred]
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} has no address of {probe.preferred_ip_protocol}")
    took = finding.end()
    if DNS_LOOKUP not in finding.values:
        finding.tell(DNS_LOOKUP, took)
    finding.note(f"{host} is {', '.join(address.ip for address in addresses)}")
    use(addresses[0], finding)
    return addresses


def use(address: Address, finding: Finding) -> None:
    """Take down which address is used."""
    finding.tell(IP_PROTOCOL, 6 if address.family == socket.AF_INET6 else 4)
    finding.tell(ADDRESS_HASH, _hash(ipaddress.ip_address(address.ip.partition("%")[0]).packed))


def _hash(data: bytes) -> int:
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


async def _lookup(host: str, port: int) -> _Found:
    """In a thread of its own: a name server that does not answer may hold one for half a minute, and nobody may wait for it."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[_Found] = loop.create_future()

    def settle(found: _Found, error: Exception | None) -> None:
        if result.done():
            return
        if error is None:
            result.set_result(found)
        else:
            result.set_exception(error)

    def run() -> None:
        found: _Found = []
        error: Exception | None = None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as failure:
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found, error)

    threading.Thread(target=run, name=f"resolve {host}", daemon=True).start()
    return await result
