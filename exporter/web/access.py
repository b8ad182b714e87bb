"""Who may ask: HTTP basic authentication against bcrypt hashes. Source: RFC 7617."""

import asyncio
import binascii
import hmac
import secrets
from base64 import b64decode
from collections.abc import Mapping

import bcrypt

_LONGEST = 72  # bytes of a password that bcrypt looks at


class Access:
    """Users and the hashes of their passwords.

    A hash costs some 60 ms by design, so a password that was right once is known again by a keyed digest. Wrong ones are not
    remembered: who guesses pays for each guess, in turn with all others who guess, off the event loop.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._hashes = {user.encode(): hash_.encode() for user, hash_ in users.items()}
        cost = max(int(hash_[4:6]) for hash_ in self._hashes.values())
        # For users that do not exist: nothing hashes to it, and to find that out takes as long as for those that do.
        self._decoy = bcrypt.gensalt(cost) + b"." * 31
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, bytes] = {}
        self._checking = asyncio.Lock()

    async def allows(self, authorization: bytes) -> bool:
        """Whether the value of a request's `Authorization` header names a user and gives that user's password."""
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        digest = hmac.digest(self._key, password, "sha256")
        if self._is_right(user, digest):
            return True
        async with self._checking:
            if self._is_right(user, digest):  # found out while this one waited
                return True
            hash_ = self._hashes.get(user, self._decoy)
            matches = await asyncio.to_thread(bcrypt.checkpw, password[:_LONGEST], hash_)
        if not matches or user not in self._hashes:
            return False
        self._right[user] = digest
        return True

    def _is_right(self, user: bytes, digest: bytes) -> bool:
        return hmac.compare_digest(self._right.get(user, b""), digest)


def _credentials(authorization: bytes) -> tuple[bytes, bytes] | None:
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None
