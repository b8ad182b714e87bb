"""Access: how a server is entered over HTTP. Settings that the collectors of such servers have in common.

Source: https://www.rfc-editor.org/rfc/rfc6750 (bearer) and https://www.rfc-editor.org/rfc/rfc7617 (basic)
"""

import base64
import ssl
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx
from pydantic import Field, field_validator, model_validator

from exporter.errors import Denied
from exporter.fields import Model, Secret


class Access(Model):
    """Credentials, certificates and proxy."""

    bearer_token: Secret | None = None
    """Sent as `Authorization: Bearer …`."""
    username: str = ""
    """Sent with `password`, by HTTP's basic authentication."""
    password: Secret | None = None
    """Sent with `username`."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Further headers of each request, such as an API key. Never sent to another origin."""
    ca_file: Path | None = None
    """Certificates of authorities to trust in place of the system's, as PEM; read once."""
    cert_file: Path | None = None
    """The certificate to show where the server asks for one, as PEM; read once."""
    key_file: Path | None = None
    """The key of `cert_file`, unless that holds it too; read once."""
    proxy: Secret | None = None
    """The URL of a proxy to go through. Environment variables such as `HTTPS_PROXY` have no effect."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("expected username and password together, or neither")
        ways = [self.bearer_token is not None, bool(self.username), "authorization" in map(str.lower, self.headers)]
        if sum(ways) > 1:
            raise ValueError("expected one of bearer_token, username with password, and a header Authorization")
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("expected cert_file beside key_file")
        return self

    def credentials(self) -> dict[str, str]:
        """Headers that hold the secrets as they are now. Raises `OSError` when a file cannot be read."""
        headers = {name: secret.read() for name, secret in self.headers.items()}
        if self.bearer_token is not None:
            headers["Authorization"] = f"Bearer {self.bearer_token.read()}"
        if self.password is not None:
            pair = f"{self.username}:{self.password.read()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
        return headers


class Addressed(Access):
    """A server at an address of the user's choice."""

    url: str
    """Its address, `http` or `https`, without credentials."""

    @field_validator("url")
    @classmethod
    def _complete_url(cls, text: str) -> str:
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("expected an http or https URL with a host, such as https://metrics.example.com")
        return text

    @model_validator(mode="after")
    def _holds_no_credentials(self) -> Self:  # not a matter of the field alone, since the message would then show its value
        if httpx.URL(self.url).userinfo:
            raise ValueError("expected no credentials in url; give username and password")
        return self


class Keyed(Addressed):
    """A hosted service that is entered with a key of its own, a setting of the subclass, sent as a bearer token."""

    key_setting: ClassVar[str]
    """The name of that setting."""
    key_is_made: ClassVar[str]
    """What kind of key it has to be, and where one is made: said to whoever gives none."""

    @model_validator(mode="before")
    @classmethod
    def _has_its_key(cls, data: Any) -> Any:
        if isinstance(data, dict) and not {cls.key_setting, f"{cls.key_setting}_file"} & data.keys():
            raise ValueError(f"expected {cls.key_setting}, {cls.key_is_made}")
        return data

    @model_validator(mode="after")
    def _has_no_other(self) -> Self:
        if self.bearer_token or self.username or "authorization" in map(str.lower, self.headers):
            raise ValueError(f"expected {self.key_setting} and no other credentials")
        return self

    def credentials(self) -> dict[str, str]:
        """The key's header besides the others. Raises `OSError` when a file cannot be read."""
        key: Secret = getattr(self, self.key_setting)
        return super().credentials() | {"Authorization": f"Bearer {key.read()}"}


def context(access: Access) -> ssl.SSLContext:
    """What TLS goes by. Raises `Denied` when a file cannot be used."""
    given = [str(file) for file in (access.ca_file, access.cert_file, access.key_file) if file is not None]
    try:
        tls = ssl.create_default_context(cafile=access.ca_file)
        if access.cert_file is not None:
            tls.load_cert_chain(access.cert_file, access.key_file, password="")  # a locked key would ask the terminal
    except ssl.SSLError as error:
        raise Denied(f"cannot use {', '.join(given)}: expected PEM, and an unlocked key that fits: {error.reason}") from None
    except OSError as error:
        raise Denied(f"cannot read {' or '.join(given)}: {error.strerror}") from None
    return tls
