"""A face check under way."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

CHECK_LIFE: Final = timedelta(minutes=10)
PASS_LASTS: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FaceCheckStarted:
    """The page to open on the person's phone, and the check to complete afterwards. `check` is a secret."""

    check: str = field(repr=False)
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FaceCheck:
    """A stored check of the person with this identity number; without `session` they aren't signed in."""

    id: bytes = field(repr=False)
    id_index: bytes = field(repr=False)
    session: str | None
    ticket: bytes = field(repr=False)
    expires_at: datetime
    passed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProvenFace:
    """A check that was passed at `at`, within the last 5 minutes, and must still be consumed."""

    id: bytes = field(repr=False)
    at: datetime
