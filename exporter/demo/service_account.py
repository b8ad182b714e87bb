"""A service account of Google's as the demo has it: a key made at start, and the server that gives tokens for its statements.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import atexit
import base64
import binascii
import functools
import json
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

EMAIL = "bellwether@demo.iam.gserviceaccount.example"
_KEY_ID = "demo-key-1"
_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = 3600  # seconds
_SKEW = 60  # seconds by which clocks may differ


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="bellwether-demo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def key_file(token_url: str) -> Path:
    """The account's key as the Google Cloud console would give it, for a server of tokens at that URL. Gone at exit."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = {
        "type": "service_account",
        "project_id": "demo",
        "private_key_id": _KEY_ID,
        "private_key": _key().private_bytes(encoding, form, serialization.NoEncryption()).decode("ascii"),
        "client_email": EMAIL,
        "client_id": "100000000000000000000",
        "token_uri": token_url,
        "universe_domain": "googleapis.com",
    }
    file = _folder() / f"{secrets.token_hex(8)}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(key), encoding="utf-8")
    return file


class Tokens:
    """What gives tokens, and knows them again. Times are those of the machine, as a statement's are."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._given: dict[str, float] = {}
        """Until when each is good."""

    async def give(self, request: Request) -> Response:
        """A token for a statement that the account signed; else what is wrong with it."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        if form.get("grant_type") != _GRANT_TYPE:
            return _refusal("unsupported_grant_type", "Invalid grant_type")
        if not self._holds(form.get("assertion", ""), str(request.url)):
            return _refusal("invalid_grant", "Invalid JWT Signature.")
        token = secrets.token_urlsafe(32)
        self._given[token] = time.time() + _LIFETIME
        return JSONResponse({"access_token": token, "expires_in": _LIFETIME - 1, "token_type": "Bearer"})

    def knows(self, request: Request) -> bool:
        """Whether a request shows a token that is still good."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and self._given.get(token, 0) > time.time()

    def _holds(self, statement: str, audience: str) -> bool:
        """Whether the statement is signed by the account's key, and says what it has to."""
        signed, _, signature = statement.rpartition(".")
        try:
            head, claims = (_decoded(part) for part in signed.split("."))
            _key().public_key().verify(_bytes(signature), signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
            now, begins, ends = time.time(), int(claims["iat"]), int(claims["exp"])
        except (InvalidSignature, LookupError, TypeError, ValueError):
            return False
        return (
            (head.get("alg"), head.get("kid")) == ("RS256", _KEY_ID)
            and (claims["iss"], claims["aud"]) == (EMAIL, audience)
            and self._scope in str(claims.get("scope", "")).split()
            and begins - _SKEW <= now < ends <= begins + _LIFETIME
        )


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""


def _decoded(part: str) -> dict[str, Any]:
    found = json.loads(_bytes(part))
    if not isinstance(found, dict):
        raise TypeError
    return found


def _refusal(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, 400)
