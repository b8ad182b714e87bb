"""Signer: credentials that have to be made for a request, rather than read from the settings."""

from typing import Protocol

import httpx


class Signer(Protocol):
    """What a client asks before it sends a request."""

    async def sign(self, request: httpx.Request, client: httpx.AsyncClient) -> None:
        """Add the credentials, made with the help of the client's own connections where they must be asked for.

        Raises `PollError`; what goes wrong with such a connection may be raised as httpx does.
        """

    def forget(self) -> None:
        """Make new credentials for the next request: those before were refused."""
