"""TLS as exporter-toolkit configures it, through Python's `ssl`. What that cannot do is refused, never ignored.

Source: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

import ipaddress
import logging
import os
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from exporter.document import Problem
from exporter.fields import Model

log = logging.getLogger(__name__)

SECTION = "tls_server_config"

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_OF_TLS13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
_SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
_UNVERIFIED = {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}
_VERIFIED = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class Tls(Model):
    """The section `tls_server_config`. A file's path is taken from the folder of the configuration file."""

    cert: str | None = None
    cert_file: Path | None = None
    key: str | None = Field(None, repr=False)
    key_file: Path | None = None
    client_ca: str | None = None
    client_ca_file: Path | None = None
    client_auth_type: str = "NoClientCert"
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()

    @classmethod
    def hides(cls, name: str) -> bool:
        return name == "key"


class Current(ssl.SSLContext):
    """Stands for whichever context is in force, so that new connections follow a change and none before it is disturbed."""

    _given: Callable[[], ssl.SSLContext]

    def __new__(cls, _: Callable[[], ssl.SSLContext]) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, given: Callable[[], ssl.SSLContext]) -> None:
        self._given = given

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return self._given().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


def server_context(tls: Tls) -> ssl.SSLContext:
    """What connections are made with. Raises `Problem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    if tls.min_version > tls.max_version:
        raise Problem((SECTION, "min_version"), f"expected no more than max_version, {tls.max_version}")
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    _load_certificate(context, tls)
    _verify_clients(context, tls)
    _choose_ciphers(context, tls)
    _choose_curve(context, tls.curve_preferences)
    return context


def _load_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    certificate, place = _text(tls.cert, tls.cert_file, "cert")
    if certificate is None:
        raise Problem((SECTION,), "expected cert_file, or cert with the certificate itself")
    _require_certificates(certificate, place)
    key, key_place = _text(tls.key, tls.key_file, "key")
    if key is None:
        raise Problem((SECTION,), "expected key_file, or key with the key itself")

    def no_password() -> str:  # without it OpenSSL would ask at the terminal and wait
        raise Problem(key_place, "the key is encrypted; give it without a password", shows_value=False)

    try:
        with _as_file(certificate) as certificate_file, _as_file(key) as key_file:
            context.load_cert_chain(certificate_file, key_file, no_password)
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        expected = "the key does not belong to the certificate" if mismatch else "expected a private key in PEM"
        raise Problem(key_place, expected, shows_value=False) from None


def _verify_clients(context: ssl.SSLContext, tls: Tls) -> None:
    kind, place = tls.client_auth_type, (SECTION, "client_auth_type")
    if kind in _UNVERIFIED:
        raise Problem(
            place, "Python's TLS cannot take a client certificate unverified; use RequireAndVerifyClientCert or NoClientCert"
        )
    if kind not in _VERIFIED:
        raise Problem(place, f"expected one of {', '.join(_VERIFIED)}")
    authorities, authorities_place = _text(tls.client_ca, tls.client_ca_file, "client_ca")
    context.verify_mode = _VERIFIED[kind]
    if tls.client_allowed_sans:
        if kind != "RequireAndVerifyClientCert":
            raise Problem((SECTION, "client_allowed_sans"), "needs client_auth_type: RequireAndVerifyClientCert")
        context.sslobject_class = _names_checked(frozenset(tls.client_allowed_sans))
    if authorities is not None:
        if kind == "NoClientCert":
            raise Problem(authorities_place, "needs client_auth_type: RequireAndVerifyClientCert", shows_value=False)
        _require_certificates(authorities, authorities_place)
        context.load_verify_locations(cadata=authorities)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a listed certificate is trusted, whoever signed it
    elif kind != "NoClientCert":
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)  # the system's authorities, as Go does


def _choose_ciphers(context: ssl.SSLContext, tls: Tls) -> None:
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if not tls.cipher_suites:
        return
    place = (SECTION, "cipher_suites")
    for index, name in enumerate(tls.cipher_suites):
        if name not in _SUITES and name not in _OF_TLS13:
            raise Problem((*place, index), f"expected one of {', '.join(sorted({*_SUITES, *_OF_TLS13}))}")
    chosen = [_SUITES[name] for name in tls.cipher_suites if name in _SUITES]  # those of TLS 1.3 are always on
    if chosen:
        context.set_ciphers(":".join(chosen))
    elif tls.min_version == "TLS12":
        raise Problem(place, "names no suite of TLS 1.2; name one, or set min_version: TLS13")
    offered = {str(cipher["name"]) for cipher in context.get_ciphers()}
    if missing := [name for name in tls.cipher_suites if _SUITES.get(name, name) not in offered]:
        raise Problem(place, f"this machine's OpenSSL does not offer {', '.join(missing)}")


def _choose_curve(context: ssl.SSLContext, curves: Sequence[str]) -> None:
    place = (SECTION, "curve_preferences")
    for index, name in enumerate(curves):
        if name not in _CURVES:
            raise Problem((*place, index), f"expected one of {', '.join(_CURVES)}")
    if len(curves) > 1:
        raise Problem(place, "Python's TLS takes one curve, or none for OpenSSL's own list; give one, or leave the key out")
    if curves:
        context.set_ecdh_curve(_CURVES[curves[0]])


def _names_checked(allowed: frozenset[str]) -> type[ssl.SSLObject]:
    """A connection whose handshake fails unless one name of the client's certificate is allowed."""

    class NamesChecked(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            if allowed.isdisjoint(_names(self)):
                log.warning("a client was refused: no name of its certificate is in client_allowed_sans")
                raise ssl.SSLCertVerificationError("no name of the client's certificate is in client_allowed_sans")

    return NamesChecked


def _names(connection: ssl.SSLObject) -> Iterator[str]:
    """The DNS names, addresses and URIs of the peer's certificate, written as Go writes them."""
    certificate: Mapping[str, Any] = connection.getpeercert() or {}
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == "IP Address":
            yield str(ipaddress.ip_address(name.strip()))
        elif kind in {"DNS", "email", "URI"}:
            yield name


def _text(inline: str | None, file: Path | None, key: str) -> tuple[str | None, tuple[str, str]]:
    """The PEM text of a setting that may be given inline or as a file, and the place that gave it. Raises `Problem`."""
    if file is None:
        return inline, (SECTION, key)
    place = (SECTION, f"{key}_file")
    if inline is not None:
        raise Problem(place, f"give {key} or {key}_file, not both")
    try:
        return file.read_text(encoding="ascii"), place
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "not PEM text"
        raise Problem(place, f"cannot be read: {cause}") from None


def _require_certificates(pem: str, place: tuple[str, str]) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise Problem(place, "expected certificates in PEM", shows_value=place[1].endswith("_file")) from None


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path for OpenSSL to read a text from. The text stays in memory: a key is never written to a disk."""
    descriptor = os.memfd_create("pem")
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
