"""Staff passwords: Argon2id with the low-memory parameters of RFC 9106 §4."""

import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from backend.core.errors import Refusal

SHORTEST: Final = 12
LONGEST: Final = 128

_AT_ONCE: Final = 4  # Each hash takes 64 MiB while it runs.


class Passwords:
    """Hashes and checks passwords; at most four at a time in this process, so that memory is bounded."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def choose(self, password: str, username: str) -> str:
        """The PHC string of a new password.

        Refuses with PASSWORD_WEAK unless it has 12 to 128 characters and doesn't hold the user name
        (NIST SP 800-63B-4 §3.1.1.2 asks for length, not for kinds of characters).
        """
        if not SHORTEST <= len(password) <= LONGEST or username in password.lower():
            raise Refusal("PASSWORD_WEAK", shortest=SHORTEST, longest=LONGEST)
        return self.hash(password)

    def hash(self, password: str) -> str:
        """The PHC string of a password under today's parameters."""
        with self._turns:
            return self._hasher.hash(_normal(password))

    def matches(self, stored: str, password: str) -> bool:
        """Whether the password is the one that `stored` was made from."""
        if len(password) > LONGEST:
            return False
        try:
            with self._turns:
                return self._hasher.verify(stored, _normal(password))
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, stored: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)  # RFC 8265 §4.2.2, OpaqueString.
