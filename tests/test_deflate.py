import gzip
import types
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import deflate
from exporter.deflate import Part

texts = st.lists(st.binary(max_size=300) | st.binary(min_size=1, max_size=9).map(lambda each: each * 20_000), max_size=5)


def pages(parts: Sequence[Part]) -> tuple[bytes, bytes]:
    """Plain, and gzipped: an opening of the first two, and the others."""
    plain, packed = (
        Part.joined([Part.opening(parts[:2], gzip=packed), *parts[2:]], gzip=packed).page(gzip=packed)
        for packed in (False, True)
    )
    return b"".join(plain), b"".join(packed)


def read_whole(member: bytes) -> bytes:
    inflater = zlib.decompressobj(31)
    text = inflater.decompress(member) + inflater.flush()
    assert (inflater.eof, inflater.unused_data) == (True, b""), "not one member to the end"
    return text


@given(st.lists(texts, max_size=5))
def test_parts_joined_in_any_number_are_one_member_that_says_what_they_say(said: list[list[bytes]]) -> None:
    expected = b"".join(text for each in said for text in each)
    plain, packed = pages([Part(each) for each in said])
    assert (plain, read_whole(packed)) == (expected, expected)


def test_without_isal_the_member_is_as_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """zlib, which every Python has, compresses alike but cannot combine checksums."""
    monkeypatch.setattr(deflate, "_deflater", types.SimpleNamespace(compressobj=zlib.compressobj, crc32=zlib.crc32))
    plain, packed = pages([Part([b"one", b"two"]), Part([b"three"] * 1000), Part([]), Part([b"four"])])
    assert read_whole(packed) == plain == b"onetwo" + b"three" * 1000 + b"four"


def test_what_was_deflated_is_deflated_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part([b"x" * 1000])
    before = part.pieces(gzip=True)
    monkeypatch.delattr(deflate, "_deflater")
    assert part.pieces(gzip=True) is before


def test_a_long_part_is_handed_on_and_short_ones_are_joined() -> None:
    long, short = Part([b"x" * 100_000]), [Part([b"y"]) for _ in range(10)]
    (sent,) = long.pieces(gzip=False)
    pieces = Part.joined([*short, long, *short], gzip=False).page(gzip=False)
    assert [len(piece) for piece in pieces] == [10, 100_000, 10]
    assert pieces[1] is sent


def test_the_opening_of_a_gzipped_page_is_one_piece() -> None:
    noise = [bytes(range(256)) * 400, b"z" * 10]
    opening = Part.opening([Part([text]) for text in noise], gzip=True)
    (piece,) = opening.pieces(gzip=True)
    assert gzip.decompress(b"".join(opening.page(gzip=True))) == b"".join(noise)
    assert piece.startswith(b"\x1f\x8b")
