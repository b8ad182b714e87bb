"""Requests to Amazon Web Services, signed as version 4 asks.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html. Where credentials are looked for:
https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
"""

import asyncio
import importlib
from typing import Any

import httpx

from exporter.errors import Denied
from exporter.fields import Secret

_NONE_FOUND = (
    "no credentials of AWS were found: expected access_key_id with secret_access_key, a profile, the variables AWS_*, "
    "or a role of the machine"
)


class Signature:
    """A signer for one service in one region.

    The credentials are those given, else those that every program of AWS would find: environment, profile, role of the
    machine. Raises `ValueError` when the extra `aws` is not installed.
    """

    def __init__(
        self,
        service: str,
        region: str,
        *,
        profile: str = "",
        access_key_id: str = "",
        secret_access_key: Secret | None = None,
        session_token: Secret | None = None,
    ) -> None:
        try:
            self._auth, self._requests, self._credentials, self._sessions, self._errors = (
                importlib.import_module(f"botocore.{name}")
                for name in ("auth", "awsrequest", "credentials", "session", "exceptions")
            )
        except ImportError:
            raise ValueError("signatures of AWS need botocore: pip install 'bellwether-exporter[aws]'") from None
        self._service, self._region, self._profile = service, region, profile
        self._access_key_id, self._secret, self._session_token = access_key_id, secret_access_key, session_token
        self._found: Any = None

    async def sign(self, request: httpx.Request, client: httpx.AsyncClient) -> None:
        """Add date, token and signature. Looking for credentials may ask the machine's metadata service."""
        credentials = self._given() if self._secret is not None else await asyncio.to_thread(self._look)
        # What the connection adds or changes on its way is left out of the signature.
        signed = {name: request.headers[name] for name in ("host", "content-type", "x-amz-target") if name in request.headers}
        made = self._requests.AWSRequest(request.method, str(request.url), headers=signed, data=request.content)
        self._auth.SigV4Auth(credentials, self._service, self._region).add_auth(made)
        request.headers.update(dict(made.headers.items()))

    def forget(self) -> None:
        """Look for credentials again at the next request."""
        self._found = None

    def _given(self) -> Any:
        secrets = (self._secret, self._session_token)
        try:
            secret, token = (each.read() if each is not None else None for each in secrets)
        except OSError as error:
            raise Denied(f"cannot read {error.filename}: {error.strerror}") from None
        return self._credentials.ReadOnlyCredentials(self._access_key_id, secret, token)

    def _look(self) -> Any:
        try:
            if self._found is None:
                self._found = self._sessions.Session(profile=self._profile or None).get_credentials()
            if self._found is not None:
                return self._found.get_frozen_credentials()  # renewed where they are of a role and about to end
        except (self._errors.BotoCoreError, self._errors.ClientError) as error:
            raise Denied(f"{_NONE_FOUND}; looking for them failed: {type(error).__name__}") from None
        raise Denied(_NONE_FOUND)
