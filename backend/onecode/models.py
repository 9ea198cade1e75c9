"""What the service of the one code keeps: credentials that it issued, and what is shown of them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final

from backend.identity.models import Assurance
from backend.onecode.wire.domains import ALL_DOMAINS, SENSITIVE, Domain, max_lifetime

ISSUER: Final = "tongyu"
"""The issuer's name in credentials, cards and the trust list."""

BATCH: Final = 16
"""Credentials of one batch: what a device shows in a day."""


class Held(StrEnum):
    """Who holds the proof key, and so what a scan proves; a printed card has none, and can be copied."""

    DEVICE = "device"
    SERVER = "server"
    CARD = "card"

    @property
    def level(self) -> Assurance:
        """L2 when the phone's own key signed, else L1."""
        return Assurance.L2 if self is Held.DEVICE else Assurance.L1


class Reach(Enum):
    """The two masks that are issued. There are no finer ones, so that a mask says little about its holder."""

    EVERYWHERE = ALL_DOMAINS
    EVERYDAY = ALL_DOMAINS & ~SENSITIVE

    @classmethod
    def of(cls, domain: str | None) -> "Reach":
        """EVERYWHERE unless `domain` isn't sensitive; CODE_DOMAIN_NOT_ALLOWED when there is no such."""
        if domain is None or Domain.named(domain) & SENSITIVE:
            return cls.EVERYWHERE
        return cls.EVERYDAY

    @property
    def domains(self) -> Domain:
        """The domain mask."""
        return Domain(self.value)

    @property
    def lifetime(self) -> timedelta:
        """4 hours with sensitive domains, else 24 hours."""
        return max_lifetime(self.domains)


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A credential as it is kept; `signed` is its wire form. Its key is kept nowhere."""

    handle: bytes
    resident: str
    session: str
    device: str | None
    held: Held
    domains: Domain
    status_list: int
    status_index: int
    issued_at: datetime
    expires_at: datetime
    shown_from: datetime
    signed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CredentialBatch:
    """What a device gets: signed credentials in the order of its keys, and the time to set its steps by."""

    credentials: tuple[bytes, ...] = field(repr=False)
    domains: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code to show: a verifier takes it until `expires_at`; after `refresh_seconds` a new one is due."""

    text: str = field(repr=False)
    domains: tuple[str, ...]
    level: Assurance
    expires_at: datetime
    refresh_seconds: int
    server_time: datetime
