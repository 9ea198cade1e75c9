"""Refresh tokens: opaque to clients, stored as hashes, and known as ours even when they no longer count."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

from backend.core.ids import new_secret

_RANDOM_OCTETS: Final = 24
_TAG_OCTETS: Final = 16
_LONGEST: Final = 200


class RefreshTokens:
    """Makes tokens `<session>.<random>.<tag>` under a 32-byte key.

    The tag lets a token of the family that was used long ago be told from a made-up one without keeping
    every hash: only the former proves that somebody copied it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, session_id: str) -> str:
        """A new token of a session's family."""
        body = f"{session_id}.{new_secret(_RANDOM_OCTETS)}"
        return f"{body}.{self._tag(body)}"

    def session_of(self, token: str) -> str | None:
        """The session whose family the token belongs to; None when we never made it."""
        body, _, tag = token.rpartition(".")
        if len(token) > _LONGEST or not token.isascii() or not hmac.compare_digest(self._tag(body), tag):
            return None
        return body.partition(".")[0]

    def _tag(self, body: str) -> str:
        digest = hmac.digest(self._key, body.encode(), hashlib.sha256)[:_TAG_OCTETS]
        return urlsafe_b64encode(digest).decode().rstrip("=")


def token_hash(token: str) -> bytes:
    """SHA-256 of a token; its 192 random bits need no salt."""
    return hashlib.sha256(token.encode()).digest()
