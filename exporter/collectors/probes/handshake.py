"""TLS: how a server's certificate is judged, and what the handshake tells of it, trusted or not.

Source: https://github.com/prometheus/blackbox_exporter/blob/v0.28.0/prober/tls.go,
https://pkg.go.dev/crypto/x509/pkix#Name.String (how names are written)
"""

import asyncio
import contextlib
import functools
import hashlib
import re
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from exporter.collector import Model
from exporter.collectors.probes.probe import BY_TARGET, Finding
from exporter.errors import Denied
from exporter.metric import Metric

EARLIEST_EXPIRY = Metric(
    "probe_ssl_earliest_cert_expiry",
    "When the first of the certificates that the server presents expires, trusted or not, in Unix time.",
    labels=BY_TARGET,
    unit="timestamp_seconds",
)
CHAIN_EXPIRY = Metric(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "When the chain through which the server was trusted expires, in Unix time.",
    labels=BY_TARGET,
)
CHAIN_INFO = Metric(
    "probe_ssl_last_chain_info",
    "The server's own certificate, as labels.",
    labels=("instance", "fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"),
)
TLS_VERSION = Metric("probe_tls_version_info", "The version of TLS in use, as a label.", labels=("instance", "version"))

SEEN = (EARLIEST_EXPIRY, CHAIN_INFO, TLS_VERSION)
"""What a handshake shows even where the certificate is not trusted."""

_LEAST = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
# Attributes of names in the order in which Go writes them; any other comes after these.
_ATTRIBUTES = {
    "serialNumber": "SERIALNUMBER",
    "commonName": "CN",
    "postalCode": "POSTALCODE",
    "streetAddress": "STREET",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationalUnitName": "OU",
    "organizationName": "O",
    "countryName": "C",
}
_SPECIAL = re.compile(r'([,+"\\<>;]|^[# ]| $)')


class Tls(Model):
    """How servers are asked for over TLS."""

    ca_file: Path | None = None
    """Certificates of authorities to trust in place of the system's, as PEM; read once."""
    verify: bool = True
    """Whether the server's certificate must be valid. Its expiry is reported in any case."""
    min_version: Literal["TLS12", "TLS13"] = Field(default="TLS12")
    """The oldest version of TLS that is good enough."""
    hostname: str = ""
    """The name to ask for in place of the target's own: in TLS, and over HTTP in the header `Host`."""

    async def context(self, *, http2: bool = False) -> ssl.SSLContext:
        """How connections are secured. Raises `Denied` when the authorities cannot be read."""
        return await asyncio.to_thread(_context, self.ca_file, self.verify, self.min_version, http2)


# The system's authorities take tens of milliseconds to read. httpcore sets what a context offers by ALPN, hence the last key.
@functools.lru_cache(maxsize=64)
def _context(ca_file: Path | None, verify: bool, min_version: str, _: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError among them
        cause = "holds no certificates as PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise Denied(f"cannot use ca_file {ca_file}: {cause}") from error
    context.minimum_version = _LEAST[min_version]
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@functools.cache
def lenient() -> ssl.SSLContext:
    """For a look at a certificate that was refused: trusts anyone, and speaks the oldest versions that the library has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def take_down(finding: Finding, connection: ssl.SSLObject) -> None:
    """What a handshake showed."""
    # ssl gives whole chains from Python 3.13 on only, and as bytes that it cannot parse; underneath, it has both.
    inner = connection._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    presented = inner.get_unverified_chain()
    version = (connection.version() or "unknown").replace("TLSv", "TLS ")
    version = "TLS 1.0" if version == "TLS 1" else version
    finding.tell(TLS_VERSION, 1, version=version)
    finding.tell(EARLIEST_EXPIRY, min(map(_expiry, presented)))
    finding.tell(CHAIN_INFO, 1, **_described(presented[0]))
    if connection.context.verify_mode is ssl.CERT_REQUIRED:
        finding.tell(CHAIN_EXPIRY, min(map(_expiry, inner.get_verified_chain())))
    finding.note(f"{version}, certificate of {_name(presented[0].get_info()['subject'])}")


async def look_at_certificate(finding: Finding, ip: str, port: int, host: str) -> None:
    """A second handshake, without verification, since a refused one tells nothing of what was refused."""
    finding.note("looking at the certificate that was refused")
    with contextlib.suppress(OSError):  # TimeoutError among them
        async with asyncio.timeout(finding.left / 2):
            _, writer = await asyncio.open_connection(ip, port, ssl=lenient(), server_hostname=host)
            take_down(finding, writer.get_extra_info("ssl_object"))
            writer.transport.abort()
            await writer.wait_closed()


def _expiry(certificate: Any) -> float:
    return ssl.cert_time_to_seconds(certificate.get_info()["notAfter"])


def _described(certificate: Any) -> dict[str, str]:
    info = certificate.get_info()
    names = (name for kind, name in info.get("subjectAltName", ()) if kind == "DNS")
    return {
        "fingerprint_sha256": hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.public_bytes())).hexdigest(),
        "subject": _name(info["subject"]),
        "issuer": _name(info["issuer"]),
        "subjectalternative": ",".join(names),
        "serialnumber": info["serialNumber"].lower(),
    }


def _name(parts: Iterable[Iterable[tuple[str, str]]]) -> str:
    """A distinguished name as RFC 4514 writes it, in Go's order."""
    values: dict[str, list[str]] = {attribute: [] for attribute in _ATTRIBUTES}
    for attribute, value in (pair for part in parts for pair in part):
        values.setdefault(attribute, []).append(value)
    return ",".join(
        "+".join(f"{_ATTRIBUTES.get(attribute, attribute)}={_escaped(value)}" for value in found)
        for attribute, found in values.items()
        if found
    )


def _escaped(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", value)
