"""ICMP echo: one request, and the reply to it and no other.

Without privileges where the kernel lets the user's group (`net.ipv4.ping_group_range`), else over a raw socket.
Source: https://www.rfc-editor.org/rfc/rfc792, https://www.rfc-editor.org/rfc/rfc4443#section-4, icmp(7), ip(7), ipv6(7)
"""

import asyncio
import secrets
import socket
import struct
import sys
from typing import NamedTuple, Self

from exporter.errors import Denied

_IP_TTL_OF_REPLY = 12  # IP_RECVTTL of linux/in.h, that the module socket lacks
_MTU_DISCOVER = {socket.AF_INET: 10, socket.AF_INET6: 23}  # IP_MTU_DISCOVER, IPV6_MTU_DISCOVER
_ALWAYS = 2  # IP_PMTUDISC_DO: no datagram is ever fragmented
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence
_LONGEST = 65536


class Reply(NamedTuple):
    """What came back."""

    hop_limit: int | None
    """How many more hops the reply could have taken, where the kernel says so."""


class Echo:
    """A socket for one request to one address."""

    def __init__(self, opened: socket.socket, *, raw: bool, size: int) -> None:
        self.raw = raw
        """Whether it took a privilege to open it."""
        self._socket = opened
        # The kernel writes the identifier of an unprivileged socket's requests, and gives it the replies to these alone.
        self._identifier, self._sequence = secrets.randbits(16), secrets.randbits(16)
        self._payload = secrets.token_bytes(size)  # whoever has not seen the request cannot make up a reply

    @classmethod
    def to(
        cls,
        ip: str,
        *,
        size: int = 36,
        ttl: int | None = None,
        dont_fragment: bool = False,
        source: str | None = None,
    ) -> Self:
        """A socket for an address. Raises `Denied` when none may be opened, `OSError` when the address cannot be reached."""
        [(family, _, _, _, at), *_] = socket.getaddrinfo(ip, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        opened, raw = _open(family)
        try:
            opened.setblocking(False)
            level = socket.IPPROTO_IP if family == socket.AF_INET else socket.IPPROTO_IPV6
            opened.setsockopt(level, _IP_TTL_OF_REPLY if family == socket.AF_INET else socket.IPV6_RECVHOPLIMIT, 1)
            if ttl is not None:
                opened.setsockopt(level, socket.IP_TTL if family == socket.AF_INET else socket.IPV6_UNICAST_HOPS, ttl)
            if dont_fragment:
                opened.setsockopt(level, _MTU_DISCOVER[family], _ALWAYS)
            if source is not None:
                opened.bind((source, 0))
            opened.connect(at)  # what other addresses send is not heard
        except BaseException:
            opened.close()
            raise
        return cls(opened, raw=raw, size=size)

    def send(self) -> None:
        """Send the request. Raises `OSError`, as when it is too long or there is no route."""
        self._socket.send(self.request())

    def request(self) -> bytes:
        """The request as it is sent."""
        kind = _REQUEST[socket.AddressFamily(self._socket.family)]
        blank = _HEADER.pack(kind, 0, 0, self._identifier, self._sequence) + self._payload
        # Over IPv6 the kernel sums up, since the addresses count too.
        checksum = _checksum(blank) if self._socket.family == socket.AF_INET else 0
        return _HEADER.pack(kind, 0, checksum, self._identifier, self._sequence) + self._payload

    async def receive(self) -> Reply:
        """The reply; waits for it for as long as it takes. Raises `OSError` when the network says that none will come."""
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        loop.add_reader(self._socket, arrived.set)
        try:
            while True:
                await arrived.wait()
                arrived.clear()
                while (received := self._next()) is not None:
                    packet, hop_limit = received
                    if self.answers(packet):
                        return Reply(hop_limit)
        finally:
            loop.remove_reader(self._socket)

    def answers(self, packet: bytes) -> bool:
        """Whether a packet, as the socket gives it, is the reply to this request."""
        if self.raw and self._socket.family == socket.AF_INET and packet:
            packet = packet[(packet[0] & 0x0F) * 4 :]  # a raw socket of IPv4 gives the header of IP too
        if len(packet) < _HEADER.size:
            return False
        kind, code, _, identifier, sequence = _HEADER.unpack_from(packet)
        ours = not self.raw or identifier == self._identifier
        expected = (_REPLY[socket.AddressFamily(self._socket.family)], 0, self._sequence)
        return ours and (kind, code, sequence) == expected and packet[_HEADER.size :] == self._payload

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _next(self) -> tuple[bytes, int | None] | None:
        try:
            packet, further, _, _ = self._socket.recvmsg(_LONGEST, 256)
        except BlockingIOError:
            return None
        limits = [
            int.from_bytes(data, sys.byteorder)
            for level, kind, data in further
            if (level, kind) in {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}
        ]
        return packet, limits[0] if limits else None


def _open(family: int) -> tuple[socket.socket, bool]:
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    try:
        return socket.socket(family, socket.SOCK_DGRAM, protocol), False
    except PermissionError:
        pass
    try:
        return socket.socket(family, socket.SOCK_RAW, protocol), True
    except PermissionError:
        raise Denied(
            "no socket for ICMP may be opened by this user; either let its group have them, with "
            'sysctl -w net.ipv4.ping_group_range="GROUP GROUP", or give the process the capability CAP_NET_RAW'
        ) from None


def _checksum(data: bytes) -> int:
    """Source: https://www.rfc-editor.org/rfc/rfc1071."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
