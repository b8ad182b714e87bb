"""Access tokens: asked for with credentials that last, kept until shortly before they end.

Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.4 (client credentials), section 5 (answers and errors)
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

import httpx

from exporter.clients import body
from exporter.clients.refusal import refusal
from exporter.errors import Denied, Malformed, TimedOut, Unreachable
from exporter.fields import Secret

_MOST_BYTES = 100_000  # of the answer that holds a token
_EARLY = 60.0  # seconds before its end at which a token is no longer used
_LIFETIME = 300.0  # seconds, where the answer does not say
_REFUSED = {400, 401, 403}
_NAMES = frozenset(  # of section 5.2
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
)


class Grant(ABC):
    """A signer that sends a bearer token, which a server gives for a grant."""

    def __init__(self, token_url: str, encoding: Literal["form", "json"]) -> None:
        self._url, self._encoding = httpx.URL(token_url), encoding
        self._place = f"POST {self._url.path} at {self._url.netloc.decode('ascii')}"
        self._token = ""
        self._until = 0.0
        """By the clock that never jumps."""
        self._turn = asyncio.Lock()

    @abstractmethod
    async def grant(self) -> Mapping[str, str]:
        """What is sent for a token. Raises `PollError`."""

    async def sign(self, request: httpx.Request, client: httpx.AsyncClient) -> None:
        """Add the token, a new one where there is none or it is about to end."""
        async with self._turn:  # requests side by side need one token
            if not self._token or time.monotonic() >= self._until:
                await self._renew(client)
        request.headers["Authorization"] = f"Bearer {self._token}"

    def forget(self) -> None:
        """Ask for a new token at the next request."""
        self._token = ""

    async def _renew(self, client: httpx.AsyncClient) -> None:
        fields, headers = await self.grant(), {"Accept": "application/json", "Accept-Encoding": "gzip"}
        request = (
            client.build_request("POST", self._url, json=fields, headers=headers)
            if self._encoding == "json"
            else client.build_request("POST", self._url, data=fields, headers=headers)
        )
        asked = time.monotonic()
        try:
            response = await client.send(request, stream=True)
            try:
                data = _parsed(await body.read(response, _MOST_BYTES, self._place))
            finally:
                await response.aclose()
        except httpx.TimeoutException:
            raise TimedOut(f"{self._place}: no token within the time of a request") from None
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._place}: no token was given, the connection failed ({type(error).__name__})") from None
        if response.status_code in _REFUSED:
            name = data.get("error")
            named = f" ({name})" if isinstance(name, str) and name in _NAMES else ""
            raise Denied(f"{self._place}: no token was given, status {response.status_code}{named}; check the credentials")
        if response.status_code != httpx.codes.OK:
            raise refusal(response.status_code, response.headers, self._place)
        token, lifetime = data.get("access_token"), data.get("expires_in", _LIFETIME)
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise Malformed(f"{self._place}: expected a JSON object with access_token, got something else; check the URL")
        self._token, self._until = token, asked + _seconds(lifetime) - _EARLY


class ClientCredentials(Grant):
    """The grant of a program that acts for itself, with an id and a secret in the body."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: Secret,
        scope: str = "",
        body: Literal["form", "json"] = "form",
    ) -> None:
        super().__init__(token_url, body)
        self._fields = {"grant_type": "client_credentials", "client_id": client_id} | ({"scope": scope} if scope else {})
        self._secret = client_secret

    async def grant(self) -> Mapping[str, str]:
        """The id and the secret as it is now."""
        try:
            return self._fields | {"client_secret": self._secret.read()}
        except OSError as error:
            raise Denied(f"cannot read {error.filename}: {error.strerror}") from None


def _parsed(text: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        data = json.loads(text)
        if isinstance(data, dict):
            return data
    return {}


def _seconds(lifetime: object) -> float:
    """Of a number, or of its text as some servers send it."""
    with suppress(ValueError, TypeError, OverflowError):
        return float(lifetime) if isinstance(lifetime, int | float | str) else _LIFETIME
    return _LIFETIME
