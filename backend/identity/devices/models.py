"""A device that holds a key of the resident's, and the challenges that it signs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from backend.identity.sessions.models import AccessGrant

CHALLENGE_LIFE: Final = timedelta(minutes=5)
MAX_DEVICES: Final = 10


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device; `jwk` is its public P-256 key and `thumbprint` that key's RFC 7638 SHA-256."""

    id: str
    resident: str
    name: str
    jwk: Mapping[str, str] = field(repr=False)
    thumbprint: str
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceChallenge:
    """What a device signs to prove that it holds its key: once, within 5 minutes, for one session."""

    challenge: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceRegistered:
    """The new device, and an access token at L2, as its key has just been proven."""

    device: Device
    grant: AccessGrant
