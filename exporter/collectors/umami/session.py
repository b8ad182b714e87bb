"""Session: how Umami is asked. On one's own server a login gives a token, in the cloud a key is enough.

Source: https://umami.is/docs/api/authentication, https://umami.is/docs/cloud/api-key
"""

from collections.abc import Mapping
from typing import Any

from exporter.clients.access import Access
from exporter.clients.api import Answer, Api, Params
from exporter.collector import Secret
from exporter.errors import Denied, Malformed


class Session:
    """Requests with a token, for which it logs in when there is none, and once more when the token is refused."""

    def __init__(self, url: str, access: Access, timeout: float, username: str, password: Secret | None) -> None:
        self.api = Api(url, access, timeout=timeout, error_name=_error_name)
        self.token = ""
        """What the last login gave. It has no end of its own, but a server that is set up anew does not know it any more."""
        self._username, self._password = username, password

    async def ask(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: Any = None,
        expected: frozenset[int] = frozenset(),
    ) -> Answer:
        """The answer. Raises `PollError`."""
        if self._password is not None and not self.token:
            await self._log_in(self._password)
        answer = await self.api.answer(method, path, params, body, expected=expected | {401})
        if answer.status == 401 and self._password is not None:
            await self._log_in(self._password)
            answer = await self.api.answer(method, path, params, body, expected=expected | {401})
        if answer.status == 401:  # also where the website is another's, or is not: Umami answers no 403 and no 404 then
            keys = "api_key" if self._password is None else "username and password"
            raise Denied(f"{answer.place}: got status 401 Unauthorized; check {keys}, and that they may see the website")
        return answer

    async def _log_in(self, password: Secret) -> None:
        self.token = ""
        try:
            entered = password.read()
        except OSError as error:
            raise Denied(f"cannot read {error.filename}: {error.strerror}") from None
        body = {"username": self._username, "password": entered}
        answer = await self.api.answer("POST", "/auth/login", body=body)
        found = answer.data()
        token = found.get("token") if isinstance(found, Mapping) else None
        if not isinstance(token, str) or not token or not token.isascii():
            raise Malformed(f"{answer.place}: expected a token, got something else; is url that of Umami's API?")
        self.token = token


def _error_name(body: Any) -> object:
    return body["error"]["code"]
