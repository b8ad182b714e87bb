"""What a request's headers ask for: which format, which encoding, and by when.

Source: RFC 9110, 12.5; https://prometheus.io/docs/instrumenting/content_negotiation/
"""

import functools
from collections.abc import Mapping

from prometheus_client.exposition import choose_encoder

from exporter.exposition import Format

_PROMETHEUS_TIMEOUT = 10.0  # seconds; Prometheus' own default, for whoever does not send the header
_MARGIN = 0.5  # seconds kept back from the scraper's timeout, for the answer to travel

Headers = Mapping[bytes, bytes]


def deadline(headers: Headers) -> float:
    """Seconds that a scrape may wait: what Prometheus says it waits, less a margin."""
    try:
        timeout = float(headers.get(b"x-prometheus-scrape-timeout-seconds", b""))
    except ValueError:
        timeout = _PROMETHEUS_TIMEOUT
    return max(timeout - _MARGIN, timeout / 2) if timeout > 0 else _PROMETHEUS_TIMEOUT - _MARGIN


def format_of(headers: Headers) -> Format:
    """The text format that the reader likes best."""
    return _format(headers.get(b"accept", b"").decode("latin-1"))


def accepts_gzip(headers: Headers) -> bool:
    """Whether gzip is listed and not ruled out."""
    return _accepts_gzip(headers.get(b"accept-encoding", b"").decode("latin-1"))


@functools.lru_cache(maxsize=64)  # scrapers say the same each time
def _format(accept: str) -> Format:
    _, content_type = choose_encoder(accept)
    return Format.OPENMETRICS if content_type.startswith("application/openmetrics-text") else Format.TEXT


@functools.lru_cache(maxsize=64)
def _accepts_gzip(accept_encoding: str) -> bool:
    for item in accept_encoding.lower().split(","):
        coding, _, quality = item.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return quality.strip("0.") != "" or not quality
    return False
