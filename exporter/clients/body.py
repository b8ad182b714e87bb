"""The body of an answer, within limits."""

import zlib

import httpx

from exporter.errors import Malformed

_GZIP = 16 + zlib.MAX_WBITS


async def read(response: httpx.Response, most_bytes: int, place: str) -> bytes:
    """The body, decompressed with the limit in view: kilobytes can stand for gigabytes. Raises `Malformed`."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise Malformed(f"{place}: expected a body in gzip or as it is, got another encoding")
    inflate = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        rest = chunk
        while rest and len(body) <= most_bytes:
            if inflate is None:
                body += rest
                break
            if inflate.eof:  # a further member
                inflate = zlib.decompressobj(_GZIP)
            try:
                body += inflate.decompress(rest, most_bytes + 1 - len(body))
            except zlib.error:
                raise Malformed(f"{place}: expected a body in gzip, got something else under that name") from None
            rest = inflate.unconsumed_tail or inflate.unused_data
        if len(body) > most_bytes:
            raise Malformed(f"{place}: expected at most {most_bytes} bytes, got more; ask for less or raise the limit")
    if inflate is not None and body and not inflate.eof:
        raise Malformed(f"{place}: the body ended in the midst of its gzip")
    return bytes(body)
