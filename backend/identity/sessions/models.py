"""A session: one sign-in on one installation, and the family of refresh tokens that keeps it alive."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from backend.identity.models import Assurance, Entry

IDLE_LIFE: Final = timedelta(days=30)
ABSOLUTE_LIFE: Final = timedelta(days=90)
GRACE: Final = timedelta(seconds=45)


class EndReason(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "SIGNED_OUT"
    REVOKED = "REVOKED"
    REFRESH_REUSED = "REFRESH_REUSED"
    SUSPENDED = "SUSPENDED"
    DEVICE_REVOKED = "DEVICE_REVOKED"
    IDENTITY_RECLAIMED = "IDENTITY_RECLAIMED"


@dataclass(frozen=True, slots=True)
class RefreshState:
    """Where a family stands: SHA-256 of the token that counts and of the one before it.

    `successor` is the counting token itself, sealed, so that the client whose answer was lost gets it again;
    it is of use until `rotated_at` + 45 s only.
    """

    current: bytes = field(repr=False)
    previous: bytes | None = field(repr=False)
    successor: bytes | None = field(repr=False)
    rotated_at: datetime


@dataclass(frozen=True, slots=True)
class ResidentSession:
    """One sign-in. `installation` is a hash; `auth_time` when the resident last proved who they are."""

    id: str
    resident: str
    entry: Entry
    installation: bytes = field(repr=False)
    label: str
    device: str | None
    auth_time: datetime
    opened_at: datetime
    last_used_at: datetime
    idle_until: datetime
    absolute_until: datetime
    refresh: RefreshState

    def is_alive(self, now: datetime) -> bool:
        """Whether it was used within 30 days and opened within 90."""
        return now < min(self.idle_until, self.absolute_until)


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """An access token of a session that is there already."""

    access_token: str = field(repr=False)
    expires_at: datetime
    assurance: Assurance


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in or a renewal gives the client. Times are aware UTC."""

    resident: str
    session: str
    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime
    assurance: Assurance
