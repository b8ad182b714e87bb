"""Google's service accounts: a token for a statement signed with the account's key.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest and
https://www.rfc-editor.org/rfc/rfc7523#section-2.1
"""

import importlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from exporter.clients.oauth import Grant
from exporter.errors import Denied

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = 3600  # seconds: the most that Google allows
_EXPECTED = "expected the JSON key of a service account, as the Google Cloud console gives it"


class ServiceAccount(Grant):
    """The account of a key file, which is read when this is made, for one scope such as `…/auth/analytics.readonly`.

    Raises `ValueError` when the file is not such a key, or the extra `google` is not installed.
    """

    def __init__(self, key_file: Path, scope: str) -> None:
        try:
            self._jwt, crypt = importlib.import_module("google.auth.jwt"), importlib.import_module("google.auth.crypt")
        except ImportError:
            raise ValueError("a service account needs google-auth: pip install 'bellwether-exporter[google]'") from None
        key = _read(key_file)
        try:
            self._signer: Any = crypt.RSASigner.from_service_account_info(key)
            token_url, self._email = httpx.URL(key["token_uri"]), str(key["client_email"])
        except (ValueError, LookupError, TypeError, httpx.InvalidURL):
            raise ValueError(f"cannot use {key_file}: {_EXPECTED}") from None
        super().__init__(str(token_url), "form")
        self._scope = scope

    async def grant(self) -> Mapping[str, str]:
        """The signed statement. Signing takes a millisecond."""
        now = int(time.time())
        claims = {"iss": self._email, "scope": self._scope, "aud": str(self._url), "iat": now, "exp": now + _LIFETIME}
        try:
            signed: bytes = self._jwt.encode(self._signer, claims)
        except ValueError:
            raise Denied("the key of the service account cannot sign; make a new one in the Google Cloud console") from None
        return {"grant_type": _GRANT_TYPE, "assertion": signed.decode("ascii")}


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"cannot use {file}: {_EXPECTED}") from None
