"""What sealing needs of a cipher suite: ports, so that SM4 and SM3 can stand in for AES and SHA-2."""

from typing import Protocol


class Unopenable(Exception):
    """The bytes were not sealed with this key in this context, or were changed since. Carries no details."""


class Cipher(Protocol):
    """Authenticated encryption with associated data (RFC 5116 §2) under one key; safe between threads."""

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """Seals `plain`, bound to `context`; each call gives other bytes."""
        ...

    def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        """The plain bytes; raises Unopenable for a changed octet or another context."""
        ...


class KeyEncryption(Cipher, Protocol):
    """The key-encryption key (KEK): seals keys and secrets, never residents' data itself."""

    def new_data_key(self, context: bytes, *, many_messages: bool = False) -> tuple[Cipher, bytes]:
        """A fresh data key as a cipher, and its wrapped form bound to `context`.

        `many_messages` asks for a cipher whose random nonces stay safe beyond 2^32 messages.
        """
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> Cipher:
        """The cipher of a wrapped data key; raises Unopenable."""
        ...

    def is_current(self, wrapped: bytes) -> bool:
        """Whether `wrapped` was sealed by the newest key of the KEK."""
        ...


class KeyedHash(Protocol):
    """A pseudo-random function such as HMAC-SHA-256 or HMAC-SM3, with at least 32 octets of output."""

    def __call__(self, key: bytes, message: bytes) -> bytes:
        """The tag of `message` under `key`."""
        ...
