"""One gzip member stitched from parts that were deflated on their own, so that an unchanged part is never compressed again.

Each part ends in a full flush (RFC 1951, 3.2.4), so parts can be joined in any order; an empty final block, the CRC and the
length (RFC 1952) close the member. Several members would be simpler, but curl, wget and httpx read only the first.
"""

import importlib
import importlib.util
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

# Without a wheel of isal for this machine: the same format, at a quarter of the speed.
_deflater: Any = importlib.import_module("isal.isal_zlib") if importlib.util.find_spec("isal") else zlib

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, unknown system
_FINAL_BLOCK = b"\x03\x00"
_LEVEL = 1
_WORTH_SENDING_ALONE = 65_536  # bytes; copying less costs less than sending it by itself


class Part:
    """A piece of a page: what it says, and what is sent of it, plain or deflated, each made when it is first asked for."""

    __slots__ = ("crc", "deflated", "length", "plain", "texts")

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.texts = texts
        """What it says, in any number of pieces."""
        self.plain: list[bytes] | None = None
        self.deflated: list[bytes] | None = None
        self.crc = self.length = 0
        """Of the text, known once it is deflated."""

    @classmethod
    def joined(cls, parts: Sequence["Part"], *, gzip: bool) -> "Part":
        """The parts as one, in few pieces. Nothing is compressed that has been."""
        whole = cls([text for part in parts for text in part.texts])
        pieces = _gathered([piece for part in parts for piece in part.pieces(gzip=gzip)])
        if gzip:
            whole.deflated, whole.crc = pieces, _crc(parts)
            whole.length = sum(part.length for part in parts)
        else:
            whole.plain = pieces
        return whole

    @classmethod
    def opening(cls, parts: Sequence["Part"], *, gzip: bool) -> "Part":
        """The same, as what a page begins with. What is gzipped is one piece: it is copied once and sent many times."""
        whole = cls.joined(parts, gzip=gzip)
        if gzip:
            whole.deflated = [b"".join([_HEADER, *whole.pieces(gzip=True)])]
        return whole

    def pieces(self, *, gzip: bool) -> list[bytes]:
        """What is sent of it, made now if it has to be."""
        if not gzip:
            if self.plain is None:
                self.plain = [b"".join(self.texts)]
            return self.plain
        if self.deflated is None:
            self._deflate()
        return self.deflated or []

    def page(self, *, gzip: bool) -> list[bytes]:
        """What is sent of it when it is a whole page, opening and all."""
        pieces = self.pieces(gzip=gzip)
        if not gzip:
            return pieces
        return _gathered([*pieces, _FINAL_BLOCK, struct.pack("<II", self.crc, self.length & 0xFFFFFFFF)])

    def _deflate(self) -> None:
        compressor, crc, length = _deflater.compressobj(_LEVEL, zlib.DEFLATED, -15), 0, 0
        deflated = []
        for text in _gathered(self.texts):
            deflated.append(compressor.compress(text))
            crc = _deflater.crc32(text, crc)
            length += len(text)
        deflated.append(compressor.flush(zlib.Z_FULL_FLUSH))
        self.deflated, self.crc, self.length = [b"".join(deflated)], crc, length


def _gathered(pieces: Iterable[bytes]) -> list[bytes]:
    """The same bytes in few pieces: small ones are joined, large ones are not copied."""
    gathered: list[bytes] = []
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) < _WORTH_SENDING_ALONE:
            small.append(piece)
            continue
        gathered += [b"".join(small), piece]
        small = []
    return [piece for piece in [*gathered, b"".join(small)] if piece]


def _crc(parts: Sequence[Part]) -> int:
    """The checksum of deflated parts one after the other."""
    crc = 0
    if hasattr(_deflater, "crc32_combine"):
        for part in parts:
            crc = _deflater.crc32_combine(crc, part.crc, part.length)
        return crc
    for part in parts:  # zlib cannot combine what it has counted
        for text in part.texts:
            crc = zlib.crc32(text, crc)
    return crc
