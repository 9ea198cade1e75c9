"""What passes between the steps of coming in."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

CODE_LIFE: Final = timedelta(minutes=5)
ASK_AGAIN_AFTER: Final = timedelta(seconds=60)
MAX_ATTEMPTS: Final = 5
TICKET_LIFE: Final = timedelta(minutes=10)
NUMBER_MAY_BE_RECYCLED: Final = timedelta(days=90)
"""Operators keep a given-up number out of use for 90 days: one proven since then is in the same hand."""


class CodePurpose(StrEnum):
    """What a one-time code may be used for; the text message says it, and no other use is accepted."""

    SIGN_IN = "SIGN_IN"
    CHANGE_MOBILE = "CHANGE_MOBILE"
    SUSPEND = "SUSPEND"


@dataclass(frozen=True, slots=True)
class CodeRequested:
    """A one-time code is on its way, if the number may receive one; the answer never tells which."""

    challenge: str
    expires_at: datetime
    ask_again_at: datetime


@dataclass(frozen=True, slots=True)
class PhoneCode:
    """A stored challenge. `code_hash` is None when no code was sent; `mobile` is sealed."""

    id: str
    purpose: CodePurpose
    mobile: bytes = field(repr=False)
    mobile_index: bytes = field(repr=False)
    code_hash: bytes | None = field(repr=False)
    installation: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ProvenMobile:
    """A number whose holder has just answered a one-time code; `challenge` must still be consumed."""

    challenge: str
    mobile: str = field(repr=False)
    mobile_index: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistrationNeeded:
    """What was proven leads to no resident yet; for 10 minutes the ticket carries the proof to `register`."""

    ticket: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TicketContent:
    """What a ticket proves: a mobile number, or a WeChat account."""

    mobile: str | None = field(default=None, repr=False)
    openid: str | None = field(default=None, repr=False)
    unionid: str | None = field(default=None, repr=False)
