"""One gzip member stitched from parts that were deflated on their own, so that an unchanged part is never compressed again.

Each part ends in a full flush (RFC 1951, 3.2.4), so parts can be joined in any order; an empty final block, the CRC and the
length (RFC 1952) close the member. Several members would be simpler, but curl, wget and httpx read only the first.
"""

import importlib
import importlib.util
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

# Without a wheel of isal for this machine: the same format, at a quarter of the speed.
_deflater: Any = importlib.import_module("isal.isal_zlib") if importlib.util.find_spec("isal") else zlib

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, unknown system
_FINAL_BLOCK = b"\x03\x00"
_LEVEL = 1
_WORTH_SENDING_ALONE = 65_536  # bytes; copying less costs less than sending it by itself


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a page, as text and deflated."""

    text: bytes
    deflated: bytes
    crc: int

    @classmethod
    def of(cls, text: bytes) -> "Part":
        compressor = _deflater.compressobj(_LEVEL, zlib.DEFLATED, -15)
        deflated = compressor.compress(text) + compressor.flush(zlib.Z_FULL_FLUSH)
        return cls(text, deflated, _deflater.crc32(text))


def plain(parts: Iterable[Part]) -> list[bytes]:
    """The parts as text, in pieces."""
    return _gathered([part.text for part in parts])


def gzipped(parts: Iterable[Part]) -> list[bytes]:
    """The parts as one gzip member, in pieces."""
    parts = list(parts)
    length = sum(len(part.text) for part in parts)
    trailer = struct.pack("<II", _crc(parts), length & 0xFFFFFFFF)
    return _gathered([_HEADER, *[part.deflated for part in parts], _FINAL_BLOCK, trailer])


def _gathered(pieces: list[bytes]) -> list[bytes]:
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


def _crc(parts: list[Part]) -> int:
    if hasattr(_deflater, "crc32_combine"):
        return reduce(lambda crc, part: int(_deflater.crc32_combine(crc, part.crc, len(part.text))), parts, 0)
    return reduce(lambda crc, part: zlib.crc32(part.text, crc), parts, 0)
