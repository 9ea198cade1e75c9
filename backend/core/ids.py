"""Identifiers: opaque, random, and ordered by time where an index gains from it."""

import secrets
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, as ULIDs use it.


def new_id() -> str:
    """A 26-character ULID: 48 bits of milliseconds, then 80 random bits; sorts by creation time."""
    return ulid(time.time_ns() // 1_000_000, secrets.randbits(80))


def ulid(milliseconds: int, tail: int) -> str:
    """The 26 characters of a ULID: 48 bits of milliseconds since 1970, then 80 bits of `tail`."""
    value = milliseconds << 80 | tail
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def new_secret(octets: int = 32) -> str:
    """An unguessable URL-safe token of `octets` random bytes."""
    return secrets.token_urlsafe(octets)
