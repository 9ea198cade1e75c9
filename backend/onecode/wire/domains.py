"""The service domains that a credential may be shown in, as bits of its domain mask."""

from datetime import timedelta
from enum import IntFlag
from typing import Final, Self

from backend.onecode.wire.errors import CodeRejected

MAX_LIFETIME: Final = timedelta(hours=24)
MAX_LIFETIME_SENSITIVE: Final = timedelta(hours=4)


class Domain(IntFlag):
    """One bit a domain (应用领域), 16 at most; bits that a verifier doesn't know are ignored."""

    MEDICAL = 1
    SOCIAL_SECURITY = 2
    EDUCATION = 4
    HOUSEHOLD = 8
    SCHOOL_GATE = 16
    TRANSPORT = 32
    LIBRARY = 64
    GENERAL = 128

    @classmethod
    def named(cls, name: str) -> Self:
        """The domain with this name in lower case (`social_security`), else CODE_DOMAIN_NOT_ALLOWED."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise CodeRejected("CODE_DOMAIN_NOT_ALLOWED", detail="no such domain") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the known domains in this mask, lowest bit first."""
        return tuple(bit.name.lower() for bit in type(self) if bit & self and bit.name)


SENSITIVE: Final = Domain.MEDICAL | Domain.SOCIAL_SECURITY | Domain.HOUSEHOLD
"""Domains whose credentials live 4 hours at most: health, money and civil status."""

_SENSITIVE_BITS: Final = int(SENSITIVE)
ALL_DOMAINS: Final = Domain(0xFF)


def max_lifetime(domains: int) -> timedelta:
    """The longest time from `iat` to `exp` of a credential with this mask."""
    return MAX_LIFETIME_SENSITIVE if int(domains) & _SENSITIVE_BITS else MAX_LIFETIME
