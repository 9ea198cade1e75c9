"""What a member of staff is: roles, the scope that limits them, and the session of one sign-in."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from backend.core.divisions import divisions
from backend.core.errors import Refusal
from backend.identity.sessions.models import RefreshState

IDLE_LIFE: Final = timedelta(hours=1)
ABSOLUTE_LIFE: Final = timedelta(hours=8)

_USERNAME: Final = re.compile(r"[a-z][a-z0-9._-]{2,31}")
_DOMAIN: Final = re.compile(r"[a-z_]{1,32}(/[a-z_]{1,32})?")
_LONGEST_TEXT: Final = 80


class StaffRole(StrEnum):
    """What a member of staff may do, always within their scope."""

    VERIFIER = "verifier"  # Scans codes and cards at a desk, and learns what the desk's policy says.
    CARD_ISSUER = "card_issuer"  # Issues and revokes printed cards for people without a phone.
    IDENTITY_OFFICER = "identity_officer"  # Suspends and restores identities.
    AUDITOR = "auditor"  # Reads the audit log and verifies it; changes nothing.
    NOTICE_EDITOR = "notice_editor"  # Drafts service notices.
    NOTICE_APPROVER = "notice_approver"  # Approves and stops notices that somebody else drafted.


class StaffStatus(StrEnum):
    """Whether a member of staff may sign in."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class StaffEnd(StrEnum):
    """Why a staff session ended before its time."""

    SIGNED_OUT = "SIGNED_OUT"
    REFRESH_REUSED = "REFRESH_REUSED"
    DISABLED = "DISABLED"
    CREDENTIALS_CHANGED = "CREDENTIALS_CHANGED"


@dataclass(frozen=True, slots=True)
class StaffScope:
    """Where and for what a member of staff acts.

    `city` is a six-digit division code; None for city, department or desk sets no limit there. `domains`
    holds service domains (`medical`) or single purposes of one (`medical/pharmacy`); empty allows none.
    """

    city: str | None = None
    department: str | None = None
    desk: str | None = None
    domains: frozenset[str] = frozenset()

    def check(self) -> None:
        """Refuses with BAD_INPUT what can't be a scope: an unknown city, a desk without its department."""
        division = divisions().get(self.city) if self.city is not None else None
        if self.city is not None and (division is None or not division.is_city):
            raise Refusal("BAD_INPUT", field="city")
        if self.desk is not None and self.department is None:
            raise Refusal("BAD_INPUT", field="department")
        if any(
            not text or len(text) > _LONGEST_TEXT for text in (self.department, self.desk) if text is not None
        ):
            raise Refusal("BAD_INPUT", field="desk")
        if not all(_DOMAIN.fullmatch(domain) for domain in self.domains):
            raise Refusal("BAD_INPUT", field="domains")


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One account. Its password and TOTP secret are elsewhere: see `Credentials`."""

    id: str
    username: str
    roles: frozenset[StaffRole]
    scope: StaffScope
    status: StaffStatus
    created_at: datetime
    signed_in_at: datetime | None

    @property
    def is_active(self) -> bool:
        """Whether they may sign in."""
        return self.status is StaffStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against: an Argon2 hash in PHC form, and the sealed TOTP secret."""

    staff: str
    password: str = field(repr=False)
    totp: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StaffSession:
    """One sign-in: at most 8 hours, and at most one without use."""

    id: str
    staff: str
    auth_time: datetime
    idle_until: datetime
    absolute_until: datetime
    refresh: RefreshState

    def is_alive(self, now: datetime) -> bool:
        """Whether it was used within the hour and opened within eight."""
        return now < min(self.idle_until, self.absolute_until)


@dataclass(frozen=True, slots=True)
class StaffSignedIn:
    """What a sign-in or a renewal gives the client. Times are aware UTC."""

    member: StaffMember
    session: str
    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


def parse_username(text: str) -> str:
    """The user name in lower case; BAD_INPUT unless 3 to 32 of `a-z 0-9 . _ -`, a letter first."""
    username = text.strip().lower()
    if not _USERNAME.fullmatch(username):
        raise Refusal("BAD_INPUT", field="username")
    return username
